//! References that were left NULL because their parent was missing: filled in where it has come and they are NULL still.

use std::collections::BTreeMap;

use super::bookkeeping::NulledReference;
use super::commit::Committer;
use super::finish;
use super::retry::retry;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::packed;
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
    let mut by_column: BTreeMap<(String, String), Vec<(i64, NulledReference)>> = BTreeMap::new();
    for (id, reference) in nulled {
        by_column.entry((reference.table.clone(), reference.column.clone())).or_default().push((id, reference));
    }
    let mut healed = 0;
    for ((table, column), references) in by_column {
        match finish::reference_at(entity, &table, &column) {
            Some((plan, reference)) => {
                healed += fill_column(committer, &mut *tx, plan, reference, references).await?;
            }
            None => tracing::warn!(table, column, "left NULL and no reference of the plan any more"),
        }
    }
    tx.commit().await?;
    Ok(Some((last, healed)))
}

async fn fill_column(
    committer: &Committer,
    tx: &mut dyn Transaction,
    plan: &TablePlan,
    reference: &ReferencePlan,
    nulled: Vec<(i64, NulledReference)>,
) -> Result<u64, Failure> {
    let (ids, nulled): (Vec<i64>, Vec<NulledReference>) = nulled.into_iter().unzip();
    let keys = finish::parent_keys(committer, tx, reference, &nulled).await?;
    let wanted: Vec<Vec<Value>> = keys.iter().filter(|key| !key.is_empty()).cloned().collect();
    let found = tx.find(&reference.parent, &reference.parent_columns, &wanted, &[]).await?;
    let came: Vec<(i64, NulledReference, Vec<Value>)> = ids
        .into_iter()
        .zip(nulled)
        .zip(keys)
        .filter(|(_, key)| !key.is_empty() && found.contains_key(&value::encode(key)))
        .map(|((id, nulled), key)| (id, nulled, key))
        .collect();
    if came.is_empty() {
        return Ok(0);
    }
    // Somebody may have written something else there since, or have removed the row.
    let nullable: Vec<usize> = reference
        .columns
        .iter()
        .map(|&column| plan.columns[column])
        .filter(|&column| plan.schema.columns[column].nullable)
        .collect();
    let row_keys: Vec<Vec<Value>> =
        came.iter().map(|(_, nulled, _)| packed::decode(&nulled.row_key_blob).unwrap_or_default()).collect();
    let standing = tx.find(&plan.schema, &plan.key, &row_keys, &nullable).await?;
    let is_null = |row_key: &Vec<Value>| {
        standing.get(&value::encode(row_key)).is_some_and(|values| values.iter().all(Value::is_null))
    };
    let (mut rows, mut filled) = (Vec::new(), Vec::new());
    for ((id, nulled, key), mut row) in came.into_iter().zip(row_keys) {
        if is_null(&row) {
            row.extend(key);
            filled.push((id, nulled.row_key_blob.clone()));
            rows.push((nulled, row));
        }
    }
    let refused = finish::update(tx, plan, reference, rows).await?;
    filled.retain(|(_, row_key)| !refused.iter().any(|refused| refused.row_key_blob == *row_key));
    for (id, _) in &filled {
        committer.books().forget_nulled(tx, *id).await?;
    }
    Ok(filled.len() as u64)
}
