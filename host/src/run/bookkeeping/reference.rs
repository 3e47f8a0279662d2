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
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(numbered).collect())
    }

    /// Returns a page of an entity's references that were left NULL, behind a number, with their numbers.
    pub async fn nulled_after(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, NulledReference)>, TargetError> {
        let sql = format!(
            "SELECT id, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value FROM {} \
             WHERE migration = $1 AND entity = $2 AND id > $3 ORDER BY id LIMIT $4",
            self.tables.nulled_reference
        );
        let parameters = [text(&self.migration), text(entity), Value::Integer(after), Value::Integer(limit)];
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(numbered).collect())
    }

    /// Forgets a reference that was left NULL: it is filled in.
    pub async fn forget_nulled(&self, tx: &mut dyn Transaction, id: i64) -> Result<(), TargetError> {
        let sql = format!("DELETE FROM {} WHERE migration = $1 AND id = $2", self.tables.nulled_reference);
        tx.execute(&sql, &[text(&self.migration), Value::Integer(id)]).await.map(drop)
    }

    /// Forgets all references of a row that were left NULL: it is written again. `waits` says that some may wait for
    /// the entity's end.
    pub async fn forget_nulled_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        table: &str,
        row_key: &[u8],
        waits: bool,
    ) -> Result<(), TargetError> {
        let deferred = waits.then_some(&self.tables.deferred_reference);
        for own in std::iter::once(&self.tables.nulled_reference).chain(deferred) {
            let sql = format!(
                "DELETE FROM {own} WHERE migration = $1 AND entity = $2 AND target_table = $3 AND row_key_blob = $4"
            );
            let parameters = [text(&self.migration), text(entity), text(table), Value::Bytes(row_key.to_vec())];
            tx.execute(&sql, &parameters).await?;
        }
        Ok(())
    }

    /// Returns the references of a row that are recorded as NULL: for good, and where some wait, until the entity's end.
    pub async fn nulled_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        table: &str,
        row_key: &[u8],
        waits: bool,
    ) -> Result<Vec<NulledReference>, TargetError> {
        let mut found = Vec::new();
        let deferred = waits.then_some(&self.tables.deferred_reference);
        for own in std::iter::once(&self.tables.nulled_reference).chain(deferred) {
            let sql = format!(
                "SELECT id, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value FROM {own} \
                 WHERE migration = $1 AND entity = $2 AND target_table = $3 AND row_key_blob = $4"
            );
            let parameters = [text(&self.migration), text(entity), text(table), Value::Bytes(row_key.to_vec())];
            let rows = tx.query(&sql, &parameters).await?;
            found.extend(rows.into_iter().map(|row| numbered(row).1));
        }
        Ok(found)
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

fn numbered(row: Vec<Value>) -> (i64, NulledReference) {
    let mut row = Columns::new(row);
    let id = row.integer();
    let reference = NulledReference {
        table: row.text(),
        row_key: row.text(),
        row_key_blob: row.bytes(),
        column: row.text(),
        parent: row.text(),
        parent_key: row.text(),
        value: row.bytes(),
    };
    (id, reference)
}
