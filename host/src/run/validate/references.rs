//! The references of the rows of a batch: each means what the source's does, and its parent stands.

use std::collections::HashMap;
use std::collections::HashSet;

use super::report::Failed;
use super::report::REFERENTIAL_INTEGRITY;
use super::tally::Tallies;
use super::values::shown;
use super::walk::Seen;
use super::walk::failed_in;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Batch;
use crate::record::Value;
use crate::record::value;
use crate::run::compare::Difference;
use crate::run::compare::Field;
use crate::run::compare::What;
use crate::run::parents::key_of_parent;

/// What differs in a row, by its record, table and key: what is recorded as left NULL does not.
pub struct Differing<'a>(HashMap<(usize, &'a str, &'a [u8]), &'a [Field]>);

impl<'a> Differing<'a> {
    /// Gathers what a comparison has found.
    pub fn new(plan: &'a EntityPlan, differences: &'a [Difference]) -> Self {
        let fields = differences.iter().filter_map(|difference| match (&difference.what, &difference.row) {
            (What::Changed { fields, .. } | What::Taken(fields), Some((table, key))) => {
                Some(((difference.record, plan.tables[*table].schema.name.as_str(), key.as_slice()), fields.as_slice()))
            }
            _ => None,
        });
        Self(fields.collect())
    }

    fn has(&self, seen: &Seen, table: &TablePlan, reference: &ReferencePlan) -> bool {
        let fields = self.0.get(&(seen.record, table.schema.name.as_str(), seen.key.as_slice()));
        let names = reference.columns.iter().map(|&fed| &table.schema.columns[table.columns[fed]].name);
        fields.is_some_and(|fields| names.into_iter().any(|name| fields.iter().any(|field| field.field == *name)))
    }
}

/// Compares the references of these rows, and looks for their parents: one lookup a reference.
pub async fn look(
    plan: &EntityPlan,
    tx: &mut dyn Transaction,
    batch: &Batch,
    rows: &[Seen],
    differing: &Differing<'_>,
    tallies: &mut Tallies,
) -> Result<(), Failure> {
    if !tallies.has(REFERENTIAL_INTEGRITY) {
        return Ok(());
    }
    for (index, table) in plan.tables.iter().enumerate() {
        let part = format!("table {}", table.schema.name);
        // One column may refer to several entities, each row to one of them.
        let mut groups: Vec<Vec<&ReferencePlan>> = Vec::new();
        for reference in &table.references {
            match groups.iter_mut().find(|group| group[0].columns == reference.columns) {
                Some(group) => group.push(reference),
                None => groups.push(vec![reference]),
            }
        }
        for group in groups {
            let columns = &group[0].columns;
            let mut sought: Vec<&Seen> = Vec::new();
            for seen in rows.iter().filter(|seen| seen.table == index) {
                let is_null = |values: &[Value]| columns.iter().any(|&fed| values[fed].is_null());
                let (expected_null, found_null) = (is_null(&seen.expected), is_null(&seen.found));
                if expected_null && found_null {
                    continue;
                }
                tallies.compared(REFERENTIAL_INTEGRITY, &part, "references", 1);
                if differing.has(seen, table, group[0]) {
                    let failed = Failed {
                        expected: Some(told(&seen.expected, columns)),
                        actual: Some(told(&seen.found, columns)),
                        ..failed_in(plan, batch, seen, columns, "differs")
                    };
                    tallies.fail(REFERENTIAL_INTEGRITY, failed);
                } else if found_null {
                    tallies.count(REFERENTIAL_INTEGRITY, &part, "recorded as NULL", 1);
                } else {
                    sought.push(seen);
                }
            }
            for seen in orphans(tx, &group, sought).await? {
                let parents: HashSet<&str> = group.iter().map(|reference| reference.parent.name.as_str()).collect();
                let mut parents: Vec<&str> = parents.into_iter().collect();
                parents.sort_unstable();
                let failed = Failed {
                    expected: Some(format!("a row of `{}`", parents.join("` or `"))),
                    actual: Some(told(&seen.found, columns)),
                    ..failed_in(plan, batch, seen, columns, "no-parent")
                };
                tallies.fail(REFERENTIAL_INTEGRITY, failed);
            }
        }
    }
    Ok(())
}

/// Returns the rows whose reference has a parent in none of the tables that it may mean.
async fn orphans<'a>(
    tx: &mut dyn Transaction,
    group: &[&ReferencePlan],
    mut sought: Vec<&'a Seen>,
) -> Result<Vec<&'a Seen>, Failure> {
    for reference in group {
        if sought.is_empty() {
            break;
        }
        let key = |seen: &&Seen| key_of_parent(reference, &seen.found).map(|(key, _)| key);
        let distinct: HashMap<Vec<u8>, Vec<Value>> =
            sought.iter().filter_map(key).map(|key| (value::encode(&key), key)).collect();
        let keys: Vec<Vec<Value>> = distinct.into_values().collect();
        let found = tx.find(&reference.parent, &reference.parent_columns, &keys, &[]).await?;
        sought.retain(|seen| key(seen).is_none_or(|key| !found.contains_key(&value::encode(&key))));
    }
    Ok(sought)
}

fn told(values: &[Value], columns: &[usize]) -> String {
    columns.iter().map(|&fed| shown(&values[fed])).collect::<Vec<_>>().join(", ")
}
