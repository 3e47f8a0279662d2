//! Whether other rows refer to one: by a foreign key of any table, or by a reference of the plan.

use std::collections::HashMap;
use std::sync::Arc;

use crate::connector::Target;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::Plan;
use crate::plan::TablePlan;
use crate::record::TableSchema;
use crate::record::Value;

/// Columns of a table that refer to columns of another one.
#[derive(Clone)]
struct Refers {
    child: TableSchema,
    columns: Vec<usize>,
    parent_columns: Vec<usize>,
}

/// Finds rows that refer to others; the tables are looked up once.
pub struct Dependents {
    target: Arc<dyn Target>,
    plan: Arc<Plan>,
    known: HashMap<String, Vec<Refers>>,
}

impl Dependents {
    /// Looks into this target.
    pub fn new(target: Arc<dyn Target>, plan: Arc<Plan>) -> Self {
        Self { target, plan, known: HashMap::new() }
    }

    /// Returns the table that has a row which refers to the row of this key.
    pub async fn of(
        &mut self,
        tx: &mut dyn Transaction,
        table: &TablePlan,
        key: &[Value],
    ) -> Result<Option<String>, Failure> {
        for refers in self.referrers(&table.schema).await? {
            let parent = tx.find(&table.schema, &table.key, &[key.to_vec()], &refers.parent_columns).await?;
            let values: Vec<Vec<Value>> = parent.into_values().filter(|row| !row.iter().any(Value::is_null)).collect();
            if values.is_empty() {
                continue;
            }
            if !tx.find(&refers.child, &refers.columns, &values, &[]).await?.is_empty() {
                return Ok(Some(refers.child.name));
            }
        }
        Ok(None)
    }

    async fn referrers(&mut self, table: &TableSchema) -> Result<Vec<Refers>, Failure> {
        if let Some(known) = self.known.get(&table.name) {
            return Ok(known.clone());
        }
        let mut referrers = Vec::new();
        for child in self.target.referrers(&table.name).await? {
            for key in child.foreign_keys.iter().filter(|key| key.parent.eq_ignore_ascii_case(&table.name)) {
                let parent_columns: Option<Vec<usize>> =
                    key.parent_columns.iter().map(|name| table.column(name)).collect();
                if let Some(parent_columns) = parent_columns {
                    referrers.push(Refers { child: child.clone(), columns: key.columns.clone(), parent_columns });
                }
            }
        }
        // A component may describe a reference that no foreign key enforces.
        for child in self.plan.entities.iter().flat_map(|entity| &entity.tables) {
            for reference in child.references.iter().filter(|reference| reference.parent.name == table.name) {
                referrers.push(Refers {
                    child: child.schema.clone(),
                    columns: reference.columns.iter().map(|&column| child.columns[column]).collect(),
                    parent_columns: reference.parent_columns.clone(),
                });
            }
        }
        self.known.insert(table.name.clone(), referrers.clone());
        Ok(referrers)
    }
}
