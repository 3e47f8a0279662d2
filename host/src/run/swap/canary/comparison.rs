//! What two versions make of the same records: counted, field by field, with some examples.

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde::Serialize;

use crate::plan::TablePlan;
use crate::plugin::PluginId;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;
use crate::run::resolve::Settled;

/// Differences that are kept in full.
const EXAMPLES_MAX: usize = 20;
/// Characters of a value that an example shows.
const SHOWN_MAX: usize = 240;

/// What a candidate makes of batches, measured against the active version.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Comparison {
    /// Batches compared.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Records that the candidate refuses or traps on, and the active version does not.
    pub newly_refused: u64,
    /// Records that the active version refuses, and the candidate does not.
    pub mended: u64,
    /// Records with rows that only one of the two makes.
    pub other_rows: u64,
    /// Values that differ, by `table.column`.
    pub other_values: BTreeMap<String, u64>,
    /// The first differences.
    pub examples: Vec<Example>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The record's number in the source.
    pub document: u64,
    /// `table.column`, or the table where a whole row differs; empty where the record does.
    pub field: String,
    /// The row's key, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What the active version makes.
    pub active: String,
    /// What the candidate makes.
    pub candidate: String,
}

impl Comparison {
    /// Returns whether a rule may promote: nothing newly refused, and the same rows.
    pub fn is_safe(&self) -> bool {
        self.newly_refused == 0 && self.other_rows == 0
    }

    /// Says in a sentence what came out.
    pub fn sentence(&self) -> String {
        let values: u64 = self.other_values.values().sum();
        format!(
            "compared on {} records in {} batches: {} newly refused, {} mended, {} with other rows, {values} other values",
            self.records, self.batches, self.newly_refused, self.mended, self.other_rows
        )
    }

    /// Adds what another batch brought.
    pub fn add(&mut self, other: Self) {
        self.batches += other.batches;
        self.records += other.records;
        self.newly_refused += other.newly_refused;
        self.mended += other.mended;
        self.other_rows += other.other_rows;
        for (column, count) in other.other_values {
            *self.other_values.entry(column).or_default() += count;
        }
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES_MAX);
    }

    /// Compares one batch, record by record.
    pub fn of(tables: &[TablePlan], tried: &PluginId, active: &Resolved, candidate: &Resolved) -> Self {
        let mut found = Self { batches: 1, records: active.records.len() as u64, ..Self::default() };
        for (index, (one, other)) in active.records.iter().zip(&candidate.records).enumerate() {
            let document = active.batch.records[index].document;
            match (one, other) {
                (Settled::Dead(_), Settled::Dead(_)) | (Settled::Skip(_), Settled::Skip(_)) => {}
                (Settled::Dead(refused), _) => {
                    found.mended += 1;
                    found.example(document, "", "", &refused.message, said(other));
                }
                (_, Settled::Dead(refused)) => {
                    found.newly_refused += 1;
                    let by = refused.plugin.as_ref().map_or(tried.name.as_str(), |plugin| plugin.name.as_str());
                    found.example(document, "", "", said(one), &format!("{}: {by}: {}", refused.code, refused.message));
                }
                (Settled::Rows(one), Settled::Rows(other)) => {
                    found.rows(tables, document, &active.rows[one.clone()], &candidate.rows[other.clone()]);
                }
                (one, other) => {
                    found.other_rows += 1;
                    found.example(document, "", "", said(one), said(other));
                }
            }
        }
        found
    }

    /// Compares the rows of one record, by table and key.
    fn rows(&mut self, tables: &[TablePlan], document: u64, active: &[ResolvedRow], candidate: &[ResolvedRow]) {
        let mut theirs: HashMap<(usize, &[u8]), &ResolvedRow> =
            candidate.iter().map(|row| ((row.table, row.key.as_slice()), row)).collect();
        let mut has_other_rows = false;
        for row in active {
            let table = &tables[row.table];
            let key = packed::decode(&row.key).map_or_else(String::new, |key| packed::display(&key));
            let Some(other) = theirs.remove(&(row.table, row.key.as_slice())) else {
                has_other_rows = true;
                self.example(document, &table.schema.name, &key, "a row", "no row of this key");
                continue;
            };
            for (position, (one, two)) in row.values.iter().zip(&other.values).enumerate() {
                let column = &table.schema.columns[table.columns[position]];
                let waits = |row: &ResolvedRow| row.pending.iter().find(|(waits, ..)| *waits == position).cloned();
                let chooses = |row: &ResolvedRow| row.choices.iter().find(|choice| choice.column == position).cloned();
                let is_same_reference = waits(row) == waits(other) && chooses(row) == chooses(other);
                if value::same_in(&column.kind, one, two) && is_same_reference {
                    continue;
                }
                let field = format!("{}.{}", table.schema.name, column.name);
                self.example(document, &field, &key, &shown(one), &shown(two));
                *self.other_values.entry(field).or_default() += 1;
            }
        }
        for row in theirs.into_values() {
            has_other_rows = true;
            let key = packed::decode(&row.key).map_or_else(String::new, |key| packed::display(&key));
            self.example(document, &tables[row.table].schema.name, &key, "no row of this key", "a row");
        }
        self.other_rows += u64::from(has_other_rows);
    }

    fn example(&mut self, document: u64, field: &str, key: &str, active: &str, candidate: &str) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(Example {
                document,
                field: field.to_owned(),
                key: key.to_owned(),
                active: cut(active),
                candidate: cut(candidate),
            });
        }
    }
}

fn said(settled: &Settled) -> &'static str {
    match settled {
        Settled::Rows(_) => "rows",
        Settled::Skip(_) => "left out",
        Settled::Dead(_) => "refused",
    }
}

fn shown(value: &Value) -> String {
    packed::display(std::slice::from_ref(value))
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
