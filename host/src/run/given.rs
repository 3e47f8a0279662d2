//! The ids that the transformer, or the target, gave to the records of one batch: what is not stored yet may be known all the same.

use std::collections::HashMap;
use std::collections::HashSet;

use super::resolve::Resolved;
use super::resolve::Settled;
use crate::plan::EntityPlan;
use crate::plan::Plan;
use crate::record::Value;
use crate::record::convert;

/// Ids by entity and source key, with the record that gave each: the first of a key, as in what is stored.
#[derive(Default)]
pub struct GivenIds<'a>(HashMap<(usize, &'a str), (usize, &'a Value)>);

/// An id for a reference that found none stored.
pub struct GivenId {
    /// The fed column of the reference.
    pub column: usize,
    /// The id, in the column's type.
    pub value: Value,
    /// The record that gave it.
    pub record: usize,
}

impl<'a> GivenIds<'a> {
    /// Begins with none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the id of a record; its own rows may refer to it.
    pub fn begin(&mut self, index: usize, entity: &EntityPlan, resolved: &'a Resolved, record: usize) {
        let keys = keys(index, entity, resolved, record);
        let (false, Settled::Rows(range)) = (keys.is_empty(), &resolved.records[record]) else { return };
        let given = resolved.rows[range.clone()].iter().find_map(|row| row.values.get(entity.tables[row.table].id?));
        if let Some(id) = given.filter(|id| !id.is_null()) {
            for key in keys {
                self.0.entry(key).or_insert((record, id));
            }
        }
    }

    /// Takes the id of a record away again: the record is set aside.
    pub fn forget(&mut self, index: usize, entity: &EntityPlan, resolved: &'a Resolved, record: usize) {
        for key in keys(index, entity, resolved, record) {
            if self.0.get(&key).is_some_and(|(giver, _)| *giver == record) {
                self.0.remove(&key);
            }
        }
    }

    /// Returns the ids for a row's references that found none stored.
    pub fn look_up(
        &self,
        plan: &Plan,
        entity: usize,
        resolved: &Resolved,
        row: usize,
        unresolved: &HashSet<(usize, usize)>,
    ) -> Vec<GivenId> {
        let resolved_row = &resolved.rows[row];
        let table = &plan.entities[entity].tables[resolved_row.table];
        let open = resolved_row.pending.iter().filter(|(column, ..)| unresolved.contains(&(row, *column)));
        open.filter_map(|(column, parent, key)| {
            let (record, id) = self.0.get(&(*parent, key.as_str()))?;
            let value = convert::fit((*id).clone(), &table.schema.columns[table.columns[*column]]).ok()?;
            Some(GivenId { column: *column, value, record: *record })
        })
        .collect()
    }
}

/// The keys that a record's id is stored under, each with its entity: its own, or those of its members.
fn keys<'a>(index: usize, entity: &EntityPlan, resolved: &'a Resolved, record: usize) -> Vec<(usize, &'a str)> {
    match (resolved.groups.get(&record), &resolved.batch.records[record].key) {
        (Some(group), _) => group.members.iter().map(|member| (member.entity, member.key.as_str())).collect(),
        (None, Some(key)) if entity.id.is_stored() => vec![(index, key.as_str())],
        _ => Vec::new(),
    }
}
