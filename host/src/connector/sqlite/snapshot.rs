//! SQLite as a source: one connection that only reads, in one transaction.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::Type;
use rusqlite::types::ValueRef;

use super::blocking;
use super::clock;
use super::file;
use super::name;
use super::refusal;
use super::schema;
use super::select::bind_key;
use super::target::Mode;
use super::target::SqliteTarget;
use super::types;
use crate::connector::source::SnapshotId;
use crate::connector::source::SourceError;
use crate::connector::table::Extent;
use crate::connector::table::Page;
use crate::connector::table::Row;
use crate::connector::table::Selection;
use crate::connector::table::Snapshot;
use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;

/// A blob of the same bytes would stand elsewhere in the order.
const NOT_UTF8: &str = "a key that is text, but not UTF-8";

/// A file as it stood when it was opened.
pub(in crate::connector) struct SqliteSnapshot {
    connection: Connection,
    id: SnapshotId,
}

impl SqliteSnapshot {
    pub(in crate::connector) fn open(url: &str, base: &Path) -> Result<Self, SourceError> {
        let path = SqliteTarget::locate(url, base)?;
        let failed = |error| refusal::open_error(error, url, file::probe(&path, Mode::Source));
        // The transaction sees the database from its first look on.
        let connection = blocking(|| {
            let connection = file::open(&path, Mode::Source)?;
            connection.execute_batch("BEGIN; SELECT 1 FROM main.sqlite_schema")?;
            Ok(connection)
        });
        let connection = connection.map_err(failed)?;
        let id = SnapshotId::now(blocking(|| change(&connection, &path)));
        Ok(Self { connection, id })
    }

    fn rows(
        &self,
        Selection { table, order, filter }: &Selection,
        after: Option<&[Value]>,
        direction: &str,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Page, TargetError> {
        let what = format!("read rows of `{}`", table.name);
        let failed = |error| refusal::error(error, &what);
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let key = name::columns(table, order);
        let places: Vec<String> = (1..=order.len()).map(|place| format!("?{place}")).collect();
        let behind = after.map(|_| format!("({key}) > ({})", places.join(", ")));
        // A comment in the filter ends with its line.
        let conditions: Vec<String> = filter.iter().map(|filter| format!("({filter}\n)")).chain(behind).collect();
        let condition =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        let order_by: Vec<String> =
            order.iter().map(|&at| format!("{}{direction}", name::quote(&table.columns[at].name))).collect();
        let sql = format!(
            "SELECT {key}, {} FROM {} {condition} ORDER BY {} LIMIT {rows_max}",
            name::columns(table, &columns),
            name::table(&table.name),
            order_by.join(", ")
        );
        blocking(|| {
            let mut statement = self.connection.prepare_cached(&sql).map_err(failed)?;
            bind_key(&mut statement, after.unwrap_or_default(), &what)?;
            let mut found = statement.raw_query();
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let Some(row) = found.next().map_err(failed)? {
                // As it is stored, or the next page would begin elsewhere.
                let key = (0..order.len()).map(|place| match row.get_ref(place)? {
                    ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
                        Err(rusqlite::Error::InvalidColumnType(place, NOT_UTF8.to_owned(), Type::Text))
                    }
                    stored => Ok(types::plain(stored)),
                });
                let value = |(place, &column): (usize, &usize)| {
                    Ok(types::read(row.get_ref(order.len() + place)?, &table.columns[column].kind))
                };
                for place in 0..order.len() + columns.len() {
                    bytes += match row.get_ref(place).map_err(failed)? {
                        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
                        _ => 8,
                    };
                }
                rows.push(Row {
                    key: key.collect::<rusqlite::Result<_>>().map_err(failed)?,
                    values: columns.iter().enumerate().map(value).collect::<rusqlite::Result<_>>().map_err(failed)?,
                });
                if bytes >= bytes_max {
                    return Ok(Page { rows, is_last: false });
                }
            }
            Ok(Page { is_last: rows.len() < rows_max, rows })
        })
    }

    fn look<T>(&self, what: &str, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, TargetError> {
        blocking(|| look(&self.connection)).map_err(|error| match error {
            // Its own text would repeat the statement.
            rusqlite::Error::SqlInputError { msg, .. } => {
                TargetError::Database { what: what.to_owned(), source: msg.into() }
            }
            error => refusal::error(error, what),
        })
    }
}

/// Returns how often the file has been changed, as it says itself; a file with a log beside it does not say.
fn change(connection: &Connection, path: &Path) -> Option<String> {
    const COUNTER: (u64, usize) = (24, 4);
    let mode: String = connection.query_row("PRAGMA main.journal_mode", [], |row| row.get(0)).ok()?;
    if mode == "wal" {
        return None;
    }
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(COUNTER.0)).ok()?;
    let mut bytes = [0; COUNTER.1];
    file.read_exact(&mut bytes).ok()?;
    Some(format!("change {}", u32::from_be_bytes(bytes)))
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    fn id(&self) -> SnapshotId {
        self.id.clone()
    }

    async fn tables(&mut self) -> Result<Vec<String>, TargetError> {
        self.look("list the tables", |connection| {
            let names = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
            connection.prepare(names)?.query_map([], |row| row.get(0))?.collect()
        })
    }

    async fn table(&mut self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        self.look("read the schema", |connection| schema::read(connection, name))
    }

    async fn view(&mut self, name: &str) -> Result<Option<&'static str>, TargetError> {
        self.look("read the schema", |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'view' AND name = ?1)";
            let is_view: bool = connection.query_row(sql, [name::bare(name)], |row| row.get(0))?;
            Ok(is_view.then_some("a view"))
        })
    }

    fn moment(&self, us: i64) -> Result<String, TargetError> {
        let text = clock::timestamp(us, false).ok_or_else(|| TargetError::Database {
            what: "writing the time that is pinned".to_owned(),
            source: "expected a year from 0001 to 9999".into(),
        })?;
        Ok(format!("'{}'", String::from_utf8_lossy(text.as_bytes())))
    }

    async fn extent(&mut self, selection: &Selection) -> Result<Extent, TargetError> {
        let Selection { table, order, filter } = selection;
        let what = format!("count the rows of `{}`", table.name);
        let missing: Vec<String> =
            order.iter().map(|&column| format!("{} IS NULL", name::quote(&table.columns[column].name))).collect();
        let count = format!(
            "SELECT count(*), count(*) FILTER (WHERE {}) FROM {} WHERE ({}\n)",
            missing.join(" OR "),
            name::table(&table.name),
            filter.as_deref().unwrap_or("TRUE")
        );
        let (rows, keyless): (i64, i64) =
            self.look(&what, |connection| connection.query_row(&count, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        let last = self.rows(selection, None, " DESC", 1, usize::MAX)?.rows.pop().map(|row| row.key);
        Ok(Extent { rows: rows.cast_unsigned(), keyless: keyless.cast_unsigned(), last })
    }

    async fn rows_through(
        &mut self,
        Selection { table, order, filter }: &Selection,
        key: &[Value],
    ) -> Result<u64, TargetError> {
        let what = format!("count the rows of `{}`", table.name);
        let places: Vec<String> = (1..=order.len()).map(|place| format!("?{place}")).collect();
        let count = format!(
            "SELECT count(*) FROM {} WHERE ({}\n) AND ({}) <= ({})",
            name::table(&table.name),
            filter.as_deref().unwrap_or("TRUE"),
            name::columns(table, order),
            places.join(", ")
        );
        blocking(|| {
            let failed = |error| refusal::error(error, &what);
            let mut statement = self.connection.prepare(&count).map_err(failed)?;
            bind_key(&mut statement, key, &what)?;
            let mut rows = statement.raw_query();
            let row = rows.next().map_err(failed)?.ok_or(rusqlite::Error::QueryReturnedNoRows).map_err(failed)?;
            row.get(0).map(i64::cast_unsigned).map_err(failed)
        })
    }

    async fn page(
        &mut self,
        selection: &Selection,
        after: Option<&[Value]>,
        rows: usize,
        bytes: usize,
    ) -> Result<Page, TargetError> {
        self.rows(selection, after, "", rows, bytes)
    }
}
