//! Rows as INSERT statements of some hundred rows each, so that no statement grows with the number of records.

use std::collections::BTreeMap;

/// Rows of one statement.
const ROWS_MAX: u64 = 500;

/// The tables that are being written, one after another.
pub struct Tables<'a, E> {
    execute: &'a mut dyn FnMut(&str) -> Result<(), E>,
    rows: BTreeMap<&'static str, u64>,
    waiting: BTreeMap<&'static str, (u64, String)>,
}

impl<'a, E> Tables<'a, E> {
    pub fn new(execute: &'a mut dyn FnMut(&str) -> Result<(), E>) -> Self {
        Self { execute, rows: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    /// Adds a row of SQL expressions, in the order of the table's columns.
    pub fn add(&mut self, table: &'static str, values: &[String]) -> Result<(), E> {
        *self.rows.entry(table).or_default() += 1;
        let (rows, statement) = self.waiting.entry(table).or_default();
        let before = if *rows == 0 { format!("INSERT INTO {table} VALUES ") } else { ", ".to_owned() };
        statement.push_str(&format!("{before}({})", values.join(", ")));
        *rows += 1;
        if *rows == ROWS_MAX { self.flush(table) } else { Ok(()) }
    }

    /// Writes what waits of a table: the rows of others may refer to it.
    pub fn flush(&mut self, table: &'static str) -> Result<(), E> {
        match self.waiting.remove(table) {
            Some((_, statement)) => (self.execute)(&statement),
            None => Ok(()),
        }
    }

    /// Writes the rest and returns how many rows there are.
    pub fn finish(mut self) -> Result<BTreeMap<&'static str, u64>, E> {
        let waiting: Vec<&'static str> = self.waiting.keys().copied().collect();
        for table in waiting {
            self.flush(table)?;
        }
        Ok(self.rows)
    }
}

/// Returns a text as SQL writes it.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns an amount of hundredths as SQL writes it.
pub fn amount(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let whole = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}", whole / 100, whole % 100)
}

/// Returns a moment so many microseconds before another one, such as `timestamp '2025-11-15 13:00:00'`.
pub fn before(moment: &str, age_us: i64) -> String {
    let sign = if age_us < 0 { "-" } else { "" };
    let age = age_us.unsigned_abs();
    format!("{moment} - interval '{sign}{}.{:06} seconds'", age / 1_000_000, age % 1_000_000)
}

/// Returns a number, or NULL.
pub fn optional(number: Option<u64>) -> String {
    number.map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}
