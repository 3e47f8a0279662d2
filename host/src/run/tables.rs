//! The target's tables: as they stand, or as the schema file would make them.

use std::collections::BTreeSet;

use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::target::Made;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::resolve::Described;
use crate::plan::resolve::TargetTables;
use crate::record::TableSchema;

/// What is known of them.
pub(super) struct Tables {
    /// The schemas of all tables that are fed or pointed to, by name.
    pub known: TargetTables,
    /// The statements that make those that are missing, and their names.
    pub schema: Option<(String, Vec<String>)>,
    /// The schemas of these.
    pub missing: Vec<TableSchema>,
    /// The names of those among them into which the statements put rows.
    pub filled: BTreeSet<String>,
}

/// Reads the schemas of all tables that are fed or pointed to; missing ones are taken from the schema file.
pub(super) async fn find(
    manifest: &Manifest,
    target: &dyn Target,
    script: Option<String>,
    described: &[Described],
) -> Result<Tables, Failure> {
    let mut wanted: BTreeSet<String> =
        described.iter().flat_map(|described| described.tables.iter().map(|table| table.name.clone())).collect();
    let (mut tables, mut missing, mut asked) = (TargetTables::new(), Vec::new(), BTreeSet::new());
    let mut filled = BTreeSet::new();
    while !wanted.is_empty() {
        let mut absent = Vec::new();
        for name in std::mem::take(&mut wanted) {
            asked.insert(name.clone());
            match target.table(&name).await? {
                Some(table) => drop(tables.insert(name, table)),
                None => absent.push(name),
            }
        }
        if let Some(sql) = script.as_ref().filter(|_| !absent.is_empty()) {
            let tried = target.tables_of_script(sql, &absent).await;
            let tried = tried.map_err(|error| schema_failure(manifest, &absent, &tables, error))?;
            for (name, table) in absent.iter().zip(tried) {
                if let Some(Made { schema, has_rows }) = table {
                    filled.extend(has_rows.then(|| schema.name.clone()));
                    missing.push(schema.clone());
                    tables.insert(name.clone(), schema);
                }
            }
        }
        let parents = tables.values().flat_map(|table| table.foreign_keys.iter().map(|key| key.parent.clone()));
        wanted = parents.filter(|parent| !asked.contains(parent)).collect();
    }
    let names: Vec<String> = missing.iter().map(|table: &TableSchema| table.name.clone()).collect();
    let schema = script.filter(|_| !names.is_empty()).map(|sql| (sql, names));
    Ok(Tables { known: tables, schema, missing, filled })
}

/// Says that the schema file cannot make what is missing. It is run whole, so what is there already may be in its way.
fn schema_failure(manifest: &Manifest, absent: &[String], tables: &TargetTables, error: TargetError) -> Failure {
    let is_own_transaction = matches!(error, TargetError::OwnTransaction { .. });
    if !is_own_transaction && !matches!(error, TargetError::Database { .. }) {
        return error.into();
    }
    let file = manifest.tables.target.schema_file().map_or("", |(file, _)| file);
    let quoted = |names: Vec<&String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let missing = quoted(absent.iter().collect());
    let there = quoted(tables.keys().collect());
    let failure = Failure::usage(format!("the schema file `{file}` cannot be applied to the target")).cause(error);
    if is_own_transaction {
        return failure.hint("leave out what begins and ends transactions: the file is run whole, in one of its own");
    }
    if there.is_empty() {
        return failure;
    }
    failure.hint(format!(
        "the target lacks {missing} and has {there}; the file is run whole, so say `IF NOT EXISTS` in it, or create what is missing by hand"
    ))
}
