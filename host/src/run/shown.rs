//! What a dry run shows of single records: each source field beside the column that it becomes, and what takes another form.
//!
//! The first records of an entity, some that are left out or set aside, and over all records how often a value takes another
//! form on its way, by column. Nothing is kept of the others.

mod change;
mod field;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use bson::RawDocument;
use serde::Serialize;

use super::bookkeeping::DeadLetter;
use super::layout::Dead;
use super::layout::Layout;
use super::ledger::RowFate;
use super::resolve::Resolved;
use super::resolve::Settled;
use super::transform::Refused;
use crate::plan::EntityPlan;
use crate::plan::TablePlan;
use crate::record::Batch;

pub use field::Before;

/// What was seen of one entity's records.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Shown {
    /// The first ones, then some that were left out or set aside.
    pub records: Vec<ShownRecord>,
    /// Columns whose values take another form, or lose something, in all records of the run.
    pub changes: Vec<Change>,
    #[serde(skip)]
    seen: usize,
    #[serde(skip)]
    refused: usize,
}

/// One record.
#[derive(Debug, Clone, Serialize)]
pub struct ShownRecord {
    /// Its number in the source.
    pub document: u64,
    /// Where it stands there.
    pub position: String,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// `written`, `unchanged`, `skipped`, `dead` or `parked`.
    pub fate: &'static str,
    /// Why it is left out or set aside.
    pub reason: Option<String>,
    /// Its rows, as they will stand; those that are refused, as they would have stood.
    pub rows: Vec<ShownRow>,
    /// Its fields that no column of these rows is made of, as far as the component says.
    pub others: Vec<Before>,
}

/// One row.
#[derive(Debug, Clone, Serialize)]
pub struct ShownRow {
    /// Its table.
    pub table: String,
    /// In the order of the description.
    pub columns: Vec<ShownColumn>,
}

/// One column of a row.
#[derive(Debug, Clone, Serialize)]
pub struct ShownColumn {
    /// Its name.
    pub column: String,
    /// Its type, as the target writes it.
    pub declared: String,
    /// The source fields that it is made of, as far as the component says.
    pub before: Vec<Before>,
    /// What will stand there; `null` is NULL.
    pub after: Option<String>,
    /// What form the value has taken instead of its own.
    pub change: Option<String>,
}

/// Values of one column that take another form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// From what to what.
    pub change: String,
    /// Whether the value cannot be got back from what stands there.
    pub is_lossy: bool,
    /// In how many rows.
    pub count: u64,
    /// The first of them: the document's number, what it had, and what will stand there.
    pub document: u64,
    /// What it had.
    pub before: String,
    /// What will stand there.
    pub after: Option<String>,
}

/// Collects what is shown of a run, by entity.
#[derive(Debug)]
pub struct ShowRows {
    records_max: usize,
    entities: Mutex<BTreeMap<String, Shown>>,
}

/// A batch that was written, with what became of it.
pub struct Committed<'a> {
    /// The batch.
    pub resolved: &'a Resolved,
    /// How it was laid out.
    pub layout: &'a Layout,
    /// Records that were set aside, beside those that were so before.
    pub dead: &'a Dead,
    /// One a row.
    pub row_fates: &'a [Option<RowFate>],
}

impl ShowRows {
    /// Shows so many records of an entity, and as many again of those that are left out or set aside.
    pub fn new(records_max: usize) -> Self {
        Self { records_max, entities: Mutex::default() }
    }

    /// Returns what was seen of an entity.
    pub fn take(&self, entity: &str) -> Option<Shown> {
        self.entities.lock().unwrap_or_else(PoisonError::into_inner).remove(entity)
    }

    /// Looks at a batch.
    pub fn add(&self, entity: &EntityPlan, committed: &Committed<'_>) {
        let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = entities.entry(entity.name.clone()).or_default();
        for record in 0..committed.resolved.records.len() {
            let (fate, reason) = committed.fate(record);
            let is_written = matches!(fate, "written" | "unchanged");
            if is_written {
                shown.count_changes(entity, committed, record);
            }
            let is_first = shown.seen < self.records_max;
            shown.seen += 1;
            let is_shown = is_first || !is_written && shown.refused < self.records_max;
            shown.refused += usize::from(!is_written && is_shown);
            if is_shown {
                shown.records.push(committed.record(entity, record, fate, reason));
            }
        }
    }

    /// Looks at the dead letters of a batch that was rolled back for them.
    pub fn add_letters(&self, entity: &str, letters: &[DeadLetter]) {
        let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = entities.entry(entity.to_owned()).or_default();
        let left = self.records_max.saturating_sub(shown.refused);
        shown.records.extend(letters.iter().take(left).map(|letter| {
            let refused = format!("{}/{}: {}", letter.stage, letter.code, letter.message);
            ShownRecord {
                document: letter.document,
                position: letter.position.clone(),
                key: letter.key.clone(),
                fate: "dead",
                reason: Some(refused),
                rows: Vec::new(),
                others: field::all(letter.is_bson.then_some(&letter.original)),
            }
        }));
    }
}

impl Committed<'_> {
    /// What became of a record, and why.
    fn fate(&self, record: usize) -> (&'static str, Option<String>) {
        let told = |refused: &Refused| Some(format!("{}/{}: {}", refused.stage, refused.code, refused.message));
        if let Some(refused) = self.dead.get(&record) {
            return ("dead", told(refused));
        }
        let range = match &self.resolved.records[record] {
            Settled::Dead(refused) => return ("dead", told(refused)),
            Settled::Skip(reason) => return ("skipped", Some(reason.clone())),
            Settled::Rows(range) => range.clone(),
        };
        if let Some(parked) = self.layout.parked.get(&record) {
            return ("parked", told(&parked.refused));
        }
        if let Some(left_out) = self.layout.skipped.get(&record) {
            return ("skipped", Some(left_out.reason.clone()));
        }
        let fates = || range.clone().filter_map(|row| self.row_fates[row].as_ref());
        if fates().any(|fate| matches!(fate, RowFate::Inserted | RowFate::Updated(_))) {
            ("written", None)
        } else if fates().any(|fate| *fate == RowFate::Skipped) {
            ("skipped", Some(super::commit::STANDS.to_owned()))
        } else {
            ("unchanged", None)
        }
    }

    fn record(&self, entity: &EntityPlan, index: usize, fate: &'static str, reason: Option<String>) -> ShownRecord {
        let Batch { origin, records, .. } = &self.resolved.batch;
        let record = &records[index];
        let body = self.body(index);
        let rows: Vec<ShownRow> = match &self.resolved.records[index] {
            Settled::Rows(range) => range.clone().map(|row| self.row(entity, row, body)).collect(),
            _ => Vec::new(),
        };
        let used: Vec<&str> = rows
            .iter()
            .flat_map(|row| &row.columns)
            .flat_map(|column| &column.before)
            .map(|before| before.field.split('.').next().unwrap_or_default())
            .collect();
        let mut others = field::all(body);
        others.retain(|other| !used.contains(&other.field.as_str()));
        ShownRecord {
            document: record.document,
            position: format!("{origin}:{}", record.offset),
            key: record.key.as_ref().map(|key| key.as_str().to_owned()),
            fate,
            reason,
            rows,
            others,
        }
    }

    /// The bytes of a record that is a document.
    fn body(&self, index: usize) -> Option<&[u8]> {
        let record = &self.resolved.batch.records[index];
        let is_bson = record.fault.as_ref().is_none_or(|fault| fault.is_bson);
        is_bson.then(|| self.resolved.batch.body(record))
    }

    fn row(&self, entity: &EntityPlan, row: usize, body: Option<&[u8]>) -> ShownRow {
        let table = &entity.tables[self.resolved.rows[row].table];
        let document = body.and_then(|body| RawDocument::from_bytes(body).ok());
        let columns = self.layout.wanted(self.resolved, row).iter().enumerate().map(|(fed, value)| {
            let column = &table.schema.columns[table.columns[fed]];
            let sources = sources(entity, table, &column.name);
            let change = document.and_then(|document| change::of(document, sources, value, column));
            ShownColumn {
                column: column.name.clone(),
                declared: column.declared.clone(),
                before: document.map(|document| field::some(document, sources)).unwrap_or_default(),
                after: change::after(value, column),
                change: change.map(|change| change.words),
            }
        });
        ShownRow { table: table.schema.name.clone(), columns: columns.collect() }
    }
}

impl Shown {
    fn count_changes(&mut self, entity: &EntityPlan, committed: &Committed<'_>, record: usize) {
        let Settled::Rows(range) = &committed.resolved.records[record] else { return };
        let document = committed.body(record).and_then(|body| RawDocument::from_bytes(body).ok());
        let Some(document) = document else { return };
        for row in range.clone() {
            let table = &entity.tables[committed.resolved.rows[row].table];
            for (fed, value) in committed.layout.wanted(committed.resolved, row).iter().enumerate() {
                let column = &table.schema.columns[table.columns[fed]];
                let found = change::of(document, sources(entity, table, &column.name), value, column);
                let Some(change::Changed { words, is_lossy, before }) = found else { continue };
                let is_same = |change: &&mut Change| {
                    change.change == words && change.column == column.name && change.table == table.schema.name
                };
                match self.changes.iter_mut().find(is_same) {
                    Some(change) => change.count += 1,
                    None => self.changes.push(Change {
                        table: table.schema.name.clone(),
                        column: column.name.clone(),
                        change: words,
                        is_lossy,
                        count: 1,
                        document: committed.resolved.batch.records[record].document,
                        before,
                        after: change::after(value, column),
                    }),
                }
            }
        }
    }
}

/// The source fields that a column is made of, as far as the component says.
fn sources<'a>(entity: &'a EntityPlan, table: &TablePlan, column: &str) -> &'a [String] {
    entity.sources.get(&(table.schema.name.clone(), column.to_owned())).map_or(&[], Vec::as_slice)
}
