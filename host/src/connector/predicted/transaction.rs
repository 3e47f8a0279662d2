//! One transaction of a dry run: it looks into the target and writes into the scratch.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::scratch;
use super::scratch::Set;
use super::scratch::failed;
use crate::connector::audit::Audit;
use crate::connector::sqlite::SqliteTransaction;
use crate::connector::sqlite::blocking;
use crate::connector::target::Advanced;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::Target;
use crate::connector::target::TargetError;
use crate::connector::target::Transaction;
use crate::connector::target::Triggers;
use crate::record::ForeignKey;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::value;

pub(super) struct PredictedTransaction {
    inner: Arc<dyn Target>,
    missing: Arc<HashMap<String, TableSchema>>,
    /// Begun at the first look: the target may be in use by whoever copies its bookkeeping.
    real: Option<Box<dyn Transaction>>,
    scratch: SqliteTransaction,
}

/// Rows of the real target by the compact form of some of their columns.
type Found = HashMap<Vec<u8>, Vec<Value>>;

/// A set of columns that tells rows apart, with its name and the rows of the target that have one of the keys.
struct Unique {
    name: String,
    set: Set,
    real: Found,
}

/// A foreign key, with the parents that were found in the target and the set that finds them in the scratch.
struct Parent<'a> {
    key: &'a ForeignKey,
    set: Option<Set>,
    real: Found,
}

/// What the rows of one call are judged by.
struct Judge<'a> {
    table: &'a TableSchema,
    /// Tells whether a row of the target has been updated, so that only the scratch knows it as it is.
    identity: Option<Set>,
    uniques: Vec<Unique>,
    parents: Vec<Parent<'a>>,
}

impl PredictedTransaction {
    pub(super) fn new(
        inner: Arc<dyn Target>,
        missing: Arc<HashMap<String, TableSchema>>,
        scratch: SqliteTransaction,
    ) -> Self {
        Self { inner, missing, real: None, scratch }
    }

    fn set(&self, table: &TableSchema, columns: &[usize]) -> Result<Set, TargetError> {
        blocking(|| scratch::set(self.scratch.connection(), table, columns)).map_err(failed)
    }

    /// Looks rows up in the real target, with all of their columns.
    async fn look_up(&mut self, table: &TableSchema, by: &[usize], keys: &[Vec<Value>]) -> Result<Found, TargetError> {
        if self.missing.contains_key(&table.name) || by.is_empty() || keys.is_empty() {
            return Ok(Found::new());
        }
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let real = match &mut self.real {
            Some(real) => real,
            none => none.insert(self.inner.begin().await?),
        };
        real.find(table, by, keys, &columns).await
    }

    async fn judge<'a>(&mut self, table: &'a TableSchema, rows: &[Vec<Value>]) -> Result<Judge<'a>, TargetError> {
        let keys = |columns: &[usize]| -> Vec<Vec<Value>> {
            let key = |row: &Vec<Value>| columns.iter().map(|column| row[*column].clone()).collect::<Vec<_>>();
            rows.iter().map(key).filter(|key| !key.iter().any(Value::is_null)).collect()
        };
        let mut uniques = Vec::new();
        let primary_key = Some(("primary key", &table.primary_key)).filter(|(_, columns)| !columns.is_empty());
        let others = table.uniques.iter().map(|unique| (unique.name.as_str(), &unique.columns));
        for (name, columns) in primary_key.into_iter().chain(others) {
            let set = self.set(table, columns)?;
            let real = self.look_up(table, columns, &keys(columns)).await?;
            uniques.push(Unique { name: name.to_owned(), set, real });
        }
        let mut parents = Vec::new();
        for key in &table.foreign_keys {
            let inner = Arc::clone(&self.inner);
            let parent = match self.missing.get(&key.parent) {
                Some(parent) => Some(parent.clone()),
                None => inner.table(&key.parent).await?,
            };
            let columns: Option<Vec<usize>> =
                parent.as_ref().and_then(|parent| key.parent_columns.iter().map(|name| parent.column(name)).collect());
            let (mut set, mut real) = (None, Found::new());
            if let (Some(parent), Some(columns)) = (&parent, &columns) {
                set = Some(self.set(parent, columns)?);
                real = self.look_up(parent, columns, &keys(&key.columns)).await?;
            }
            parents.push(Parent { key, set, real });
        }
        let identity = uniques.first().map(|unique| unique.set.clone());
        Ok(Judge { table, identity, uniques, parents })
    }
}

impl Judge<'_> {
    /// Returns why the target would refuse this row, which is to replace the scratch's row of that number.
    fn refusal(
        &self,
        connection: &rusqlite::Connection,
        row: &[Value],
        itself: Option<&[u8]>,
        index: usize,
    ) -> rusqlite::Result<Option<Refusal>> {
        let refusal = |code, constraint: Option<&str>, message: String| {
            let (table, constraint) = (self.table.name.clone(), constraint.map(str::to_owned));
            Some(Refusal { code, table, constraint, column: None, message, row: Some(index) })
        };
        for unique in &self.uniques {
            let Some(key) = scratch::key(row, &unique.set.columns) else { continue };
            let is_itself = |other: &[Value]| {
                itself.is_some()
                    && self.identity.as_ref().and_then(|set| scratch::key(other, &set.columns)).as_deref() == itself
            };
            let in_scratch = match scratch::find(connection, &unique.set, &key)? {
                Some(id) => !is_itself(&scratch::row(connection, id)?),
                None => false,
            };
            let in_target = match unique.real.get(&key) {
                Some(real) => !is_itself(real) && !self.is_superseded(connection, real)?,
                None => false,
            };
            if in_scratch || in_target {
                return Ok(refusal("unique", Some(&unique.name), format!("another row has the same {}", unique.name)));
            }
        }
        for parent in &self.parents {
            let Some(key) = scratch::key(row, &parent.key.columns) else { continue };
            let own =
                || parent.key.parent_columns.iter().map(|name| self.table.column(name)).collect::<Option<Vec<_>>>();
            let is_itself = parent.key.parent == self.table.name
                && own().and_then(|columns| scratch::key(row, &columns)).as_ref() == Some(&key);
            let in_scratch = match &parent.set {
                Some(set) => scratch::find(connection, set, &key)?.is_some(),
                None => false,
            };
            if !is_itself && !in_scratch && !parent.real.contains_key(&key) {
                let message = format!("no row of `{}` has this key", parent.key.parent);
                return Ok(refusal("foreign-key", Some(&parent.key.name), message));
            }
        }
        Ok(None)
    }

    fn missing_value(&self, rows: Rows<'_>, row: &[Value], index: usize) -> Option<Refusal> {
        let lacks = |(at, column): (usize, &crate::record::Column)| {
            let is_written = rows.columns.contains(&at);
            let lacks = !column.nullable && row[at].is_null() && !column.generated;
            (lacks && (is_written || !column.has_default)).then(|| column.name.clone())
        };
        let column = self.table.columns.iter().enumerate().find_map(lacks)?;
        let message = format!("`{column}` must not be NULL");
        let table = self.table.name.clone();
        Some(Refusal { code: "not-null", table, constraint: None, column: Some(column), message, row: Some(index) })
    }

    fn is_superseded(&self, connection: &rusqlite::Connection, real: &[Value]) -> rusqlite::Result<bool> {
        is_superseded(connection, self.identity.as_ref(), real)
    }
}

/// Returns why the target cannot hold a value of a row, as it would say itself.
fn unholdable(target: &dyn Target, rows: Rows<'_>, index: usize) -> Option<Refusal> {
    let message = rows.rows[index].iter().find_map(|value| target.cannot_hold(value))?;
    let table = rows.table.name.clone();
    Some(Refusal { code: "value", table, constraint: None, column: None, message, row: Some(index) })
}

fn is_superseded(connection: &rusqlite::Connection, identity: Option<&Set>, real: &[Value]) -> rusqlite::Result<bool> {
    let Some(set) = identity else { return Ok(false) };
    let Some(key) = scratch::key(real, &set.columns) else { return Ok(false) };
    Ok(scratch::find(connection, set, &key)?.is_some())
}

/// Returns the rows with a value for every column of the table.
fn widen(rows: Rows<'_>) -> Vec<Vec<Value>> {
    let widen = |row: &&[Value]| {
        let mut wide = vec![Value::Null; rows.table.columns.len()];
        for (column, value) in rows.columns.iter().zip(row.iter()) {
            wide[*column] = value.clone();
        }
        wide
    };
    rows.rows.iter().map(widen).collect()
}

fn narrow(row: &[Value], columns: &[usize]) -> Vec<Value> {
    columns.iter().map(|column| row.get(*column).cloned().unwrap_or(Value::Null)).collect()
}

impl Audit for PredictedTransaction {}

#[async_trait]
impl Transaction for PredictedTransaction {
    async fn insert(&mut self, rows: Rows<'_>) -> Result<Vec<Inserted>, TargetError> {
        let wide = widen(rows);
        let judge = self.judge(rows.table, &wide).await?;
        let keys: Vec<Vec<Value>> = wide.iter().map(|row| narrow(row, rows.key)).collect();
        let existing = self.look_up(rows.table, rows.key, &keys).await?;
        if !rows.key.is_empty() {
            self.set(rows.table, rows.key)?;
        }
        blocking(|| {
            let connection = self.scratch.connection();
            let key_set = scratch::set(connection, rows.table, rows.key).map_err(failed)?;
            let sets = scratch::sets(connection, rows.table).map_err(failed)?;
            let mut answers = Vec::with_capacity(wide.len());
            for (index, row) in wide.iter().enumerate() {
                let key = scratch::key(row, rows.key).filter(|_| !rows.key.is_empty());
                if let Some(key) = key {
                    let conflict = match scratch::find(connection, &key_set, &key).map_err(failed)? {
                        Some(id) => Some(scratch::row(connection, id).map_err(failed)?),
                        None => match existing.get(&key) {
                            Some(real) if !judge.is_superseded(connection, real).map_err(failed)? => Some(real.clone()),
                            _ => None,
                        },
                    };
                    if let Some(there) = conflict {
                        answers.push(Inserted::Conflict(narrow(&there, rows.columns)));
                        continue;
                    }
                }
                if let Some(refusal) = unholdable(&*self.inner, rows, index) {
                    return Err(TargetError::Refused(refusal));
                }
                if let Some(refusal) = judge.missing_value(rows, row, index) {
                    return Err(TargetError::Refused(refusal));
                }
                if let Some(refusal) = judge.refusal(connection, row, None, index).map_err(failed)? {
                    return Err(TargetError::Refused(refusal));
                }
                scratch::add(connection, rows.table, &sets, row).map_err(failed)?;
                answers.push(Inserted::New);
            }
            Ok(answers)
        })
    }

    async fn update(&mut self, rows: Rows<'_>) -> Result<(), TargetError> {
        let wide = widen(rows);
        let judge = self.judge(rows.table, &wide).await?;
        let keys: Vec<Vec<Value>> = wide.iter().map(|row| narrow(row, rows.key)).collect();
        let existing = self.look_up(rows.table, rows.key, &keys).await?;
        blocking(|| {
            let connection = self.scratch.connection();
            let key_set = scratch::set(connection, rows.table, rows.key).map_err(failed)?;
            let sets = scratch::sets(connection, rows.table).map_err(failed)?;
            for (index, (row, key)) in wide.iter().zip(&keys).enumerate() {
                if let Some(refusal) = unholdable(&*self.inner, rows, index) {
                    return Err(TargetError::Refused(refusal));
                }
                let key = value::encode(key);
                let id = scratch::find(connection, &key_set, &key).map_err(failed)?;
                let there = match id {
                    Some(id) => Some(scratch::row(connection, id).map_err(failed)?),
                    None => existing.get(&key).cloned(),
                };
                let mut updated = there.ok_or_else(|| TargetError::Database {
                    what: format!("update `{}`", rows.table.name),
                    source: "the row to update is not there".into(),
                })?;
                rows.columns.iter().for_each(|column| updated[*column] = row[*column].clone());
                let itself = judge.identity.as_ref().and_then(|set| scratch::key(&updated, &set.columns));
                let refusal = match judge.missing_value(rows, &updated, index) {
                    None => judge.refusal(connection, &updated, itself.as_deref(), index).map_err(failed)?,
                    refusal => refusal,
                };
                if let Some(refusal) = refusal {
                    return Err(TargetError::Refused(refusal));
                }
                if let Some(id) = id {
                    scratch::remove(connection, &sets, id).map_err(failed)?;
                }
                scratch::add(connection, rows.table, &sets, &updated).map_err(failed)?;
            }
            Ok(())
        })
    }

    async fn insert_triggers(&mut self, _table: &TableSchema) -> Result<Triggers, TargetError> {
        // The scratch has none, and what those of the target would do is not predicted.
        Ok(Triggers::None)
    }

    async fn has_update_triggers(&mut self, _table: &TableSchema) -> Result<bool, TargetError> {
        Ok(false)
    }

    async fn find(
        &mut self,
        table: &TableSchema,
        by: &[usize],
        keys: &[Vec<Value>],
        columns: &[usize],
    ) -> Result<HashMap<Vec<u8>, Vec<Value>>, TargetError> {
        let real = self.look_up(table, by, keys).await?;
        blocking(|| {
            let connection = self.scratch.connection();
            let set = scratch::set(connection, table, by)?;
            let identity = if table.primary_key.is_empty() {
                table.uniques.first().map(|u| &u.columns)
            } else {
                Some(&table.primary_key)
            };
            let identity = identity.map(|columns| scratch::set(connection, table, columns)).transpose()?;
            let mut found = HashMap::new();
            for key in keys.iter().filter(|key| !key.iter().any(Value::is_null)) {
                let key = value::encode(key);
                if let Some(id) = scratch::find(connection, &set, &key)? {
                    let row = scratch::row(connection, id)?;
                    found.insert(key, narrow(&row, columns));
                } else if let Some(row) = real.get(&key)
                    && !is_superseded(connection, identity.as_ref(), row)?
                {
                    found.insert(key, narrow(row, columns));
                }
            }
            Ok(found)
        })
        .map_err(failed)
    }

    async fn delete(&mut self, table: &TableSchema, _: &[usize], _: &[Vec<Value>]) -> Result<(), TargetError> {
        // Whoever wants to know what would be removed asks the target itself.
        let what = format!("predict without rows of `{}`", table.name);
        Err(TargetError::Database { what, source: "a prediction only adds and changes rows".into() })
    }

    async fn page(
        &mut self,
        table: &TableSchema,
        _: &[usize],
        _: Option<&[Value]>,
        _: &[usize],
        _: usize,
    ) -> Result<Vec<Vec<Value>>, TargetError> {
        let what = format!("predict all rows of `{}`", table.name);
        Err(TargetError::Database { what, source: "a prediction looks rows up by their keys".into() })
    }

    async fn take_numbers(
        &mut self,
        table: &TableSchema,
        _: usize,
        _: Option<i64>,
        count: usize,
    ) -> Result<Vec<i64>, TargetError> {
        // What the target would give is not known without taking it: no row has a number below zero. Several entities may
        // take them for one table.
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let last = blocking(|| scratch::take_numbers(self.scratch.connection(), table, count)).map_err(failed)?;
        Ok((last..last + count).rev().collect())
    }

    async fn advance_sequence(&mut self, _: &TableSchema, _: usize) -> Result<Option<Advanced>, TargetError> {
        Ok(None)
    }

    async fn check_constraints(&mut self) -> Result<(), TargetError> {
        Ok(())
    }

    async fn savepoint(&mut self, name: &str) -> Result<(), TargetError> {
        self.scratch.savepoint(name).await
    }

    async fn rollback_to(&mut self, name: &str) -> Result<(), TargetError> {
        self.scratch.rollback_to(name).await
    }

    async fn release(&mut self, name: &str) -> Result<(), TargetError> {
        self.scratch.release(name).await
    }

    async fn append(&mut self, table: &str, columns: &str, rows: &[Vec<Value>]) -> Result<(), TargetError> {
        self.scratch.append(table, columns, rows).await
    }

    async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, TargetError> {
        self.scratch.execute(sql, parameters).await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, TargetError> {
        self.scratch.query(sql, parameters).await
    }

    async fn execute_and_commit(mut self: Box<Self>, sql: &str) -> Result<(), TargetError> {
        self.execute(sql, &[]).await?;
        self.commit().await
    }

    async fn commit(self: Box<Self>) -> Result<(), TargetError> {
        if let Some(real) = self.real {
            real.rollback().await?;
        }
        Box::new(self.scratch).commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), TargetError> {
        if let Some(real) = self.real {
            real.rollback().await?;
        }
        Box::new(self.scratch).rollback().await
    }
}
