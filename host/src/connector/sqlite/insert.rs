//! Inserting rows one at a time by a prepared statement, the fastest way SQLite has.

use rusqlite::CachedStatement;
use rusqlite::Connection;

use super::clause;
use super::name;
use super::refusal;
use super::schema;
use super::select::Select;
use super::types;
use super::types::BindError;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;
use crate::record::Value;

/// Inserts rows of one table, one at a time.
pub(super) struct Insert<'a> {
    rows: Rows<'a>,
    connection: &'a Connection,
    statement: CachedStatement<'a>,
    /// Places of the key's values among a row's; empty where no row conflicts.
    key: Vec<usize>,
    /// Finds the row that a key conflicts with; prepared at the first conflict.
    existing: Option<Select<'a>>,
    /// Whether the statement itself passes over a conflict; a lookup before it does otherwise.
    is_backed: bool,
    made_up_rowid: Option<usize>,
}

impl<'a> Insert<'a> {
    pub(super) fn prepare(connection: &'a Connection, rows: Rows<'a>) -> Result<Self, TargetError> {
        let failed = |error| refusal::error(error, &format!("insert into `{}`", rows.table.name));
        let is_backed = schema::is_backed(rows.table, rows.key);
        // A row without a value for every column of the key conflicts with none.
        let key: Option<Vec<usize>> =
            rows.key.iter().map(|column| rows.columns.iter().position(|written| written == column)).collect();
        let statement = clause::own(connection, &rows.table.name)
            .and_then(|clause| connection.prepare_cached(&insert_sql(rows, is_backed, clause)))
            .map_err(failed)?;
        let key = key.unwrap_or_default();
        let made_up_rowid = schema::made_up_rowid(rows.table, rows.columns);
        Ok(Self { rows, connection, statement, key, existing: None, is_backed, made_up_rowid })
    }

    pub(super) fn row(&mut self, index: usize, row: &[Value]) -> Result<Inserted, TargetError> {
        match self.write(index, row) {
            // SQLite looks at other constraints before it looks at the key.
            Err(TargetError::Refused(refusal)) if !self.connection.is_autocommit() => {
                let conflict = self.existing(index, row)?.map(Inserted::Conflict);
                conflict.ok_or(TargetError::Refused(refusal))
            }
            answer => answer,
        }
    }

    fn write(&mut self, index: usize, row: &[Value]) -> Result<Inserted, TargetError> {
        if let Some(place) = self.made_up_rowid
            && row[place].is_null()
        {
            return Err(self.refused(index, "not-null", "the row has no value for its primary key".to_owned()));
        }
        if !self.is_backed
            && !self.key.is_empty()
            && let Some(values) = self.existing(index, row)?
        {
            return Ok(Inserted::Conflict(values));
        }
        for (place, value) in row.iter().enumerate() {
            types::bind(&mut self.statement, place + 1, value).map_err(|error| self.bind_failed(index, error))?;
        }
        match self.statement.raw_execute() {
            Ok(0) => match self.existing(index, row)? {
                Some(values) => Ok(Inserted::Conflict(values)),
                None => Err(self.refused(index, "trigger", "a trigger left the row out".to_owned())),
            },
            Ok(_) => Ok(Inserted::New),
            Err(error) => Err(refusal::of_write(self.connection, self.rows, index, row, error)),
        }
    }

    fn existing(&mut self, index: usize, row: &[Value]) -> Result<Option<Vec<Value>>, TargetError> {
        if self.key.is_empty() {
            return Ok(None);
        }
        let failed = |error| refusal::error(error, "look up an existing row");
        let mut select = match self.existing.take() {
            Some(select) => select,
            None => {
                Select::prepare(self.connection, self.rows.table, self.rows.key, self.rows.columns).map_err(failed)?
            }
        };
        let found = select.row(self.key.iter().map(|place| &row[*place]));
        self.existing = Some(select);
        found.map_err(|error| self.bind_failed(index, error))
    }

    fn bind_failed(&self, index: usize, error: BindError) -> TargetError {
        match error {
            BindError::Value(message) => self.refused(index, "value", message),
            BindError::Sqlite(error) => match refusal::of_row(error, self.rows.table, Some(index)) {
                Ok(refusal) => TargetError::Refused(refusal),
                Err(error) => error,
            },
        }
    }

    fn refused(&self, index: usize, code: &'static str, message: String) -> TargetError {
        let table = self.rows.table.name.clone();
        TargetError::Refused(Refusal { code, table, constraint: None, column: None, message, row: Some(index) })
    }
}

fn insert_sql(rows: Rows<'_>, is_backed: bool, clause: &str) -> String {
    let table = name::table(&rows.table.name);
    if rows.columns.is_empty() {
        return format!("INSERT {clause}INTO {table} DEFAULT VALUES");
    }
    let columns = name::columns(rows.table, rows.columns);
    let places: Vec<String> = (1..=rows.columns.len()).map(|place| format!("?{place}")).collect();
    let conflict = match is_backed {
        true => format!(" ON CONFLICT ({}) DO NOTHING", name::columns(rows.table, rows.key)),
        false => String::new(),
    };
    format!("INSERT {clause}INTO {table} ({columns}) VALUES ({}){conflict}", places.join(", "))
}
