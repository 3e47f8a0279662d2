//! What is asked of whole tables, page by page: the form of their values, foreign keys, and rows that nobody wrote.

use std::collections::BTreeSet;
use std::collections::HashSet;

use indexmap::IndexMap;
use xxhash_rust::xxh3::xxh3_128;

use super::report::DATA_TYPES;
use super::report::FOREIGN_KEYS;
use super::report::Failed;
use super::report::ROW_COUNT;
use super::report::TOLD_MAX;
use super::tally::Tallies;
use super::values::shown;
use crate::error::Failure;
use crate::plan::TablePlan;
use crate::record::ColumnType;
use crate::record::value;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::open::Opened;
use crate::run::shutdown::Shutdown;
use crate::run::unclaimed;
use crate::run::unclaimed::row_hash;
use crate::run::verify::shown_key;

/// Rows that are looked at in one transaction.
const PAGE: usize = 5_000;

/// Each table that some entity feeds, once, with all columns that are fed.
fn fed(opened: &Opened) -> Vec<(&TablePlan, Vec<usize>)> {
    let mut tables: IndexMap<&str, (&TablePlan, BTreeSet<usize>)> = IndexMap::new();
    for table in opened.plan.entities.iter().flat_map(|entity| &entity.tables) {
        let (_, columns) = tables.entry(&table.schema.name).or_insert_with(|| (table, BTreeSet::new()));
        columns.extend(table.columns.iter().chain(&table.key));
    }
    tables.into_values().map(|(table, columns)| (table, columns.into_iter().collect())).collect()
}

fn part(table: &TablePlan) -> String {
    format!("table {}", table.schema.name)
}

/// Looks at the form of every value in a column that is fed.
pub async fn types(opened: &Opened, tallies: &mut Tallies, shutdown: &Shutdown) -> Result<(), Failure> {
    if !tallies.has(DATA_TYPES) {
        return Ok(());
    }
    for (table, mut columns) in fed(opened) {
        let schema = &table.schema;
        columns.retain(|&column| schema.columns[column].kind != ColumnType::Other);
        if table.key.is_empty() {
            tallies.note(DATA_TYPES, format!("`{}` has no key: its rows cannot be gone through", schema.name));
            continue;
        }
        tallies.applies(DATA_TYPES);
        let mut after = None;
        while !shutdown.is_asked() {
            let mut tx = opened.target.begin().await?;
            let examined = tx.examine(schema, &table.key, after.as_deref(), &columns, PAGE).await?;
            tx.rollback().await?;
            tallies.count(DATA_TYPES, &part(table), "rows", examined.rows);
            tallies.compared(DATA_TYPES, &part(table), "values", examined.values);
            for misfit in examined.misfits {
                let key = value::encode(&misfit.key);
                let failed = Failed {
                    code: "type".to_owned(),
                    table: Some(schema.name.clone()),
                    row: Some(shown_key(table, &key)),
                    field: Some(schema.columns[misfit.column].name.clone()),
                    expected: Some(misfit.expected),
                    actual: Some(misfit.found),
                    ..Failed::default()
                };
                tallies.fail_unowned(DATA_TYPES, row_hash(&schema.name, &key), failed);
            }
            let Some(last) = examined.last else { break };
            after = Some(last);
        }
    }
    Ok(())
}

/// Has the target say which rows point nowhere, whether or not it enforces it.
pub async fn foreign_keys(opened: &Opened, tallies: &mut Tallies, shutdown: &Shutdown) -> Result<(), Failure> {
    if !tallies.has(FOREIGN_KEYS) {
        return Ok(());
    }
    for (table, _) in fed(opened) {
        let schema = &table.schema;
        for (index, foreign) in schema.foreign_keys.iter().enumerate() {
            if shutdown.is_asked() {
                return Ok(());
            }
            tallies.applies(FOREIGN_KEYS);
            let mut tx = opened.target.begin().await?;
            let held = tx.foreign_key(schema, index, &table.key, TOLD_MAX).await?;
            tx.rollback().await?;
            tallies.compared(FOREIGN_KEYS, &part(table), "references", held.pointing);
            let columns: Vec<&str> = foreign.columns.iter().map(|&column| &*schema.columns[column].name).collect();
            tallies.fail_more(FOREIGN_KEYS, held.broken.saturating_sub(held.examples.len() as u64));
            for (key, pointing) in held.examples {
                let key = value::encode(&key);
                let failed = Failed {
                    code: "no-parent".to_owned(),
                    table: Some(schema.name.clone()),
                    row: (!table.key.is_empty()).then(|| shown_key(table, &key)),
                    field: Some(columns.join(", ")),
                    expected: Some(format!("a row of `{}`", foreign.parent)),
                    actual: Some(pointing.iter().map(shown).collect::<Vec<_>>().join(", ")),
                    message: Some(format!("foreign key `{}`", foreign.name)),
                    ..Failed::default()
                };
                tallies.fail_unowned(FOREIGN_KEYS, row_hash(&schema.name, &key), failed);
            }
        }
    }
    Ok(())
}

/// Counts the rows that stand, and finds those that no ledger of the target has.
pub async fn rows(
    opened: &Opened,
    books: &Bookkeeping,
    skip_extra: bool,
    tallies: &mut Tallies,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let target = &*opened.target;
    if !tallies.has(ROW_COUNT) {
        return Ok(());
    }
    for (table, _) in fed(opened) {
        let (name, part) = (&table.schema.name, part(table));
        let mut tx = target.begin().await?;
        let standing = tx.count(&table.schema).await?;
        tx.rollback().await?;
        tallies.count(ROW_COUNT, &part, "standing", standing);
        if table.key.is_empty() || skip_extra {
            let why = if skip_extra { "as asked" } else { "it has no key" };
            tallies.note(ROW_COUNT, format!("`{name}` may have rows that nobody wrote: not looked for, {why}"));
            continue;
        }
        let (mut place, mut seen) = (Vec::new(), 0);
        while !shutdown.is_asked() {
            let mut extra: HashSet<u128> = HashSet::new();
            let last = unclaimed::keys(target, table, &place, &mut |key| {
                seen += 1;
                extra.insert(xxh3_128(key));
            })
            .await?;
            let Some(last) = last else { break };
            unclaimed::strike_claimed(target, books, name, &mut extra).await?;
            if !extra.is_empty() {
                let told = &mut *tallies;
                unclaimed::keys(target, table, &place, &mut |key| {
                    if extra.contains(&xxh3_128(key)) {
                        told.count(ROW_COUNT, &part, "extra", 1);
                        told.fail(ROW_COUNT, nobodys(name, Some(shown_key(table, key))));
                    }
                })
                .await?;
            }
            place = last;
        }
        // A row whose key holds a NULL has no place among the keys, and nobody has written it.
        for _ in seen..standing {
            if shutdown.is_asked() {
                break;
            }
            tallies.count(ROW_COUNT, &part, "extra", 1);
            tallies.fail(ROW_COUNT, nobodys(name, None));
        }
    }
    Ok(())
}

fn nobodys(table: &str, row: Option<String>) -> Failed {
    let without = if row.is_some() { "" } else { ", and its key holds a NULL" };
    Failed {
        code: "extra".to_owned(),
        table: Some(table.to_owned()),
        row,
        message: Some(format!("no ledger of this target has it{without}")),
        ..Failed::default()
    }
}
