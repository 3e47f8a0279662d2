//! The packed part of a ledger entry: what one batch did, record by record and row by row.
//!
//! ```text
//! header  number of tables u16 · for each: length of its name u16 · name
//! record  fate u8 · digest of its source bytes u64 · number of rows u32 · rows
//! row     table u16 · what became of it u8 · key length u32 · key · digest of its values u64 · [before: length u32 · values]
//! ```
//! Integers are little-endian, keys and values in the compact form of `record::value`, digests XXH3 (64 bits). Tables
//! have their names in the entry, for a later plan may number them otherwise.
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
    pub fn record(&mut self, fate: Fate, source: &[u8]) {
        self.out.push(fate as u8);
        self.out.extend_from_slice(&xxh3_64(source).to_le_bytes());
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
    xxh3_64(&value::encode(values))
}

/// Calls `each` with the table's name and the key of every row that stands in the target because of this entry.
///
/// Returns `false` where the entry is cut short or malformed.
#[must_use]
pub fn claimed_keys(packed: &[u8], each: &mut dyn FnMut(&str, &[u8])) -> bool {
    read(packed, each).is_some()
}

fn read(mut rest: &[u8], each: &mut dyn FnMut(&str, &[u8])) -> Option<()> {
    let mut tables = Vec::new();
    for _ in 0..take_u16(&mut rest)? {
        let length = take_u16(&mut rest)?;
        tables.push(std::str::from_utf8(take(&mut rest, length)?).ok()?);
    }
    while !rest.is_empty() {
        take(&mut rest, 9)?;
        for _ in 0..take_u32(&mut rest)? {
            let table = *tables.get(take_u16(&mut rest)?)?;
            let fate = take(&mut rest, 1)?[0];
            let length = take_u32(&mut rest)?;
            let key = take(&mut rest, length)?;
            take(&mut rest, 8)?;
            if fate == 2 {
                let length = take_u32(&mut rest)?;
                take(&mut rest, length)?;
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

fn take_u16(rest: &mut &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(take(rest, 2)?.try_into().ok()?)))
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?)).ok()
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
        let mut packer = Packer::new(["main", "tags"].into_iter());
        packer.record(Fate::Written, b"source");
        packer.row(0, &RowFate::Inserted, b"a", 1);
        packer.row(1, &RowFate::Updated(vec![Value::Text("old".into())]), &[b'b'; 70_000], 2);
        packer.record(Fate::Dead, b"");
        packer.record(Fate::Skipped, b"x");
        packer.row(0, &RowFate::Skipped, b"c", 3);
        packer.record(Fate::Unchanged, b"y");
        packer.row(0, &RowFate::Unchanged, b"d", 4);
        let packed = packer.finish();
        let mut keys = Vec::new();
        assert!(claimed_keys(&packed, &mut |table, key| keys.push((table.to_owned(), key.to_vec()))));
        let expected = [("main", b"a".to_vec()), ("tags", vec![b'b'; 70_000]), ("main", b"d".to_vec())];
        assert_eq!(keys, expected.map(|(table, key)| (table.to_owned(), key)));
        assert!(!claimed_keys(&packed[..packed.len() - 1], &mut |_, _| {}));
    }
}
