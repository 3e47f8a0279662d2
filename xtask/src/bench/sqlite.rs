//! The bare loop on SQLite: prepared inserts of the rows that a migration wrote, in transactions of the same size.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::dump::Ids;

/// Rows as SQLite stores them.
pub type Rows = Vec<Vec<Value>>;

/// Returns the rows of the table that a migration wrote, in the order they were written.
pub fn rows(file: &Path) -> Result<Rows, Box<dyn Error>> {
    let connection = Connection::open(file)?;
    let mut statement = connection.prepare("SELECT * FROM orders ORDER BY rowid")?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes a database with the empty table, in place of the one that was there.
pub fn create(file: &Path, ids: Ids) -> Result<(), Box<dyn Error>> {
    remove(file)?;
    let connection = Connection::open(file)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.execute_batch(&ids.schema())?;
    Ok(())
}

/// Writes the rows with the settings that whimbrel uses; returns the seconds, opening and closing included.
pub fn write(file: &Path, rows: &Rows, rows_a_transaction: usize) -> Result<f64, Box<dyn Error>> {
    let places = vec!["?"; rows.first().map_or(0, Vec::len)].join(", ");
    let begun = Instant::now();
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 16 * 1024, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let mut statement = connection.prepare(&format!("INSERT INTO orders VALUES ({places})"))?;
    for transaction in rows.chunks(rows_a_transaction) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for row in transaction {
            statement.execute(params_from_iter(row))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    drop(statement);
    connection.close().map_err(|(_, error)| error)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Removes a database with the files beside it.
pub fn remove(file: &Path) -> Result<(), Box<dyn Error>> {
    for ending in ["", "-wal", "-shm", ".whimbrel-lock"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
