//! Where the parents of a batch's rows stand: in the target, asked once for all of a table; ids that are stored are looked up.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;

use super::bookkeeping::Bookkeeping;
use super::choices;
use super::choices::Chosen;
use super::layout::column_names;
use super::layout::refuse;
use super::resolve::Choice;
use super::resolve::Resolved;
use super::resolve::ResolvedRow;
use super::transform::Refused;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;

/// The code of a record that is set aside for want of a parent.
pub const MISSING_PARENT: &str = "missing-parent";

/// The compact keys of parents that stand in the target, by table and columns.
#[derive(Default)]
pub(super) struct FoundParents(HashMap<String, HashMap<Vec<usize>, HashSet<Vec<u8>>>>);

impl FoundParents {
    /// Returns whether the parent with this key stands there.
    pub(super) fn stands(&self, reference: &ReferencePlan, key: &[u8]) -> bool {
        let tables = self.0.get(&reference.parent.name);
        let keys = tables.and_then(|columns| columns.get(reference.parent_columns.as_slice()));
        keys.is_some_and(|keys| keys.contains(key))
    }
}

/// Keys by their compact form.
type Keys = HashMap<Vec<u8>, Vec<Value>>;

/// Which parents stand in the target: asked once a batch.
#[derive(Default)]
pub struct Parents {
    pub(super) found: Option<FoundParents>,
    /// Ids that are stored, not computed: compact values by entity, then by source key.
    pub(super) stored: HashMap<usize, HashMap<String, Option<Vec<u8>>>>,
    /// Row and fed column of references whose id is not known; the source key stands there for messages alone.
    pub(super) unresolved: HashSet<(usize, usize)>,
}

/// The compact key that a reference looks for, or `None` where a part of it is NULL. Values take the parent's types.
pub(super) fn reference_key(reference: &ReferencePlan, values: &[Value]) -> Option<Vec<u8>> {
    key_of_parent(reference, values).map(|(key, _)| value::encode(&key))
}

/// The key that a reference looks for, and whether the parent's columns can hold it at all.
pub(super) fn key_of_parent(reference: &ReferencePlan, values: &[Value]) -> Option<(Vec<Value>, bool)> {
    let mut fits = true;
    let mut key = Vec::with_capacity(reference.columns.len());
    for (&column, &parent) in reference.columns.iter().zip(&reference.parent_columns) {
        let value = &values[column];
        if value.is_null() {
            return None;
        }
        key.push(convert::refit(value.clone(), &reference.parent.columns[parent]).unwrap_or_else(|_| {
            fits = false;
            value.clone()
        }));
    }
    Some((key, fits))
}

/// Asks the target which parents stand there: once for all references to the same columns of a table.
pub(super) async fn find_parents(
    entity: &EntityPlan,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    looked_up: &HashMap<usize, Vec<Value>>,
    unresolved: &HashSet<(usize, usize)>,
) -> Result<FoundParents, TargetError> {
    let mut wanted: BTreeMap<(&str, &[usize]), (&TableSchema, Keys)> = BTreeMap::new();
    for (index, row) in resolved.rows.iter().enumerate().filter(|(_, row)| !row.is_deferred) {
        let table = &entity.tables[row.table];
        let values = looked_up.get(&index).unwrap_or(&row.values);
        for reference in &table.references {
            if !matches!(choices::chosen(table, reference, &row.choices), Chosen::This)
                || reference.columns.iter().any(|&column| unresolved.contains(&(index, column)))
            {
                continue;
            }
            if let Some((key, true)) = key_of_parent(reference, values) {
                let parent = (reference.parent.name.as_str(), reference.parent_columns.as_slice());
                let (_, keys) = wanted.entry(parent).or_insert_with(|| (&reference.parent, Keys::new()));
                keys.insert(value::encode(&key), key);
            }
        }
    }
    let mut found = FoundParents::default();
    for ((name, columns), (parent, keys)) in wanted {
        let keys: Vec<Vec<Value>> = keys.into_values().collect();
        let standing = tx.find(parent, columns, &keys, &[]).await?.into_keys().collect();
        found.0.entry(name.to_owned()).or_default().insert(columns.to_vec(), standing);
    }
    Ok(found)
}

/// Looks stored ids up, unless they have been, by entity and source key: one query an entity.
pub(super) async fn fetch_ids<'k>(
    plan: &Plan,
    books: &Bookkeeping,
    tx: &mut dyn Transaction,
    wanted: impl Iterator<Item = (usize, &'k str)>,
    parents: &mut Parents,
) -> Result<(), TargetError> {
    let mut unknown: BTreeMap<usize, HashSet<&str>> = BTreeMap::new();
    for (entity, key) in wanted {
        if !parents.stored.get(&entity).is_some_and(|ids| ids.contains_key(key)) {
            unknown.entry(entity).or_default().insert(key);
        }
    }
    for (entity, keys) in unknown {
        let keys: Vec<&str> = keys.into_iter().collect();
        let mut found = books.ids(tx, &plan.entities[entity].name, &keys).await?;
        let ids = parents.stored.entry(entity).or_default();
        ids.extend(keys.into_iter().map(|key| (key.to_owned(), found.remove(key))));
    }
    Ok(())
}

impl Parents {
    /// Forgets which parents stand: the values that were looked for are others now.
    pub fn forget_found(&mut self) {
        self.found = None;
        self.unresolved.clear();
    }

    /// Returns the id of a source key that has been looked up, where one is stored.
    pub(super) fn stored_id(&self, entity: usize, key: &str) -> Option<Value> {
        packed::decode(self.stored.get(&entity)?.get(key)?.as_deref()?)?.pop()
    }
}

/// Fills in references to entities whose ids are stored; returns the values of the rows that have some.
pub(super) async fn look_up_ids(
    plan: &Plan,
    entity: usize,
    books: &Bookkeeping,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    parents: &mut Parents,
) -> Result<HashMap<usize, Vec<Value>>, TargetError> {
    // The ids of a junction's rows are for its final step to look up.
    let own = || resolved.rows.iter().enumerate().filter(|(_, row)| !row.is_deferred);
    let wanted = own().flat_map(|(_, row)| &row.pending).map(|(_, parent, key)| (*parent, key.as_str()));
    fetch_ids(plan, books, tx, wanted, parents).await?;
    let mut values: HashMap<usize, Vec<Value>> = HashMap::new();
    for (index, row) in own() {
        for (column, parent, key) in &row.pending {
            let id = parents.stored_id(*parent, key.as_str());
            // A parent without a stored id is missing: its own key stands for it in the message.
            let target = &plan.entities[entity].tables[row.table];
            let schema = &target.schema.columns[target.columns[*column]];
            let value = id.and_then(|id| convert::refit(id, schema).ok()).unwrap_or_else(|| {
                parents.unresolved.insert((index, *column));
                Value::Text(key.as_str().into())
            });
            values.entry(index).or_insert_with(|| row.values.clone())[*column] = value;
        }
    }
    Ok(values)
}

/// Rows of a batch by table and columns, then by the compact form of these columns' values.
pub(super) type InBatch<'a> = HashMap<(&'a str, &'a [usize]), HashMap<Vec<u8>, usize>>;

/// Rows that other rows of this entity may have as parents.
pub(super) fn parents_among<'a>(entity: &'a EntityPlan, resolved: &Resolved, rows: Range<usize>) -> InBatch<'a> {
    let mut among = InBatch::new();
    let own = entity.tables.iter().filter(|table| !entity.leaves(table));
    for reference in own.flat_map(|table| &table.references) {
        let place = (reference.parent.name.as_str(), reference.parent_columns.as_slice());
        for row in rows.clone() {
            let table = &entity.tables[resolved.rows[row].table];
            if table.schema.name != reference.parent.name {
                continue;
            }
            let value_of = |column: &usize| {
                let position = table.columns.iter().position(|fed| fed == column)?;
                Some(resolved.rows[row].values[position].clone())
            };
            if let Some(key) = reference.parent_columns.iter().map(value_of).collect::<Option<Vec<Value>>>() {
                among.entry(place).or_default().entry(value::encode(&key)).or_insert(row);
            }
        }
    }
    among
}

/// Says which parent a row lacks.
pub(super) fn missing_parent(
    plan: &Plan,
    table: &TablePlan,
    reference: &ReferencePlan,
    row: &ResolvedRow,
    values: &[Value],
) -> Box<Refused> {
    let source: Vec<&str> = row
        .referred
        .iter()
        .filter(|(column, _)| reference.columns.contains(column))
        .map(|(_, key)| key.as_str())
        .collect();
    let source =
        if source.is_empty() { String::new() } else { format!(", the id of the key `{}`", source.join("`, `")) };
    let key: Vec<Value> = reference.columns.iter().map(|&column| values[column].clone()).collect();
    let columns = column_names(table, reference);
    let entity = reference.entity.map(|entity| format!(" of `{}`", plan.entities[entity].name)).unwrap_or_default();
    let message = format!(
        "`{}.{columns}`: there is no row{entity} in `{}` with {}{source}",
        table.schema.name,
        reference.parent.name,
        packed::display(&key)
    );
    refuse(MISSING_PARENT, Some(columns), message)
}

/// Why a record is left out whose manifest says so of a missing parent.
pub struct LeftOut {
    /// The same for all records that lack a parent there, so that they are counted together.
    pub reason: String,
    /// What is to be said where the record cannot be left out any more.
    pub refused: Box<Refused>,
}

impl LeftOut {
    pub(super) fn new(
        plan: &Plan,
        table: &TablePlan,
        reference: &ReferencePlan,
        row: &ResolvedRow,
        values: &[Value],
    ) -> Self {
        let columns = column_names(table, reference);
        let reason = format!(
            "`{}.{columns}` has no row in `{}`, and `on-missing` says `skip`",
            table.schema.name, reference.parent.name
        );
        Self { reason, refused: missing_parent(plan, table, reference, row, values) }
    }

    /// The same where none of several entities has the parent.
    pub(super) fn of_choice(plan: &Plan, table: &TablePlan, reference: &ReferencePlan, choice: &Choice) -> Self {
        let reason = format!(
            "`{}.{}` has no record of {}, and `on-missing` says `skip`",
            table.schema.name,
            column_names(table, reference),
            choices::names(table, reference)
        );
        Self { reason, refused: choices::nobody(plan, table, choice) }
    }
}

/// The failure of a run whose manifest says that a missing parent ends it.
pub(super) fn no_parent(resolved: &Resolved, index: usize, refused: &Refused) -> Failure {
    let record = &resolved.batch.records[index];
    Failure::failed(format!(
        "{}:{}, document {}: {}",
        resolved.batch.origin_of(record), record.offset, record.document, refused.message
    ))
    .hint(format!(
        "`references.{}.on-missing` says `fail`; `dead-letter` would set the record aside, `skip` leave it out, `null` leave the column empty",
        refused.field.clone().unwrap_or_default()
    ))
}
