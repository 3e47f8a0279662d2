//! The packed part of a ledger entry: what one batch did, record by record and row by row.
//!
//! ```text
//! record  fate u8 · digest of its source bytes u64 · number of rows u16 · rows
//! row     table u8 · what became of it u8 · key length u16 · key · digest of its values u64 · [before: length u32 · values]
//! ```
//! Integers are little-endian, keys and values in the compact form of `record::value`, digests XXH3 (64 bits).
//! Only an updated row carries what stood there before.

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
}

impl RowFate {
    fn tag(&self) -> u8 {
        match self {
            Self::Inserted => 1,
            Self::Updated(_) => 2,
            Self::Unchanged => 3,
            Self::Skipped => 4,
        }
    }
}

/// Writes the packed part, record by record.
#[derive(Default)]
pub struct Packer {
    out: Vec<u8>,
    rows_at: usize,
    rows: u16,
}

impl Packer {
    /// Begins a record.
    pub fn record(&mut self, fate: Fate, source: &[u8]) {
        self.out.push(fate as u8);
        self.out.extend_from_slice(&xxh3_64(source).to_le_bytes());
        self.rows_at = self.out.len();
        self.rows = 0;
        self.out.extend_from_slice(&[0, 0]);
    }

    /// Adds a row to the record begun last.
    pub fn row(&mut self, table: usize, fate: &RowFate, key: &[u8], digest: u64) {
        self.rows = self.rows.saturating_add(1);
        self.out[self.rows_at..self.rows_at + 2].copy_from_slice(&self.rows.to_le_bytes());
        self.out.push(u8::try_from(table).unwrap_or(u8::MAX));
        self.out.push(fate.tag());
        self.out.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(&digest.to_le_bytes());
        if let RowFate::Updated(before) = fate {
            let before = value::encode(before);
            self.out.extend_from_slice(&u32::try_from(before.len()).unwrap_or(u32::MAX).to_le_bytes());
            self.out.extend_from_slice(&before);
        }
    }

    /// Returns the packed part.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Returns the digest of a row's values, in the order of the columns that are fed.
pub fn digest(values: &[Value]) -> u64 {
    xxh3_64(&value::encode(values))
}

/// Calls `each` with the table and the key of every row that stands in the target because of this entry.
///
/// Returns `false` where the entry is cut short or malformed.
pub fn claimed_keys(packed: &[u8], each: &mut dyn FnMut(usize, &[u8])) -> bool {
    read(packed, each).is_some()
}

fn read(mut rest: &[u8], each: &mut dyn FnMut(usize, &[u8])) -> Option<()> {
    while !rest.is_empty() {
        let head = take(&mut rest, 11)?;
        for _ in 0..u16::from_le_bytes([head[9], head[10]]) {
            let row = take(&mut rest, 4)?;
            let (table, fate) = (usize::from(row[0]), row[1]);
            let key = take(&mut rest, usize::from(u16::from_le_bytes([row[2], row[3]])))?;
            take(&mut rest, 8)?;
            if fate == 2 {
                let length: [u8; 4] = take(&mut rest, 4)?.try_into().ok()?;
                take(&mut rest, usize::try_from(u32::from_le_bytes(length)).ok()?)?;
            }
            // A skipped row is somebody else's.
            if fate != 4 {
                each(table, key);
            }
        }
    }
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::Fate;
    use super::Packer;
    use super::RowFate;
    use super::claimed_keys;
    use crate::record::Value;

    #[test]
    fn keys_come_back_without_those_of_skipped_rows() {
        let mut packer = Packer::default();
        packer.record(Fate::Written, b"source");
        packer.row(0, &RowFate::Inserted, b"a", 1);
        packer.row(1, &RowFate::Updated(vec![Value::Text("old".into())]), b"bb", 2);
        packer.record(Fate::Dead, b"");
        packer.record(Fate::Skipped, b"x");
        packer.row(0, &RowFate::Skipped, b"c", 3);
        packer.record(Fate::Unchanged, b"y");
        packer.row(0, &RowFate::Unchanged, b"d", 4);
        let packed = packer.finish();
        let mut keys = Vec::new();
        assert!(claimed_keys(&packed, &mut |table, key| keys.push((table, key.to_vec()))));
        assert_eq!(keys, vec![(0, b"a".to_vec()), (1, b"bb".to_vec()), (0, b"d".to_vec())]);
        assert!(!claimed_keys(&packed[..packed.len() - 1], &mut |_, _| {}));
    }
}
