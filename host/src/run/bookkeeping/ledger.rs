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
use crate::run::skips::Skips;
use crate::run::skips::SkipsMoved;

/// Entries that are read at once.
const PAGE: i64 = 500;

/// The part of an entry's counts that is read again.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Counts {
    skips: SkipsMoved,
}

/// The part that says which records were left out, and why.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Skipped {
    skipped: Skips,
}

/// What a ledger entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// The next records of the source.
    Batch,
    /// Dead letters that were tried again.
    Replay,
    /// Records whose rows were written again.
    Repair,
    /// Rows of a junction, written by its final step.
    Junction,
}

impl EntryKind {
    /// Returns the stored word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Replay => "replay",
            Self::Repair => "repair",
            Self::Junction => "junction",
        }
    }
}

/// What one commit did.
pub struct Entry<'a> {
    /// The commit's number within its entity.
    pub sequence: u64,
    /// What it is of.
    pub kind: EntryKind,
    /// The run that made it.
    pub run: &'a str,
    /// The first of its records, by its number in the source.
    pub first: u64,
    /// Where the source stands behind a batch; otherwise the last of the records, without a token.
    pub end: &'a Position,
    /// The transformer that made the rows.
    pub digest: &'a str,
    /// Fates and rows, JSON.
    pub counts: String,
    /// What became of each record.
    pub packed: Vec<u8>,
}

/// A stored entry.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// The commit's number within its entity.
    pub sequence: i64,
    /// The first of its records, by its number in the source.
    pub first: u64,
    /// Where the source stands behind it.
    pub end: Position,
    /// The transformer that made the rows.
    pub digest: String,
    /// What became of each record.
    pub packed: Vec<u8>,
    /// Why some of them were left out.
    pub skips: Skips,
}

impl Bookkeeping {
    /// Adds a ledger entry.
    pub async fn insert_ledger(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        entry: Entry<'_>,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, entity, sequence, kind, run, first_document, end_document, end_token, digest, \
             counts, packed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            self.tables.ledger
        );
        let parameters = [
            text(&self.migration),
            text(entity),
            integer(entry.sequence),
            text(entry.kind.name()),
            text(entry.run),
            integer(entry.first),
            integer(entry.end.document),
            text(&entry.end.token),
            text(entry.digest),
            text(&entry.counts),
            Value::Bytes(entry.packed),
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
        let mut total = SkipsMoved::new();
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
                // A repair takes back what was counted of its records.
                let left = |(reason, count)| Some((reason, u64::try_from(count).ok().filter(|count| *count > 0)?));
                return Ok(most_frequent(total.into_iter().filter_map(left).collect()));
            }
        }
    }

    /// Returns the next entry behind `after` that the source's batches made, or the next one that was made since of
    /// records among `documents`.
    pub async fn next_entry(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        after: i64,
        since: Option<(u64, u64)>,
    ) -> Result<Option<StoredEntry>, TargetError> {
        let mut parameters = vec![Value::Integer(after)];
        let which = match since {
            None => "sequence > $3 AND kind = 'batch'",
            Some((first, last)) => {
                parameters.extend([integer(last), integer(first)]);
                "sequence > $3 AND kind <> 'batch' AND first_document <= $4 AND end_document >= $5"
            }
        };
        self.entry_where(tx, entity, which, parameters).await
    }

    /// Returns the entry of the source's batch that a record was in.
    pub async fn batch_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        document: u64,
    ) -> Result<Option<StoredEntry>, TargetError> {
        let which = "kind = 'batch' AND first_document <= $3 AND end_document >= $3";
        self.entry_where(tx, entity, which, vec![integer(document)]).await
    }

    async fn entry_where(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        which: &str,
        parameters: Vec<Value>,
    ) -> Result<Option<StoredEntry>, TargetError> {
        let parameters: Vec<Value> = [text(&self.migration), text(entity)].into_iter().chain(parameters).collect();
        let sql = format!(
            "SELECT sequence, first_document, end_document, end_token, digest, packed, counts FROM {} \
             WHERE migration = $1 AND entity = $2 AND {which} ORDER BY sequence LIMIT 1",
            self.tables.ledger
        );
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            StoredEntry {
                sequence: row.integer(),
                first: row.unsigned(),
                end: Position { document: row.unsigned(), token: row.text() },
                digest: row.text(),
                packed: row.bytes(),
                skips: serde_json::from_str::<Skipped>(&row.text()).unwrap_or_default().skipped,
            }
        }))
    }

    /// Returns every migration of this target that has a ledger, with each of its entities.
    pub async fn claimants(&self, tx: &mut dyn Transaction) -> Result<Vec<(String, String)>, TargetError> {
        let sql = format!("SELECT DISTINCT migration, entity FROM {} ORDER BY migration, entity", self.tables.ledger);
        let rows = tx.query(&sql, &[]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.text(), row.text())
            })
            .collect())
    }

    /// Returns the digests of the components that made rows, each with the number of its entries.
    pub async fn digests(&self, tx: &mut dyn Transaction) -> Result<Vec<(String, u64)>, TargetError> {
        let sql = format!(
            "SELECT digest, COUNT(*) FROM {} WHERE migration = $1 AND kind <> 'junction' GROUP BY digest ORDER BY digest",
            self.tables.ledger
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
