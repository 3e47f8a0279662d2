//! Committed batches once more: what the ledger says of them, and their records from a freshly opened source.
//!
//! A batch begins where the one before it ends. Records are told by their numbers, so that a source in which some have
//! changed can still be read; what the ledger says last about a record counts.

use std::collections::HashMap;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::CommittedBatch;
use super::ledger;
use super::ledger::Fate;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::Transaction;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::record::Batch;
use crate::record::Position;

/// Records that are stepped over at once, and bytes.
const STEP: ReadLimit = ReadLimit { records: 1_000, bytes: 16 << 20 };

/// The committed batches of one entity, in order.
pub struct Reread {
    entity: String,
    source: Box<dyn Source>,
    /// Where the source stands, by its own account.
    at: Position,
    /// The last entry that was read.
    sequence: i64,
    is_placed: bool,
}

/// One committed batch.
pub struct Committed {
    /// The entry's number.
    pub sequence: i64,
    /// The records as the source has them now; fewer where it has become shorter.
    pub batch: Batch,
    /// What the ledger says of its records, in order.
    pub records: Vec<Known>,
}

/// What the ledger says last about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// How it ended.
    pub fate: Fate,
    /// Its number in the source.
    pub document: u64,
    /// The digest of its bytes there.
    pub source: u64,
    /// The component that made its rows.
    pub plugin: String,
    /// Its rows.
    pub rows: Vec<KnownRow>,
}

/// What the ledger says about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRow {
    /// The table's name.
    pub table: String,
    /// Whether it stands there because of this migration.
    pub is_ours: bool,
    /// Its compact key.
    pub key: Vec<u8>,
    /// The digest of its values.
    pub digest: u64,
}

impl Reread {
    /// Begins behind the entry of this number; 0 is the beginning.
    pub fn new(entity: &str, source: Box<dyn Source>, sequence: i64) -> Self {
        Self { entity: entity.to_owned(), source, at: Position::default(), sequence, is_placed: sequence == 0 }
    }

    /// Returns the next batch, or `None` behind the last one.
    pub async fn next(&mut self, tx: &mut dyn Transaction, books: &Bookkeeping) -> Result<Option<Committed>, Failure> {
        if !self.is_placed {
            let before = books.next_entry(tx, &self.entity, self.sequence - 1, None).await?;
            if let Some(before) = before.filter(|before| before.sequence == self.sequence) {
                self.place(before.end).await?;
            }
            self.is_placed = true;
        }
        let Some(entry) = books.next_entry(tx, &self.entity, self.sequence, None).await? else { return Ok(None) };
        let mut records = self.unpack(entry.sequence, &entry.digest, &entry.packed)?;
        let places: HashMap<u64, usize> =
            records.iter().enumerate().map(|(place, record)| (record.document, place)).collect();
        let mut since = entry.sequence;
        let range = Some((entry.first, entry.end.document));
        while let Some(later) = books.next_entry(tx, &self.entity, since, range).await? {
            since = later.sequence;
            for known in self.unpack(later.sequence, &later.digest, &later.packed)? {
                if let Some(&place) = places.get(&known.document) {
                    records[place] = known;
                }
            }
        }
        let count = entry.end.document.saturating_sub(self.at.document);
        let limit = ReadLimit { records: usize::try_from(count).unwrap_or(usize::MAX), bytes: usize::MAX };
        let read = if count == 0 { None } else { self.source.read(&self.at, limit).await? };
        let batch = match read {
            Some(batch) => {
                self.at = batch.end.clone();
                batch
            }
            None => Batch {
                origin: self.entity.as_str().into(),
                bytes: bytes::Bytes::new(),
                records: Vec::new(),
                end: self.at.clone(),
            },
        };
        self.sequence = entry.sequence;
        Ok(Some(Committed { sequence: entry.sequence, batch, records }))
    }

    /// Goes to where an earlier look has come; in a source that has changed, by counting.
    async fn place(&mut self, end: Position) -> Result<(), Failure> {
        let step = ReadLimit { records: 1, ..STEP };
        match self.source.read(&end, step).await {
            Ok(_) => {
                self.at = end;
                return Ok(());
            }
            Err(SourceError::Position { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        while self.at.document < end.document {
            let left = usize::try_from(end.document - self.at.document).unwrap_or(usize::MAX);
            let limit = ReadLimit { records: left.min(STEP.records), ..STEP };
            match self.source.read(&self.at, limit).await? {
                Some(batch) => self.at = batch.end,
                None => break,
            }
        }
        Ok(())
    }

    fn unpack(&self, sequence: i64, digest: &str, packed: &[u8]) -> Result<Vec<Known>, Failure> {
        let mut records = Vec::new();
        let whole = ledger::records(packed, &mut |record| {
            let rows = record.rows.iter().map(|row| KnownRow {
                table: row.table.to_owned(),
                is_ours: row.is_ours,
                key: row.key.to_vec(),
                digest: row.digest,
            });
            records.push(Known {
                fate: record.fate,
                document: record.document,
                source: record.source,
                plugin: digest.to_owned(),
                rows: rows.collect(),
            });
        });
        whole.ok_or_else(|| Failure::failed(format!("the ledger entry {sequence} of `{}` is damaged", self.entity)))?;
        Ok(records)
    }
}

impl Committed {
    /// Returns what is known of each record of the batch, in order; the source may have come to others.
    pub fn known(&self) -> Vec<Option<&Known>> {
        let by_document: HashMap<u64, &Known> = self.records.iter().map(|known| (known.document, known)).collect();
        self.batch.records.iter().map(|record| by_document.get(&record.document).copied()).collect()
    }

    /// Returns the records that the source does not have any more.
    pub fn gone(&self) -> impl Iterator<Item = &Known> {
        let last = self.batch.records.last().map_or(0, |record| record.document);
        self.records.iter().filter(move |known| known.document > last)
    }
}

/// Reads one committed batch again, by its place in a source that may not have changed.
pub async fn reread(source: &mut dyn Source, committed: &CommittedBatch) -> Result<Batch, Failure> {
    let documents = committed.end.document.saturating_sub(committed.after.document);
    let limit = ReadLimit { records: usize::try_from(documents).unwrap_or(usize::MAX), bytes: usize::MAX };
    let batch = source.read(&committed.after, limit).await?;
    batch.filter(|batch| batch.end == committed.end).ok_or_else(|| {
        Failure::failed(format!(
            "documents {} to {} cannot be read again: the source has changed since",
            committed.first_document, committed.end.document
        ))
    })
}
