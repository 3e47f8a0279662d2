//! The rows a dry run has written so far, found by any of their column sets.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Result;
use rusqlite::params;

use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// Creates the scratch's tables.
pub(super) const TABLES: &str = "
    CREATE TABLE predicted_row (id INTEGER PRIMARY KEY, target TEXT NOT NULL, packed BLOB NOT NULL);
    CREATE INDEX predicted_row_target ON predicted_row (target);
    CREATE TABLE predicted_set (id INTEGER PRIMARY KEY, target TEXT NOT NULL, columns TEXT NOT NULL, UNIQUE (target, columns));
    CREATE TABLE predicted_key (set_id INTEGER NOT NULL, key BLOB NOT NULL, row_id INTEGER NOT NULL,
        PRIMARY KEY (set_id, key)) WITHOUT ROWID;
    CREATE TABLE predicted_number (target TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
";

/// Columns by which a table's rows are found.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) id: i64,
    pub(super) columns: Vec<usize>,
}

/// Returns what failed in the scratch.
pub(super) fn failed(error: rusqlite::Error) -> TargetError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => TargetError::Full { source: Box::new(error) },
        _ => TargetError::Database { what: "the prediction".to_owned(), source: Box::new(error) },
    }
}

/// Returns the compact form of a row's values in these columns; `None` where one is NULL and so equals nothing.
pub(super) fn key(row: &[Value], columns: &[usize]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for column in columns {
        let value = row.get(*column).filter(|value| !value.is_null())?;
        value::encode_into(value, &mut out);
    }
    Some(out)
}

/// Returns the set of these columns, indexing the rows that are there already where it is new.
pub(super) fn set(connection: &Connection, table: &TableSchema, columns: &[usize]) -> Result<Set> {
    let text = format!("{columns:?}");
    let known = connection
        .prepare_cached("SELECT id FROM predicted_set WHERE target = ?1 AND columns = ?2")?
        .query_row(params![table.name, text], |row| row.get(0))
        .optional()?;
    let columns = columns.to_vec();
    if let Some(id) = known {
        return Ok(Set { id, columns });
    }
    connection
        .prepare_cached("INSERT INTO predicted_set (target, columns) VALUES (?1, ?2)")?
        .execute(params![table.name, text])?;
    let set = Set { id: connection.last_insert_rowid(), columns };
    let mut rows = connection.prepare_cached("SELECT id, packed FROM predicted_row WHERE target = ?1")?;
    let mut rows = rows.query([&table.name])?;
    while let Some(row) = rows.next()? {
        index(connection, std::slice::from_ref(&set), row.get(0)?, &unpack(row.get(1)?)?)?;
    }
    Ok(set)
}

/// Returns all known sets of a table.
pub(super) fn sets(connection: &Connection, table: &TableSchema) -> Result<Vec<Set>> {
    let mut statement = connection.prepare_cached("SELECT id, columns FROM predicted_set WHERE target = ?1")?;
    let sets = statement.query_map([&table.name], |row| {
        let text: String = row.get(1)?;
        let columns = text.trim_matches(['[', ']']).split(", ").filter_map(|column| column.parse().ok()).collect();
        Ok(Set { id: row.get(0)?, columns })
    })?;
    sets.collect()
}

/// Returns the number of the row with this key.
pub(super) fn find(connection: &Connection, set: &Set, key: &[u8]) -> Result<Option<i64>> {
    connection
        .prepare_cached("SELECT row_id FROM predicted_key WHERE set_id = ?1 AND key = ?2")?
        .query_row(params![set.id, key], |row| row.get(0))
        .optional()
}

/// Returns all columns of the row with this number.
pub(super) fn row(connection: &Connection, id: i64) -> Result<Vec<Value>> {
    connection
        .prepare_cached("SELECT packed FROM predicted_row WHERE id = ?1")?
        .query_row([id], |row| unpack(row.get(0)?))
}

/// Adds a row.
pub(super) fn add(connection: &Connection, table: &TableSchema, sets: &[Set], row: &[Value]) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO predicted_row (target, packed) VALUES (?1, ?2)")?
        .execute(params![table.name, value::encode(row)])?;
    index(connection, sets, connection.last_insert_rowid(), row)
}

/// Takes a row away again.
pub(super) fn remove(connection: &Connection, sets: &[Set], id: i64) -> Result<()> {
    let old = row(connection, id)?;
    let mut delete =
        connection.prepare_cached("DELETE FROM predicted_key WHERE set_id = ?1 AND key = ?2 AND row_id = ?3")?;
    for set in sets {
        if let Some(key) = key(&old, &set.columns) {
            delete.execute(params![set.id, key, id])?;
        }
    }
    connection.prepare_cached("DELETE FROM predicted_row WHERE id = ?1")?.execute([id]).map(drop)
}

/// Takes so many numbers for a table, downwards from -1; returns the last one.
pub(super) fn take_numbers(connection: &Connection, table: &TableSchema, count: i64) -> Result<i64> {
    let sql = "INSERT INTO predicted_number AS known VALUES (?1, -?2) \
        ON CONFLICT (target) DO UPDATE SET last = known.last - ?2 RETURNING last";
    connection.prepare_cached(sql)?.query_row(params![table.name, count], |row| row.get(0))
}

fn index(connection: &Connection, sets: &[Set], id: i64, row: &[Value]) -> Result<()> {
    // Columns that are no key may repeat: the first row is found then, as by a target without an order.
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO predicted_key VALUES (?1, ?2, ?3)")?;
    for set in sets {
        if let Some(key) = key(row, &set.columns) {
            insert.execute(params![set.id, key, id])?;
        }
    }
    Ok(())
}

fn unpack(packed: Vec<u8>) -> Result<Vec<Value>> {
    packed::decode(&packed).ok_or(rusqlite::Error::InvalidQuery)
}
