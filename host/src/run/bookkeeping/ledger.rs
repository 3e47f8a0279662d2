//! What every batch did, in one entry each.

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::integer;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Position;
use crate::record::Value;
use crate::run::report::OTHER_REASONS;
use crate::run::report::SKIP_REASONS_MAX;
use crate::run::report::SkipReasons;

/// Entries that are read at once.
const PAGE: i64 = 500;

/// The part of an entry's counts that is read again.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Counts {
    skips: SkipReasons,
}

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

    /// Counts why records of an entity were left out; the rarer reasons beyond the first many are counted as one.
    pub async fn skip_reasons(&self, tx: &mut dyn Transaction, entity: &str) -> Result<SkipReasons, TargetError> {
        // Most entries say that nothing was skipped, and need not be read.
        let sql = format!(
            "SELECT sequence, counts FROM {} WHERE migration = $1 AND entity = $2 AND sequence > $3 \
             AND counts LIKE '%\"skips\":{{\"%' ORDER BY sequence LIMIT $4",
            self.tables.ledger
        );
        let mut total = SkipReasons::new();
        let mut after = -1;
        loop {
            let place = [text(&self.migration), text(entity), Value::Integer(after), Value::Integer(PAGE)];
            let rows = tx.query(&sql, &place).await?;
            let is_last = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            for row in rows {
                let mut row = Columns::new(row);
                after = row.integer();
                let counts: Counts = serde_json::from_str(&row.text()).unwrap_or_default();
                for (reason, count) in counts.skips {
                    *total.entry(reason).or_default() += count;
                }
            }
            if is_last {
                return Ok(most_frequent(total));
            }
        }
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

fn most_frequent(mut reasons: SkipReasons) -> SkipReasons {
    if reasons.len() <= SKIP_REASONS_MAX {
        return reasons;
    }
    let others = reasons.remove(OTHER_REASONS).unwrap_or(0);
    let mut ordered: Vec<(String, u64)> = reasons.into_iter().collect();
    ordered.sort_by(|(a, left), (b, right)| right.cmp(left).then_with(|| a.cmp(b)));
    let rest = ordered.split_off(SKIP_REASONS_MAX - 1);
    let others = others + rest.iter().map(|(_, count)| count).sum::<u64>();
    ordered.push((OTHER_REASONS.to_owned(), others));
    ordered.into_iter().collect()
}
