//! Which rows this migration itself has put into the target: what tells a duplicate key from a conflict.
//!
//! Memory is fixed: a Bloom filter says "certainly not ours" for nearly every foreign row, and only where it says
//! "perhaps" the ledger is read. Nothing is loaded before the first conflict.

use std::collections::HashMap;
use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::bookkeeping::Bookkeeping;
use super::ledger;
use crate::connector::Transaction;
use crate::error::Failure;

/// 16 MiB: under one false "perhaps" in a hundred up to about 13 million rows.
const FILTER_BITS: u64 = 1 << 27;
const HASHES: u64 = 5;

/// A row by its table's name and its compact key.
pub type RowKey = (String, Vec<u8>);

/// The rows that one entity's earlier batches have claimed.
#[derive(Default)]
pub struct Claimed {
    filter: Option<Vec<u64>>,
}

impl Claimed {
    /// Returns which of these rows an earlier batch has claimed, each with the document that it came from.
    pub async fn among(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        entity: &str,
        rows: &HashSet<RowKey>,
    ) -> Result<HashMap<RowKey, u64>, Failure> {
        if self.filter.is_none() {
            let mut filter = vec![0; usize::try_from(FILTER_BITS / 64).unwrap_or(0)];
            let mut add = |_: u64, table: &str, key: &[u8]| bits(table, key).for_each(|bit| set(&mut filter, bit));
            each_claimed(tx, books, entity, &mut add).await?;
            self.filter = Some(filter);
        }
        let filter = self.filter.as_deref().unwrap_or_default();
        let is_possible = |(table, key): &RowKey| bits(table, key).all(|bit| is_set(filter, bit));
        if rows.iter().any(is_possible) { claimed_by(tx, books, entity, rows).await } else { Ok(HashMap::new()) }
    }

    /// Adds what a committed batch has claimed, as the ledger has it.
    pub fn add(&mut self, packed: &[u8]) {
        if let Some(filter) = &mut self.filter {
            let is_whole =
                ledger::claimed_keys(packed, &mut |_, table, key| bits(table, key).for_each(|bit| set(filter, bit)));
            debug_assert!(is_whole, "this entry has just been packed");
        }
    }
}

/// Returns which of these rows an entity has claimed, and by which document, by its ledger alone: for entities that share a table with others.
pub async fn claimed_by(
    tx: &mut dyn Transaction,
    books: &Bookkeeping,
    entity: &str,
    rows: &HashSet<RowKey>,
) -> Result<HashMap<RowKey, u64>, Failure> {
    let mut claimed = HashMap::new();
    each_claimed(tx, books, entity, &mut |document, table, key| {
        let row = (table.to_owned(), key.to_vec());
        if rows.contains(&row) {
            claimed.entry(row).or_insert(document);
        }
    })
    .await?;
    Ok(claimed)
}

/// Reads the ledger entry by entry, so that memory does not grow with it.
async fn each_claimed(
    tx: &mut dyn Transaction,
    books: &Bookkeeping,
    entity: &str,
    each: &mut (dyn FnMut(u64, &str, &[u8]) + Send),
) -> Result<(), Failure> {
    let mut after = -1;
    while let Some((sequence, packed)) = books.ledger_after(tx, entity, after).await? {
        if !ledger::claimed_keys(&packed, each) {
            return Err(Failure::failed(format!("the ledger entry {sequence} of `{entity}` is damaged")));
        }
        after = sequence;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a 128-bit hash")]
fn bits(table: &str, key: &[u8]) -> impl Iterator<Item = u64> {
    let hash = xxh3_128_with_seed(key, xxh3_64(table.as_bytes()));
    let (low, high) = (hash as u64, (hash >> 64) as u64 | 1);
    (0..HASHES).map(move |step| low.wrapping_add(step.wrapping_mul(high)) % FILTER_BITS)
}

fn set(filter: &mut [u64], bit: u64) {
    if let Some(word) = usize::try_from(bit / 64).ok().and_then(|index| filter.get_mut(index)) {
        *word |= 1 << (bit % 64);
    }
}

fn is_set(filter: &[u64], bit: u64) -> bool {
    usize::try_from(bit / 64).ok().and_then(|index| filter.get(index)).is_some_and(|word| word & (1 << (bit % 64)) != 0)
}
