//! The target of a dry run.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::scratch;
use super::transaction::PredictedTransaction;
use crate::connector::sqlite::Mode;
use crate::connector::sqlite::SqliteTarget;
use crate::connector::target::Lock;
use crate::connector::target::Made;
use crate::connector::target::Target;
use crate::connector::target::TargetError;
use crate::connector::target::Transaction;
use crate::connector::target::Written;
use crate::record::TableSchema;

/// Predicts what the target would answer, without writing to it.
pub struct PredictedTarget {
    inner: Arc<dyn Target>,
    missing: Arc<HashMap<String, TableSchema>>,
    scratch: SqliteTarget,
    /// Removed last: the scratch's connections close before it.
    _folder: tempfile::TempDir,
}

impl PredictedTarget {
    /// Predicts for a target in which these tables are still missing.
    pub async fn new(inner: Arc<dyn Target>, missing: Vec<TableSchema>) -> Result<Self, TargetError> {
        let failed = |source: std::io::Error| TargetError::Database {
            what: "make a folder for the prediction".to_owned(),
            source: source.into(),
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let scratch = SqliteTarget::open("scratch.db", folder.path(), Mode::Scratch)?;
        scratch.apply_schema(scratch::TABLES).await?;
        scratch.create_own_tables().await?;
        let missing = missing.into_iter().map(|table| (table.name.clone(), table)).collect();
        Ok(Self { inner, missing: Arc::new(missing), scratch, _folder: folder })
    }
}

#[async_trait]
impl Target for PredictedTarget {
    fn url(&self) -> &str {
        self.inner.url()
    }

    fn writers_max(&self) -> usize {
        1
    }

    fn own_table(&self, name: &str) -> String {
        self.scratch.own_table(name)
    }

    async fn table(&self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        match self.missing.get(name) {
            Some(table) => Ok(Some(table.clone())),
            None => self.inner.table(name).await,
        }
    }

    async fn tables_of_script(&self, sql: &str, names: &[String]) -> Result<Vec<Option<Made>>, TargetError> {
        self.inner.tables_of_script(sql, names).await
    }

    async fn apply_schema(&self, _sql: &str) -> Result<(), TargetError> {
        // The tables that it would make are the missing ones already.
        Ok(())
    }

    async fn has_own_tables(&self) -> Result<bool, TargetError> {
        Ok(true)
    }

    async fn check_writable(&self, written: &[Written<'_>]) -> Result<(), TargetError> {
        self.inner.check_writable(written).await
    }

    async fn lock(&self, migration: &str, run: &str, who: &str) -> Result<Box<dyn Lock>, TargetError> {
        self.inner.lock(migration, run, who).await
    }

    async fn lock_holder(&self, migration: &str) -> Result<Option<String>, TargetError> {
        self.inner.lock_holder(migration).await
    }

    fn among(&self, parameter: &str) -> String {
        self.scratch.among(parameter)
    }

    async fn referrers(&self, table: &str) -> Result<Vec<TableSchema>, TargetError> {
        self.inner.referrers(table).await
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, TargetError> {
        let scratch = self.scratch.begin_own().await?;
        let (inner, missing) = (Arc::clone(&self.inner), Arc::clone(&self.missing));
        Ok(Box::new(PredictedTransaction::new(inner, missing, scratch)))
    }
}

#[cfg(test)]
mod tests;
