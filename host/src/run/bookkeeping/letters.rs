//! Which dead letters a statement is about.

use super::statement::integer;
use super::statement::places;
use super::statement::text;
use crate::record::Value;

/// The stage whose letters no component can make fit.
pub(super) const PERMANENT: &str = "read";

/// Which letters are meant; what is not said does not matter.
#[derive(Debug, Clone, Default)]
pub struct Letters<'a> {
    /// Of this entity.
    pub entity: Option<&'a str>,
    /// With this number.
    pub id: Option<i64>,
    /// With this code.
    pub code: Option<&'a str>,
    /// Of these records, by their numbers in the source.
    pub documents: Option<&'a [u64]>,
    /// `dead`, `parked`, `replayed` or `discarded`.
    pub state: Option<&'a str>,
    /// Only those of batches that are committed.
    pub committed: bool,
    /// Only those that a component can make fit.
    pub retryable: bool,
    /// Only those whose parent was missing.
    pub orphaned: bool,
}

impl Letters<'_> {
    /// The conditions behind the given parameters.
    pub(super) fn conditions(&self, parameters: &mut Vec<Value>) -> String {
        let mut conditions = String::new();
        let mut also = |condition: &str, value: Value| {
            parameters.push(value);
            conditions.push_str(&format!(" AND {condition} = ${}", parameters.len()));
        };
        if let Some(entity) = self.entity {
            also("entity", text(entity));
        }
        if let Some(id) = self.id {
            also("id", Value::Integer(id));
        }
        if let Some(code) = self.code {
            also("code", text(code));
        }
        if let Some(state) = self.state {
            also("state", text(state));
        }
        if let Some(documents) = self.documents {
            let places = places(parameters, documents.iter().copied().map(integer));
            conditions.push_str(&format!(" AND document IN ({places})"));
        }
        if self.committed {
            conditions.push_str(" AND provisional = 0");
        }
        if self.retryable {
            conditions.push_str(&format!(" AND stage <> '{PERMANENT}'"));
        }
        if self.orphaned {
            conditions.push_str(" AND stage = 'write' AND code IN ('missing-parent', 'foreign-key')");
        }
        conditions
    }
}
