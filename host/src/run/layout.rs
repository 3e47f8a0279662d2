//! Which records of a batch can be written as they are: keys told apart and parents found, before anything is written.

mod lacking;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use lacking::Lacking;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::NulledReference;
use super::bookkeeping::ParkedKey;
use super::choices;
use super::choices::Chosen;
use super::claimed::RowKey;
use super::given::GivenIds;
use super::ledger;
use super::parents::InBatch;
use super::parents::LeftOut;
use super::parents::Parents;
use super::parents::find_parents;
use super::parents::look_up_ids;
use super::parents::parents_among;
use super::parents::reference_key;
use super::resolve::Resolved;
use super::resolve::ResolvedRow;
use super::resolve::Settled;
use super::transform::Refused;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::plugin::PluginId;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// Records that became dead letters, by their index in the batch.
pub type Dead = BTreeMap<usize, Box<Refused>>;

/// Whose batch is laid out.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The entity's index in it.
    pub entity: usize,
    /// The statements on whimbrel's own tables.
    pub books: &'a Bookkeeping,
    /// Whether records may wait for parents that come later: in the end, and in a replay, these are missing.
    pub parks: bool,
}

/// A record that waits for parents.
pub struct Parked {
    /// What it waits for, in words.
    pub refused: Box<Refused>,
    /// The same as keys.
    pub waits: Vec<ParkedKey>,
}

/// How a batch will be written.
///
/// Records are judged one after another, each by what stands in the target and by the records before it, so that the
/// outcome does not depend on where one batch ends and the next begins.
pub struct Layout {
    /// The records to write, in order.
    pub records: Vec<usize>,
    /// Records that cannot be written: their key repeats, or a parent is missing.
    pub set_aside: Dead,
    /// Records that wait for a parent that may come later, by their index in the batch.
    pub parked: BTreeMap<usize, Parked>,
    /// Records that are left out because a parent is missing.
    pub skipped: BTreeMap<usize, LeftOut>,
    /// Rows whose values differ from the resolved ones: references written NULL or looked up.
    patched: HashMap<usize, Vec<Value>>,
    /// What rows with references that wait are to hold in the end.
    wanted: HashMap<usize, Vec<Value>>,
    /// The ledger's digests of rows with references that were written NULL: of what they hold when each has its parent.
    intended: HashMap<usize, u64>,
    /// By row.
    nulled: Vec<(usize, NulledReference)>,
    /// By row.
    deferred: Vec<(usize, NulledReference)>,
    /// A record and an earlier one of the batch that it needs as a parent.
    leans: Vec<(usize, usize)>,
    /// A record that is set aside, and the earlier row whose key it repeats.
    repeats: Vec<(usize, usize)>,
}

impl Parked {
    fn new(waits: Vec<(Box<Refused>, ParkedKey)>) -> Option<Self> {
        let (refused, waits): (Vec<_>, Vec<_>) = waits.into_iter().unzip();
        refused.into_iter().next().map(|refused| Self { refused, waits })
    }
}

impl Layout {
    /// Lays out the records but those that the target has refused. `foreign` are keys of rows that stood in the target
    /// before this migration: two records may meet such a row, and neither repeats the other.
    pub async fn new(
        place: Place<'_>,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        refused: &Dead,
        foreign: &HashSet<RowKey>,
        parents: &mut Parents,
    ) -> Result<Self, LayoutError> {
        let Place { plan, entity: entity_index, books, parks } = place;
        let entity = &plan.entities[entity_index];
        let looked_up = look_up_ids(plan, entity_index, books, tx, resolved, parents).await?;
        if parents.found.is_none() {
            parents.found = Some(find_parents(entity, tx, resolved, &looked_up, &parents.unresolved).await?);
        }
        let found = parents.found.as_ref().expect("set above");
        let mut layout = Self {
            records: Vec::with_capacity(resolved.records.len()),
            set_aside: Dead::new(),
            parked: BTreeMap::new(),
            skipped: BTreeMap::new(),
            patched: looked_up.clone(),
            wanted: HashMap::new(),
            intended: HashMap::new(),
            nulled: Vec::new(),
            deferred: Vec::new(),
            leans: Vec::new(),
            repeats: Vec::new(),
        };
        let mut seen: HashMap<(&str, &[u8]), usize> = HashMap::new();
        let mut in_batch = InBatch::new();
        let mut given = GivenIds::new();
        for (index, settled) in resolved.records.iter().enumerate() {
            let Settled::Rows(range) = settled else { continue };
            if refused.contains_key(&index) {
                continue;
            }
            let name_and_key = |row: usize| {
                let row = &resolved.rows[row];
                (entity.tables[row.table].schema.name.as_str(), row.key.as_slice())
            };
            given.begin(entity_index, entity, resolved, index);
            let own = parents_among(entity, resolved, range.clone());
            let (mut leans, mut waits) = (Vec::new(), Vec::new());
            // The rows of a junction are for its final step to judge.
            let is_own = |row: &usize| !resolved.rows[*row].is_deferred;
            for row in range.clone().filter(is_own) {
                let table = &entity.tables[resolved.rows[row].table];
                let known = given.look_up(plan, entity_index, resolved, row, &parents.unresolved);
                leans.extend(known.iter().filter(|known| known.record != index).map(|known| (index, known.record)));
                let mut values = Cow::Borrowed(looked_up.get(&row).unwrap_or(&resolved.rows[row].values));
                for id in &known {
                    values.to_mut()[id.column] = id.value.clone();
                    layout.patched.insert(row, values.to_vec());
                }
                let values = values.as_slice();
                let nulls = layout.nulled.len() + layout.deferred.len();
                let of_row = |reference, is_known| Lacking {
                    plan,
                    table,
                    reference,
                    resolved,
                    row,
                    values,
                    is_known,
                    choice: None,
                };
                for reference in &table.references {
                    match choices::chosen(table, reference, &resolved.rows[row].choices) {
                        Chosen::This => {}
                        Chosen::Other => continue,
                        Chosen::Several(choice, entities) => {
                            let refused = || choices::several(plan, table, choice, entities);
                            layout.set_aside.entry(index).or_insert_with(refused);
                            continue;
                        }
                        Chosen::Nobody(choice) => {
                            let lacking = Lacking { choice: Some(choice), ..of_row(reference, true) };
                            waits.extend(layout.lack(&lacking, parks)?);
                            continue;
                        }
                    }
                    let Some(key) = reference_key(reference, values) else { continue };
                    let among = |rows: &InBatch<'_>| {
                        let place = (reference.parent.name.as_str(), reference.parent_columns.as_slice());
                        rows.get(&place).and_then(|keys| keys.get(&key)).copied()
                    };
                    let is_known = !reference.columns.iter().any(|&column| {
                        parents.unresolved.contains(&(row, column)) && !known.iter().any(|id| id.column == column)
                    });
                    let (among_own, among_earlier) =
                        if is_known { (among(&own), among(&in_batch)) } else { (None, None) };
                    if is_known && found.stands(reference, &key) {
                        continue;
                    }
                    if let Some(parent) = among_earlier {
                        leans.push((index, resolved.rows[parent].record));
                        continue;
                    }
                    // A row before it stands when it is written.
                    if among_own.is_some_and(|parent| !reference.to_itself || parent <= row) {
                        continue;
                    }
                    waits.extend(layout.lack(&of_row(reference, is_known), parks)?);
                }
                if layout.nulled.len() + layout.deferred.len() > nulls {
                    // An id that is not known yet has no value to take a digest of.
                    let is_unknown = |column: usize| {
                        parents.unresolved.contains(&(row, column)) && !known.iter().any(|id| id.column == column)
                    };
                    let intended = values.iter().enumerate();
                    let intended: Vec<Value> = intended
                        .map(|(column, value)| if is_unknown(column) { Value::Null } else { value.clone() })
                        .collect();
                    layout.intended.insert(row, ledger::digest(&intended));
                }
            }
            let is_aside = layout.set_aside.contains_key(&index) || layout.skipped.contains_key(&index);
            if is_aside || !waits.is_empty() {
                given.forget(entity_index, entity, resolved, index);
                if let Some(parked) = Parked::new(waits).filter(|_| !is_aside) {
                    layout.parked.insert(index, parked);
                }
                continue;
            }
            if resolved.repeats_keys {
                let is_foreign = |row: usize| {
                    let (name, key) = name_and_key(row);
                    foreign.contains(&(name.to_owned(), key.to_vec()))
                };
                let repeated = range.clone().find_map(|row| Some((row, *seen.get(&name_and_key(row))?)));
                if let Some((row, first)) = repeated.filter(|(row, _)| !is_foreign(*row)) {
                    let table = &entity.tables[resolved.rows[row].table];
                    let earlier = &resolved.batch.records[resolved.rows[first].record];
                    let from = format!("document {}", earlier.document);
                    layout.set_aside.insert(index, repeated_key(table, &resolved.rows[row], &from, &resolved.plugin));
                    layout.repeats.push((index, first));
                    given.forget(entity_index, entity, resolved, index);
                    continue;
                }
            }
            layout.records.push(index);
            layout.leans.extend(leans);
            if resolved.repeats_keys {
                for row in range.clone().filter(is_own) {
                    seen.entry(name_and_key(row)).or_insert(row);
                }
            }
            for (place, keys) in own {
                let standing = in_batch.entry(place).or_default();
                for (key, row) in keys {
                    standing.entry(key).or_insert(row);
                }
            }
        }
        Ok(layout)
    }

    /// Returns the records that are not written: set aside, left out or parked.
    pub fn aside(&self) -> Cow<'_, Dead> {
        if self.skipped.is_empty() && self.parked.is_empty() {
            return Cow::Borrowed(&self.set_aside);
        }
        let left_out = self.skipped.iter().map(|(record, left_out)| (*record, left_out.refused.clone()));
        let parked = self.parked.iter().map(|(record, parked)| (*record, parked.refused.clone()));
        Cow::Owned(left_out.chain(parked).chain(self.set_aside.clone()).collect())
    }

    /// Returns the ledger's digest of a row: of the values that it holds when every reference has its parent.
    pub fn digest(&self, resolved: &Resolved, row: usize) -> u64 {
        if let Some(intended) = self.intended.get(&row) {
            return *intended;
        }
        self.patched.get(&row).map_or(resolved.rows[row].digest, |values| ledger::digest(values))
    }

    /// Returns whether a record was judged by one that the target has refused since.
    pub fn depends_on(&self, refused: &Dead, record_of: impl Fn(usize) -> usize) -> bool {
        self.leans.iter().any(|(child, parent)| !refused.contains_key(child) && refused.contains_key(parent))
            || self.repeats.iter().any(|(_, first)| refused.contains_key(&record_of(*first)))
    }

    /// Returns the records that are set aside because they repeat a key.
    pub fn repeating(&self) -> Vec<usize> {
        self.repeats.iter().map(|(record, _)| *record).collect()
    }

    /// Returns the rows whose keys are repeated by a record that is set aside.
    pub fn repeated_rows(&self) -> impl Iterator<Item = usize> {
        self.repeats.iter().map(|(_, first)| *first)
    }

    /// Returns the values to write for a row.
    pub fn values<'a>(&'a self, resolved: &'a Resolved, row: usize) -> &'a [Value] {
        self.patched.get(&row).unwrap_or(&resolved.rows[row].values)
    }

    /// Returns the values that a row is to hold when the references that wait have found their parents: a row that
    /// stands with these is unchanged, though it could not be written so yet.
    pub fn wanted<'a>(&'a self, resolved: &'a Resolved, row: usize) -> &'a [Value] {
        self.wanted.get(&row).map_or_else(|| self.values(resolved, row), Vec::as_slice)
    }

    /// Returns the ids to be stored, by source key, where the entity's are.
    pub fn ids_of_living(&self, entity: &EntityPlan, resolved: &Resolved, refused: &Dead) -> Vec<(String, Vec<u8>)> {
        if !entity.id.is_stored() {
            return Vec::new();
        }
        self.records
            .iter()
            .filter(|record| !refused.contains_key(record))
            .filter_map(|&record| {
                let key = resolved.batch.records[record].key.as_ref()?;
                let Settled::Rows(range) = &resolved.records[record] else { return None };
                range.clone().find_map(|row| {
                    let id = entity.tables[resolved.rows[row].table].id?;
                    let value = self.values(resolved, row).get(id).filter(|value| !value.is_null())?;
                    Some((key.as_str().to_owned(), value::encode(std::slice::from_ref(value))))
                })
            })
            .collect()
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

/// Says that a row's key comes from another record of this migration too, and from which.
pub fn repeated_key(table: &TablePlan, row: &ResolvedRow, from: &str, plugin: &Arc<PluginId>) -> Box<Refused> {
    let name = &table.schema.name;
    let message =
        format!("`{name}`: the row with the key {} has been written from {from} already", display_key(table, row));
    Box::new(Refused { plugin: Some(plugin.clone()), ..*refuse("duplicate-key", None, message) })
}

pub(super) fn refuse(code: &str, field: Option<String>, message: String) -> Box<Refused> {
    Box::new(Refused { stage: "write", code: code.to_owned(), field, message, plugin: None })
}
