//! What a look at whole tables asks of a target: how many rows stand there, whether each value has the form of its
//! column's type, and whether foreign keys hold. Nothing is changed.

use async_trait::async_trait;

use super::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;

/// A value that does not have the form of its column's type.
#[derive(Debug, Clone, PartialEq)]
pub struct Misfit {
    /// The row's key.
    pub key: Vec<Value>,
    /// Index of the table's column.
    pub column: usize,
    /// What the column holds, in words.
    pub expected: String,
    /// What stands there, in words.
    pub found: String,
}

/// A stretch of a table's rows, looked at.
#[derive(Debug, Default)]
pub struct Examined {
    /// Rows.
    pub rows: u64,
    /// Values that are not NULL.
    pub values: u64,
    /// Those that do not have their form.
    pub misfits: Vec<Misfit>,
    /// Where the next stretch begins; `None` behind the last row.
    pub last: Option<Vec<Value>>,
}

/// A foreign key, looked at.
#[derive(Debug, Default)]
pub struct Held {
    /// Rows that point somewhere.
    pub pointing: u64,
    /// Rows whose parent is not there.
    pub broken: u64,
    /// Some of these: key, and what points nowhere.
    pub examples: Vec<(Vec<Value>, Vec<Value>)>,
}

/// What a transaction of a target itself answers; a predicted one does not.
#[async_trait]
pub trait Audit: Send {
    /// Returns how many rows stand in a table.
    async fn count(&mut self, table: &TableSchema) -> Result<u64, TargetError> {
        Err(not_here(table))
    }

    /// Looks at the values of `columns` in so many rows at most behind a key, in the target's own order of keys. `after` is
    /// what the stretch before gave as its last. Rows whose key holds a NULL are left out.
    async fn examine(
        &mut self,
        table: &TableSchema,
        _key: &[usize],
        _after: Option<&[Value]>,
        _columns: &[usize],
        _limit: usize,
    ) -> Result<Examined, TargetError> {
        Err(not_here(table))
    }

    /// Looks for rows whose foreign key (an index into the table's) points to no parent, whether or not the target
    /// enforces it. `key` says which columns tell the rows apart; so many examples at most are returned.
    async fn foreign_key(
        &mut self,
        table: &TableSchema,
        _foreign_key: usize,
        _key: &[usize],
        _limit: usize,
    ) -> Result<Held, TargetError> {
        Err(not_here(table))
    }
}

fn not_here(table: &TableSchema) -> TargetError {
    let what = format!("looking at all of `{}`", table.name);
    TargetError::Database { what, source: "a prediction looks rows up by their keys".into() }
}
