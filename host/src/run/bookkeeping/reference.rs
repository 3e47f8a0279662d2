//! References that were written NULL, for good or until the entity's end.

use std::collections::BTreeMap;

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::insert_rows;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// A reference that was written NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct NulledReference {
    /// The table.
    pub table: String,
    /// The row's key, for people.
    pub row_key: String,
    /// The row's key, compact.
    pub row_key_blob: Vec<u8>,
    /// The column.
    pub column: String,
    /// The parent's entity, or its table where no entity feeds it.
    pub parent: String,
    /// The value that found no parent, for people.
    pub parent_key: String,
    /// The same, compact.
    pub value: Vec<u8>,
}

impl Bookkeeping {
    /// Records references written NULL: for good, or until the entity's end.
    pub async fn insert_references(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        deferred: bool,
        references: &[NulledReference],
    ) -> Result<(), TargetError> {
        let (table, at_column) =
            if deferred { (&self.tables.deferred_reference, "") } else { (&self.tables.nulled_reference, ", at") };
        let insert = format!(
            "INSERT INTO {table} (migration, entity, target_table, row_key, row_key_blob, column_name, parent_entity, \
             parent_key, value{at_column})"
        );
        let at = (!deferred).then(|| text(&now()));
        let row = |reference: &NulledReference| {
            let mut row = vec![
                text(&self.migration),
                text(entity),
                text(&reference.table),
                text(&reference.row_key),
                Value::Bytes(reference.row_key_blob.clone()),
                text(&reference.column),
                text(&reference.parent),
                text(&reference.parent_key),
                Value::Bytes(reference.value.clone()),
            ];
            row.extend(at.clone());
            row
        };
        insert_rows(tx, &insert, "", references, row).await
    }

    /// Returns the first deferred references of an entity, with their numbers.
    pub async fn deferred_references(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        limit: i64,
    ) -> Result<Vec<(i64, NulledReference)>, TargetError> {
        let sql = format!(
            "SELECT id, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value FROM {} \
             WHERE migration = $1 AND entity = $2 ORDER BY id LIMIT $3",
            self.tables.deferred_reference
        );
        let parameters = [text(&self.migration), text(entity), Value::Integer(limit)];
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                let reference = |row: &mut Columns| NulledReference {
                    table: row.text(),
                    row_key: row.text(),
                    row_key_blob: row.bytes(),
                    column: row.text(),
                    parent: row.text(),
                    parent_key: row.text(),
                    value: row.bytes(),
                };
                (row.integer(), reference(&mut row))
            })
            .collect())
    }

    /// Counts the references that stay NULL, by entity.
    pub async fn nulled_references(&self, tx: &mut dyn Transaction) -> Result<BTreeMap<String, u64>, TargetError> {
        let sql = format!(
            "SELECT entity, COUNT(*) FROM {} WHERE migration = $1 GROUP BY entity",
            self.tables.nulled_reference
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.text(), row.unsigned())
            })
            .collect())
    }

    /// Forgets deferred references up to a number.
    pub async fn forget_deferred(&self, tx: &mut dyn Transaction, entity: &str, up_to: i64) -> Result<(), TargetError> {
        let sql =
            format!("DELETE FROM {} WHERE migration = $1 AND entity = $2 AND id <= $3", self.tables.deferred_reference);
        tx.execute(&sql, &[text(&self.migration), text(entity), Value::Integer(up_to)]).await.map(drop)
    }
}
