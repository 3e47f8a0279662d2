//! One open transaction, on a connection of its own.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::Postgres;

use super::error::target_error;
use super::insert;
use super::insert::KeyStates;
use super::lookup;
use super::name::quote;
use super::parameter;
use super::parameter::Parameter;
use super::update;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Inserted;
use crate::connector::target::Rows;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::value;

/// A transaction; dropped, it rolls back before its connection is used again.
pub(super) struct PostgresTransaction {
    tx: sqlx::Transaction<'static, Postgres>,
    keys: KeyStates,
}

impl PostgresTransaction {
    /// Takes a transaction that has just begun.
    pub fn new(tx: sqlx::Transaction<'static, Postgres>) -> Self {
        Self { tx, keys: KeyStates::new() }
    }

    async fn command(&mut self, sql: String, what: &str) -> Result<(), TargetError> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *self.tx).await.map_err(|error| target_error(error, what))?;
        Ok(())
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn insert(&mut self, rows: Rows<'_>) -> Result<Vec<Inserted>, TargetError> {
        insert::insert(&mut self.tx, &mut self.keys, rows).await
    }

    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError> {
        update::update(&mut self.tx, rows).await
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
        let found = lookup::lookup(&mut self.tx, table, by, &sought, columns).await?;
        let found = keys.iter().zip(found).filter(|(key, _)| !key.iter().any(Value::is_null));
        Ok(found.filter_map(|(key, values)| Some((value::encode(key), values?))).collect())
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

    async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, TargetError> {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in parameters {
            query = query.bind(Parameter::new(value)?);
        }
        let done = query.execute(&mut *self.tx).await;
        Ok(done.map_err(|error| target_error(error, "write to whimbrel's own tables"))?.rows_affected())
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, TargetError> {
        let failed = |error| target_error(error, "read whimbrel's own tables");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in parameters {
            query = query.bind(Parameter::new(value)?);
        }
        let rows = query.fetch_all(&mut *self.tx).await.map_err(failed)?;
        rows.iter().map(|row| parameter::values(row).map_err(failed)).collect()
    }

    async fn commit(self: Box<Self>) -> Result<(), TargetError> {
        self.tx.commit().await.map_err(|error| target_error(error, "commit"))
    }

    async fn rollback(self: Box<Self>) -> Result<(), TargetError> {
        self.tx.rollback().await.map_err(|error| target_error(error, "roll back"))
    }
}
