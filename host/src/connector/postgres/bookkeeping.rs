//! whimbrel's own tables, in a schema of their own.

use sqlx::Connection;
use sqlx::PgConnection;

use super::error::target_error;
use crate::connector::TargetError;

/// The schema that holds them.
pub(super) const SCHEMA: &str = "whimbrel";
const TABLES: [&str; 18] = [
    "migration",
    "holder",
    "checkpoint",
    "dead_letter",
    "dead_letter_attempt",
    "parked_key",
    "ledger",
    "deferred_reference",
    "nulled_reference",
    "deferred_row",
    "left_out_row",
    "gathered_row",
    "merge",
    "id_map",
    "numbering",
    "run",
    "review",
    "plugin_event",
];
const STATEMENTS: &str = include_str!("bookkeeping.sql");
/// Two processes that create them at once take turns by this advisory lock.
const CREATION_LOCK: i64 = 0x7768_696d_6272_656c;

/// Returns whether all of them are there.
pub(super) async fn exist(connection: &mut PgConnection) -> Result<bool, TargetError> {
    let found: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname = ANY($2) AND c.relkind = 'r'",
    )
    .bind(SCHEMA)
    .bind(TABLES.as_slice())
    .fetch_one(connection)
    .await
    .map_err(|error| target_error(error, "look for whimbrel's own tables"))?;
    Ok(usize::try_from(found).is_ok_and(|found| found == TABLES.len()))
}

/// Creates them all where none is there. An account that may not create anything can use what is there.
pub(super) async fn create(connection: &mut PgConnection) -> Result<(), TargetError> {
    let what = "create whimbrel's own tables in the schema `whimbrel`";
    let failed = |error| target_error(error, what);
    let mut tx = connection.begin().await.map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CREATION_LOCK).execute(&mut *tx).await.map_err(failed)?;
    if exist(&mut tx).await? {
        return tx.rollback().await.map_err(failed);
    }
    let has_schema: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)")
        .bind(SCHEMA)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    // `IF NOT EXISTS` would ask for the permission to create schemas even where there is nothing to create.
    if !has_schema {
        sqlx::raw_sql("CREATE SCHEMA whimbrel").execute(&mut *tx).await.map_err(failed)?;
    }
    sqlx::raw_sql(STATEMENTS).execute(&mut *tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}
