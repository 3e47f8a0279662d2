//! One SQLite transaction: rows are written one at a time by a prepared statement, the fastest way SQLite has.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::CachedStatement;
use rusqlite::Connection;
use rusqlite::Statement;
use tokio::sync::OwnedMutexGuard;

use super::blocking;
use super::name;
use super::parents::DeferredParents;
use super::refusal;
use super::schema;
use super::target::Mode;
use super::types;
use super::types::BindError;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;
use crate::connector::target::Transaction;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::value;

/// One open transaction; it has the connection to itself until it ends.
pub struct SqliteTransaction {
    connection: OwnedMutexGuard<Connection>,
    deferred: DeferredParents,
}

impl SqliteTransaction {
    pub(super) fn begin(connection: OwnedMutexGuard<Connection>, mode: Mode) -> Result<Self, TargetError> {
        // A transaction that only later turns to writing could find that another process wrote in between.
        let begin = if mode == Mode::ReadOnly { "BEGIN" } else { "BEGIN IMMEDIATE" };
        blocking(|| connection.execute_batch(begin)).map_err(|error| refusal::error(error, "begin a transaction"))?;
        Ok(Self { connection, deferred: DeferredParents::default() })
    }

    /// Returns the connection, for the predicted target's own statements.
    pub(in crate::connector) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn run(&self, sql: &str, what: &str) -> Result<(), TargetError> {
        self.check_open()?;
        blocking(|| self.connection.prepare_cached(sql)?.raw_execute())
            .map(drop)
            .map_err(|error| refusal::error(error, what))
    }

    /// Refuses to go on where SQLite has ended the transaction itself: writes would then commit one by one.
    fn check_open(&self) -> Result<(), TargetError> {
        if !self.connection.is_autocommit() {
            return Ok(());
        }
        let source =
            "SQLite rolled the whole transaction back, as a full disk or a trigger's `RAISE(ROLLBACK)` makes it".into();
        Err(TargetError::Database { what: "the transaction".to_owned(), source })
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // Where even this fails, the next BEGIN on the connection says so.
            let _ = blocking(|| self.connection.execute_batch("ROLLBACK"));
        }
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn insert(&mut self, rows: Rows<'_>) -> Result<Vec<Inserted>, TargetError> {
        self.check_open()?;
        blocking(|| {
            let connection = &self.connection;
            let deferred =
                self.deferred.for_rows(connection, rows).map_err(|error| refusal::error(error, READ_SCHEMA))?;
            let mut insert = Insert::prepare(connection, rows)?;
            let mut answers = Vec::with_capacity(rows.rows.len());
            for (index, row) in rows.rows.iter().enumerate() {
                let answer = insert.row(index, row)?;
                if deferred && answer == Inserted::New {
                    self.deferred.note(rows, row);
                }
                answers.push(answer);
            }
            Ok(answers)
        })
    }

    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError> {
        self.check_open()?;
        blocking(|| {
            let connection = &self.connection;
            let deferred =
                self.deferred.for_rows(connection, rows).map_err(|error| refusal::error(error, READ_SCHEMA))?;
            update(connection, rows)?;
            if deferred {
                rows.rows.iter().for_each(|row| self.deferred.note(rows, row));
            }
            Ok(())
        })
    }

    async fn find(
        &mut self,
        table: &TableSchema,
        by: &[usize],
        keys: &[Vec<Value>],
        columns: &[usize],
    ) -> Result<HashMap<Vec<u8>, Vec<Value>>, TargetError> {
        self.check_open()?;
        blocking(|| {
            let what = || format!("look up rows of `{}`", table.name);
            let failed = |error| refusal::error(error, &what());
            let mut select = Select::prepare(&self.connection, table, by, columns).map_err(failed)?;
            let mut found = HashMap::new();
            for key in keys {
                match select.row(key.iter()) {
                    Ok(Some(row)) => drop(found.insert(value::encode(key), row)),
                    // What SQLite cannot hold does not stand in it.
                    Ok(None) | Err(BindError::Value(_)) => {}
                    Err(BindError::Sqlite(error)) => return Err(failed(error)),
                }
            }
            Ok(found)
        })
    }

    async fn check_constraints(&mut self) -> Result<(), TargetError> {
        self.check_open()?;
        blocking(|| self.deferred.check(&self.connection))
    }

    async fn savepoint(&mut self, name: &str) -> Result<(), TargetError> {
        self.run(&format!("SAVEPOINT {}", name::quote(name)), "set a savepoint")?;
        self.deferred.savepoint(name);
        Ok(())
    }

    async fn rollback_to(&mut self, name: &str) -> Result<(), TargetError> {
        self.run(&format!("ROLLBACK TO {}", name::quote(name)), "roll back to a savepoint")?;
        self.deferred.rollback_to(name);
        Ok(())
    }

    async fn release(&mut self, name: &str) -> Result<(), TargetError> {
        self.run(&format!("RELEASE {}", name::quote(name)), "release a savepoint")?;
        self.deferred.release(name);
        Ok(())
    }

    async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, TargetError> {
        self.check_open()?;
        blocking(|| {
            let mut statement = self.connection.prepare_cached(sql).map_err(|error| refusal::error(error, OWN))?;
            bind_own(&mut statement, parameters)?;
            let rows = statement.raw_execute().map_err(|error| refusal::error(error, OWN))?;
            Ok(u64::try_from(rows).unwrap_or(u64::MAX))
        })
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, TargetError> {
        self.check_open()?;
        blocking(|| {
            let mut statement = self.connection.prepare_cached(sql).map_err(|error| refusal::error(error, OWN))?;
            bind_own(&mut statement, parameters)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(|error| refusal::error(error, OWN))? {
                let values: rusqlite::Result<Vec<Value>> =
                    (0..columns).map(|column| row.get_ref(column).map(types::plain)).collect();
                found.push(values.map_err(|error| refusal::error(error, OWN))?);
            }
            Ok(found)
        })
    }

    async fn commit(self: Box<Self>) -> Result<(), TargetError> {
        self.check_open()?;
        let committed = blocking(|| self.connection.execute_batch("COMMIT"));
        match committed {
            Ok(()) => Ok(()),
            Err(error) if error.sqlite_error().is_some_and(is_foreign_key) => {
                Err(TargetError::Refused(super::parents::unnamed(error.to_string())))
            }
            Err(error) => Err(refusal::error(error, "commit")),
        }
    }

    async fn rollback(self: Box<Self>) -> Result<(), TargetError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        blocking(|| self.connection.execute_batch("ROLLBACK")).map_err(|error| refusal::error(error, "roll back"))
    }
}

const OWN: &str = "a statement on whimbrel's own tables";
const READ_SCHEMA: &str = "read the schema";

fn is_foreign_key(error: &rusqlite::ffi::Error) -> bool {
    error.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY
}

/// Binds `$1`, `$2` … of a statement on whimbrel's own tables: SQLite numbers them by their first use, as they are.
fn bind_own(statement: &mut Statement<'_>, parameters: &[Value]) -> Result<(), TargetError> {
    let wrong = |message: String| TargetError::Database { what: OWN.to_owned(), source: message.into() };
    if statement.parameter_count() != parameters.len() {
        return Err(wrong(format!("expected {} values, found {}", statement.parameter_count(), parameters.len())));
    }
    for (index, value) in parameters.iter().enumerate() {
        types::bind(statement, index + 1, value).map_err(|error| match error {
            BindError::Value(message) => wrong(message),
            BindError::Sqlite(error) => refusal::error(error, OWN),
        })?;
    }
    Ok(())
}

/// Inserts rows of one table, one at a time.
struct Insert<'a> {
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
    fn prepare(connection: &'a Connection, rows: Rows<'a>) -> Result<Self, TargetError> {
        let failed = |error| refusal::error(error, &format!("insert into `{}`", rows.table.name));
        let is_backed = schema::is_backed(rows.table, rows.key);
        // A row without a value for every column of the key conflicts with none.
        let key: Option<Vec<usize>> =
            rows.key.iter().map(|column| rows.columns.iter().position(|written| written == column)).collect();
        let statement = connection.prepare_cached(&insert_sql(rows, is_backed)).map_err(failed)?;
        let key = key.unwrap_or_default();
        let made_up_rowid = schema::made_up_rowid(rows.table, rows.columns);
        Ok(Self { rows, connection, statement, key, existing: None, is_backed, made_up_rowid })
    }

    fn row(&mut self, index: usize, row: &[Value]) -> Result<Inserted, TargetError> {
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
            Err(error) => Err(row_failed(self.connection, self.rows, index, row, error)),
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

fn insert_sql(rows: Rows<'_>, is_backed: bool) -> String {
    let table = name::table(&rows.table.name);
    if rows.columns.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES");
    }
    let columns = column_list(rows.table, rows.columns);
    let places: Vec<String> = (1..=rows.columns.len()).map(|place| format!("?{place}")).collect();
    let conflict = match is_backed {
        true => format!(" ON CONFLICT ({}) DO NOTHING", column_list(rows.table, rows.key)),
        false => String::new(),
    };
    format!("INSERT INTO {table} ({columns}) VALUES ({}){conflict}", places.join(", "))
}

fn column_list(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<String> = columns.iter().map(|column| name::quote(&table.columns[*column].name)).collect();
    names.join(", ")
}

fn update(connection: &Connection, rows: Rows<'_>) -> Result<(), TargetError> {
    let table = rows.table;
    let what = format!("update `{}`", table.name);
    let part = |is_key: bool, join: &str| {
        let terms: Vec<String> = (rows.columns.iter().enumerate())
            .filter(|(_, column)| rows.key.contains(column) == is_key)
            .map(|(place, column)| format!("{} = ?{}", name::quote(&table.columns[*column].name), place + 1))
            .collect();
        terms.join(join)
    };
    let (set, by) = (part(false, ", "), part(true, " AND "));
    if set.is_empty() {
        return Ok(());
    }
    let wrong = |message: &str| TargetError::Database { what: what.clone(), source: message.into() };
    if by.is_empty() {
        return Err(wrong("the rows have no key"));
    }
    let sql = format!("UPDATE {} SET {set} WHERE {by}", name::table(&table.name));
    let mut statement = connection.prepare_cached(&sql).map_err(|error| refusal::error(error, &what))?;
    for (index, row) in rows.rows.iter().enumerate() {
        for (place, value) in row.iter().enumerate() {
            types::bind(&mut statement, place + 1, value).map_err(|error| match error {
                BindError::Value(message) => TargetError::Refused(Refusal {
                    code: "value",
                    table: table.name.clone(),
                    constraint: None,
                    column: Some(table.columns[rows.columns[place]].name.clone()),
                    message,
                    row: Some(index),
                }),
                BindError::Sqlite(error) => refusal::error(error, &what),
            })?;
        }
        match statement.raw_execute() {
            Ok(0) => return Err(wrong("the row to update is not there")),
            Ok(_) => {}
            Err(error) => return Err(row_failed(connection, rows, index, row, error)),
        }
    }
    Ok(())
}

/// Returns what a failed write of a row means, with the foreign key at fault, which SQLite does not tell.
fn row_failed(
    connection: &Connection,
    rows: Rows<'_>,
    index: usize,
    row: &[Value],
    error: rusqlite::Error,
) -> TargetError {
    match refusal::of_row(error, rows.table, Some(index)) {
        Err(error) => error,
        Ok(refusal) if refusal.code == "foreign-key" => {
            TargetError::Refused(super::parents::name_foreign_key(connection, rows, row, refusal))
        }
        Ok(refusal) => TargetError::Refused(refusal),
    }
}

/// Finds one row of a table by some of its columns.
struct Select<'a> {
    statement: CachedStatement<'a>,
    table: &'a TableSchema,
    columns: &'a [usize],
}

impl<'a> Select<'a> {
    fn prepare(
        connection: &'a Connection,
        table: &'a TableSchema,
        by: &[usize],
        columns: &'a [usize],
    ) -> rusqlite::Result<Self> {
        let terms: Vec<String> = (by.iter().enumerate())
            .map(|(place, column)| format!("{} = ?{}", name::quote(&table.columns[*column].name), place + 1))
            .collect();
        let wanted = if columns.is_empty() { "1".to_owned() } else { column_list(table, columns) };
        let sql = format!("SELECT {wanted} FROM {} WHERE {} LIMIT 1", name::table(&table.name), terms.join(" AND "));
        Ok(Self { statement: connection.prepare_cached(&sql)?, table, columns })
    }

    fn row<'v>(&mut self, key: impl Iterator<Item = &'v Value>) -> Result<Option<Vec<Value>>, BindError> {
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
