//! What every batch did, in one entry each.

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::integer;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Position;
use crate::record::Value;

impl Bookkeeping {
    /// Adds a ledger entry.
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    pub async fn insert_ledger(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        sequence: u64,
        first: u64,
        end: &Position,
        digest: &str,
        counts: &str,
        packed: Vec<u8>,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, entity, sequence, first_document, end_document, end_token, digest, counts, packed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self.tables.ledger
        );
        let parameters = [
            text(&self.migration),
            text(entity),
            integer(sequence),
            integer(first),
            integer(end.document),
            text(&end.token),
            text(digest),
            text(counts),
            Value::Bytes(packed),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Returns the packed part of the next ledger entry behind `after`, with its sequence.
    pub async fn ledger_after(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        after: i64,
    ) -> Result<Option<(i64, Vec<u8>)>, TargetError> {
        let sql = format!(
            "SELECT sequence, packed FROM {} WHERE migration = $1 AND entity = $2 AND sequence > $3 ORDER BY sequence LIMIT 1",
            self.tables.ledger
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), Value::Integer(after)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            (row.integer(), row.bytes())
        }))
    }
}
