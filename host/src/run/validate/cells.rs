//! The values of the rows of a batch, each shown to the checks that look at its column.

use std::collections::HashMap;
use std::collections::HashSet;

use super::components::ToldColumns;
use super::report::COORDINATES;
use super::report::FILE_PATHS;
use super::report::JSON_FIELDS;
use super::times;
use super::times::Clock;
use super::values;
use super::values::Looked;
use super::walk::Seen;
use super::walk::Walk;
use super::walk::failed_in;
use crate::run::resolve::Resolved;

impl Walk<'_> {
    /// Has the checks of single values look at the rows; returns of which columns they have told something. A place is told
    /// once by a check, and JSON as a whole where nothing in it was told.
    pub(super) fn values(&mut self, index: usize, resolved: &Resolved, rows: &[Seen]) -> ToldColumns {
        let plan = &self.opened.plan.entities[index];
        let columns = &mut self.columns[index];
        let mut compared: HashMap<(&'static str, usize), u64> = HashMap::new();
        let clock = Clock { range_us: columns.range_us, runs_us: std::mem::take(&mut self.runs_us) };
        let mut told_columns = ToldColumns::new();
        for (place, seen) in rows.iter().enumerate() {
            let record = &resolved.batch.records[seen.record];
            for (fed, asked) in columns.asked[seen.table].iter().enumerate() {
                let (expected, found) = (&seen.expected[fed], &seen.found[fed]);
                let mut told: HashSet<(&str, String)> = HashSet::new();
                for asked in asked {
                    if !self.tallies.has(asked.check) {
                        continue;
                    }
                    let Looked { values, faults } = match asked.check {
                        COORDINATES => values::coordinates(expected, found, &asked.steps),
                        JSON_FIELDS => values::json_fields(expected, found, &asked.steps),
                        FILE_PATHS => {
                            let rule = asked.rule.map(|rule| &columns.paths[rule]);
                            values::file_paths(expected, found, &asked.steps, rule)
                        }
                        _ => {
                            let table = &plan.tables[seen.table];
                            let kind = &table.schema.columns[table.columns[fed]].kind;
                            times::timestamps(expected, found, &asked.steps, kind, &clock, |us| {
                                times::has_instant(resolved.batch.body(record), us)
                            })
                        }
                    };
                    *compared.entry((asked.check, seen.table)).or_default() += values;
                    if let Some(declared) = asked.declared {
                        columns.declared[declared].values += values;
                    }
                    let is_whole_json = asked.check == JSON_FIELDS && asked.steps.is_empty();
                    if is_whole_json && told.iter().any(|(check, _)| *check == JSON_FIELDS) {
                        continue;
                    }
                    for fault in faults {
                        if !told.insert((asked.check, fault.pointer.clone())) {
                            continue;
                        }
                        let mut failed = failed_in(plan, &resolved.batch, seen, &[fed], fault.code);
                        let column = failed.field.clone().unwrap_or_default();
                        told_columns.entry(asked.check).or_default().insert((place, column));
                        if !fault.pointer.is_empty() {
                            failed.field = failed.field.map(|column| format!("{column}#{}", fault.pointer));
                        }
                        failed.expected = Some(fault.expected);
                        failed.actual = Some(fault.actual);
                        self.tallies.fail(asked.check, failed);
                    }
                }
            }
        }
        self.runs_us = clock.runs_us;
        for ((check, table), values) in compared {
            self.tallies.compared(check, &format!("table {}", plan.tables[table].schema.name), "values", values);
        }
        told_columns
    }
}
