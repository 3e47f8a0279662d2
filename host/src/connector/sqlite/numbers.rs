//! Numbers for rowids: those behind the largest one that there is, or that AUTOINCREMENT has given.

use rusqlite::Connection;
use rusqlite::OptionalExtension;

use super::name;
use super::refusal;
use crate::connector::target::TargetError;
use crate::record::TableSchema;

/// Returns numbers that no row has. Until the transaction ends nobody else can take them.
pub(super) fn take(
    connection: &Connection,
    table: &TableSchema,
    column: usize,
    last: Option<i64>,
    count: usize,
) -> Result<Vec<i64>, TargetError> {
    let column = &table.columns[column].name;
    let what = format!("number the rows of `{}.{column}`", table.name);
    let failed = |error| refusal::error(error, &what);
    let sql = format!("SELECT max({}) FROM {}", name::quote(column), name::table(&table.name));
    let largest: Option<i64> =
        connection.prepare_cached(&sql).and_then(|mut it| it.query_row([], |row| row.get(0))).map_err(failed)?;
    let given = given(connection, &table.name).map_err(failed)?;
    let before = [largest, given, last].into_iter().flatten().fold(0, i64::max);
    let end = i64::try_from(count).ok().and_then(|count| before.checked_add(count));
    let end = end.ok_or_else(|| TargetError::Database {
        what: what.clone(),
        source: format!("expected {count} numbers behind {before}, found the end of all numbers").into(),
    })?;
    Ok((before + 1..=end).collect())
}

/// Returns the last number that AUTOINCREMENT has given, where the table has it.
fn given(connection: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    let has_any = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence')";
    if !connection.prepare_cached(has_any)?.query_row([], |row| row.get::<_, bool>(0))? {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached("SELECT seq FROM main.sqlite_sequence WHERE name = ?1")?;
    statement.query_row([name::bare(table)], |row| row.get(0)).optional()
}
