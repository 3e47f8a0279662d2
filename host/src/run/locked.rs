//! Work that has the migration's lock: it is watched for as long as the work goes on.

use std::future::Future;
use std::pin::pin;

use super::shutdown::Shutdown;
use crate::connector::target::Lock;
use crate::error::Failure;

/// Works to the end. Where another run has taken the migration over, the work is asked to stop, and why is returned too:
/// what waits for somebody would not learn of it by itself.
pub async fn watched<T>(
    lock: Option<&dyn Lock>,
    shutdown: &Shutdown,
    work: impl Future<Output = T>,
) -> (T, Option<Failure>) {
    let Some(lock) = lock else { return (work.await, None) };
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => (done, None),
        lost = lock.lost() => {
            shutdown.ask();
            (work.await, Some(lost.into()))
        }
    }
}

/// As [`watched`], where the work says itself why it failed.
pub async fn watched_to_success<T>(
    lock: Option<&dyn Lock>,
    shutdown: &Shutdown,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match watched(lock, shutdown, work).await {
        (done, None) => done,
        (_, Some(lost)) => Err(lost),
    }
}
