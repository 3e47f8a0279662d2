//! The fence in PostgreSQL.
//!
//! A transaction shares an advisory lock until it ends, and looks only then; whoever takes over has that lock to himself
//! for a moment. He so waits for what was begun before him, and all that begins behind him finds his name.

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::Row;
use xxhash_rust::xxh3::xxh3_64;

use super::error::code;
use super::error::target_error;
use super::name::literal;
use crate::connector::TargetError;
use crate::connector::fence::Fence;

/// How every transaction begins. A statement is to see what was committed before it, whatever is usual in this database:
/// the note behind the lock, and the row that made an insert fail.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// How long another run's open transaction is waited for.
const OPEN_WAIT: &str = "60s";
/// The server's code for a lock that was waited for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Begins a transaction of the run, in one round trip; fails where another run has taken over.
pub(super) async fn begin(fence: &Fence, connection: &mut PgConnection) -> Result<(), TargetError> {
    look(fence, connection, &format!("{BEGIN}; ")).await
}

/// Makes the transaction at hand one of the run; fails where another run has taken over.
pub(super) async fn enter(fence: &Fence, connection: &mut PgConnection) -> Result<(), TargetError> {
    look(fence, connection, "").await
}

async fn look(fence: &Fence, connection: &mut PgConnection, before: &str) -> Result<(), TargetError> {
    let sql = format!(
        "{before}SELECT pg_advisory_xact_lock_shared({}); SELECT run, who FROM whimbrel.holder WHERE migration = {}",
        transaction_key(fence),
        literal(&fence.migration)
    );
    let failed = |error| target_error(error, "begin a transaction");
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(failed)?;
    let noted = rows.last().filter(|row| row.len() == 2).map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    fence.judge(noted.transpose().map_err(failed)?)
}

/// Notes the run, once no transaction of another one is open. The session has the migration's lock.
pub(super) async fn raise(fence: &Fence, connection: &mut PgConnection) -> Result<(), TargetError> {
    match try_to_raise(fence, connection).await {
        Ok(()) => Ok(()),
        Err(error) if code(&error) == Some(LOCK_NOT_AVAILABLE) => Err(in_the_way(fence, connection).await),
        Err(error) => Err(target_error(error, "note who has the migration's lock")),
    }
}

async fn try_to_raise(fence: &Fence, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin_with(BEGIN).await?;
    let wait = format!("SET LOCAL lock_timeout = '{OPEN_WAIT}'");
    sqlx::raw_sql(AssertSqlSafe(wait)).execute(&mut *tx).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(transaction_key(fence)).execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO whimbrel.holder (migration, run, who, since) \
         VALUES ($1, $2, $3, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) \
         ON CONFLICT (migration) DO UPDATE SET run = excluded.run, who = excluded.who, since = excluded.since",
    )
    .bind(&fence.migration)
    .bind(&fence.run)
    .bind(&fence.who)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Says whose transaction does not end.
async fn in_the_way(fence: &Fence, connection: &mut PgConnection) -> TargetError {
    let before: Result<Option<String>, _> = sqlx::query_scalar("SELECT who FROM whimbrel.holder WHERE migration = $1")
        .bind(&fence.migration)
        .fetch_optional(&mut *connection)
        .await;
    let process = sessions_with(connection, transaction_key(fence)).await;
    match (before, process) {
        (Ok(before), Ok(processes)) => {
            let numbers: Vec<String> = processes.iter().map(|(number, _)| number.to_string()).collect();
            let before = before.unwrap_or_else(|| "another process".to_owned());
            TargetError::Locked {
                migration: fence.migration.clone(),
                holder: format!(
                    "{before}, which has lost its lock but not its transaction (the server's process {})",
                    numbers.join(", ")
                ),
            }
        }
        (Err(error), _) | (_, Err(error)) => target_error(error, "look whose transaction is open"),
    }
}

/// The key of the lock that the run's transactions share.
fn transaction_key(fence: &Fence) -> i64 {
    key("transaction", &fence.migration)
}

/// Returns the key of one of a migration's advisory locks.
pub(super) fn key(of: &str, migration: &str) -> i64 {
    i64::from_ne_bytes(xxh3_64(format!("whimbrel {of} {migration}").as_bytes()).to_ne_bytes())
}

/// Returns the sessions that have an advisory lock: number and application name.
///
/// Another account's name is hidden from an account without `pg_read_all_stats`.
pub(super) async fn sessions_with(
    connection: &mut PgConnection,
    key: i64,
) -> Result<Vec<(i32, Option<String>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT l.pid, a.application_name FROM pg_catalog.pg_locks AS l \
         LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
           AND l.classid::bigint = ($1::bigint >> 32) & 4294967295 AND l.objid::bigint = $1::bigint & 4294967295",
    )
    .bind(key)
    .fetch_all(connection)
    .await
}
