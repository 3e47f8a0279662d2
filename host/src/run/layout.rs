//! Which records of a batch can be written as they are: keys told apart and parents found, before anything is written.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::NulledReference;
use super::resolve::Resolved;
use super::resolve::ResolvedRow;
use super::resolve::Settled;
use super::transform::Refused;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::OnMissing;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;

/// Records that became dead letters while they were written.
type Dead = BTreeMap<usize, Box<Refused>>;
/// Whether a parent of this compact key stands in the target, by table and reference.
type FoundParents = BTreeMap<(usize, usize), HashMap<Vec<u8>, bool>>;

/// Which parents stand in the target: asked once a batch, by table and reference.
#[derive(Default)]
pub struct Parents {
    found: Option<FoundParents>,
    /// Ids of other entities that are stored, not computed: compact values by entity and source key.
    stored: HashMap<(usize, String), Option<Vec<u8>>>,
}

/// How a batch will be written.
pub struct Layout {
    /// The records to write, in order.
    pub records: Vec<usize>,
    /// Rows whose values differ from the resolved ones: references written NULL or looked up.
    patched: HashMap<usize, Vec<Value>>,
    /// By row.
    nulled: Vec<(usize, NulledReference)>,
    /// By row.
    deferred: Vec<(usize, NulledReference)>,
    /// A record and another one of the batch that it needs as a parent.
    leans: Vec<(usize, usize)>,
}

/// Rows of a batch by table and columns, then by the compact form of these columns' values.
type InBatch<'a> = HashMap<(&'a str, &'a [usize]), HashMap<Vec<u8>, usize>>;

/// What one reference of one row comes to.
enum Found {
    Parent,
    InBatch(usize),
    Later,
    Missing,
}

impl Layout {
    /// Lays out the living records. Records that cannot be written join the dead.
    pub async fn new(
        plan: &Plan,
        entity: usize,
        books: &Bookkeeping,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        dead: &mut Dead,
        parents: &mut Parents,
    ) -> Result<Self, LayoutError> {
        let entity_index = entity;
        let entity = &plan.entities[entity];
        let looked_up = look_up_ids(plan, entity_index, books, tx, resolved, parents).await?;
        let value_of = |row: usize| looked_up.get(&row).map_or(resolved.rows[row].values.as_slice(), Vec::as_slice);
        if parents.found.is_none() {
            parents.found = Some(find_parents(entity, tx, resolved, &looked_up).await?);
        }
        let found = parents.found.as_ref().expect("set above");
        loop {
            let mut layout = Self {
                records: Vec::new(),
                patched: looked_up.clone(),
                nulled: Vec::new(),
                deferred: Vec::new(),
                leans: Vec::new(),
            };
            let known = dead.len();
            tell_keys_apart(entity, resolved, dead);
            let in_batch = in_batch(entity, resolved, dead);
            for (index, settled) in resolved.records.iter().enumerate() {
                let Settled::Rows(range) = settled else { continue };
                if dead.contains_key(&index) {
                    continue;
                }
                for row in range.clone() {
                    let table = &entity.tables[resolved.rows[row].table];
                    for (position, reference) in table.references.iter().enumerate() {
                        let values = value_of(row);
                        let Some(key) = reference_key(reference, values) else { continue };
                        let stands = found
                            .get(&(resolved.rows[row].table, position))
                            .and_then(|keys| keys.get(&key))
                            .copied()
                            .unwrap_or(false);
                        let outcome = match in_batch
                            .get(&(reference.parent.name.as_str(), reference.parent_columns.as_slice()))
                        {
                            _ if stands => Found::Parent,
                            Some(rows) => match rows.get(&key) {
                                Some(&parent) if reference.to_itself && parent > row => Found::Later,
                                Some(&parent) => Found::InBatch(resolved.rows[parent].record),
                                None => Found::Missing,
                            },
                            None => Found::Missing,
                        };
                        match outcome {
                            Found::Parent => {}
                            Found::InBatch(parent) if parent == index => {}
                            Found::InBatch(parent) => layout.leans.push((index, parent)),
                            Found::Later => layout.null(table, reference, resolved, row, values, true),
                            Found::Missing if reference.to_itself => {
                                layout.null(table, reference, resolved, row, values, true);
                            }
                            Found::Missing => match reference.on_missing {
                                OnMissing::Null => layout.null(table, reference, resolved, row, values, false),
                                OnMissing::DeadLetter => {
                                    dead.insert(index, missing_parent(plan, table, reference, values));
                                }
                                OnMissing::Fail => {
                                    let refused = missing_parent(plan, table, reference, values);
                                    let record = &resolved.batch.records[index];
                                    return Err(Failure::failed(format!(
                                        "{}:{}, document {}: {}",
                                        resolved.batch.origin, record.offset, record.document, refused.message
                                    ))
                                    .hint(format!(
                                        "`references.{}.on-missing` says `fail`; `dead-letter` would set the record aside, `null` leave the column empty",
                                        refused.field.clone().unwrap_or_default()
                                    ))
                                    .into());
                                }
                            },
                        }
                    }
                }
                layout.records.push(index);
            }
            if dead.len() == known {
                layout.put_parents_first();
                return Ok(layout);
            }
        }
    }

    /// Returns the values to write for a row.
    pub fn values<'a>(&'a self, resolved: &'a Resolved, row: usize) -> &'a [Value] {
        self.patched.get(&row).unwrap_or(&resolved.rows[row].values)
    }

    /// Returns whether a living record needs one of the dead as a parent.
    pub fn leans_on(&self, dead: &Dead) -> bool {
        self.leans.iter().any(|(child, parent)| !dead.contains_key(child) && dead.contains_key(parent))
    }

    /// Returns the references written NULL for good, of the rows that were written.
    pub fn nulled(&self, is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
        of_rows(&self.nulled, is_written)
    }

    /// Returns the references written NULL until the entity's end, of the rows that were written.
    pub fn deferred(&self, is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
        of_rows(&self.deferred, is_written)
    }

    /// Returns the ids that the transformer gave, by source key, where the entity's strategy is `column`.
    pub fn ids_of_living(&self, entity: &EntityPlan, resolved: &Resolved, dead: &Dead) -> Vec<(String, Vec<u8>)> {
        if entity.id != IdStrategy::Column {
            return Vec::new();
        }
        self.records
            .iter()
            .filter(|record| !dead.contains_key(record))
            .filter_map(|&record| {
                let key = resolved.batch.records[record].key.as_ref()?;
                let Settled::Rows(range) = &resolved.records[record] else { return None };
                range.clone().find_map(|row| {
                    let id = entity.tables[resolved.rows[row].table].id?;
                    let value = self.values(resolved, row).get(id)?;
                    Some((key.as_str().to_owned(), value::encode(std::slice::from_ref(value))))
                })
            })
            .collect()
    }

    /// Writes a reference NULL: until the entity's end, or for good.
    fn null(
        &mut self,
        table: &TablePlan,
        reference: &ReferencePlan,
        resolved: &Resolved,
        row: usize,
        values: &[Value],
        deferred: bool,
    ) {
        let key: Vec<Value> = reference.columns.iter().map(|&column| values[column].clone()).collect();
        let patched = self.patched.entry(row).or_insert_with(|| values.to_vec());
        for &column in &reference.columns {
            if table.schema.columns[table.columns[column]].nullable {
                patched[column] = Value::Null;
            }
        }
        let nulled = NulledReference {
            table: table.schema.name.clone(),
            row_key: display_key(table, &resolved.rows[row]),
            row_key_blob: resolved.rows[row].key.clone(),
            column: column_names(table, reference),
            parent: reference.parent.name.clone(),
            parent_key: packed::display(&key),
            value: value::encode(&key),
        };
        let list = if deferred { &mut self.deferred } else { &mut self.nulled };
        list.push((row, nulled));
    }

    /// A record that needs a later one as a parent is written behind it.
    fn put_parents_first(&mut self) {
        let waits: HashSet<usize> =
            self.leans.iter().filter(|(child, parent)| parent > child).map(|(child, _)| *child).collect();
        self.records.sort_by_key(|record| waits.contains(record));
    }
}

/// What can end the laying out.
pub enum LayoutError {
    /// The target could not be asked.
    Target(TargetError),
    /// The run stops.
    Failure(Failure),
}

impl From<TargetError> for LayoutError {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<Failure> for LayoutError {
    fn from(error: Failure) -> Self {
        Self::Failure(error)
    }
}

/// Returns a row's key for people.
pub fn display_key(table: &TablePlan, row: &ResolvedRow) -> String {
    let names = table.key.iter().map(|&column| table.schema.columns[column].name.as_str());
    let values = packed::decode(&row.key).unwrap_or_default();
    let pairs: Vec<String> = names
        .zip(values)
        .map(|(name, value)| format!("{name} = {}", packed::display(std::slice::from_ref(&value))))
        .collect();
    format!("({})", pairs.join(", "))
}

/// Returns the names of a reference's columns.
pub fn column_names(table: &TablePlan, reference: &ReferencePlan) -> String {
    let names: Vec<&str> =
        reference.columns.iter().map(|&column| table.schema.columns[table.columns[column]].name.as_str()).collect();
    names.join(", ")
}

fn of_rows(list: &[(usize, NulledReference)], is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
    list.iter().filter(|(row, _)| is_written(*row)).map(|(_, reference)| reference.clone()).collect()
}

/// The compact key that a reference looks for, or `None` where a part of it is NULL. Values take the parent's types.
fn reference_key(reference: &ReferencePlan, values: &[Value]) -> Option<Vec<u8>> {
    parent_key(reference, values).map(|(key, _)| value::encode(&key))
}

/// The key that a reference looks for, and whether the parent's columns can hold it at all.
fn parent_key(reference: &ReferencePlan, values: &[Value]) -> Option<(Vec<Value>, bool)> {
    let mut fits = true;
    let mut key = Vec::with_capacity(reference.columns.len());
    for (&column, &parent) in reference.columns.iter().zip(&reference.parent_columns) {
        let value = &values[column];
        if value.is_null() {
            return None;
        }
        key.push(convert::fit(value.clone(), &reference.parent.columns[parent]).unwrap_or_else(|_| {
            fits = false;
            value.clone()
        }));
    }
    Some((key, fits))
}

/// Asks the target, once for each reference of each table, which parents stand there.
async fn find_parents(
    entity: &EntityPlan,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    looked_up: &HashMap<usize, Vec<Value>>,
) -> Result<FoundParents, TargetError> {
    let mut found = BTreeMap::new();
    for (table_index, table) in entity.tables.iter().enumerate() {
        for (position, reference) in table.references.iter().enumerate() {
            let mut keys: HashMap<Vec<u8>, bool> = HashMap::new();
            let mut wanted: Vec<Vec<Value>> = Vec::new();
            for (index, row) in resolved.rows.iter().enumerate().filter(|(_, row)| row.table == table_index) {
                let values = looked_up.get(&index).unwrap_or(&row.values);
                if let Some((key, fits)) = parent_key(reference, values)
                    && let Entry::Vacant(entry) = keys.entry(value::encode(&key))
                {
                    entry.insert(false);
                    if fits {
                        wanted.push(key);
                    }
                }
            }
            if !wanted.is_empty() {
                for key in tx.find(&reference.parent, &reference.parent_columns, &wanted, &[]).await?.into_keys() {
                    keys.insert(key, true);
                }
            }
            found.insert((table_index, position), keys);
        }
    }
    Ok(found)
}

/// Rows of the batch that may be parents of others: by table and columns, then by compact key, the first row each.
fn in_batch<'a>(entity: &'a EntityPlan, resolved: &Resolved, dead: &Dead) -> InBatch<'a> {
    let mut rows = InBatch::new();
    for reference in entity.tables.iter().flat_map(|table| &table.references) {
        let place = (reference.parent.name.as_str(), reference.parent_columns.as_slice());
        if rows.contains_key(&place) {
            continue;
        }
        let mut keys = HashMap::new();
        for (table_index, table) in
            entity.tables.iter().enumerate().filter(|(_, table)| table.schema.name == reference.parent.name)
        {
            let positions: Option<Vec<usize>> = reference
                .parent_columns
                .iter()
                .map(|column| table.columns.iter().position(|fed| fed == column))
                .collect();
            let Some(positions) = positions else { continue };
            for (index, row) in resolved.rows.iter().enumerate() {
                if row.table == table_index && !dead.contains_key(&row.record) {
                    let key: Vec<Value> = positions.iter().map(|&position| row.values[position].clone()).collect();
                    keys.entry(value::encode(&key)).or_insert(index);
                }
            }
        }
        rows.insert(place, keys);
    }
    rows
}

/// Of two living records with one row key, the later one is dead.
fn tell_keys_apart(entity: &EntityPlan, resolved: &Resolved, dead: &mut Dead) {
    if !resolved.repeats_keys {
        return;
    }
    let mut seen: HashMap<(&str, &[u8]), usize> = HashMap::with_capacity(resolved.rows.len());
    for row in &resolved.rows {
        if dead.contains_key(&row.record) {
            continue;
        }
        let table = &entity.tables[row.table];
        match seen.get(&(table.schema.name.as_str(), row.key.as_slice())) {
            Some(&first) if first != row.record => {
                let message = format!(
                    "`{}`: the row with the key {} comes from document {} already",
                    table.schema.name,
                    display_key(table, row),
                    resolved.batch.records[first].document
                );
                dead.insert(row.record, refuse("duplicate-key", None, message));
            }
            Some(_) => {}
            None => {
                seen.insert((table.schema.name.as_str(), row.key.as_slice()), row.record);
            }
        }
    }
}

/// Fills in references to entities whose ids are stored; returns the values of the rows that have some.
async fn look_up_ids(
    plan: &Plan,
    entity: usize,
    books: &Bookkeeping,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    parents: &mut Parents,
) -> Result<HashMap<usize, Vec<Value>>, TargetError> {
    let mut values: HashMap<usize, Vec<Value>> = HashMap::new();
    for (index, row) in resolved.rows.iter().enumerate() {
        for (column, parent, key) in &row.pending {
            let place = (*parent, key.as_str().to_owned());
            if !parents.stored.contains_key(&place) {
                let id = books.id(tx, &plan.entities[*parent].name, key.as_str()).await?;
                parents.stored.insert(place.clone(), id);
            }
            let stored = parents.stored.get(&place).and_then(Option::as_deref);
            let id = stored.and_then(packed::decode).and_then(|mut values| values.pop());
            // A parent without a stored id is missing: its own key stands for it in the message.
            let target = &plan.entities[entity].tables[row.table];
            let schema = &target.schema.columns[target.columns[*column]];
            let value =
                id.and_then(|id| convert::fit(id, schema).ok()).unwrap_or_else(|| Value::Text(key.as_str().to_owned()));
            values.entry(index).or_insert_with(|| row.values.clone())[*column] = value;
        }
    }
    Ok(values)
}

fn missing_parent(plan: &Plan, table: &TablePlan, reference: &ReferencePlan, values: &[Value]) -> Box<Refused> {
    let key: Vec<Value> = reference.columns.iter().map(|&column| values[column].clone()).collect();
    let columns = column_names(table, reference);
    let entity = reference.entity.map(|entity| format!(" of `{}`", plan.entities[entity].name)).unwrap_or_default();
    let message = format!(
        "`{}.{columns}`: there is no row{entity} in `{}` with {}",
        table.schema.name,
        reference.parent.name,
        packed::display(&key)
    );
    refuse("missing-parent", Some(columns), message)
}

fn refuse(code: &str, field: Option<String>, message: String) -> Box<Refused> {
    Box::new(Refused { stage: "write", code: code.to_owned(), field, message, plugin: None })
}
