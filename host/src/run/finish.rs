//! The end of an entity: self-references that waited are filled in, empty tables and the budget are judged.

use std::collections::BTreeMap;

use super::bookkeeping::Checkpoint;
use super::bookkeeping::NulledReference;
use super::commit::CommitError;
use super::commit::Committer;
use super::commit::moved;
use super::layout::column_names;
use super::report::RowCounts;
use super::report::State;
use super::retry::retry;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Rows;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::OnMissing;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;

/// Deferred references that one transaction fills in.
const FILL_MAX: i64 = 1_000;

/// Takes the final steps of an entity whose source is read to its end; returns the checkpoint that says so.
pub async fn finish(committer: &Committer, checkpoint: &Checkpoint) -> Result<Checkpoint, CommitError> {
    let entity = committer.entity();
    while retry(&entity.name, async || fill(committer).await).await? {
        crate::stop_point!("finish-fill");
    }
    if entity.budget.is_exceeded(checkpoint.fates.dead, checkpoint.fates.read, true) {
        return Err(Failure::failed(format!(
            "`{}` ended with {} dead letters among {} records, more than its `dead-letters-max`",
            entity.name, checkpoint.fates.dead, checkpoint.fates.read
        ))
        .hint("`whimbrel dead-letter list` shows them; with a larger `dead-letters-max` the same command completes the entity")
        .into());
    }
    let empty = entity.tables.iter().map(|table| &table.schema.name).find(|name| {
        checkpoint.rows.get(*name).is_none_or(|rows: &RowCounts| rows.standing() == 0)
            && !entity.allow_empty.contains(name)
    });
    if let Some(empty) = empty.filter(|_| checkpoint.fates.read > 0) {
        return Err(Failure::failed(format!(
            "the table `{empty}` got no row from the {} records of `{}`",
            checkpoint.fates.read, entity.name
        ))
        .hint(format!("mend the mapping, or say `allow-empty = [\"{empty}\"]` for the entity and run again"))
        .into());
    }
    Ok(retry(&entity.name, async || complete(committer, checkpoint).await).await?)
}

async fn complete(committer: &Committer, checkpoint: &Checkpoint) -> Result<Checkpoint, Failure> {
    let entity = committer.entity();
    let to = Checkpoint { state: State::Completed, ..checkpoint.clone() };
    let mut tx = committer.target().begin().await?;
    committer.books().forget_provisional(&mut *tx, &entity.name).await?;
    if !committer.books().move_checkpoint(&mut *tx, &entity.name, checkpoint, &to).await? {
        tx.rollback().await?;
        return Err(moved(&entity.name));
    }
    tx.commit().await?;
    Ok(to)
}

/// Fills in some of the references that wait; `false` where none is left.
pub(super) async fn fill(committer: &Committer) -> Result<bool, Failure> {
    let entity = committer.entity();
    let mut tx = committer.target().begin().await?;
    let waiting = committer.books().deferred_references(&mut *tx, &entity.name, FILL_MAX).await?;
    let Some((last, _)) = waiting.last() else {
        tx.rollback().await?;
        return Ok(false);
    };
    let last = *last;
    let mut by_column: BTreeMap<(String, String), Vec<NulledReference>> = BTreeMap::new();
    for (_, reference) in waiting {
        by_column.entry((reference.table.clone(), reference.column.clone())).or_default().push(reference);
    }
    for ((table, column), references) in by_column {
        let Some((plan, reference)) = reference_at(entity, &table, &column) else {
            return Err(Failure::failed(format!("references through `{table}.{column}` wait, and the plan has none"))
                .hint("the manifest has changed since they were written; put the reference back"));
        };
        fill_column(committer, &mut *tx, plan, reference, references).await?;
    }
    committer.books().forget_deferred(&mut *tx, &entity.name, last).await?;
    tx.commit().await?;
    Ok(true)
}

/// Returns the reference of these columns, with its table.
pub(super) fn reference_at<'a>(
    entity: &'a EntityPlan,
    table: &str,
    column: &str,
) -> Option<(&'a TablePlan, &'a ReferencePlan)> {
    let of_table = |plan: &&TablePlan| plan.schema.name == table;
    entity.tables.iter().filter(of_table).find_map(|plan| {
        let reference = plan.references.iter().find(|reference| column_names(plan, reference) == column)?;
        Some((plan, reference))
    })
}

/// Returns the parents' keys that references wait for; an empty one where it can be no key of the parent.
pub(super) async fn parent_keys(
    committer: &Committer,
    tx: &mut dyn Transaction,
    reference: &ReferencePlan,
    waiting: &[NulledReference],
) -> Result<Vec<Vec<Value>>, TargetError> {
    let mut keys: Vec<Vec<Value>> = Vec::with_capacity(waiting.len());
    for waits in waiting {
        let mut key = packed::decode(&waits.value).unwrap_or_default();
        // An entity with stored ids: what waits is the source key, whose id may be known by now.
        let parent = reference.entity.map(|parent| committer.entity_at(parent));
        if let (Some(parent), [Value::Text(source_key)]) =
            (parent.filter(|parent| parent.id == IdStrategy::Column), key.as_slice())
        {
            let id = committer.books().id(tx, &parent.name, source_key).await?;
            key = id.as_deref().and_then(packed::decode).unwrap_or_default();
        }
        let fits = key.len() == reference.parent_columns.len()
            && key
                .iter()
                .zip(&reference.parent_columns)
                .all(|(value, &column)| convert::fit(value.clone(), &reference.parent.columns[column]).is_ok());
        keys.push(if fits { key } else { Vec::new() });
    }
    Ok(keys)
}

async fn fill_column(
    committer: &Committer,
    tx: &mut dyn Transaction,
    plan: &TablePlan,
    reference: &ReferencePlan,
    waiting: Vec<NulledReference>,
) -> Result<(), Failure> {
    let keys = parent_keys(committer, tx, reference, &waiting).await?;
    let wanted: Vec<Vec<Value>> = keys.iter().filter(|key| !key.is_empty()).cloned().collect();
    let found = tx.find(&reference.parent, &reference.parent_columns, &wanted, &[]).await?;
    let mut rows: Vec<(NulledReference, Vec<Value>)> = Vec::new();
    let mut missing: Vec<NulledReference> = Vec::new();
    for (waits, key) in waiting.into_iter().zip(keys) {
        if !key.is_empty() && found.contains_key(&value::encode(&key)) {
            let mut row = packed::decode(&waits.row_key_blob).unwrap_or_default();
            row.extend(key);
            rows.push((waits, row));
        } else {
            missing.push(waits);
        }
    }
    if let (OnMissing::Fail, Some(first)) = (reference.on_missing, missing.first()) {
        return Err(Failure::failed(format!(
            "`{}.{}`: there is no row in `{}` with {}, wanted by the row {}",
            first.table, first.column, first.parent, first.parent_key, first.row_key
        ))
        .hint(format!("`references.{}.on-missing` says `fail`; `null` would leave the column empty", first.column)));
    }
    missing.extend(update(tx, plan, reference, rows).await?);
    committer.books().insert_references(tx, &committer.entity().name, false, &missing).await?;
    Ok(())
}

/// Fills in references; returns those that the target refused, which stay NULL.
pub(super) async fn update(
    tx: &mut dyn Transaction,
    plan: &TablePlan,
    reference: &ReferencePlan,
    rows: Vec<(NulledReference, Vec<Value>)>,
) -> Result<Vec<NulledReference>, Failure> {
    let columns: Vec<usize> =
        plan.key.iter().copied().chain(reference.columns.iter().map(|&column| plan.columns[column])).collect();
    let mut refused = Vec::new();
    let mut parts = vec![rows];
    while let Some(mut part) = parts.pop().filter(|part| !part.is_empty()) {
        let values: Vec<&[Value]> = part.iter().map(|(_, row)| row.as_slice()).collect();
        tx.savepoint("fill").await?;
        match tx.update(Rows { table: &plan.schema, columns: &columns, key: &plan.key, rows: &values }).await {
            Ok(()) => tx.release("fill").await?,
            Err(TargetError::Refused(refusal)) => {
                tx.rollback_to("fill").await?;
                tx.release("fill").await?;
                if part.len() > 1 {
                    let behind = part.split_off(part.len() / 2);
                    parts.extend([behind, part]);
                    continue;
                }
                for (waits, _) in part {
                    tracing::warn!(
                        table = waits.table,
                        row = waits.row_key,
                        column = waits.column,
                        refusal = refusal.message,
                        "the target refused to fill in a reference, it stays NULL"
                    );
                    refused.push(waits);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}
