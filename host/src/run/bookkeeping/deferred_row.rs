//! Rows of junctions that wait for their final step, in the order of their keys.

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;
use crate::run::report::Rows;

/// One row of a junction, as a record gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeferredRow {
    /// The junction's table.
    pub table: String,
    /// Sorts rows by their keys, those of one key side by side; empty while the key is not known.
    pub sort_key: Vec<u8>,
    /// The place of its entity in the manifest: of the rows of one key, the first entity's comes first.
    pub place: u64,
    /// Its entity.
    pub entity: String,
    /// The number in the source of its record.
    pub document: u64,
    /// That record's key.
    pub record_key: String,
    /// The columns that are fed.
    pub columns: Vec<String>,
    /// One value a column.
    pub values: Vec<Value>,
    /// The records that it refers to, as far as their keys are known.
    pub sources: Vec<SourceKey>,
}

/// A record that a row refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceKey {
    /// The column that refers to it.
    pub column: String,
    /// The record's key.
    pub key: String,
    /// Its entity, where its id is stored and has to be looked up.
    pub waits_for: Option<String>,
}

impl DeferredRow {
    /// Returns whether some id has to be looked up before its key is known.
    pub fn waits(&self) -> bool {
        self.sources.iter().any(|source| source.waits_for.is_some())
    }

    /// Returns the key of the record that a column refers to.
    pub fn source_key(&self, column: &str) -> Option<&str> {
        self.sources.iter().find(|source| source.column == column).map(|source| source.key.as_str())
    }
}

/// What both tables of such rows have, as [`stored`] takes it.
pub(super) const COLUMNS: &str = "place, entity, document, record_key, columns, packed, sources";

/// The values of these columns.
pub(super) fn values_of(row: &DeferredRow) -> Vec<Value> {
    let sources: Vec<Value> = row
        .sources
        .iter()
        .flat_map(|source| {
            let waits_for = source.waits_for.as_deref().map_or(Value::Null, |entity| Value::Text(entity.into()));
            [Value::Text(source.column.as_str().into()), Value::Text(source.key.as_str().into()), waits_for]
        })
        .collect();
    vec![
        integer(row.place),
        text(&row.entity),
        integer(row.document),
        text(&row.record_key),
        text(&serde_json::json!(row.columns).to_string()),
        Value::Bytes(value::encode(&row.values)),
        Value::Bytes(value::encode(&sources)),
    ]
}

/// Takes them back.
pub(super) fn stored(table: &str, row: &mut Columns) -> DeferredRow {
    let (place, entity, document, record_key) = (row.unsigned(), row.text(), row.unsigned(), row.text());
    let columns = serde_json::from_str(&row.text()).unwrap_or_default();
    let values = packed::decode(&row.bytes()).unwrap_or_default();
    let parts = packed::decode(&row.bytes()).unwrap_or_default();
    let text_of = |value: &Value| match value {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    };
    let sources = parts.chunks_exact(3).map(|part| SourceKey {
        column: text_of(&part[0]).unwrap_or_default(),
        key: text_of(&part[1]).unwrap_or_default(),
        waits_for: text_of(&part[2]),
    });
    let sources = sources.collect();
    let table = table.to_owned();
    DeferredRow { table, sort_key: Vec::new(), place, entity, document, record_key, columns, values, sources }
}

impl Bookkeeping {
    /// Leaves rows to the final step of their junction.
    pub async fn insert_deferred_rows(
        &self,
        tx: &mut dyn Transaction,
        rows: &[DeferredRow],
    ) -> Result<(), TargetError> {
        let columns = format!("migration, target_table, sort_key, waits, {COLUMNS}");
        let row = |row: &DeferredRow| {
            let mut values = vec![
                text(&self.migration),
                text(&row.table),
                Value::Bytes(row.sort_key.clone()),
                Value::Integer(i64::from(row.waits())),
            ];
            values.extend(values_of(row));
            values
        };
        append(tx, &self.tables.deferred_row, &columns, rows, row).await
    }

    /// Returns the next rows of a junction with their numbers, in the order of their keys, or those whose ids are to be
    /// looked up: so many at most, and behind the first one no more bytes than these. Says too whether these are all.
    pub async fn deferred_rows(
        &self,
        tx: &mut dyn Transaction,
        table: &str,
        waits: bool,
        rows_max: usize,
        bytes_max: u64,
    ) -> Result<(Vec<(i64, DeferredRow)>, bool), TargetError> {
        let place = |limit: usize| {
            let waits = Value::Integer(i64::from(waits));
            [text(&self.migration), text(table), waits, integer(limit as u64)]
        };
        let behind = format!(
            "FROM {} WHERE migration = $1 AND target_table = $2 AND waits = $3 \
             ORDER BY sort_key, place, document, id LIMIT $4",
            self.tables.deferred_row
        );
        let sizes = tx.query(&format!("SELECT LENGTH(packed) + LENGTH(sources) {behind}"), &place(rows_max)).await?;
        let (mut bytes, count) = (0, sizes.len());
        let fits = sizes.into_iter().take_while(|size| {
            let was_first = bytes == 0;
            bytes += Columns::new(size.clone()).unsigned().max(1);
            was_first || bytes <= bytes_max
        });
        let limit = fits.count();
        if limit == 0 {
            return Ok((Vec::new(), true));
        }
        let rows = tx.query(&format!("SELECT id, sort_key, {COLUMNS} {behind}"), &place(limit)).await?;
        let rows = rows.into_iter().map(|row| {
            let mut row = Columns::new(row);
            let (id, sort_key) = (row.integer(), row.bytes());
            (id, DeferredRow { sort_key, ..stored(table, &mut row) })
        });
        Ok((rows.collect(), count < rows_max && limit == count))
    }

    /// Forgets the rows of a junction up to one, in the order of their keys, or of those whose ids are to be looked up.
    pub async fn forget_deferred_rows(
        &self,
        tx: &mut dyn Transaction,
        waits: bool,
        (id, last): &(i64, DeferredRow),
    ) -> Result<u64, TargetError> {
        let sql = format!(
            "DELETE FROM {} WHERE migration = $1 AND target_table = $2 AND waits = $3 \
             AND (sort_key, place, document, id) <= ($4, $5, $6, $7)",
            self.tables.deferred_row
        );
        let parameters = [
            text(&self.migration),
            text(&last.table),
            Value::Integer(i64::from(waits)),
            Value::Bytes(last.sort_key.clone()),
            integer(last.place),
            integer(last.document),
            Value::Integer(*id),
        ];
        tx.execute(&sql, &parameters).await
    }

    /// Counts the rows that wait for the final step of a junction.
    pub async fn count_deferred_rows(&self, tx: &mut dyn Transaction, table: &str) -> Result<u64, TargetError> {
        let sql =
            format!("SELECT COUNT(*) FROM {} WHERE migration = $1 AND target_table = $2", self.tables.deferred_row);
        let rows = tx.query(&sql, &[text(&self.migration), text(table)]).await?;
        Ok(rows.into_iter().next().map_or(0, |row| Columns::new(row).unsigned()))
    }

    /// Returns the tables that rows wait for.
    pub async fn awaited_tables(&self, tx: &mut dyn Transaction) -> Result<Vec<String>, TargetError> {
        let sql = format!(
            "SELECT DISTINCT target_table FROM {} WHERE migration = $1 ORDER BY target_table",
            self.tables.deferred_row
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows.into_iter().map(|row| Columns::new(row).text()).collect())
    }

    /// Counts the rows that the records of all entities have left to a junction, also of those that the manifest has no more.
    pub async fn rows_given(&self, tx: &mut dyn Transaction, table: &str) -> Result<u64, TargetError> {
        let sql = format!("SELECT rows FROM {} WHERE migration = $1", self.tables.checkpoint);
        let mut given = 0;
        for row in tx.query(&sql, &[text(&self.migration)]).await? {
            let rows: Rows = serde_json::from_str(&Columns::new(row).text()).unwrap_or_default();
            given += rows.get(table).map_or(0, |counts| counts.deferred);
        }
        Ok(given)
    }

    /// Returns whether a row with this place in the order, or without one yet, waits that a record has given.
    pub async fn has_deferred_row(
        &self,
        tx: &mut dyn Transaction,
        table: &str,
        sort_key: &[u8],
        place: u64,
        document: u64,
    ) -> Result<bool, TargetError> {
        // As the index has them.
        let sql = format!(
            "SELECT id FROM {} WHERE migration = $1 AND target_table = $2 AND waits = $3 AND sort_key = $4 \
             AND place = $5 AND document = $6 LIMIT 1",
            self.tables.deferred_row
        );
        for (waits, sort_key) in [(0, sort_key), (1, &[][..])] {
            let parameters = [
                text(&self.migration),
                text(table),
                Value::Integer(waits),
                Value::Bytes(sort_key.to_vec()),
                integer(place),
                integer(document),
            ];
            if !tx.query(&sql, &parameters).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forgets the rows that a record has left to a junction and that are not written: it gives its rows again.
    pub async fn forget_rows_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        table: &str,
        document: u64,
    ) -> Result<u64, TargetError> {
        let mut forgotten = 0;
        for own in [&self.tables.deferred_row, &self.tables.left_out_row] {
            let sql = format!(
                "DELETE FROM {own} WHERE migration = $1 AND entity = $2 AND target_table = $3 AND document = $4"
            );
            let parameters = [text(&self.migration), text(entity), text(table), integer(document)];
            forgotten += tx.execute(&sql, &parameters).await?;
        }
        Ok(forgotten)
    }
}
