//! Which entities refer to which, and what becomes of references whose parents come later: in a circle of entities, or in the
//! same table.

use super::EntityPlan;
use super::Later;
use super::OnMissing;
use super::ReferencePlan;
use super::TablePlan;
use super::order::Edge;

/// Returns the references between entities: one edge for a child and a parent, required where one of its references is.
pub(super) fn edges(entities: &[EntityPlan]) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for (merged, entity) in entities.iter().enumerate() {
        edges.extend(entity.merges.iter().map(|&parent| Edge { parent, child: merged, is_required: true }));
    }
    for (child, table, reference) in references(entities) {
        let is_required = !may_wait_as_null(table, reference);
        let mut parents: Vec<usize> = reference.entity.map(|entity| writer(entities, entity)).into_iter().collect();
        if !reference.to_itself {
            parents.extend(feeding(entities, reference));
        }
        for parent in parents.into_iter().filter(|&parent| parent != child) {
            match edges.iter_mut().find(|edge| edge.parent == parent && edge.child == child) {
                Some(edge) => edge.is_required |= is_required,
                None => edges.push(Edge { parent, child, is_required }),
            }
        }
    }
    edges
}

/// Says of every reference what happens where its parent is not there yet, and where it never comes. `ordered` are the
/// groups of entities in the order they run.
pub(super) fn settle(entities: &mut [EntityPlan], ordered: &[Vec<usize>]) {
    let mut places = vec![(0, 0); entities.len()];
    for (group, members) in ordered.iter().enumerate() {
        members.iter().enumerate().for_each(|(place, &member)| places[member] = (group, place));
    }
    let mut laters: Vec<Later> = Vec::new();
    for (child, table, reference) in references(entities) {
        let (group, place) = places[child];
        let comes_later = |other: usize| places[other].0 == group && places[other].1 > place;
        laters.push(if reference.to_itself || feeding(entities, reference).any(comes_later) {
            waits(table, reference)
        } else if reference.asked.or(reference.usual) == Some(OnMissing::Park) {
            Later::Parked
        } else {
            Later::Never
        });
    }
    // Where records of a group are parked, the parents of others come later too.
    let mut parks = vec![false; ordered.len()];
    for ((child, ..), later) in references(entities).zip(&laters) {
        parks[places[child].0] |= *later == Later::Parked;
    }
    for ((child, table, reference), later) in references(entities).zip(&mut laters) {
        let group = places[child].0;
        let is_inside = feeding(entities, reference).any(|parent| places[parent].0 == group);
        if *later == Later::Never && parks[group] && is_inside {
            *later = match reference.asked.or(reference.usual) {
                Some(OnMissing::Null | OnMissing::Fail) => waits(table, reference),
                _ => Later::Parked,
            };
        }
    }
    // A column that may refer to one of several entities waits as a whole.
    let of_column: Vec<_> = references(entities)
        .map(|(child, table, reference)| {
            reference.choice.as_ref().map(|_| (child, table.schema.name.clone(), reference.columns.clone()))
        })
        .collect();
    let waiting: Vec<_> = of_column.iter().zip(&laters).filter(|(_, later)| **later != Later::Never).collect();
    let whole: Vec<Later> = of_column
        .iter()
        .zip(&laters)
        .map(|(of, later)| {
            let other = waiting.iter().find(|(other, _)| of.is_some() && *other == of);
            other.map_or(*later, |(_, later)| **later)
        })
        .collect();
    let laters = whole;
    let writing = entities.iter_mut().filter(|entity| entity.merged_into.is_none());
    let own = writing.flat_map(|entity| &mut entity.tables).filter(|table| table.junction.is_none());
    let all = own.flat_map(|table| &mut table.references);
    for (reference, later) in all.zip(laters) {
        reference.on_missing = reference.asked.unwrap_or(match (reference.usual, later) {
            (Some(usual @ (OnMissing::Null | OnMissing::Fail)), _) => usual,
            // What is usual of other references would be to set aside, or to leave out, a record that stands already.
            (_, Later::FilledIn) => OnMissing::Null,
            (usual, _) => usual.unwrap_or(OnMissing::DeadLetter),
        });
        reference.later = later;
    }
}

/// What becomes of a reference whose parent may come later.
fn waits(table: &TablePlan, reference: &ReferencePlan) -> Later {
    if may_wait_as_null(table, reference) { Later::FilledIn } else { Later::Parked }
}

/// Whether a reference can be written NULL until its parent has come. A record that is to be set aside where it never
/// comes must not stand there until then.
fn may_wait_as_null(table: &TablePlan, reference: &ReferencePlan) -> bool {
    let nullable = reference.columns.iter().any(|&column| table.may_be_null(column));
    let keeps_row = match reference.asked {
        Some(asked) => matches!(asked, OnMissing::Null | OnMissing::Fail),
        None => reference.usual != Some(OnMissing::Park),
    };
    nullable && keeps_row
}

/// The entities that feed the table which a reference points to.
fn feeding<'a>(entities: &'a [EntityPlan], reference: &'a ReferencePlan) -> impl Iterator<Item = usize> + 'a {
    let feeds = |entity: &EntityPlan| {
        entity.merged_into.is_none() && entity.tables.iter().any(|fed| fed.schema.name == reference.parent.name)
    };
    (0..entities.len()).filter(move |&other| feeds(&entities[other]))
}

/// The entity that writes the rows of another one's records.
fn writer(entities: &[EntityPlan], entity: usize) -> usize {
    entities[entity].merged_into.unwrap_or(entity)
}

/// Every reference of rows that entities write themselves, with its entity and its table, in the order of the plan.
fn references(entities: &[EntityPlan]) -> impl Iterator<Item = (usize, &TablePlan, &ReferencePlan)> {
    entities.iter().enumerate().flat_map(|(child, entity)| {
        let tables = entity.tables.iter();
        let own = tables.filter(|table| !entity.leaves(table));
        own.flat_map(move |table| table.references.iter().map(move |reference| (child, table, reference)))
    })
}
