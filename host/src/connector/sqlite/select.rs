//! Finding rows by some of their columns.

use rusqlite::CachedStatement;
use rusqlite::Connection;
use rusqlite::Statement;

use super::name;
use super::refusal;
use super::types;
use super::types::BindError;
use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;

/// Finds one row of a table by some of its columns.
pub(super) struct Select<'a> {
    statement: CachedStatement<'a>,
    table: &'a TableSchema,
    columns: &'a [usize],
}

impl<'a> Select<'a> {
    pub(super) fn prepare(
        connection: &'a Connection,
        table: &'a TableSchema,
        by: &[usize],
        columns: &'a [usize],
    ) -> rusqlite::Result<Self> {
        let terms: Vec<String> = (by.iter().enumerate())
            .map(|(place, column)| format!("{} = ?{}", name::quote(&table.columns[*column].name), place + 1))
            .collect();
        let wanted = if columns.is_empty() { "1".to_owned() } else { name::columns(table, columns) };
        let sql = format!("SELECT {wanted} FROM {} WHERE {} LIMIT 1", name::table(&table.name), terms.join(" AND "));
        Ok(Self { statement: connection.prepare_cached(&sql)?, table, columns })
    }

    pub(super) fn row<'v>(&mut self, key: impl Iterator<Item = &'v Value>) -> Result<Option<Vec<Value>>, BindError> {
        for (place, value) in key.enumerate() {
            types::bind(&mut self.statement, place + 1, value)?;
        }
        let mut rows = self.statement.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        let value =
            |(place, column): (usize, &usize)| Ok(types::read(row.get_ref(place)?, &self.table.columns[*column].kind));
        self.columns.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map(Some).map_err(BindError::Sqlite)
    }
}

/// Binds a key to the first parameters; `what` completes "… failed".
pub(super) fn bind_key(statement: &mut Statement<'_>, key: &[Value], what: &str) -> Result<(), TargetError> {
    for (place, value) in key.iter().enumerate() {
        types::bind(statement, place + 1, value).map_err(|error| match error {
            BindError::Value(message) => TargetError::Database { what: what.to_owned(), source: message.into() },
            BindError::Sqlite(error) => refusal::error(error, what),
        })?;
    }
    Ok(())
}

/// Returns rows behind a key, in the order of the keys.
pub(super) fn page(
    connection: &Connection,
    table: &TableSchema,
    key: &[usize],
    after: Option<&[Value]>,
    columns: &[usize],
    limit: usize,
) -> Result<Vec<Vec<Value>>, TargetError> {
    let what = format!("read rows of `{}`", table.name);
    let failed = |error| refusal::error(error, &what);
    let order = name::columns(table, key);
    let places: Vec<String> = (1..=key.len()).map(|place| format!("?{place}")).collect();
    // A row without a key has no place among the keys.
    let nullable = key.iter().filter(|column| table.columns[**column].nullable);
    let mut conditions: Vec<String> =
        nullable.map(|column| format!("{} IS NOT NULL", name::quote(&table.columns[*column].name))).collect();
    if after.is_some() {
        conditions.push(format!("({order}) > ({})", places.join(", ")));
    }
    let behind = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let sql = format!(
        "SELECT {} FROM {} {behind} ORDER BY {order} LIMIT {limit}",
        name::columns(table, columns),
        name::table(&table.name)
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    bind_key(&mut statement, after.unwrap_or_default(), &what)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let value =
            |(place, column): (usize, &usize)| Ok(types::read(row.get_ref(place)?, &table.columns[*column].kind));
        found.push(columns.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map_err(failed)?);
    }
    Ok(found)
}
