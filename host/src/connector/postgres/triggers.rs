//! What of a table's own runs when its rows are written, and may change them: triggers and rules of the user's. Those that
//! keep constraints are the server's own.

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::error::target_error;
use super::name::TableName;
use crate::connector::TargetError;
use crate::connector::target::Triggers;
use crate::record::TableSchema;

/// The bit of `pg_trigger.tgtype` and the mark of `pg_rewrite.ev_type`.
const INSERT: (u8, char) = (4, '3');
const UPDATE: (u8, char) = (16, '2');

/// Returns the query of what runs on INSERT into a table, which is this SQL: NULL for nothing, whether some of it is
/// deferred otherwise.
pub(super) fn on_insert(table: &str) -> String {
    on(INSERT, table)
}

/// A partition may have triggers that its table has not.
fn on((bit, mark): (u8, char), table: &str) -> String {
    format!(
        "SELECT pg_catalog.bool_or(t.is_deferred) FROM (\
           SELECT tginitdeferred FROM pg_catalog.pg_trigger \
             WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype & {bit} <> 0 \
               AND (tgrelid = pg_catalog.to_regclass({table}) \
                 OR tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({table})))) \
           UNION ALL \
           SELECT false FROM pg_catalog.pg_rewrite \
             WHERE ev_class = pg_catalog.to_regclass({table}) AND ev_type = '{mark}' AND ev_enabled <> 'D') AS t (is_deferred)"
    )
}

/// Reads the answer to [`on_insert`].
pub(super) fn read(is_deferred: Option<bool>) -> Triggers {
    match is_deferred {
        None => Triggers::None,
        Some(false) => Triggers::AtOnce,
        Some(true) => Triggers::Deferred,
    }
}

/// Returns what runs when rows of a table are inserted.
pub(super) async fn insert(connection: &mut PgConnection, table: &TableSchema) -> Result<Triggers, TargetError> {
    ask(connection, on(INSERT, "$1"), table).await
}

/// Returns whether anything runs when rows of a table are updated.
pub(super) async fn has_update(connection: &mut PgConnection, table: &TableSchema) -> Result<bool, TargetError> {
    Ok(ask(connection, on(UPDATE, "$1"), table).await? != Triggers::None)
}

async fn ask(connection: &mut PgConnection, sql: String, table: &TableSchema) -> Result<Triggers, TargetError> {
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(TableName::parse(&table.name).sql());
    let found = query.fetch_one(connection).await;
    found.map(read).map_err(|error| target_error(error, &format!("look for triggers of `{}`", table.name)))
}
