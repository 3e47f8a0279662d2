//! Which run may write: noted in the target when a run takes the lock, and looked at by each of its transactions.
//!
//! A transaction shares an advisory lock until it ends, and looks only then; whoever takes over has that lock to himself
//! for a moment. He so waits for what was begun before him, and all that begins behind him finds his name.

use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;
use xxhash_rust::xxh3::xxh3_64;

use super::error::code;
use super::error::target_error;
use super::name::literal;
use crate::connector::TargetError;

/// How every transaction begins. A statement is to see what was committed before it, whatever is usual in this database:
/// the note behind the lock, and the row that made an insert fail.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// How long another run's open transaction is waited for.
const OPEN_WAIT: &str = "60s";
/// The server's code for a lock that was waited for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A run that has, or had, the lock of a migration.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    migration: String,
    run: String,
    who: String,
}

impl Fence {
    pub fn new(migration: &str, run: &str, who: &str) -> Self {
        Self { migration: migration.to_owned(), run: run.to_owned(), who: who.to_owned() }
    }

    /// Returns the migration's name.
    pub fn migration(&self) -> &str {
        &self.migration
    }

    /// Returns what another process is told of this one.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Returns the key of the lock that the run's transactions share.
    fn key(&self) -> i64 {
        key("transaction", &self.migration)
    }

    /// Begins a transaction of the run, in one round trip; fails where another run has taken over.
    pub async fn begin(&self, connection: &mut PgConnection) -> Result<(), TargetError> {
        self.look(connection, &format!("{BEGIN}; ")).await
    }

    /// Makes the transaction at hand one of the run; fails where another run has taken over.
    pub async fn enter(&self, connection: &mut PgConnection) -> Result<(), TargetError> {
        self.look(connection, "").await
    }

    async fn look(&self, connection: &mut PgConnection, before: &str) -> Result<(), TargetError> {
        let sql = format!(
            "{before}SELECT pg_advisory_xact_lock_shared({}); SELECT run, who FROM whimbrel.holder WHERE migration = {}",
            self.key(),
            literal(&self.migration)
        );
        let failed = |error| target_error(error, "begin a transaction");
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(failed)?;
        self.judge(rows.last().filter(|row| row.len() == 2)).map_err(failed)?
    }

    fn judge(&self, noted: Option<&PgRow>) -> Result<Result<(), TargetError>, sqlx::Error> {
        let holder = match noted {
            Some(row) if row.try_get::<String, _>(0)? == self.run => return Ok(Ok(())),
            Some(row) => row.try_get(1)?,
            None => "somebody who has left no name".to_owned(),
        };
        Ok(Err(TargetError::Lost { migration: self.migration.clone(), holder }))
    }

    /// Notes the run, once no transaction of another one is open. The session has the migration's lock.
    pub async fn raise(&self, connection: &mut PgConnection) -> Result<(), TargetError> {
        match self.try_to_raise(connection).await {
            Ok(()) => Ok(()),
            Err(error) if code(&error) == Some(LOCK_NOT_AVAILABLE) => Err(self.in_the_way(connection).await),
            Err(error) => Err(target_error(error, "note who has the migration's lock")),
        }
    }

    async fn try_to_raise(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut tx = connection.begin_with(BEGIN).await?;
        let wait = format!("SET LOCAL lock_timeout = '{OPEN_WAIT}'");
        sqlx::raw_sql(AssertSqlSafe(wait)).execute(&mut *tx).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(self.key()).execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO whimbrel.holder (migration, run, who, since) \
             VALUES ($1, $2, $3, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) \
             ON CONFLICT (migration) DO UPDATE SET run = excluded.run, who = excluded.who, since = excluded.since",
        )
        .bind(&self.migration)
        .bind(&self.run)
        .bind(&self.who)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// Says whose transaction does not end.
    async fn in_the_way(&self, connection: &mut PgConnection) -> TargetError {
        let before: Result<Option<String>, _> =
            sqlx::query_scalar("SELECT who FROM whimbrel.holder WHERE migration = $1")
                .bind(&self.migration)
                .fetch_optional(&mut *connection)
                .await;
        let process = sessions_with(connection, self.key()).await;
        match (before, process) {
            (Ok(before), Ok(processes)) => {
                let numbers: Vec<String> = processes.iter().map(|(number, _)| number.to_string()).collect();
                let before = before.unwrap_or_else(|| "another process".to_owned());
                TargetError::Locked {
                    migration: self.migration.clone(),
                    holder: format!(
                        "{before}, which has lost its lock but not its transaction (the server's process {})",
                        numbers.join(", ")
                    ),
                }
            }
            (Err(error), _) | (_, Err(error)) => target_error(error, "look whose transaction is open"),
        }
    }
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
