//! References that were left NULL because their parent was missing: filled in where it has come and they are NULL still.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::bookkeeping::NulledReference;
use super::commit::Committer;
use super::fill;
use super::fill::Found;
use super::fill::Waiting;
use super::retry::retry;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::record::Value;
use crate::record::value;

/// References that one transaction looks at.
const HEAL_MAX: i64 = 1_000;

/// Fills in the references of an entity's rows whose parents stand there by now; returns how many.
pub async fn heal(committer: &Committer) -> Result<u64, Failure> {
    let (mut filled, mut after) = (0, 0);
    loop {
        let page = retry(&committer.entity().name, async || page(committer, after).await).await?;
        let Some((last, healed)) = page else { return Ok(filled) };
        crate::stop_point!("heal-page");
        after = last;
        filled += healed;
    }
}

/// Looks at some references; returns the last one's number and how many were filled in, or `None` behind the last one.
async fn page(committer: &Committer, after: i64) -> Result<Option<(i64, u64)>, Failure> {
    let entity = committer.entity();
    let mut tx = committer.target().begin().await?;
    let nulled = committer.books().nulled_after(&mut *tx, &entity.name, after, HEAL_MAX).await?;
    let Some((last, _)) = nulled.last() else {
        tx.rollback().await?;
        return Ok(None);
    };
    let last = *last;
    let mut waiting = Vec::with_capacity(nulled.len());
    for (id, nulled) in nulled {
        match Waiting::new(entity, id, nulled) {
            Ok(waits) => waiting.push(waits),
            Err(NulledReference { table, column, .. }) => {
                tracing::warn!(table, column, "left NULL and no reference of the plan any more");
            }
        }
    }
    let found = fill::find_parents(committer, &mut *tx, waiting).await?;
    let found = found.into_iter().filter_map(|(waiting, parent)| Some((waiting, parent?))).collect();
    let found = still_null(&mut *tx, entity, found).await?;
    let mut filled: BTreeSet<i64> = found.iter().map(|(waiting, _)| waiting.id).collect();
    for (waiting, refusal) in fill::fill(&mut *tx, entity, found).await? {
        let id = waiting.id;
        filled.remove(&id);
        let nulled = waiting.refused(entity, &refusal)?;
        committer.books().refuse_nulled(&mut *tx, id, nulled.refusal.as_deref()).await?;
    }
    for id in &filled {
        committer.books().forget_nulled(&mut *tx, *id).await?;
    }
    tx.commit().await?;
    Ok(Some((last, filled.len() as u64)))
}

/// Returns the references whose columns are NULL: somebody may have written something there since, or have removed the
/// row.
async fn still_null(
    tx: &mut dyn Transaction,
    entity: &EntityPlan,
    found: Vec<Found>,
) -> Result<Vec<Found>, TargetError> {
    let mut by_columns: BTreeMap<(&str, Vec<usize>), Vec<usize>> = BTreeMap::new();
    for (index, (waiting, _)) in found.iter().enumerate() {
        let table = waiting.table(entity);
        let columns = waiting.reference(entity).columns.iter().filter(|&&column| table.may_be_null(column));
        let columns = columns.map(|&column| table.columns[column]).collect();
        by_columns.entry((&table.schema.name, columns)).or_default().push(index);
    }
    let mut is_null = vec![false; found.len()];
    for ((_, columns), of_columns) in by_columns {
        let table = found[of_columns[0]].0.table(entity);
        let keys: Vec<Vec<Value>> = of_columns.iter().map(|&index| found[index].0.row_key()).collect();
        let standing = tx.find(&table.schema, &table.key, &keys, &columns).await?;
        for (index, key) in of_columns.into_iter().zip(keys) {
            let values = standing.get(&value::encode(&key));
            is_null[index] = values.is_some_and(|values| values.iter().all(Value::is_null));
        }
    }
    Ok(found.into_iter().zip(is_null).filter_map(|(found, is_null)| is_null.then_some(found)).collect())
}
