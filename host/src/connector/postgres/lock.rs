//! The lock of a migration: an advisory lock that a session of its own holds.

use std::sync::Mutex;

use sqlx::Connection;
use sqlx::PgConnection;
use xxhash_rust::xxh3::xxh3_64;

use super::error::target_error;
use super::session::Session;
use crate::connector::TargetError;
use crate::connector::target::Lock;

/// The start of the session's application name; the holder follows.
const NAME_PREFIX: &str = "whimbrel: ";

/// Holds the lock as long as it lives. The server frees it when the connection ends, however it ends.
pub(super) struct PostgresLock {
    // Never used again: a connection is not `Sync`, and a lock has to be.
    _connection: Mutex<PgConnection>,
}

impl Lock for PostgresLock {}

/// Takes the lock, or says who has it.
pub(super) async fn take(session: &Session, migration: &str, holder: &str) -> Result<PostgresLock, TargetError> {
    let failed = |error| target_error(error, "take the migration's lock");
    let options = session.options().application_name(&format!("{NAME_PREFIX}{holder}"));
    let mut connection = session.connect(&options).await?;
    // The session is idle for as long as the run takes.
    sqlx::query(
        "SELECT set_config('idle_session_timeout', '0', false) WHERE current_setting('server_version_num')::int >= 140000",
    )
    .execute(&mut connection)
    .await
    .map_err(failed)?;
    let key = i64::from_ne_bytes(xxh3_64(format!("whimbrel migration {migration}").as_bytes()).to_ne_bytes());
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(key)
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    if taken {
        return Ok(PostgresLock { _connection: Mutex::new(connection) });
    }
    let holder = holder_of(&mut connection, key).await.map_err(failed)?;
    // The server frees the session either way.
    let _ = connection.close().await;
    Err(TargetError::Locked { migration: migration.to_owned(), holder })
}

/// Another account's application name is hidden from an account without `pg_read_all_stats`.
async fn holder_of(connection: &mut PgConnection, key: i64) -> Result<String, sqlx::Error> {
    let found: Option<(i32, Option<String>)> = sqlx::query_as(
        "SELECT l.pid, a.application_name FROM pg_catalog.pg_locks AS l \
         LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
           AND l.classid::bigint = ($1::bigint >> 32) & 4294967295 AND l.objid::bigint = $1::bigint & 4294967295",
    )
    .bind(key)
    .fetch_optional(connection)
    .await?;
    Ok(match found {
        Some((pid, name)) => match name.as_deref().map(|name| name.strip_prefix(NAME_PREFIX).unwrap_or(name)) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("the server's process {pid}"),
        },
        None => "a process that has just ended".to_owned(),
    })
}
