//! The lock of a migration: an advisory lock that a session of its own holds.

use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::bookkeeping;
use super::error::target_error;
use super::fence;
use super::fence::key;
use super::fence::sessions_with;
use super::session::Session;
use crate::connector::TargetError;
use crate::connector::fence::Fence;
use crate::connector::target::Lock;

/// The start of the session's application name; the holder follows.
const NAME_PREFIX: &str = "whimbrel: ";
/// The server may take so long to notice that the process before has ended, as one has that was killed a moment ago.
const NOTICED_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries to take the lock.
const TRY_EVERY: Duration = Duration::from_millis(50);
/// Between two looks whether the session is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A server that does not answer for so long is taken to have forgotten the session.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// Holds the lock as long as it lives. The server frees it when the connection ends, however it ends.
pub(super) struct PostgresLock {
    session: Session,
    fence: Fence,
    /// None while it is gone.
    connection: Mutex<Option<PgConnection>>,
}

#[async_trait]
impl Lock for PostgresLock {
    async fn lost(&self) -> TargetError {
        let mut connection = self.connection.lock().await;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(open) = &mut *connection {
                let Err(cause) = ping(open).await else { continue };
                tracing::warn!(cause, "the session with the migration's lock has ended, taking the lock again");
                *connection = None;
            }
            match self.take_again().await {
                Ok(again) => {
                    tracing::info!("the migration's lock is taken again");
                    *connection = Some(again);
                }
                Err(error @ TargetError::Lost { .. }) => return error,
                // The server is away, or has yet to notice that the session before has ended.
                Err(error) => tracing::debug!("the migration's lock is not taken again yet: {error}"),
            }
        }
    }
}

impl PostgresLock {
    /// Takes the lock where nobody has taken over meanwhile.
    async fn take_again(&self) -> Result<PgConnection, TargetError> {
        let mut connection = open(&self.session, &self.fence).await?;
        let taken = try_take(&mut connection, &self.fence).await?;
        // Whoever has the lock without being noted is about to be, or is the session that has ended.
        fence::enter(&self.fence, &mut connection).await?;
        if taken { Ok(connection) } else { Err(locked(&mut connection, &self.fence).await) }
    }
}

/// Takes the lock, or says who has it.
pub(super) async fn take(session: &Session, fence: &Fence) -> Result<PostgresLock, TargetError> {
    let mut connection = open(session, fence).await?;
    let begun = Instant::now();
    while !try_take(&mut connection, fence).await? {
        if begun.elapsed() < NOTICED_WITHIN {
            tokio::time::sleep(TRY_EVERY).await;
            continue;
        }
        let locked = locked(&mut connection, fence).await;
        // The server frees the session either way.
        let _ = connection.close().await;
        return Err(locked);
    }
    bookkeeping::create(&mut connection).await?;
    // In the same session: it cannot note a run whose lock is gone.
    fence::raise(fence, &mut connection).await?;
    Ok(PostgresLock { session: session.clone(), fence: fence.clone(), connection: Mutex::new(Some(connection)) })
}

async fn open(session: &Session, fence: &Fence) -> Result<PgConnection, TargetError> {
    let options = session.options().application_name(&format!("{NAME_PREFIX}{}", fence.who));
    let mut connection = session.connect(&options).await?;
    // The session is idle for as long as the run takes.
    sqlx::query(
        "SELECT set_config('idle_session_timeout', '0', false) WHERE current_setting('server_version_num')::int >= 140000",
    )
    .execute(&mut connection)
    .await
    .map_err(failed)?;
    Ok(connection)
}

async fn try_take(connection: &mut PgConnection, fence: &Fence) -> Result<bool, TargetError> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(lock_key(&fence.migration))
        .fetch_one(connection)
        .await
        .map_err(failed)
}

async fn ping(connection: &mut PgConnection) -> Result<(), String> {
    match tokio::time::timeout(ANSWER_WAIT, connection.ping()).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(elapsed) => Err(elapsed.to_string()),
    }
}

/// Says who has the lock.
async fn locked(connection: &mut PgConnection, fence: &Fence) -> TargetError {
    match holder(connection, &fence.migration).await {
        Ok(holder) => TargetError::Locked {
            migration: fence.migration.clone(),
            holder: holder.unwrap_or_else(|| "a process that has just ended".to_owned()),
        },
        Err(error) => error,
    }
}

/// Returns who has the lock.
pub(super) async fn holder(connection: &mut PgConnection, migration: &str) -> Result<Option<String>, TargetError> {
    let found = sessions_with(connection, lock_key(migration)).await;
    let found = found.map_err(|error| target_error(error, "look who has the migration's lock"))?;
    Ok(found.into_iter().next().map(|(pid, name)| {
        match name.as_deref().map(|name| name.strip_prefix(NAME_PREFIX).unwrap_or(name)) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("the server's process {pid}"),
        }
    }))
}

fn lock_key(migration: &str) -> i64 {
    key("migration", migration)
}

fn failed(error: sqlx::Error) -> TargetError {
    target_error(error, "take the migration's lock")
}
