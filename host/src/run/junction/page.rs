//! Some rows of a junction, in the order of their keys, on the way to their places: one place a row.
//!
//! Rows are judged one after another, each by what stands in the target and by the rows before it, so that it makes no
//! difference where a page ends.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use super::candidate::Candidate;
use super::candidate::Place;
use super::write::Answer;
use super::write::write;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::JunctionPlan;
use crate::plan::Plan;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::claimed::Claimed;
use crate::run::claimed::RowKey;
use crate::run::layout::column_names;

/// Gives every row its place; fails at the first one that the junction's policies do not let go.
pub(super) async fn place(
    plan: &Plan,
    junction: &JunctionPlan,
    books: &Bookkeeping,
    claimed: &mut Claimed,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    drop_orphans(plan, junction, tx, candidates).await?;
    // What stands under the keys of the rows that are left to be compared with it.
    let mut standing: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for (index, answer) in write(tx, &junction.table, candidates).await? {
        match answer {
            Answer::Inserted => candidates[index].place = Some(Place::Inserted),
            Answer::Stands(values) => drop(standing.insert(index, values)),
            Answer::Refused(refusal) => candidates[index].refuse(&refusal),
        }
    }
    look_up_others(junction, tx, candidates, &mut standing).await?;
    compare(junction, books, claimed, tx, candidates, standing).await?;
    candidates.iter().try_for_each(|candidate| candidate.check_policy(junction))
}

/// Leaves out the rows that lack a parent: asked once a reference, whether the target enforces it or not.
async fn drop_orphans(
    plan: &Plan,
    junction: &JunctionPlan,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let table = &junction.table;
    for reference in &table.references {
        // For each row, the key that it looks for, and whether the parent's columns can hold it at all.
        let wanted: Vec<Option<(Vec<Value>, bool)>> = candidates
            .iter()
            .map(|candidate| {
                let mut fits = candidate.place.is_none();
                let pairs = reference.columns.iter().zip(&reference.parent_columns);
                let key = pairs.map(|(&fed, &parent)| {
                    let value = candidate.value_at(table.columns[fed]).filter(|value| !value.is_null())?;
                    Some(convert::refit(value.clone(), &reference.parent.columns[parent]).unwrap_or_else(|_| {
                        fits = false;
                        value.clone()
                    }))
                });
                Some((key.collect::<Option<Vec<Value>>>()?, fits))
            })
            .collect();
        let mut asked: HashMap<Vec<u8>, Vec<Value>> = HashMap::new();
        for (key, _) in wanted.iter().flatten().filter(|(_, fits)| *fits) {
            asked.entry(value::encode(key)).or_insert_with(|| key.clone());
        }
        let asked: Vec<Vec<Value>> = asked.into_values().collect();
        let found = tx.find(&reference.parent, &reference.parent_columns, &asked, &[]).await?;
        let columns = column_names(table, reference);
        let entity = reference.entity.map(|entity| format!(" of `{}`", plan.entities[entity].name)).unwrap_or_default();
        for (candidate, key) in candidates.iter_mut().zip(&wanted).filter(|(candidate, _)| candidate.place.is_none()) {
            let Some((key, fits)) = key else { continue };
            if *fits && found.contains_key(&value::encode(key)) {
                continue;
            }
            let source = candidate.row.source_key(&columns);
            let source = source.map(|key| format!(", the id of the key `{key}`")).unwrap_or_default();
            let parent = &reference.parent.name;
            let why = format!("there is no row{entity} in `{parent}` with {}{source}", packed::display(key));
            candidate.drop(columns.clone(), why);
        }
    }
    Ok(())
}

/// Adds what stands under the keys of the other rows that have no place: a row before them was written, or stood.
async fn look_up_others(
    junction: &JunctionPlan,
    tx: &mut dyn Transaction,
    candidates: &[Candidate],
    standing: &mut BTreeMap<usize, Vec<Value>>,
) -> Result<(), Failure> {
    let table = &junction.table;
    let mut others: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        if candidate.place.is_none() && !standing.contains_key(&index) {
            others.entry(&candidate.columns).or_default().push(index);
        }
    }
    for (columns, others) in others {
        let keys: HashSet<&[u8]> = others.iter().map(|&other| candidates[other].key.as_slice()).collect();
        let keys: Vec<Vec<Value>> = keys.into_iter().filter_map(packed::decode).collect();
        let found = tx.find(&table.schema, &table.key, &keys, columns).await?;
        for other in others {
            let candidate = &candidates[other];
            let Some(values) = found.get(&candidate.key) else {
                let what = format!("look up the row {} of `{}`", candidate.shown_key(junction), junction.name());
                let source = "it has just been written, and does not stand there".into();
                return Err(TargetError::Database { what, source }.into());
            };
            standing.insert(other, values.clone());
        }
    }
    Ok(())
}

/// Compares rows with those that stand under their keys: because of this migration, or before it.
async fn compare(
    junction: &JunctionPlan,
    books: &Bookkeeping,
    claimed: &mut Claimed,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
    standing: BTreeMap<usize, Vec<Value>>,
) -> Result<(), Failure> {
    let is_written = |candidate: &&Candidate| candidate.place == Some(Place::Inserted);
    let mut ours: HashSet<Vec<u8>> = candidates.iter().filter(is_written).map(|written| written.key.clone()).collect();
    let mut equal: Vec<(usize, RowKey)> = Vec::new();
    for (index, values) in standing {
        let candidate = &mut candidates[index];
        candidate.compare(junction, &values);
        if candidate.place.is_none() {
            // What stands there is what was claimed.
            equal.push((index, (junction.name().to_owned(), candidate.standing_key(&junction.table, &values))));
        }
    }
    let keys = equal.iter().map(|(_, key)| key).filter(|(_, key)| !ours.contains(key)).cloned();
    let keys: HashSet<RowKey> = keys.collect();
    let known = match keys.is_empty() {
        true => HashMap::new(),
        false => claimed.among(tx, books, &junction.ledger_name(), &keys).await?,
    };
    for (index, key) in equal {
        let is_first = !known.contains_key(&key) && ours.insert(key.1);
        candidates[index].place = Some(if is_first { Place::Unchanged } else { Place::Collapsed });
    }
    Ok(())
}
