//! One SQLite transaction: it has the connection to itself, and whimbrel's own statements run in it too.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::Statement;
use tokio::sync::OwnedMutexGuard;

use super::audit;
use super::blocking;
use super::insert::Insert;
use super::name;
use super::numbers;
use super::parents::DeferredParents;
use super::refusal;
use super::select;
use super::select::Select;
use super::sift;
use super::target::Mode;
use super::types;
use super::types::BindError;
use super::update;
use crate::connector::audit::Audit;
use crate::connector::audit::Examined;
use crate::connector::audit::Held;
use crate::connector::target::Advanced;
use crate::connector::target::Inserted;
use crate::connector::target::Records;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::connector::target::TargetError;
use crate::connector::target::Transaction;
use crate::connector::target::Triggers;
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
impl Audit for SqliteTransaction {
    async fn count(&mut self, table: &TableSchema) -> Result<u64, TargetError> {
        self.check_open()?;
        blocking(|| audit::count(&self.connection, table))
    }

    async fn examine(
        &mut self,
        table: &TableSchema,
        key: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Examined, TargetError> {
        self.check_open()?;
        blocking(|| audit::examine(&self.connection, table, key, after, columns, limit))
    }

    async fn foreign_key(
        &mut self,
        table: &TableSchema,
        foreign_key: usize,
        key: &[usize],
        limit: usize,
    ) -> Result<Held, TargetError> {
        self.check_open()?;
        blocking(|| audit::foreign_key(&self.connection, table, foreign_key, key, limit))
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

    async fn sift(&mut self, records: &Records<'_>) -> Result<Option<Vec<Sifted>>, TargetError> {
        self.check_open()?;
        for rows in records.tables {
            let deferred = blocking(|| self.deferred.for_rows(&self.connection, *rows));
            // Whose parents are looked for at the end only, nobody can say here whether it is refused.
            if deferred.map_err(|error| refusal::error(error, READ_SCHEMA))? {
                return Ok(None);
            }
        }
        blocking(|| sift::sift(&self.connection, records)).map(Some)
    }

    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError> {
        self.check_open()?;
        blocking(|| {
            let connection = &self.connection;
            let deferred =
                self.deferred.for_rows(connection, rows).map_err(|error| refusal::error(error, READ_SCHEMA))?;
            update::update(connection, rows)?;
            if deferred {
                rows.rows.iter().for_each(|row| self.deferred.note(rows, row));
            }
            Ok(())
        })
    }

    async fn insert_triggers(&mut self, table: &TableSchema) -> Result<Triggers, TargetError> {
        self.check_open()?;
        let has_triggers = blocking(|| update::has_triggers(&self.connection, table))?;
        Ok(if has_triggers { Triggers::AtOnce } else { Triggers::None })
    }

    async fn has_update_triggers(&mut self, table: &TableSchema) -> Result<bool, TargetError> {
        self.check_open()?;
        blocking(|| update::has_triggers(&self.connection, table))
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

    async fn delete(&mut self, table: &TableSchema, key: &[usize], keys: &[Vec<Value>]) -> Result<(), TargetError> {
        self.check_open()?;
        blocking(|| update::delete(&self.connection, table, key, keys))
    }

    async fn page(
        &mut self,
        table: &TableSchema,
        key: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, TargetError> {
        self.check_open()?;
        blocking(|| select::page(&self.connection, table, key, after, columns, limit))
    }

    async fn take_numbers(
        &mut self,
        table: &TableSchema,
        column: usize,
        last: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, TargetError> {
        self.check_open()?;
        blocking(|| numbers::take(&self.connection, table, column, last, count))
    }

    async fn advance_sequence(&mut self, _: &TableSchema, _: usize) -> Result<Option<Advanced>, TargetError> {
        // A rowid follows the largest one by itself; so does AUTOINCREMENT.
        Ok(None)
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

    async fn append(&mut self, table: &str, columns: &str, rows: &[Vec<Value>]) -> Result<(), TargetError> {
        self.check_open()?;
        let places: Vec<String> = (1..=columns.split(',').count()).map(|place| format!("${place}")).collect();
        let sql = format!("INSERT INTO {table} ({columns}) VALUES ({})", places.join(", "));
        blocking(|| {
            let failed = |error| refusal::error(error, OWN);
            let mut statement = self.connection.prepare_cached(&sql).map_err(failed)?;
            rows.iter().try_for_each(|row| {
                bind_own(&mut statement, row)?;
                statement.raw_execute().map(drop).map_err(failed)
            })
        })
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

    async fn execute_and_commit(mut self: Box<Self>, sql: &str) -> Result<(), TargetError> {
        self.execute(sql, &[]).await?;
        self.commit().await
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
