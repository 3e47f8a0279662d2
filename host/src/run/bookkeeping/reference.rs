//! References that were written NULL, for good or until the entity's end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::optional;
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
    /// The number in the source of the record that the row is of.
    pub document: u64,
    /// That record's key.
    pub record_key: String,
    /// The key of the parent's record, where it is known.
    pub parent_record_key: Option<String>,
    /// What the target has against the parent, where it stands there and was refused.
    pub refusal: Option<String>,
}

/// References of one column that the target refused to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedReferences {
    /// Table and column.
    pub column: String,
    /// How many.
    pub count: u64,
    /// The target's words about one of them.
    pub refusal: String,
}

/// What is read of a reference, as [`numbered`] takes it.
const COLUMNS: &str = "id, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value, document, \
                       record_key, parent_record_key, refusal";

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
        let columns = format!(
            "migration, entity, target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value, \
             document, record_key, parent_record_key, refusal{at_column}"
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
                integer(reference.document),
                text(&reference.record_key),
                optional(reference.parent_record_key.as_deref()),
                optional(reference.refusal.as_deref()),
            ];
            row.extend(at.clone());
            row
        };
        append(tx, table, &columns, references, row).await
    }

    /// Returns the first deferred references of an entity, with their numbers.
    pub async fn deferred_references(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        limit: usize,
    ) -> Result<Vec<(i64, NulledReference)>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} \
             WHERE migration = $1 AND entity = $2 ORDER BY id LIMIT $3",
            self.tables.deferred_reference
        );
        let parameters = [text(&self.migration), text(entity), integer(limit as u64)];
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
            "SELECT {COLUMNS} FROM {} \
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

    /// Notes what the target has against a reference that was left NULL.
    pub async fn refuse_nulled(
        &self,
        tx: &mut dyn Transaction,
        id: i64,
        refusal: Option<&str>,
    ) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET refusal = $1 WHERE migration = $2 AND id = $3", self.tables.nulled_reference);
        tx.execute(&sql, &[optional(refusal), text(&self.migration), Value::Integer(id)]).await.map(drop)
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
                "SELECT {COLUMNS} FROM {own} \
                 WHERE migration = $1 AND entity = $2 AND target_table = $3 AND row_key_blob = $4"
            );
            let parameters = [text(&self.migration), text(entity), text(table), Value::Bytes(row_key.to_vec())];
            let rows = tx.query(&sql, &parameters).await?;
            found.extend(rows.into_iter().map(|row| numbered(row).1));
        }
        Ok(found)
    }

    /// Counts the references that stay NULL for want of a parent, by entity.
    pub async fn nulled_references(&self, tx: &mut dyn Transaction) -> Result<BTreeMap<String, u64>, TargetError> {
        let sql = format!(
            "SELECT entity, COUNT(*) FROM {} WHERE migration = $1 AND refusal IS NULL GROUP BY entity",
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

    /// Counts the references that stay NULL because the target refused their parents, by entity and column.
    pub async fn refused_references(
        &self,
        tx: &mut dyn Transaction,
    ) -> Result<BTreeMap<String, Vec<RefusedReferences>>, TargetError> {
        let sql = format!(
            "SELECT entity, target_table, column_name, COUNT(*), MIN(refusal) FROM {} \
             WHERE migration = $1 AND refusal IS NOT NULL GROUP BY entity, target_table, column_name ORDER BY 1, 2, 3",
            self.tables.nulled_reference
        );
        let mut refused: BTreeMap<String, Vec<RefusedReferences>> = BTreeMap::new();
        for row in tx.query(&sql, &[text(&self.migration)]).await? {
            let mut row = Columns::new(row);
            let (entity, table) = (row.text(), row.text());
            let column = format!("{table}.{}", row.text());
            let of_column = RefusedReferences { column, count: row.unsigned(), refusal: row.text() };
            refused.entry(entity).or_default().push(of_column);
        }
        Ok(refused)
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
        document: row.unsigned(),
        record_key: row.text(),
        parent_record_key: row.optional(),
        refusal: row.optional(),
    };
    (id, reference)
}
