//! The third stage: row bodies become values of their columns' types, and references become ids. Pure: no target is asked.

mod elements;
mod reference;

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use bson::RawDocument;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ledger;
use super::merge::Gathered;
use super::merge::Group;
use super::transform::Mapped;
use super::transform::Refused;
use super::transform::Validated;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::Plan;
use crate::plan::TablePlan;
use crate::plugin::PluginId;
use crate::plugin::PluginRow;
use crate::record::Batch;
use crate::record::Column;
use crate::record::Key;
use crate::record::Value;
use crate::record::convert;
use crate::record::convert::Converted;
use crate::record::key::EntityIds;
use crate::record::value;

/// Rows of one record up to which each is compared with every other.
const COMPARED_MAX: usize = 8;

/// A batch whose rows fit their columns.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The records.
    pub batch: Batch,
    /// One a record, in order.
    pub records: Vec<Settled>,
    /// The rows of all records, in order.
    pub rows: Vec<ResolvedRow>,
    /// Rows that came out of the transformer, by table of the plan.
    pub rows_out: Vec<u64>,
    /// Of these, rows equal to another one of the same record.
    pub rows_collapsed: Vec<u64>,
    /// Of these, rows of records that are dead already.
    pub rows_refused: Vec<u64>,
    /// The tables of these, by record.
    pub rows_of_dead: HashMap<usize, Vec<usize>>,
    /// Whether two rows of a table have the same key.
    pub repeats_keys: bool,
    /// The transformer that made the rows.
    pub plugin: Arc<PluginId>,
    /// One a record, where they are gathered for a merged entity.
    pub gathered: Vec<Option<Gathered>>,
    /// The members of records that are merged, by record.
    pub groups: HashMap<usize, Group>,
}

/// What a record is before it is written.
#[derive(Debug, Clone)]
pub enum Settled {
    /// Its rows in [`Resolved::rows`].
    Rows(Range<usize>),
    /// Left out on purpose, with the transformer's reason.
    Skip(String),
    /// Set aside.
    Dead(Box<Refused>),
}

/// One row, ready but for its parents.
#[derive(Debug, Clone, Default)]
pub struct ResolvedRow {
    /// Index of its record in the batch.
    pub record: usize,
    /// Index of its table in the entity's plan.
    pub table: usize,
    /// One a fed column.
    pub values: Vec<Value>,
    /// The key's compact form.
    pub key: Vec<u8>,
    /// The ledger's digest of the values.
    pub digest: u64,
    /// References to entities whose ids are stored, not computed: fed column, entity's index, source key.
    pub pending: Vec<(usize, usize, Key)>,
    /// References that may be to one of several entities.
    pub choices: Vec<Choice>,
    /// Whether its key is a number that has just been taken: nothing of this record can stand under it.
    pub is_numbered: bool,
    /// Whether it is left to the final step of a junction, and its ids with it.
    pub is_deferred: bool,
    /// Source keys of the records that its computed references mean, by fed column: nobody gets the source key back from
    /// an id, and whoever is told that a parent never came looks for it in the source.
    pub referred: Vec<(usize, Key)>,
}

/// A reference to a record of one of several entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The fed column.
    pub column: usize,
    /// The entities' indexes, in the order of the description, each with the key that it would know the record by.
    pub of: Vec<(usize, Key)>,
    /// Which of them it is.
    pub is: Decided,
}

/// Which of several entities a reference is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// That is to be found out yet, or none has such a record.
    No,
    /// This one.
    One(usize),
    /// More than one has such a record.
    Several(Vec<usize>),
}

/// What is needed to resolve the rows of one entity.
pub struct Resolver {
    plan: Arc<Plan>,
    entity: usize,
    entities: HashMap<String, usize>,
    ids: Vec<EntityIds>,
    columns: Vec<Vec<Column>>,
    key_positions: Vec<Vec<usize>>,
    /// For a merged entity: the described index of the table of its own rows, and the id column there.
    own: Option<(u32, String)>,
}

impl ResolvedRow {
    /// Returns whether the id of a reference is not known yet.
    fn is_open(&self, column: usize) -> bool {
        self.pending.iter().any(|(waiting, ..)| *waiting == column)
            || self.choices.iter().any(|choice| choice.column == column && choice.is == Decided::No)
    }
}

impl Resolver {
    /// Prepares an entity.
    pub fn new(plan: Arc<Plan>, entity: usize) -> Self {
        let tables = &plan.entities[entity].tables;
        let columns = tables
            .iter()
            .map(|table| table.columns.iter().map(|&column| table.schema.columns[column].clone()).collect())
            .collect();
        let key_positions = tables
            .iter()
            .map(|table| {
                table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key)).collect()
            })
            .collect();
        Self {
            entities: plan.entities.iter().enumerate().map(|(index, entity)| (entity.name.clone(), index)).collect(),
            ids: plan.entities.iter().map(|entity| EntityIds::new(&plan.namespace, &entity.name)).collect(),
            columns,
            key_positions,
            own: own_rows(&plan.entities[entity]),
            plan,
            entity,
        }
    }

    /// Returns the tables that rows are resolved for.
    pub fn tables(&self) -> &[TablePlan] {
        &self.plan.entities[self.entity].tables
    }

    /// Resolves a batch.
    pub fn resolve(&self, validated: Validated) -> Resolved {
        let entity = &self.plan.entities[self.entity];
        let Validated(transformed) = validated;
        let tables = entity.tables.len();
        let mut resolved = Resolved {
            batch: transformed.batch,
            records: Vec::with_capacity(transformed.mapped.len()),
            rows: Vec::with_capacity(transformed.mapped.len()),
            rows_out: vec![0; tables],
            rows_collapsed: vec![0; tables],
            rows_refused: vec![0; tables],
            rows_of_dead: HashMap::new(),
            repeats_keys: false,
            plugin: transformed.plugin,
            gathered: Vec::new(),
            groups: HashMap::new(),
        };
        for (index, mapped) in transformed.mapped.into_iter().enumerate() {
            let settled = match mapped {
                Mapped::Skip(reason) => Settled::Skip(reason),
                Mapped::Dead(refused, rows) => {
                    self.count_dead(&mut resolved, index, rows.iter().copied());
                    Settled::Dead(refused)
                }
                Mapped::Rows(rows) => {
                    let start = resolved.rows.len();
                    match self.record(index, &rows, &mut resolved) {
                        Ok(()) => Settled::Rows(start..resolved.rows.len()),
                        Err(mut refused) => {
                            refused.plugin = Some(resolved.plugin.clone());
                            resolved.rows.truncate(start);
                            self.count_dead(&mut resolved, index, rows.iter().map(|row| row.table));
                            Settled::Dead(refused)
                        }
                    }
                }
            };
            resolved.records.push(settled);
        }
        resolved.repeats_keys = repeats_keys(self.tables(), &resolved.rows);
        resolved
    }

    fn count_dead(&self, resolved: &mut Resolved, record: usize, tables: impl Iterator<Item = u32>) {
        for table in tables.filter_map(|table| self.table(table)) {
            resolved.rows_of_dead.entry(record).or_default().push(table);
            resolved.rows_out[table] += 1;
            resolved.rows_refused[table] += 1;
        }
    }

    fn table(&self, described: u32) -> Option<usize> {
        self.plan.entities[self.entity].table_order.get(usize::try_from(described).ok()?).copied()
    }

    /// Adds the rows of one record; nothing is counted where one of them does not fit.
    fn record(&self, index: usize, rows: &[PluginRow], resolved: &mut Resolved) -> Result<(), Box<Refused>> {
        let start = resolved.rows.len();
        let mut collapsed: Vec<usize> = Vec::new();
        // Rows go in the plan's order of tables, so that a record's parents come before its children.
        let mut ordered: Vec<(usize, &PluginRow)> = Vec::with_capacity(rows.len());
        for row in rows {
            let table = self.table(row.table).ok_or_else(|| {
                self.refuse("malformed-row", None, format!("there is no table number {} in the description", row.table))
            })?;
            ordered.push((table, row));
        }
        ordered.sort_by_key(|(table, _)| *table);
        if let Some(own) = &self.own {
            let group = self.group(index, rows, own, resolved)?;
            resolved.groups.insert(index, group);
        }
        // Few rows are compared one by one; of many, the first of each key is remembered.
        let mut firsts: Option<HashMap<(usize, Vec<u8>), usize>> = (ordered.len() > COMPARED_MAX).then(HashMap::new);
        for (table, row) in ordered {
            let row = self.row(index, table, &row.body, resolved.groups.get(&index))?;
            self.check_own_id(&row, resolved)?;
            let equal = match &mut firsts {
                Some(firsts) => match firsts.entry((table, row.key.clone())) {
                    Entry::Occupied(first) => Some(*first.get()),
                    Entry::Vacant(place) => {
                        place.insert(resolved.rows.len());
                        None
                    }
                },
                None => (start..resolved.rows.len())
                    .find(|&other| resolved.rows[other].table == table && resolved.rows[other].key == row.key),
            };
            match equal.map(|other| &resolved.rows[other]) {
                None => resolved.rows.push(row),
                Some(other)
                    if other.values == row.values && other.pending == row.pending && other.choices == row.choices =>
                {
                    collapsed.push(table);
                }
                // The record does not hang on what becomes of the rows of a junction.
                Some(_) if self.tables()[table].junction.is_some() => resolved.rows.push(row),
                Some(_) => {
                    let name = &self.plan.entities[self.entity].tables[table].schema.name;
                    let message = format!("the record has two different rows of one key for the table `{name}`");
                    return Err(self.refuse("duplicate-key", None, message));
                }
            }
        }
        for row in &resolved.rows[start..] {
            resolved.rows_out[row.table] += 1;
        }
        for table in collapsed {
            resolved.rows_out[table] += 1;
            resolved.rows_collapsed[table] += 1;
        }
        Ok(())
    }

    /// Reads of which members a merged record is made.
    fn group(
        &self,
        index: usize,
        rows: &[PluginRow],
        (table, id): &(u32, String),
        resolved: &Resolved,
    ) -> Result<Group, Box<Refused>> {
        let entity = &self.plan.entities[self.entity];
        let names: Vec<&str> = self.plan.entities.iter().map(|entity| entity.name.as_str()).collect();
        let body = resolved.batch.body(&resolved.batch.records[index]);
        Group::read(entity, &names, body, rows, (*table, id))
            .map_err(|message| self.refuse("no-survivor", Some(id.clone()), message))
    }

    /// A number of the target's belongs to the record's own key and to nothing else.
    fn check_own_id(&self, row: &ResolvedRow, resolved: &Resolved) -> Result<(), Box<Refused>> {
        let entity = &self.plan.entities[self.entity];
        let (IdStrategy::Sequence, Some(id)) = (entity.id, entity.tables[row.table].id) else { return Ok(()) };
        let key = resolved.batch.records[row.record].key.as_ref();
        if row.pending.iter().any(|(column, parent, of)| *column == id && *parent == self.entity && Some(of) == key) {
            return Ok(());
        }
        let column = &self.columns[row.table][id].name;
        let message = format!(
            "`{}.{column}`: with `id = \"sequence\"` expected a reference to the record's own key, found something else",
            entity.tables[row.table].schema.name
        );
        Err(self.refuse("unusable-reference", Some(column.clone()), message))
    }

    fn row(&self, index: usize, table: usize, body: &[u8], group: Option<&Group>) -> Result<ResolvedRow, Box<Refused>> {
        let plan = &self.plan.entities[self.entity].tables[table];
        let columns = &self.columns[table];
        let malformed = |message: String| self.refuse("malformed-row", None, message);
        let document = RawDocument::from_bytes(body).map_err(|error| malformed(error.to_string()))?;
        let values = vec![Value::Null; columns.len()];
        let is_deferred = self.plan.entities[self.entity].leaves(plan);
        let mut resolved = ResolvedRow { record: index, table, values, is_deferred, ..ResolvedRow::default() };
        let mut is_set = Seen::new(columns.len());
        let mut next = 0;
        for field in document.iter_elements() {
            let field = field.map_err(|error| malformed(error.to_string()))?;
            let name = field.key().as_str();
            // Components mostly keep the order of their description.
            let position = if columns.get(next).is_some_and(|column| column.name == name) {
                next
            } else {
                columns.iter().position(|column| column.name == name).ok_or_else(|| {
                    let message = format!("the table `{}` has no described column `{name}`", plan.schema.name);
                    self.refuse("malformed-row", Some(name.to_owned()), message)
                })?
            };
            next = position + 1;
            if is_set.set(position) {
                let message = format!("the column `{}.{name}` is there twice", plan.schema.name);
                return Err(self.refuse("malformed-row", Some(name.to_owned()), message));
            }
            let value = field.value().map_err(|error| malformed(error.to_string()))?;
            let column = &columns[position];
            resolved.values[position] =
                match convert::convert(value, column).map_err(|m| self.mismatch(plan, column, &m))? {
                    Converted::Value(value) => value,
                    Converted::Reference { entity, id } => {
                        self.reference(plan, position, column, entity, id, &mut resolved, group)?
                    }
                    Converted::Array(items) => self.elements(plan, column, items)?,
                };
        }
        for (position, column) in columns.iter().enumerate() {
            let waits = resolved.is_open(position);
            if resolved.values[position].is_null() && !column.nullable && !waits {
                let message = format!("`{}.{}`: expected a value, found null", plan.schema.name, column.name);
                return Err(self.refuse("not-null", Some(column.name.clone()), message));
            }
        }
        if let Some(&position) = self.key_positions[table].iter().find(|&&position| resolved.values[position].is_null())
        {
            let name = &columns[position].name;
            if !resolved.is_open(position) {
                let message = format!("`{}.{name}`: expected a value in the key, found null", plan.schema.name);
                return Err(self.refuse("not-null", Some(name.clone()), message));
            }
        }
        for &position in &self.key_positions[table] {
            // Until the id is known, what it belongs to tells the rows apart.
            let pending = resolved.pending.iter().find(|(waiting, ..)| *waiting == position);
            let pending = pending.map(|(_, parent, key)| format!("{parent} {}", key.as_str()));
            let is_open = |choice: &&Choice| choice.column == position && choice.is == Decided::No;
            let open = || resolved.choices.iter().find(is_open).map(|choice| format!("{:?}", choice.of));
            match pending.or_else(open) {
                Some(text) => value::encode_into(&Value::Text(text.into()), &mut resolved.key),
                None => value::encode_into(&resolved.values[position], &mut resolved.key),
            }
        }
        resolved.digest = ledger::digest(&resolved.values);
        Ok(resolved)
    }

    fn mismatch(&self, plan: &TablePlan, column: &Column, mismatch: &convert::Mismatch) -> Box<Refused> {
        let message = format!("`{}.{}`: {mismatch}", plan.schema.name, column.name);
        self.refuse(mismatch.code, Some(column.name.clone()), message)
    }

    fn refuse(&self, code: &str, field: Option<String>, message: String) -> Box<Refused> {
        Box::new(Refused { stage: "resolve", code: code.to_owned(), field, message, plugin: None })
    }
}

/// Where the own rows of a merged entity's records are.
fn own_rows(entity: &EntityPlan) -> Option<(u32, String)> {
    let (table, id) = entity.main_table().filter(|_| !entity.merges.is_empty())?;
    let described = entity.described.iter().position(|name| *name == table.schema.name)?;
    Some((u32::try_from(described).ok()?, table.schema.columns[table.columns[id]].name.clone()))
}

/// Returns whether two rows of a table have the same key. Equal hashes are taken for equal keys: the commit, which
/// tells them apart, then looks closer for nothing.
pub(super) fn repeats_keys(tables: &[TablePlan], rows: &[ResolvedRow]) -> bool {
    // Two of the plan's tables may be one of the target's.
    let first_of_name =
        |table: usize| tables.iter().position(|other| other.schema.name == tables[table].schema.name).unwrap_or(table);
    let seeds: Vec<u64> = (0..tables.len()).map(|table| first_of_name(table) as u64).collect();
    let mut seen = HashSet::with_capacity(rows.len());
    // Rows of a junction may: its final step tells them apart.
    let mut own = rows.iter().filter(|row| !row.is_deferred);
    own.any(|row| !seen.insert(xxh3_64_with_seed(&row.key, seeds[row.table])))
}

/// Which columns of a row are there; a row rarely has more than a word of them.
struct Seen {
    first: u64,
    more: Vec<bool>,
}

impl Seen {
    fn new(columns: usize) -> Self {
        Self { first: 0, more: vec![false; columns.saturating_sub(64)] }
    }

    /// Marks a column; returns whether it was marked before.
    fn set(&mut self, column: usize) -> bool {
        match column.checked_sub(64) {
            Some(column) => std::mem::replace(&mut self.more[column], true),
            None => {
                let was = self.first >> column & 1 == 1;
                self.first |= 1 << column;
                was
            }
        }
    }
}
