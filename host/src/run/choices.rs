//! References that may be to a record of one of several entities: which of them has one is asked of the target, once an
//! entity and batch.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use super::bookkeeping::Bookkeeping;
use super::layout::refuse;
use super::parents::Parents;
use super::parents::fetch_ids;
use super::resolve::Choice;
use super::resolve::Decided;
use super::transform::Refused;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::plan::IdStrategy;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Column;
use crate::record::Kept;
use crate::record::Key;
use crate::record::Value;
use crate::record::convert;
use crate::record::convert::Converted;
use crate::record::key::EntityIds;
use crate::record::packed;
use crate::record::value;

/// The ids of records, by entity and source key.
pub(super) type Ids = HashMap<(usize, String), Value>;

/// Returns the ids of those of these records whose rows stand in the target.
pub(super) async fn standing(
    plan: &Plan,
    books: &Bookkeeping,
    tx: &mut dyn Transaction,
    wanted: impl Iterator<Item = (usize, &Key)> + Clone,
    parents: &mut Parents,
) -> Result<Ids, TargetError> {
    let stored = wanted.clone().filter(|(entity, _)| plan.entities[*entity].id.is_stored());
    fetch_ids(plan, books, tx, stored.map(|(entity, key)| (entity, key.as_str())), parents).await?;
    let mut by_entity: BTreeMap<usize, HashSet<&Key>> = BTreeMap::new();
    for (entity, key) in wanted {
        by_entity.entry(entity).or_default().insert(key);
    }
    let mut standing = Ids::new();
    for (entity, keys) in by_entity {
        let Some((table, fed)) = plan.entities[entity].main_table() else { continue };
        let column = table.columns[fed];
        let ids = EntityIds::new(&plan.namespace, &plan.entities[entity].name);
        let id_of = |key: &&Key| {
            let id = match plan.entities[entity].id {
                IdStrategy::Column | IdStrategy::Sequence | IdStrategy::Merged => {
                    parents.stored_id(entity, key.as_str())
                }
                strategy => computed(strategy, &ids, key, &table.schema.columns[column]),
            };
            Some((key.as_str().to_owned(), convert::refit(id?, &table.schema.columns[column]).ok()?))
        };
        let known: Vec<(String, Value)> = keys.iter().filter_map(id_of).collect();
        let sought: Vec<Vec<Value>> = known.iter().map(|(_, id)| vec![id.clone()]).collect();
        let found = tx.find(&table.schema, &[column], &sought, &[]).await?;
        let stands = known.into_iter().filter(|(_, id)| found.contains_key(&value::encode(std::slice::from_ref(id))));
        standing.extend(stands.map(|(key, id)| ((entity, key), id)));
    }
    Ok(standing)
}

/// Returns an id that is computed, as a column holds it.
pub(super) fn computed(strategy: IdStrategy, ids: &EntityIds, key: &Key, column: &Column) -> Option<Value> {
    match strategy {
        IdStrategy::UuidV5 => convert::fit(Value::Uuid(ids.id(key)), column).ok(),
        IdStrategy::Keep => match convert::convert(Kept::of_key(key)?.to_bson()?.as_raw_bson_ref(), column) {
            Ok(Converted::Value(value)) => Some(value),
            _ => None,
        },
        IdStrategy::Column | IdStrategy::Sequence | IdStrategy::Merged => None,
    }
}

/// Returns which of the entities has a record.
pub(super) fn decide(of: &[(usize, Key)], has_record: impl Fn(usize, &Key) -> bool) -> Decided {
    let found: Vec<usize> =
        of.iter().filter(|(entity, key)| has_record(*entity, key)).map(|(entity, _)| *entity).collect();
    match found.as_slice() {
        [] => Decided::No,
        [one] => Decided::One(*one),
        _ => Decided::Several(found),
    }
}

/// What a row has chosen for a reference, where the reference is one of several of its column.
pub(super) enum Chosen<'a> {
    /// This one, or there is nothing to choose.
    This,
    /// Another one, or none beside the first one: nothing is to be done for this one.
    Other,
    /// None has a record; told of the first reference of the column.
    Nobody(&'a Choice),
    /// Several have one; told of the first reference of the column.
    Several(&'a Choice, &'a [usize]),
}

/// Returns what a row's choice says of a reference.
pub(super) fn chosen<'a>(table: &TablePlan, reference: &ReferencePlan, choices: &'a [Choice]) -> Chosen<'a> {
    if reference.choice.is_none() {
        return Chosen::This;
    }
    let Some(choice) = choices.iter().find(|choice| reference.columns == [choice.column]) else { return Chosen::This };
    let is_first = || of_column(table, reference).next().is_some_and(|first| std::ptr::eq(first, reference));
    match &choice.is {
        Decided::One(entity) if reference.entity == Some(*entity) => Chosen::This,
        Decided::No if is_first() => Chosen::Nobody(choice),
        Decided::Several(entities) if is_first() => Chosen::Several(choice, entities),
        _ => Chosen::Other,
    }
}

/// The references that a column may be, in the order of the description.
pub(super) fn of_column<'a>(
    table: &'a TablePlan,
    reference: &'a ReferencePlan,
) -> impl Iterator<Item = &'a ReferencePlan> {
    table.references.iter().filter(|other| other.choice.is_some() && other.columns == reference.columns)
}

/// The names of the entities that a column may refer to.
pub(super) fn names(table: &TablePlan, reference: &ReferencePlan) -> String {
    let names: Vec<&str> = of_column(table, reference).filter_map(|reference| reference.choice.as_deref()).collect();
    names.join(", ")
}

/// What is recorded of a choice that nobody could take yet: the names of the entities, each with the key that is sought there.
pub(super) fn recorded(plan: &Plan, choice: &Choice) -> Vec<u8> {
    let pair = |(entity, key): &(usize, Key)| {
        [Value::Text(plan.entities[*entity].name.as_str().into()), Value::Text(key.as_str().into())]
    };
    value::encode(&choice.of.iter().flat_map(pair).collect::<Vec<_>>())
}

/// Reads what was recorded of a choice.
pub(super) fn of_recorded(plan: &Plan, bytes: &[u8]) -> Vec<(usize, Key)> {
    let values = packed::decode(bytes).unwrap_or_default();
    let pair = |pair: &[Value]| match pair {
        [Value::Text(name), Value::Text(key)] => {
            let entity = plan.entities.iter().position(|entity| entity.name == name.as_str())?;
            Some((entity, Key::from_canonical(key.to_string())))
        }
        _ => None,
    };
    values.chunks(2).filter_map(pair).collect()
}

/// Says that no entity has a record of the key.
pub(super) fn nobody(plan: &Plan, table: &TablePlan, choice: &Choice) -> Box<Refused> {
    let column = column(table, choice);
    let message = format!(
        "`{}.{column}`: there is no record of {} with the key {}",
        table.schema.name,
        listed(plan, choice.of.iter().map(|(entity, _)| *entity), " or "),
        shown(choice)
    );
    refuse("missing-parent", Some(column), message)
}

/// Says that several entities have a record of the key.
pub(super) fn several(plan: &Plan, table: &TablePlan, choice: &Choice, entities: &[usize]) -> Box<Refused> {
    let column = column(table, choice);
    let message = format!(
        "`{}.{column}`: {} have a record with the key {} each",
        table.schema.name,
        listed(plan, entities.iter().copied(), " and "),
        shown(choice)
    );
    refuse("ambiguous-reference", Some(column), message)
}

fn column(table: &TablePlan, choice: &Choice) -> String {
    table.schema.columns[table.columns[choice.column]].name.clone()
}

fn listed(plan: &Plan, entities: impl Iterator<Item = usize>, join: &str) -> String {
    entities.map(|entity| format!("`{}`", plan.entities[entity].name)).collect::<Vec<_>>().join(join)
}

/// The key for people: entities may have keys of their own form.
pub(super) fn shown(choice: &Choice) -> String {
    let mut keys: Vec<String> = choice.of.iter().map(|(_, key)| format!("`{}`", key.as_str())).collect();
    keys.dedup();
    keys.join(", ")
}
