//! Which rows this migration itself has put into the target: what tells a duplicate key from a conflict.
//!
//! Memory is fixed: a Bloom filter says "certainly not ours" for nearly every foreign row, and only where it says
//! "perhaps" the ledger is read. Nothing is loaded before the first conflict.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::bookkeeping::Bookkeeping;
use super::ledger;
use crate::connector::TargetError;
use crate::connector::Transaction;

/// 16 MiB: under one false "perhaps" in a hundred up to about 13 million rows.
const FILTER_BITS: u64 = 1 << 27;
const HASHES: u64 = 5;

/// A row by its table (index into the entity's plan) and its compact key.
pub type RowKey = (usize, Vec<u8>);

/// The rows that one entity's earlier batches have claimed.
#[derive(Default)]
pub struct Claimed {
    filter: Option<Vec<u64>>,
}

impl Claimed {
    /// Returns which of these rows an earlier batch has claimed.
    pub async fn among(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        entity: &str,
        rows: &HashSet<RowKey>,
    ) -> Result<HashSet<RowKey>, TargetError> {
        if self.filter.is_none() {
            let mut filter = vec![0; usize::try_from(FILTER_BITS / 64).unwrap_or(0)];
            each_claimed(tx, books, entity, &mut |table, key| bits(table, key).for_each(|bit| set(&mut filter, bit)))
                .await?;
            self.filter = Some(filter);
        }
        let filter = self.filter.as_deref().unwrap_or_default();
        let is_possible = |(table, key): &RowKey| bits(*table, key).all(|bit| is_set(filter, bit));
        if rows.iter().any(is_possible) { claimed_by(tx, books, entity, rows).await } else { Ok(HashSet::new()) }
    }

    /// Adds what a committed batch has claimed, as the ledger has it.
    pub fn add(&mut self, packed: &[u8]) {
        if let Some(filter) = &mut self.filter {
            ledger::claimed_keys(packed, &mut |table, key| bits(table, key).for_each(|bit| set(filter, bit)));
        }
    }
}

/// Returns which of these rows an entity has claimed, by its ledger alone: for entities that share a table with others.
pub async fn claimed_by(
    tx: &mut dyn Transaction,
    books: &Bookkeeping,
    entity: &str,
    rows: &HashSet<RowKey>,
) -> Result<HashSet<RowKey>, TargetError> {
    let mut claimed = HashSet::new();
    each_claimed(tx, books, entity, &mut |table, key| {
        let row = (table, key.to_vec());
        if rows.contains(&row) {
            claimed.insert(row);
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
    each: &mut (dyn FnMut(usize, &[u8]) + Send),
) -> Result<(), TargetError> {
    let mut after = -1;
    while let Some((sequence, packed)) = books.ledger_after(tx, entity, after).await? {
        ledger::claimed_keys(&packed, each);
        after = sequence;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a 128-bit hash")]
fn bits(table: usize, key: &[u8]) -> impl Iterator<Item = u64> {
    let hash = xxh3_128_with_seed(key, table as u64);
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
