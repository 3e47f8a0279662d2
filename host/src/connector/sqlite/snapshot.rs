//! SQLite as a source: one connection that only reads, in one transaction.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::Connection;

use super::blocking;
use super::file;
use super::name;
use super::refusal;
use super::schema;
use super::target::Mode;
use super::types;
use super::types::BindError;
use crate::connector::source::SourceError;
use crate::connector::table::Extent;
use crate::connector::table::Row;
use crate::connector::table::Snapshot;
use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;

/// A file as it stood when it was opened.
pub(in crate::connector) struct SqliteSnapshot {
    connection: Connection,
}

impl SqliteSnapshot {
    pub(in crate::connector) fn open(url: &str, base: &Path) -> Result<Self, SourceError> {
        let path = file::path(url, base);
        let failed = |error| refusal::open_error(error, url, file::probe(&path, Mode::Source));
        // The transaction sees the database from its first look on.
        let connection = blocking(|| {
            let connection = file::open(&path, Mode::Source)?;
            connection.execute_batch("BEGIN; SELECT 1 FROM main.sqlite_schema")?;
            Ok(connection)
        });
        Ok(Self { connection: connection.map_err(failed)? })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
    fn rows(
        &self,
        table: &TableSchema,
        order: &[usize],
        columns: &[usize],
        condition: &str,
        parameters: &[Value],
        direction: &str,
        limit: usize,
    ) -> Result<Vec<Row>, TargetError> {
        let what = format!("read rows of `{}`", table.name);
        let failed = |error| refusal::error(error, &what);
        let names = |columns: &[usize]| columns.iter().map(|&at| name::quote(&table.columns[at].name)).collect();
        let order_by: Vec<String> = names(order);
        let wanted: Vec<String> = order_by.iter().cloned().chain(names(columns) as Vec<String>).collect();
        let order_by: Vec<String> = order_by.iter().map(|name| format!("{name}{direction}")).collect();
        let sql = format!(
            "SELECT {} FROM {} {condition} ORDER BY {} LIMIT {limit}",
            wanted.join(", "),
            name::table(&table.name),
            order_by.join(", ")
        );
        blocking(|| {
            let mut statement = self.connection.prepare_cached(&sql).map_err(failed)?;
            for (place, value) in parameters.iter().enumerate() {
                types::bind(&mut statement, place + 1, value).map_err(|error| match error {
                    BindError::Value(message) => TargetError::Database { what: what.clone(), source: message.into() },
                    BindError::Sqlite(error) => failed(error),
                })?;
            }
            let mut found = statement.raw_query();
            let mut rows = Vec::new();
            while let Some(row) = found.next().map_err(failed)? {
                // As it is stored, or the next page would begin elsewhere.
                let key = (0..order.len()).map(|place| Ok(types::plain(row.get_ref(place)?)));
                let value = |(place, &column): (usize, &usize)| {
                    Ok(types::read(row.get_ref(order.len() + place)?, &table.columns[column].kind))
                };
                rows.push(Row {
                    key: key.collect::<rusqlite::Result<_>>().map_err(failed)?,
                    values: columns.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map_err(failed)?,
                });
            }
            Ok(rows)
        })
    }

    fn look<T>(&self, what: &str, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, TargetError> {
        blocking(|| look(&self.connection)).map_err(|error| refusal::error(error, what))
    }
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn tables(&mut self) -> Result<Vec<String>, TargetError> {
        self.look("list the tables", |connection| {
            let names = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
            connection.prepare(names)?.query_map([], |row| row.get(0))?.collect()
        })
    }

    async fn table(&mut self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        self.look("read the schema", |connection| schema::read(connection, name))
    }

    async fn extent(&mut self, table: &TableSchema, order: &[usize]) -> Result<Extent, TargetError> {
        let what = format!("count the rows of `{}`", table.name);
        let missing: Vec<String> =
            order.iter().map(|&column| format!("{} IS NULL", name::quote(&table.columns[column].name))).collect();
        let count = format!(
            "SELECT count(*), count(*) FILTER (WHERE {}) FROM {}",
            missing.join(" OR "),
            name::table(&table.name)
        );
        let (rows, keyless): (i64, i64) =
            self.look(&what, |connection| connection.query_row(&count, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        let last = self.rows(table, order, &[], "", &[], " DESC", 1)?.pop().map(|row| row.key);
        Ok(Extent { rows: rows.cast_unsigned(), keyless: keyless.cast_unsigned(), last })
    }

    async fn page(
        &mut self,
        table: &TableSchema,
        order: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Vec<Row>, TargetError> {
        let places: Vec<String> = (1..=order.len()).map(|place| format!("?{place}")).collect();
        let behind = match after {
            Some(_) => format!("WHERE ({}) > ({})", name::columns(table, order), places.join(", ")),
            None => String::new(),
        };
        self.rows(table, order, columns, &behind, after.unwrap_or_default(), "", limit)
    }
}
