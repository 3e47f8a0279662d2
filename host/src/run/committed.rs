//! Committed batches once more: what the ledger says of them, and their records from a freshly opened source.
//!
//! A batch begins where the one before it ends. Where the source's records are no more those that were read then, they
//! are told by the digests of their bytes, and keep the numbers that they had; those that no entry has are new. What the
//! ledger says last about a record counts.

mod align;

use std::collections::HashMap;
use std::collections::HashSet;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::CommittedBatch;
use super::bookkeeping::StoredEntry;
use super::ledger;
use super::ledger::Fate;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::Target;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::record::Batch;
use crate::record::Position;
use crate::record::Record;

/// Records that are read at once, and bytes, where only their digests are kept.
const STEP: ReadLimit = ReadLimit { records: 1_000, bytes: 16 << 20 };
/// Records behind a batch among which those that moved are looked for.
const AHEAD_MAX: usize = 20_000;

/// The committed batches of one entity, in order.
pub struct Reread<'a> {
    entity: String,
    source: Box<dyn Source>,
    target: &'a dyn Target,
    books: &'a Bookkeeping,
    /// Where the source stands, by its own account.
    at: Position,
    /// The last entry that was read.
    sequence: i64,
    is_placed: bool,
    /// The keys of records that no entry has, since they were asked for last.
    new: Vec<NewRecord>,
}

/// The key of a record that the source has and the ledger has not; `None` where it has none.
pub type NewRecord = Option<String>;

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
    /// Why it was left out, where it was.
    pub skipped: Option<String>,
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

impl<'a> Reread<'a> {
    /// Begins behind the entry of this number; 0 is the beginning.
    pub fn new(
        entity: &str,
        source: Box<dyn Source>,
        target: &'a dyn Target,
        books: &'a Bookkeeping,
        sequence: i64,
    ) -> Self {
        Self {
            entity: entity.to_owned(),
            source,
            target,
            books,
            at: Position::default(),
            sequence,
            is_placed: sequence == 0,
            new: Vec::new(),
        }
    }

    /// Returns the next batch, or `None` behind the last one.
    pub async fn next(&mut self) -> Result<Option<Committed>, Failure> {
        if !self.is_placed {
            self.is_placed = true;
            self.place().await?;
        }
        let Some(entry) = self.entry(self.sequence, None).await? else { return Ok(None) };
        let mut records = unpack(&self.entity, &entry)?;
        let batch = self.read(entry.sequence, &records).await?;
        let places: HashMap<u64, usize> =
            records.iter().enumerate().map(|(place, record)| (record.document, place)).collect();
        let mut since = entry.sequence;
        let range = Some((entry.first, entry.end.document));
        while let Some(later) = self.entry(since, range).await? {
            since = later.sequence;
            for known in unpack(&self.entity, &later)? {
                if let Some(&place) = places.get(&known.document) {
                    records[place] = known;
                }
            }
        }
        self.sequence = entry.sequence;
        Ok(Some(Committed { sequence: entry.sequence, batch, records }))
    }

    /// Returns the entry behind one; no transaction is open while the source is read, which may lie in the target too.
    async fn entry(&self, after: i64, range: Option<(u64, u64)>) -> Result<Option<StoredEntry>, Failure> {
        let mut tx = self.target.begin().await?;
        let entry = self.books.next_entry(&mut *tx, &self.entity, after, range).await?;
        tx.rollback().await?;
        Ok(entry)
    }

    /// Goes to where an earlier look has come; in a source that has changed, by all that lies before.
    async fn place(&mut self) -> Result<(), Failure> {
        let end = self.sequence;
        let entry = self.entry(end - 1, None).await?;
        let Some(entry) = entry.filter(|entry| entry.sequence == end) else { return Ok(()) };
        match self.source.read(&entry.end, ReadLimit { records: 1, bytes: 1 }).await {
            Ok(_) => {
                self.at = entry.end;
                return Ok(());
            }
            Err(SourceError::Position { .. }) => self.sequence = 0,
            Err(error) => return Err(error.into()),
        }
        while let Some(entry) = self.entry(self.sequence, None).await? {
            if entry.sequence > end {
                break;
            }
            let records = unpack(&self.entity, &entry)?;
            self.read(entry.sequence, &records).await?;
            self.sequence = entry.sequence;
        }
        self.sequence = end;
        self.new.clear();
        Ok(())
    }

    /// Returns the records that no entry has, of those that lie before the end of the last batch and were not returned yet.
    pub fn new_records(&mut self) -> Vec<NewRecord> {
        std::mem::take(&mut self.new)
    }

    /// Returns some records that lie behind the last batch, none at the end of the source.
    pub async fn rest(&mut self) -> Result<Vec<NewRecord>, Failure> {
        let Some(batch) = self.source.read(&self.at, STEP).await? else { return Ok(Vec::new()) };
        self.at = batch.end;
        Ok(batch.records.iter().map(key_of).collect())
    }

    /// Reads the records of an entry; those that the source does not have any more are left out.
    async fn read(&mut self, sequence: i64, records: &[Known]) -> Result<Batch, Failure> {
        let mut known: Vec<u64> = records.iter().map(|record| record.source).collect();
        let batch = self.read_only(known.len()).await?;
        if digests(&batch) == known {
            self.at = batch.end.clone();
            return Ok(numbered(batch, records, (0..records.len()).map(Some)));
        }
        let (mut last, mut found) = (sequence, Vec::new());
        for wanted in [records.len() + 1, records.len() + AHEAD_MAX] {
            // What the next entries have shows which of the records that follow are not of this one.
            while known.len() < wanted
                && let Some(next) = self.entry(last, None).await?
            {
                last = next.sequence;
                known.extend(unpack(&self.entity, &next)?.iter().map(|record| record.source));
            }
            found = self.ahead(known.len().max(wanted)).await;
            if align::have_same(&known, &found) {
                break;
            }
        }
        let mut places = align::align(&known, &found);
        places.truncate(records.len());
        // What came before the first of them is new.
        let first = places.iter().flatten().min().copied().unwrap_or(0);
        let count = places.iter().flatten().max().map_or(0, |last| last + 1 - first);
        self.skip(first).await?;
        let batch = self.read_only(count).await?;
        self.at = batch.end.clone();
        let known: HashSet<usize> = places.iter().flatten().map(|place| place - first).collect();
        let new = batch.records.iter().enumerate().filter(|(place, _)| !known.contains(place));
        self.new.extend(new.map(|(_, record)| key_of(record)));
        Ok(numbered(batch, records, places.into_iter().map(|place| place.map(|place| place - first))))
    }

    /// Returns the digests of so many records that follow, and stays where it is.
    async fn ahead(&mut self, count: usize) -> Vec<u64> {
        let (mut found, mut at) = (Vec::new(), self.at.clone());
        while let Some(left) = count.checked_sub(found.len()).filter(|left| *left > 0) {
            let limit = ReadLimit { records: left.min(STEP.records), ..STEP };
            // Whoever comes to what cannot be read will say so.
            let Ok(Some(batch)) = self.source.read(&at, limit).await else { break };
            found.extend(digests(&batch));
            at = batch.end;
        }
        found
    }

    /// Goes on by so many records, all of them new.
    async fn skip(&mut self, count: usize) -> Result<(), Failure> {
        let mut left = count;
        while left > 0 {
            let limit = ReadLimit { records: left.min(STEP.records), ..STEP };
            let Some(batch) = self.source.read(&self.at, limit).await? else { break };
            left = left.saturating_sub(batch.records.len());
            self.new.extend(batch.records.iter().map(key_of));
            self.at = batch.end;
        }
        Ok(())
    }

    /// Reads so many records, and stays where it is.
    async fn read_only(&mut self, count: usize) -> Result<Batch, Failure> {
        let limit = ReadLimit { records: count, bytes: usize::MAX };
        let read = if count == 0 { None } else { self.source.read(&self.at, limit).await? };
        Ok(read.unwrap_or_else(|| Batch {
            origin: self.entity.as_str().into(),
            further_origins: Vec::new(),
            bytes: bytes::Bytes::new(),
            records: Vec::new(),
            end: self.at.clone(),
        }))
    }
}

/// Returns what the ledger says last about a record, by its number in the source.
pub async fn last_word(
    target: &dyn Target,
    books: &Bookkeeping,
    entity: &str,
    document: u64,
) -> Result<Option<Known>, Failure> {
    let mut tx = target.begin().await?;
    let mut last = None;
    let mut entry = books.batch_of(&mut *tx, entity, document).await?;
    while let Some(next) = entry {
        let of_record = unpack(entity, &next)?.into_iter().find(|known| known.document == document);
        last = of_record.or(last);
        entry = books.next_entry(&mut *tx, entity, next.sequence, Some((document, document))).await?;
    }
    tx.rollback().await?;
    Ok(last)
}

fn unpack(entity: &str, entry: &StoredEntry) -> Result<Vec<Known>, Failure> {
    let (mut records, mut left_out) = (Vec::new(), 0);
    let whole = ledger::records(&entry.packed, &mut |record| {
        let is_skipped = record.fate == Fate::Skipped;
        let skipped = entry.skips.reason(left_out).filter(|_| is_skipped).cloned();
        left_out += usize::from(is_skipped);
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
            plugin: entry.digest.clone(),
            skipped,
            rows: rows.collect(),
        });
    });
    whole.ok_or_else(|| Failure::failed(format!("the ledger entry {} of `{entity}` is damaged", entry.sequence)))?;
    Ok(records)
}

impl Committed {
    /// Returns what is known of each record of the batch, in order; the source may have come to others.
    pub fn known(&self) -> Vec<Option<&Known>> {
        let by_document: HashMap<u64, &Known> = self.records.iter().map(|known| (known.document, known)).collect();
        self.batch.records.iter().map(|record| by_document.get(&record.document).copied()).collect()
    }

    /// Returns the records that the source does not have any more.
    pub fn gone(&self) -> impl Iterator<Item = &Known> {
        let found: HashSet<u64> = self.batch.records.iter().map(|record| record.document).collect();
        self.records.iter().filter(move |known| !found.contains(&known.document))
    }
}

/// Leaves those records that are known, each at its place, with the numbers that they had.
fn numbered(batch: Batch, records: &[Known], places: impl Iterator<Item = Option<usize>>) -> Batch {
    let moved = records.iter().zip(places).filter_map(|(known, place)| {
        let record = batch.records.get(place?)?;
        Some(Record { document: known.document, ..record.clone() })
    });
    Batch { records: moved.collect(), ..batch }
}

fn key_of(record: &Record) -> NewRecord {
    record.key.as_ref().map(|key| key.as_str().to_owned())
}

fn digests(batch: &Batch) -> Vec<u64> {
    batch.records.iter().map(|record| ledger::source_digest(batch.body(record))).collect()
}

/// Reads one committed batch again, by its place in the source; `None` where that has changed since.
pub async fn reread(source: &mut dyn Source, committed: &CommittedBatch) -> Result<Option<Batch>, Failure> {
    let documents = committed.end.document.saturating_sub(committed.after.document);
    let limit = ReadLimit { records: usize::try_from(documents).unwrap_or(usize::MAX), bytes: usize::MAX };
    let batch = source.read(&committed.after, limit).await?.filter(|batch| batch.end == committed.end);
    if batch.is_none() {
        let (from, to) = (committed.first_document, committed.end.document);
        tracing::info!(from, to, "nothing is compared on these documents, the source has changed since");
    }
    Ok(batch)
}
