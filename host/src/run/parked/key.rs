//! What a parked record waits for, and what others may wait for that it brings: keys of parents, as they are stored.

use crate::plan::EntityPlan;
use crate::plan::Later;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Key;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::key;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::ParkedKey;
use crate::run::choices;
use crate::run::layout::column_names;
use crate::run::parents::key_of_parent;
use crate::run::resolve::Choice;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;

/// Returns the key that a row waits for through a reference. `values` are the row's own; `unknown` says that the id of the
/// parent is not known yet.
pub(in crate::run) fn waits(
    plan: &Plan,
    table: &TablePlan,
    reference: &ReferencePlan,
    row: &ResolvedRow,
    values: &[Value],
    unknown: bool,
) -> ParkedKey {
    let parent = reference.entity.map(|entity| &plan.entities[entity]);
    let pending = row.pending.iter().find(|(column, ..)| unknown && reference.columns.contains(column));
    let (of, key) = match pending {
        Some((_, entity, key)) => {
            (of_record(&plan.entities[*entity]), value::encode(&[Value::Text(key.as_str().into())]))
        }
        None => {
            let key = key_of_parent(reference, values).map(|(key, _)| key).unwrap_or_default();
            (of_table(&reference.parent, &reference.parent_columns), value::encode(&key))
        }
    };
    let referred = row.referred.iter().find(|(column, _)| reference.columns.contains(column)).map(|(_, key)| key);
    let shown: Vec<Value> = reference.columns.iter().map(|&column| values[column].clone()).collect();
    ParkedKey {
        of,
        key,
        reference: format!("{}.{}", table.schema.name, column_names(table, reference)),
        parent_entity: parent.map(|parent| parent.name.clone()),
        parent_table: reference.parent.name.clone(),
        parent_record: pending
            .map(|(.., key)| key)
            .or(referred)
            .map(|key| key.as_str().to_owned())
            .or_else(|| parent.and_then(|parent| record_of(parent, reference, &shown))),
        shown: packed::display(&shown),
    }
}

/// Returns what a row waits for of which one of several entities is to have the record.
pub(in crate::run) fn waits_for_one(
    plan: &Plan,
    table: &TablePlan,
    reference: &ReferencePlan,
    choice: &Choice,
) -> ParkedKey {
    ParkedKey {
        of: OF_ONE.to_owned(),
        key: choices::recorded(plan, choice),
        shown: choices::shown(choice),
        reference: format!("{}.{}", table.schema.name, column_names(table, reference)),
        parent_entity: None,
        parent_table: choices::names(table, reference),
        parent_record: None,
    }
}

/// Names what one of several entities has, as [`of_table`] and [`of_record`] name nothing.
pub(in crate::run) const OF_ONE: &str = "?";

/// Returns the keys by which other records of the group may wait for a record: `values` gives what a row of it holds.
pub(in crate::run) fn gives<'a>(
    plan: &Plan,
    entity: &EntityPlan,
    resolved: &Resolved,
    record: usize,
    rows: impl Iterator<Item = usize>,
    values: impl Fn(usize) -> &'a [Value],
) -> Vec<(String, Vec<u8>)> {
    let mut given: Vec<(String, Vec<u8>)> = Vec::new();
    let awaited = awaited(plan, entity);
    for row in rows {
        let table = &entity.tables[resolved.rows[row].table];
        for reference in awaited.iter().filter(|reference| reference.parent.name == table.schema.name) {
            let value_of = |column: &usize| {
                let position = table.columns.iter().position(|fed| fed == column)?;
                Some(values(row)[position].clone()).filter(|value| !value.is_null())
            };
            if let Some(key) = reference.parent_columns.iter().map(value_of).collect::<Option<Vec<Value>>>() {
                given.push((of_table(&reference.parent, &reference.parent_columns), value::encode(&key)));
            }
        }
    }
    let named =
        |entity: &EntityPlan, key: &Key| (of_record(entity), value::encode(&[Value::Text(key.as_str().into())]));
    if let (true, Some(key)) = (entity.id.is_stored(), &resolved.batch.records[record].key) {
        given.push(named(entity, key));
    }
    // Whoever waits for one of those that it is made of waits for it.
    let members = resolved.groups.get(&record).into_iter().flat_map(|group| &group.members);
    given.extend(members.map(|member| named(&plan.entities[member.entity], &member.key)));
    given
}

/// The references through which records of a group are parked, one for each set of columns that they look at.
pub(in crate::run) fn awaited<'a>(plan: &'a Plan, entity: &EntityPlan) -> Vec<&'a ReferencePlan> {
    let members = entity.group.iter().map(|&member| &plan.entities[member]);
    let mut awaited: Vec<&ReferencePlan> = Vec::new();
    for reference in members.flat_map(|member| &member.tables).flat_map(|table| &table.references) {
        let is_same = |other: &&&ReferencePlan| {
            other.parent.name == reference.parent.name && other.parent_columns == reference.parent_columns
        };
        if reference.later == Later::Parked && !awaited.iter().any(|other| is_same(&other)) {
            awaited.push(reference);
        }
    }
    awaited
}

/// Names columns of a table. What is so named ends otherwise than what [`of_record`] names.
pub(in crate::run) fn of_table(table: &TableSchema, columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|&column| table.columns[column].name.as_str()).collect();
    format!("{} ({})", table.name, names.join(", "))
}

/// Names the records of an entity whose ids are stored.
pub(in crate::run) fn of_record(entity: &EntityPlan) -> String {
    format!("{}:", entity.name)
}

/// The key of the parent's record where an id is the source's own key, or may be: it is used to find a dead letter that has
/// the same, and for nothing else.
fn record_of(parent: &EntityPlan, reference: &ReferencePlan, values: &[Value]) -> Option<String> {
    let is_whole =
        reference.parent_columns.len() == parent.key.len() && reference.parent_columns == reference.parent.primary_key;
    if !is_whole || parent.id.is_stored() {
        return None;
    }
    let one = |value: &Value| match value {
        Value::Integer(value) => Some(Key::from_canonical(format!("i{value}"))),
        Value::Text(value) => Some(Key::from_canonical(format!("s{value}"))),
        Value::Uuid(value) => Some(Key::from_canonical(format!("u{value}"))),
        _ => None,
    };
    let mut parts = values.iter().map(one).collect::<Option<Vec<Key>>>()?;
    let key = if parts.len() == 1 { parts.pop()? } else { key::composite(&parts) };
    Some(key.as_str().to_owned())
}
