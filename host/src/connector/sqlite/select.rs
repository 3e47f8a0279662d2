//! Finding rows by some of their columns.

use rusqlite::CachedStatement;
use rusqlite::Connection;

use super::name;
use super::types;
use super::types::BindError;
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
