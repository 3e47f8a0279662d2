//! The migration itself: what is stored of it at its first run.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// What is stored of a migration at its first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationRow {
    /// What ids hang on.
    pub namespace: String,
    /// The part of the fingerprint that may never change.
    pub identity: String,
    /// The part that may change with consent.
    pub output: String,
    /// The pinned clock, in microseconds since 1970.
    pub pinned_at_us: i64,
    /// The pinned random seed.
    pub seed: i64,
}

impl Bookkeeping {
    /// Returns what was stored at the first run.
    pub async fn migration(&self, tx: &mut dyn Transaction) -> Result<Option<MigrationRow>, TargetError> {
        let sql = format!(
            "SELECT namespace, identity, output, pinned_at_us, seed FROM {} WHERE name = $1",
            self.tables.migration
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            MigrationRow {
                namespace: row.text(),
                identity: row.text(),
                output: row.text(),
                pinned_at_us: row.integer(),
                seed: row.integer(),
            }
        }))
    }

    /// Stores a migration at its first run.
    pub async fn insert_migration(&self, tx: &mut dyn Transaction, row: &MigrationRow) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (name, namespace, created_at, host_version, identity, output, pinned_at_us, seed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.tables.migration
        );
        let parameters = [
            text(&self.migration),
            text(&row.namespace),
            text(&now()),
            text(env!("CARGO_PKG_VERSION")),
            text(&row.identity),
            text(&row.output),
            Value::Integer(row.pinned_at_us),
            Value::Integer(row.seed),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Stores a fingerprint that the user has accepted.
    pub async fn update_migration(&self, tx: &mut dyn Transaction, row: &MigrationRow) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET identity = $1, output = $2 WHERE name = $3", self.tables.migration);
        tx.execute(&sql, &[text(&row.identity), text(&row.output), text(&self.migration)]).await.map(drop)
    }
}
