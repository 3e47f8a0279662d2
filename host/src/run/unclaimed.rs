//! Rows that nobody wrote: keys that stand in a table, less those that some ledger of the target has.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128;

use super::bookkeeping::Bookkeeping;
use super::ledger;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// Keys that are looked for in the ledger in one pass.
const KEYS_MAX: usize = 500_000;
/// Rows that are read at once.
const PAGE: usize = 5_000;

/// Calls `each` with so many keys behind one, compact, in order; returns the last one.
pub(super) async fn keys(
    target: &dyn Target,
    table: &TablePlan,
    after: &[u8],
    each: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Option<Vec<u8>>, Failure> {
    let mut last: Option<Vec<Value>> = packed::decode(after).filter(|key| !key.is_empty());
    let (mut count, mut has_some) = (0, false);
    while count < KEYS_MAX {
        let mut tx = target.begin().await?;
        let page = tx.page(&table.schema, &table.key, last.as_deref(), &table.key, PAGE).await?;
        tx.rollback().await?;
        let Some(end) = page.last() else { break };
        last = Some(end.clone());
        has_some = true;
        count += page.len();
        page.iter().for_each(|key| each(&value::encode(key)));
    }
    Ok(last.filter(|_| has_some).map(|key| value::encode(&key)))
}

/// Takes out the keys that some ledger has, of this migration or of another one in the same target; skipped rows were
/// there before, and are known too.
pub(super) async fn strike_claimed(
    target: &dyn Target,
    books: &Bookkeeping,
    table: &str,
    keys: &mut HashSet<u128>,
) -> Result<(), Failure> {
    let mut tx = target.begin().await?;
    let claimants = books.claimants(&mut *tx).await?;
    tx.rollback().await?;
    for (migration, entity) in claimants {
        let books = Bookkeeping::new(target, &migration);
        let mut after = -1;
        loop {
            let mut tx = target.begin().await?;
            let entry = books.ledger_after(&mut *tx, &entity, after).await?;
            tx.rollback().await?;
            let Some((sequence, packed)) = entry else { break };
            after = sequence;
            let whole = ledger::records(&packed, &mut |record| {
                for row in record.rows.iter().filter(|row| row.table == table && !row.is_deferred) {
                    keys.remove(&xxh3_128(row.key));
                }
            });
            if whole.is_none() {
                return Err(Failure::failed(format!("the ledger entry {sequence} of `{entity}` is damaged")));
            }
            if keys.is_empty() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Tells a row from all others of the target.
pub(super) fn row_hash(table: &str, key: &[u8]) -> u128 {
    xxh3_128(&[table.as_bytes(), &[0], key].concat())
}
