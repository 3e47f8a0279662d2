//! Rows of junctions that do not stand as their records gave them, each with the reason.

use serde::Serialize;

use super::Bookkeeping;
use super::deferred_row::COLUMNS;
use super::deferred_row::DeferredRow;
use super::deferred_row::stored;
use super::deferred_row::values_of;
use super::now;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// A row that lacks a parent.
pub const DROPPED: &str = "dropped";
/// A row that differs from the one of its key that came first.
pub const CONFLICTING: &str = "conflicting";
/// A row that the target refused.
pub const REFUSED: &str = "refused";

/// A row that was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOutRow {
    /// As its record gave it.
    pub row: DeferredRow,
    /// [`DROPPED`], [`CONFLICTING`] or [`REFUSED`].
    pub reason: &'static str,
    /// Its key, for people.
    pub row_key: String,
    /// The same, compact.
    pub row_key_blob: Vec<u8>,
    /// The columns at fault, or the constraint.
    pub column: String,
    /// In words: the parent that is missing, what stands there, what the target says.
    pub why: String,
}

/// Rows of a junction that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// `dropped`, `conflicting` or `refused`.
    pub reason: String,
    /// The entity whose records gave them.
    pub entity: String,
    /// The columns at fault, or the constraint.
    pub column: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<LeftOutExample>,
}

/// One such row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutExample {
    /// The number in the source of its record.
    pub document: u64,
    /// That record's key.
    pub key: String,
    /// The row's key.
    pub row: String,
    /// In words.
    pub why: String,
}

impl Bookkeeping {
    /// Records rows that were left out.
    pub async fn insert_left_out(&self, tx: &mut dyn Transaction, rows: &[LeftOutRow]) -> Result<(), TargetError> {
        let columns =
            format!("migration, target_table, reason, row_key, row_key_blob, column_name, why, at, {COLUMNS}");
        let at = now();
        let row = |left_out: &LeftOutRow| {
            let mut values = vec![
                text(&self.migration),
                text(&left_out.row.table),
                text(left_out.reason),
                text(&left_out.row_key),
                Value::Bytes(left_out.row_key_blob.clone()),
                text(&left_out.column),
                text(&left_out.why),
                text(&at),
            ];
            values.extend(values_of(&left_out.row));
            values
        };
        append(tx, &self.tables.left_out_row, &columns, rows, row).await
    }

    /// Returns some rows of a junction that lacked a parent or were refused, each with its number and the reason: behind a
    /// number and up to another one.
    pub async fn missed_rows(
        &self,
        tx: &mut dyn Transaction,
        table: &str,
        (after, through): (i64, i64),
        limit: usize,
    ) -> Result<Vec<(i64, String, DeferredRow)>, TargetError> {
        let sql = format!(
            "SELECT id, reason, {COLUMNS} FROM {} WHERE migration = $1 AND target_table = $2 \
             AND reason IN ('{DROPPED}', '{REFUSED}') AND id > $3 AND id <= $4 ORDER BY id LIMIT $5",
            self.tables.left_out_row
        );
        let numbers = [Value::Integer(after), Value::Integer(through), integer(limit as u64)];
        let parameters: Vec<Value> = [text(&self.migration), text(table)].into_iter().chain(numbers).collect();
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.integer(), row.text(), stored(table, &mut row))
            })
            .collect())
    }

    /// Returns the number of the last row that was left out of any junction.
    pub async fn last_left_out(&self, tx: &mut dyn Transaction) -> Result<i64, TargetError> {
        let sql = format!("SELECT COALESCE(MAX(id), 0) FROM {} WHERE migration = $1", self.tables.left_out_row);
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows.into_iter().next().map_or(0, |row| Columns::new(row).integer()))
    }

    /// Forgets rows that were left out of a junction, by their numbers in ascending order: they are tried again.
    pub async fn forget_left_out(
        &self,
        tx: &mut dyn Transaction,
        table: &str,
        numbers: &[i64],
    ) -> Result<(), TargetError> {
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(()) };
        let sql = format!(
            "DELETE FROM {} WHERE migration = $1 AND target_table = $2 AND CAST(id AS TEXT) {} AND id >= $4 AND id <= $5",
            self.tables.left_out_row, self.among
        );
        let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let among = text(&serde_json::json!(texts).to_string());
        let parameters = [text(&self.migration), text(table), among, Value::Integer(*first), Value::Integer(*last)];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Returns the rows that a record gave to a junction and that were left out, each with the reason and its compact key.
    pub async fn left_out_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        table: &str,
        document: u64,
    ) -> Result<Vec<(String, Vec<u8>, DeferredRow)>, TargetError> {
        let sql = format!(
            "SELECT reason, row_key_blob, {COLUMNS} FROM {} \
             WHERE migration = $1 AND entity = $2 AND target_table = $3 AND document = $4",
            self.tables.left_out_row
        );
        let parameters = [text(&self.migration), text(entity), text(table), integer(document)];
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.text(), row.bytes(), stored(table, &mut row))
            })
            .collect())
    }

    /// Counts the rows that were left out of a junction, by reason, entity and column, with so many of each.
    pub async fn left_out(
        &self,
        tx: &mut dyn Transaction,
        table: &str,
        examples_max: u64,
    ) -> Result<Vec<LeftOut>, TargetError> {
        let sql = format!(
            "SELECT reason, entity, column_name, COUNT(*) FROM {} WHERE migration = $1 AND target_table = $2 \
             GROUP BY reason, entity, column_name ORDER BY 1, 2, 3",
            self.tables.left_out_row
        );
        let mut found = Vec::new();
        for row in tx.query(&sql, &[text(&self.migration), text(table)]).await? {
            let mut row = Columns::new(row);
            let (reason, entity, column) = (row.text(), row.text(), row.text());
            found.push(LeftOut { reason, entity, column, count: row.unsigned(), examples: Vec::new() });
        }
        let sql = format!(
            "SELECT document, record_key, row_key, why FROM {} WHERE migration = $1 AND target_table = $2 \
             AND reason = $3 AND entity = $4 AND column_name = $5 ORDER BY document, row_key, id LIMIT $6",
            self.tables.left_out_row
        );
        for of in found.iter_mut().filter(|_| examples_max > 0) {
            let parameters = [
                text(&self.migration),
                text(table),
                text(&of.reason),
                text(&of.entity),
                text(&of.column),
                integer(examples_max),
            ];
            let rows = tx.query(&sql, &parameters).await?.into_iter().map(|row| {
                let mut row = Columns::new(row);
                LeftOutExample { document: row.unsigned(), key: row.text(), row: row.text(), why: row.text() }
            });
            of.examples.extend(rows);
        }
        Ok(found)
    }
}
