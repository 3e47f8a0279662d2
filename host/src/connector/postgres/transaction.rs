//! One open transaction, on a connection of its own.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::append;
use super::audit;
use super::error::target_error;
use super::fence;
use super::insert;
use super::insert::KeyStates;
use super::lookup;
use super::lookup::PageLimit;
use super::name::quote;
use super::numbers;
use super::parameter;
use super::parameter::Parameter;
use super::sift;
use super::triggers;
use super::update;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::audit::Audit;
use crate::connector::audit::Examined;
use crate::connector::audit::Held;
use crate::connector::fence::Fence;
use crate::connector::target::Advanced;
use crate::connector::target::Inserted;
use crate::connector::target::Records;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::connector::target::Triggers;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::value;

/// A transaction. Dropped, it closes its connection, and the server rolls back: a call that was given up may have left
/// the connection in the middle of a COPY.
pub(super) struct PostgresTransaction {
    connection: PoolConnection<Postgres>,
    keys: KeyStates,
    is_open: bool,
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl PostgresTransaction {
    /// Begins a transaction on a connection that has none, where there is a fence behind it.
    pub async fn begin(connection: PoolConnection<Postgres>, fence: Option<&Fence>) -> Result<Self, TargetError> {
        let mut begun = Self { connection, keys: KeyStates::default(), is_open: true };
        match fence {
            Some(fence) => fence::begin(fence, &mut begun.connection).await?,
            None => begun.command(fence::BEGIN.to_owned(), "begin a transaction").await?,
        }
        Ok(begun)
    }

    async fn command(&mut self, sql: String, what: &str) -> Result<(), TargetError> {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *self.connection)
            .await
            .map_err(|error| target_error(error, what))?;
        Ok(())
    }
}

/// A statement on whimbrel's own tables. It is planned whenever it runs: a plan that is kept would be that of tables which
/// were empty, and read a million rows for one long after.
fn own<'q>(sql: &'q str, parameters: &[Value]) -> Result<Query<'q, Postgres, PgArguments>, TargetError> {
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for value in parameters {
        query = query.bind(Parameter::new(value)?);
    }
    Ok(query)
}

#[async_trait]
impl Audit for PostgresTransaction {
    async fn count(&mut self, table: &TableSchema) -> Result<u64, TargetError> {
        audit::count(&mut self.connection, table).await
    }

    async fn examine(
        &mut self,
        table: &TableSchema,
        key: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Examined, TargetError> {
        audit::examine(&mut self.connection, table, key, after, columns, limit).await
    }

    async fn foreign_key(
        &mut self,
        table: &TableSchema,
        foreign_key: usize,
        key: &[usize],
        limit: usize,
    ) -> Result<Held, TargetError> {
        audit::foreign_key(&mut self.connection, table, foreign_key, key, limit).await
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn insert(&mut self, rows: Rows<'_>) -> Result<Vec<Inserted>, TargetError> {
        insert::insert(&mut self.connection, &mut self.keys, rows).await
    }

    async fn sift(&mut self, records: &Records<'_>) -> Result<Option<Vec<Sifted>>, TargetError> {
        sift::sift(&mut self.connection, records).await
    }

    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError> {
        update::update(&mut self.connection, rows).await
    }

    async fn insert_triggers(&mut self, table: &TableSchema) -> Result<Triggers, TargetError> {
        match self.keys.triggers(table) {
            Some(known) => Ok(known),
            None => triggers::insert(&mut self.connection, table).await,
        }
    }

    async fn has_update_triggers(&mut self, table: &TableSchema) -> Result<bool, TargetError> {
        triggers::has_update(&mut self.connection, table).await
    }

    async fn find(
        &mut self,
        table: &TableSchema,
        by: &[usize],
        keys: &[Vec<Value>],
        columns: &[usize],
    ) -> Result<HashMap<Vec<u8>, Vec<Value>>, TargetError> {
        if keys.is_empty() || by.is_empty() {
            return Ok(HashMap::new());
        }
        let sought: Vec<Vec<&Value>> = keys.iter().map(|key| key.iter().collect()).collect();
        if let Some(key) = sought.iter().find(|key| key.len() != by.len()) {
            let message = format!("expected {} values in a key, found {}", by.len(), key.len());
            return Err(TargetError::Database {
                what: format!("finding rows of `{}`", table.name),
                source: message.into(),
            });
        }
        let found = lookup::lookup(&mut self.connection, table, by, &sought, columns).await?;
        let found = keys.iter().zip(found).filter(|(key, _)| !key.iter().any(Value::is_null));
        Ok(found.filter_map(|(key, values)| Some((value::encode(key), values?))).collect())
    }

    async fn delete(&mut self, table: &TableSchema, key: &[usize], keys: &[Vec<Value>]) -> Result<(), TargetError> {
        update::delete(&mut self.connection, table, key, keys).await
    }

    async fn page(
        &mut self,
        table: &TableSchema,
        key: &[usize],
        after: Option<&[Value]>,
        columns: &[usize],
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, TargetError> {
        let limit = PageLimit { rows: limit, bytes: usize::MAX };
        let page = lookup::page(&mut self.connection, table, key, after, None, columns, limit).await;
        page.map(|(rows, _)| rows)
    }

    async fn take_numbers(
        &mut self,
        table: &TableSchema,
        column: usize,
        _: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, TargetError> {
        numbers::take(&mut self.connection, table, column, count).await
    }

    async fn advance_sequence(&mut self, table: &TableSchema, column: usize) -> Result<Option<Advanced>, TargetError> {
        numbers::advance(&mut self.connection, table, column).await
    }

    async fn check_constraints(&mut self) -> Result<(), TargetError> {
        self.command("SET CONSTRAINTS ALL IMMEDIATE".to_owned(), "check deferred constraints").await
    }

    async fn savepoint(&mut self, name: &str) -> Result<(), TargetError> {
        self.command(format!("SAVEPOINT {}", quote(name)), "set a savepoint").await
    }

    async fn rollback_to(&mut self, name: &str) -> Result<(), TargetError> {
        self.command(format!("ROLLBACK TO SAVEPOINT {}", quote(name)), "roll back to a savepoint").await
    }

    async fn release(&mut self, name: &str) -> Result<(), TargetError> {
        self.command(format!("RELEASE SAVEPOINT {}", quote(name)), "release a savepoint").await
    }

    async fn append(&mut self, table: &str, columns: &str, rows: &[Vec<Value>]) -> Result<(), TargetError> {
        append::append(&mut self.connection, table, columns, rows).await
    }

    async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, TargetError> {
        let query = own(sql, parameters)?;
        let done = query.execute(&mut *self.connection).await;
        Ok(done.map_err(|error| target_error(error, "write to whimbrel's own tables"))?.rows_affected())
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, TargetError> {
        let failed = |error| target_error(error, "read whimbrel's own tables");
        let query = own(sql, parameters)?;
        let rows = query.fetch_all(&mut *self.connection).await.map_err(failed)?;
        rows.iter().map(|row| parameter::values(row).map_err(failed)).collect()
    }

    async fn execute_and_commit(mut self: Box<Self>, sql: &str) -> Result<(), TargetError> {
        self.command(format!("{sql}; COMMIT"), "write to whimbrel's own tables").await?;
        self.is_open = false;
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<(), TargetError> {
        // A COMMIT alone would roll a failed transaction back without a word.
        self.command("SELECT; COMMIT".to_owned(), "commit").await?;
        self.is_open = false;
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), TargetError> {
        self.command("ROLLBACK".to_owned(), "roll back").await?;
        self.is_open = false;
        Ok(())
    }
}
