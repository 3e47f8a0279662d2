//! What became of one record.

use std::fmt;

use crate::Row;
use crate::bson::Malformed;

/// What a transformer says about one record: accepted, or refused with a reason.
pub type Outcome = Result<Accepted, Rejection>;

/// A record that was dealt with.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// At least one row. The rows of a record are written together or not at all.
    Rows(Vec<Row>),
    /// Left out on purpose, and why.
    Skip(String),
}

impl From<Row> for Accepted {
    fn from(row: Row) -> Self {
        Self::Rows(vec![row])
    }
}

impl From<Vec<Row>> for Accepted {
    fn from(rows: Vec<Row>) -> Self {
        Self::Rows(rows)
    }
}

/// Why one record was refused; it becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Short and stable, in kebab-case: dead letters are grouped by it.
    pub code: String,
    /// The source field at fault, as a dotted path.
    pub field: Option<String>,
    /// One sentence: expected first, then found; lower case, no full stop.
    pub message: String,
}

impl Rejection {
    /// Makes a rejection of the whole record.
    ///
    /// ```
    /// use whimbrel_sdk::Rejection;
    /// let rejection = Rejection::new("number", "expected a positive number, found `-1`").at("amount");
    /// assert_eq!(rejection.field.as_deref(), Some("amount"));
    /// ```
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), field: None, message: message.into() }
    }

    /// Names the field at fault, as a dotted path.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Makes the rejection `type-mismatch`.
    pub fn type_mismatch(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::new("type-mismatch", format!("expected {expected}, found {found}"))
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::new("malformed-bson", malformed.to_string())
    }
}
