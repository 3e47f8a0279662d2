//! Foreign keys: which one refused a row, and those that SQLite itself would check only at the commit.

use std::collections::HashMap;
use std::collections::HashSet;

use rusqlite::Connection;

use super::name;
use super::refusal;
use super::schema;
use super::types;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;
use crate::record::ForeignKey;
use crate::record::Value;
use crate::record::value;

/// The references of this transaction's rows whose parents may still come.
///
/// `PRAGMA foreign_key_check` would read whole tables at every commit; only what this transaction wrote can be at fault.
#[derive(Debug, Default)]
pub(super) struct DeferredParents {
    /// Whether a table has foreign keys that are checked at the commit.
    tables: HashMap<String, bool>,
    pending: Vec<Pending>,
    savepoints: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Pending {
    table: String,
    key: ForeignKey,
    values: Vec<Value>,
}

impl DeferredParents {
    /// Returns whether references of these rows are to be noted.
    pub(super) fn for_rows(&mut self, connection: &Connection, rows: Rows<'_>) -> rusqlite::Result<bool> {
        if rows.table.foreign_keys.is_empty() {
            return Ok(false);
        }
        if let Some(known) = self.tables.get(&rows.table.name) {
            return Ok(*known);
        }
        let found = schema::has_deferred_foreign_keys(connection, &rows.table.name)?;
        self.tables.insert(rows.table.name.clone(), found);
        Ok(found)
    }

    /// Notes the references of a row that was written.
    pub(super) fn note(&mut self, rows: Rows<'_>, row: &[Value]) {
        for key in &rows.table.foreign_keys {
            if let Some(values) = reference(rows, row, key) {
                let values = values.into_iter().cloned().collect();
                self.pending.push(Pending { table: rows.table.name.clone(), key: key.clone(), values });
            }
        }
    }

    /// Looks up the parents of all noted references.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), TargetError> {
        let mut seen = HashSet::new();
        for pending in &self.pending {
            if !seen.insert((&pending.key.name, value::encode(&pending.values))) {
                continue;
            }
            let values: Vec<&Value> = pending.values.iter().collect();
            let is_there = has_parent(connection, &pending.key, &values)
                .map_err(|error| refusal::error(error, "check the foreign keys"))?;
            if !is_there {
                let message = "FOREIGN KEY constraint failed".to_owned();
                let refusal = Refusal { table: pending.table.clone(), ..unnamed(message) };
                return Err(TargetError::Refused(Refusal { constraint: Some(pending.key.name.clone()), ..refusal }));
            }
        }
        self.pending.clear();
        // What a savepoint set before the check covers is checked again only where it was written again.
        self.savepoints.iter_mut().for_each(|savepoint| savepoint.1 = 0);
        Ok(())
    }

    pub(super) fn savepoint(&mut self, name: &str) {
        self.savepoints.push((name.to_owned(), self.pending.len()));
    }

    pub(super) fn rollback_to(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|(known, _)| known == name) {
            self.pending.truncate(self.savepoints[at].1);
            self.savepoints.truncate(at + 1);
        }
    }

    pub(super) fn release(&mut self, name: &str) {
        if let Some(at) = self.savepoints.iter().rposition(|(known, _)| known == name) {
            self.savepoints.truncate(at);
        }
    }
}

/// Adds to a refusal which foreign key it was: the first one without a parent.
pub(super) fn name_foreign_key(connection: &Connection, rows: Rows<'_>, row: &[Value], refusal: Refusal) -> Refusal {
    let orphaned = |key: &&ForeignKey| {
        let Some(values) = reference(rows, row, key) else { return false };
        !points_to_itself(rows, row, key, &values) && matches!(has_parent(connection, key, &values), Ok(false))
    };
    let Some(key) = rows.table.foreign_keys.iter().find(orphaned) else { return refusal };
    let column = match key.columns[..] {
        [only] => Some(rows.table.columns[only].name.clone()),
        _ => None,
    };
    Refusal { constraint: Some(key.name.clone()), column, ..refusal }
}

/// Returns a refusal by some foreign key.
pub(super) fn unnamed(message: String) -> Refusal {
    Refusal { code: "foreign-key", table: String::new(), constraint: None, column: None, message, row: None }
}

/// Returns the values with which a row refers to a parent; `None` where one of them is NULL or not written.
fn reference<'a>(rows: Rows<'_>, row: &'a [Value], key: &ForeignKey) -> Option<Vec<&'a Value>> {
    let value = |column: &usize| {
        let place = rows.columns.iter().position(|written| written == column)?;
        row.get(place).filter(|value| !value.is_null())
    };
    key.columns.iter().map(value).collect()
}

fn points_to_itself(rows: Rows<'_>, row: &[Value], key: &ForeignKey, values: &[&Value]) -> bool {
    key.parent == name::bare(&rows.table.name)
        && key.parent_columns.iter().zip(values).all(|(parent, value)| {
            let column = rows.table.column(parent);
            let place = rows.columns.iter().position(|written| Some(*written) == column);
            place.and_then(|place| row.get(place)) == Some(value)
        })
}

fn has_parent(connection: &Connection, key: &ForeignKey, values: &[&Value]) -> rusqlite::Result<bool> {
    let terms: Vec<String> = (key.parent_columns.iter().enumerate())
        .map(|(place, column)| format!("{} = ?{}", name::quote(column), place + 1))
        .collect();
    let sql = format!("SELECT 1 FROM {} WHERE {}", name::table(&key.parent), terms.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    for (place, value) in values.iter().enumerate() {
        match types::bind(&mut statement, place + 1, value) {
            Ok(()) => {}
            Err(types::BindError::Value(_)) => return Ok(false),
            Err(types::BindError::Sqlite(error)) => return Err(error),
        }
    }
    let found = statement.raw_query().next()?.is_some();
    Ok(found)
}
