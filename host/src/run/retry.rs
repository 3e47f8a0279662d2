//! What the target gave up is tried again, a bounded number of times; so is a server that is away in the middle of a run.

use std::error::Error;
use std::time::Duration;

use crate::error::Failure;

/// How often a transaction that the target gave up is tried again.
pub const RETRIES_MAX: u32 = 10;
/// The longest pause between two tries: all of them together outlast a server that restarts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Runs a whole transaction until it is not given up. It may have landed before its answer was lost, so `attempt`
/// must come to the same when it is repeated.
pub async fn retry<T>(entity: &str, mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut tries = 0;
    loop {
        match attempt().await {
            Err(failure) if failure.is_transient && tries < RETRIES_MAX => {
                tries += 1;
                pause(entity, tries, &failure).await;
            }
            ended => return ended,
        }
    }
}

/// Says that a transaction is tried again, and waits longer each time.
pub async fn pause(entity: &str, tries: u32, error: &(dyn Error + Sync)) {
    pause_saying("the target gave up a transaction, trying again", entity, tries, error).await;
}

/// Says why something is tried again, and waits longer each time.
pub async fn pause_saying(what: &str, entity: &str, tries: u32, error: &(dyn Error + Sync)) {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    tracing::warn!(entity, tries, cause, "{what}");
    tokio::time::sleep(Duration::from_millis(20 << tries).min(PAUSE_MAX)).await;
}
