//! Rows that were two, and are one since the records that they refer to are.

use std::collections::HashMap;

use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::OnCollision;
use crate::plan::Plan;
use crate::plan::TablePlan;
use crate::record::Key;
use crate::record::value;
use crate::run::layout::Dead;
use crate::run::layout::Place;
use crate::run::parents::LeftOut;
use crate::run::parents::Parents;
use crate::run::resolve::Choice;
use crate::run::resolve::Decided;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;
use crate::run::resolve::Settled;
use crate::run::transform::Refused;

/// The codes of records that are set aside because something of their rows is there already.
const TAKEN: [&str; 2] = ["duplicate-key", "unique"];

/// Leaves out rows of a record whose key another row of it has by now, now that ids are known: equal ones, and those that
/// differ where the manifest lets the first stand. `before` are the same rows with the source keys that they referred to.
pub fn collapse(plan: &Plan, entity: &EntityPlan, before: &[ResolvedRow], batch: &mut Resolved) {
    let refers =
        |row: &ResolvedRow| merged_references(row).any(|(_, parent, _)| plan.entities[parent].id == IdStrategy::Merged);
    if !before.iter().any(refers) {
        return;
    }
    let mut kept: Vec<ResolvedRow> = Vec::with_capacity(batch.rows.len());
    let mut rows = std::mem::take(&mut batch.rows).into_iter().zip(before);
    for settled in &mut batch.records {
        let Settled::Rows(range) = settled else { continue };
        let start = kept.len();
        let mut firsts: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        for (row, before) in rows.by_ref().take(range.len()) {
            let place = (row.table, row.key.clone());
            let first = firsts.get(&place).map(|&first| &kept[first]).filter(|_| refers(before) && !row.is_deferred);
            let is_left_out = first.is_some_and(|first| {
                first.values == row.values && waits(first) == waits(&row) && undecided(first) == undecided(&row)
                    || entity.on_collision == OnCollision::KeepFirst
            });
            if is_left_out {
                batch.rows_collapsed[row.table] += 1;
                continue;
            }
            firsts.entry(place).or_insert(kept.len());
            kept.push(row);
        }
        *range = start..kept.len();
    }
    batch.rows = kept;
}

/// Takes out of the dead the records that a merge has made the same as others, where the manifest lets the first stand:
/// these are left out. `before` are the rows with the source keys that they refer to.
pub async fn collided(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    before: &Resolved,
    parents: &Parents,
    dead: &mut Dead,
) -> Result<Vec<(usize, LeftOut)>, TargetError> {
    let Place { plan, entity, books, .. } = place;
    let entity = &plan.entities[entity];
    let mut left_out = Vec::new();
    if entity.on_collision != OnCollision::KeepFirst {
        return Ok(left_out);
    }
    let taken: Vec<usize> =
        dead.iter().filter(|(_, refused)| TAKEN.contains(&refused.code.as_str())).map(|(record, _)| *record).collect();
    for record in taken {
        let (Settled::Rows(range), Some(refused)) = (&before.records[record], dead.get(&record)) else { continue };
        let mut is_collision = false;
        for row in &before.rows[range.clone()] {
            let table = &entity.tables[row.table];
            for (fed, parent, key) in merged_references(row) {
                let Some(merged) = plan.entities[parent].merged_into else { continue };
                let (true, Some(id)) =
                    (is_told_apart_by(table, table.columns[fed], refused), parents.stored_id(parent, key.as_str()))
                else {
                    continue;
                };
                // Of one that was merged with nobody, the other row was there in the source.
                let id = value::encode(std::slice::from_ref(&id));
                is_collision |= books.merge_of(tx, &plan.entities[merged].name, &id).await?.is_some();
            }
        }
        if is_collision && let Some(refused) = dead.remove(&record) {
            let reason =
                "a merge has made it the same as another record, and `on-collision` says `keep-first`".to_owned();
            left_out.push((record, LeftOut { reason, refused }));
        }
    }
    Ok(left_out)
}

/// Whether a column is part of what was there already: of the key, or of the constraint that the target names.
fn is_told_apart_by(table: &TablePlan, column: usize, refused: &Refused) -> bool {
    if refused.code == TAKEN[0] {
        return table.key.contains(&column);
    }
    let names = |columns: &[usize]| {
        let names: Vec<&str> = columns.iter().map(|&column| table.schema.columns[column].name.as_str()).collect();
        names.join(", ")
    };
    let mut uniques = table.schema.uniques.iter().filter(|unique| unique.columns.contains(&column));
    uniques.any(|unique| {
        refused.message.contains(&unique.name) || refused.field.as_deref() == Some(names(&unique.columns).as_str())
    })
}

/// What a row refers to whose id is not known yet.
fn waits(row: &ResolvedRow) -> Vec<&(usize, usize, Key)> {
    row.pending.iter().filter(|(column, ..)| row.values[*column].is_null()).collect()
}

/// The references of a row whose ids are stored: fed column, entity and source key; of one that may be to several entities, each.
fn merged_references(row: &ResolvedRow) -> impl Iterator<Item = (usize, usize, &Key)> {
    let named = row.pending.iter().map(|(column, parent, key)| (*column, *parent, key));
    let open =
        row.choices.iter().flat_map(|choice| choice.of.iter().map(|(parent, key)| (choice.column, *parent, key)));
    named.chain(open)
}

/// References of which it is not known yet to whom they are.
fn undecided(row: &ResolvedRow) -> Vec<&Choice> {
    row.choices.iter().filter(|choice| choice.is == Decided::No).collect()
}
