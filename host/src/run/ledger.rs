//! The packed part of a ledger entry: what one batch did, record by record and row by row.
//!
//! ```text
//! header  number of tables u16 · for each: length of its name u16 · name
//! record  fate u8 · its number in the source u64 · digest of its source bytes u64 · number of rows u32 · rows
//! row     table u16 · what became of it u8 · key length u32 · key · digest of its values u64 · [before: length u32 · values]
//! ```
//! Integers are little-endian, keys and values in the compact form of `record::value`, digests XXH3 (64 bits). Tables
//! have their names in the entry, for a later plan may number them otherwise. A row is digested as it is when every
//! reference has its parent, though it may be written NULL before that.
//! Only an updated row carries what stood there before.

use std::cell::RefCell;

use xxhash_rust::xxh3::xxh3_64;

use crate::record::Value;
use crate::record::value;

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Some row was inserted or updated.
    Written = 1,
    /// All its rows stood there.
    Unchanged = 2,
    /// Left out.
    Skipped = 3,
    /// Set aside.
    Dead = 4,
    /// Waiting for a parent.
    Parked = 5,
    /// Gathered for a merged entity, which makes one record of it and others.
    Merged = 6,
}

impl Fate {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
            Self::Parked => "parked",
            Self::Merged => "merged",
        }
    }

    /// Returns whether a record that ended so has no rows in the target: it was set aside, or waits.
    pub fn is_kept_back(self) -> bool {
        matches!(self, Self::Dead | Self::Parked)
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowFate {
    /// New.
    Inserted,
    /// Changed; with what stood there before.
    Updated(Vec<Value>),
    /// Equal to what stood there.
    Unchanged,
    /// What stood there differs and stays.
    Skipped,
    /// Left to the final step of its junction.
    Deferred,
}

impl RowFate {
    fn tag(&self) -> u8 {
        match self {
            Self::Inserted => 1,
            Self::Updated(_) => 2,
            Self::Unchanged => 3,
            Self::Skipped => 4,
            Self::Deferred => 5,
        }
    }
}

/// Writes the packed part, record by record.
pub struct Packer {
    out: Vec<u8>,
    rows_at: usize,
    rows: u32,
}

impl Packer {
    /// Begins an entry whose rows are for these tables.
    pub fn new<'a>(tables: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut out = Vec::new();
        out.extend_from_slice(&count_u16(tables.len()));
        for name in tables {
            out.extend_from_slice(&count_u16(name.len()));
            out.extend_from_slice(name.as_bytes());
        }
        Self { out, rows_at: 0, rows: 0 }
    }

    /// Begins a record.
    pub fn record(&mut self, fate: Fate, document: u64, source: &[u8]) {
        self.out.push(fate as u8);
        self.out.extend_from_slice(&document.to_le_bytes());
        self.out.extend_from_slice(&source_digest(source).to_le_bytes());
        self.rows_at = self.out.len();
        self.rows = 0;
        self.out.extend_from_slice(&0_u32.to_le_bytes());
    }

    /// Adds a row of the table with this number in the header to the record begun last.
    pub fn row(&mut self, table: usize, fate: &RowFate, key: &[u8], digest: u64) {
        self.rows += 1;
        self.out[self.rows_at..self.rows_at + 4].copy_from_slice(&self.rows.to_le_bytes());
        self.out.extend_from_slice(&count_u16(table));
        self.out.push(fate.tag());
        self.sized(key);
        self.out.extend_from_slice(&digest.to_le_bytes());
        if let RowFate::Updated(before) = fate {
            self.sized(&value::encode(before));
        }
    }

    /// Returns the packed part.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn sized(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a batch is smaller than 4 GiB");
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(bytes);
    }
}

fn count_u16(count: usize) -> [u8; 2] {
    u16::try_from(count).expect("an entity has fewer than 65,536 tables, with shorter names").to_le_bytes()
}

/// Returns the digest of a row's values, in the order of the columns that are fed.
pub fn digest(values: &[Value]) -> u64 {
    thread_local! {
        // Every row of a run goes through here.
        static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    ENCODED.with_borrow_mut(|encoded| {
        encoded.clear();
        values.iter().for_each(|value| value::encode_into(value, encoded));
        xxh3_64(encoded)
    })
}

/// Returns the digest of a record's bytes in the source.
pub fn source_digest(source: &[u8]) -> u64 {
    xxh3_64(source)
}

/// One record of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRecord<'a> {
    /// How it ended.
    pub fate: Fate,
    /// Its number in the source.
    pub document: u64,
    /// The digest of its bytes there.
    pub source: u64,
    /// Its rows, as far as they reached the target.
    pub rows: Vec<LedgerRow<'a>>,
}

/// One row of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow<'a> {
    /// The table's name.
    pub table: &'a str,
    /// Whether it stands in the target because of this entry; a skipped row is somebody else's, and of a deferred one the
    /// ledger of its junction tells.
    pub is_ours: bool,
    /// Whether it was left to the final step of its junction.
    pub is_deferred: bool,
    /// Its compact key.
    pub key: &'a [u8],
    /// The digest of the values that the row holds when every reference has its parent, as [`digest`] makes it.
    pub digest: u64,
    /// The compact values that stood there before, of an updated row.
    pub before: Option<&'a [u8]>,
}

/// Calls `each` with every record of an entry, in order; `None` where the entry is cut short or malformed.
#[must_use]
pub fn records<'a>(packed: &'a [u8], each: &mut dyn FnMut(LedgerRecord<'a>)) -> Option<()> {
    let mut rest = packed;
    let mut tables = Vec::new();
    for _ in 0..take_u16(&mut rest)? {
        let length = take_u16(&mut rest)?;
        tables.push(std::str::from_utf8(take(&mut rest, length)?).ok()?);
    }
    while !rest.is_empty() {
        let fate = match take(&mut rest, 1)?[0] {
            1 => Fate::Written,
            2 => Fate::Unchanged,
            3 => Fate::Skipped,
            4 => Fate::Dead,
            5 => Fate::Parked,
            6 => Fate::Merged,
            _ => return None,
        };
        let (document, source) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
        let count = take_u32(&mut rest)?;
        // What an entry says of itself is not believed before it is there.
        let mut rows = Vec::with_capacity(count.min(rest.len()));
        for _ in 0..count {
            let table = *tables.get(take_u16(&mut rest)?)?;
            let tag = take(&mut rest, 1)?[0];
            let length = take_u32(&mut rest)?;
            let key = take(&mut rest, length)?;
            let digest = take_u64(&mut rest)?;
            let before = match tag {
                2 => {
                    let length = take_u32(&mut rest)?;
                    Some(take(&mut rest, length)?)
                }
                _ => None,
            };
            rows.push(LedgerRow { table, is_ours: tag < 4, is_deferred: tag == 5, key, digest, before });
        }
        each(LedgerRecord { fate, document, source, rows });
    }
    Some(())
}

/// Calls `each` with the table's name and the key of every row that stands in the target because of this entry.
///
/// Returns `false` where the entry is cut short or malformed.
#[must_use]
pub fn claimed_keys(packed: &[u8], each: &mut dyn FnMut(u64, &str, &[u8])) -> bool {
    let mut claimed = |record: LedgerRecord<'_>| {
        record.rows.iter().filter(|row| row.is_ours).for_each(|row| each(record.document, row.table, row.key));
    };
    records(packed, &mut claimed).is_some()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_u16(rest: &mut &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(take(rest, 2)?.try_into().ok()?)))
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?)).ok()
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Fate;
    use super::Packer;
    use super::RowFate;
    use super::claimed_keys;
    use super::records;
    use crate::record::Value;

    #[test]
    fn keys_come_back_without_those_of_skipped_rows() {
        let mut packer = Packer::new(["main", "tags"].into_iter());
        packer.record(Fate::Written, 7, b"source");
        packer.row(0, &RowFate::Inserted, b"a", 1);
        packer.row(1, &RowFate::Updated(vec![Value::Text("old".into())]), &[b'b'; 70_000], 2);
        packer.record(Fate::Dead, 8, b"");
        packer.record(Fate::Skipped, 9, b"x");
        packer.row(0, &RowFate::Skipped, b"c", 3);
        packer.record(Fate::Unchanged, 10, b"y");
        packer.row(0, &RowFate::Unchanged, b"d", 4);
        let packed = packer.finish();
        let mut keys = Vec::new();
        assert!(claimed_keys(&packed, &mut |document, table, key| {
            keys.push((document, table.to_owned(), key.to_vec()));
        }));
        let expected = [(7, "main", b"a".to_vec()), (7, "tags", vec![b'b'; 70_000]), (10, "main", b"d".to_vec())];
        assert_eq!(keys, expected.map(|(document, table, key)| (document, table.to_owned(), key)));
        let mut fates = Vec::new();
        let whole = records(&packed, &mut |record| fates.push((record.document, record.fate, record.rows.len())));
        let expected = [(7, Fate::Written, 2), (8, Fate::Dead, 0), (9, Fate::Skipped, 1), (10, Fate::Unchanged, 1)];
        assert_eq!((whole, fates.as_slice()), (Some(()), expected.as_slice()));
        assert!(!claimed_keys(&packed[..packed.len() - 1], &mut |_, _, _| {}));
    }
}
