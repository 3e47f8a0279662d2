//! What a Firestore document holds, and where one lies.

use std::borrow::Cow;
use std::io;

/// A value of Firestore. Timestamps are microseconds since 1970, as managed exports keep them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Timestamp(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// A document's path below the database's root.
    Reference(String),
    Point(f64, f64),
    Array(Vec<Value>),
    Map(Fields),
}

/// Fields in their order.
pub(super) type Fields = Vec<(Cow<'static, str>, Value)>;

/// Makes a map of fields.
pub(super) fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Self::Array(values)
    }
}

/// Takes one document after another, each behind the one it lies under, and collections in one piece.
pub(super) trait Store {
    /// Writes a document at its path below the database's root.
    fn document(&mut self, path: &str, fields: &Fields) -> io::Result<()>;

    /// Writes what stands behind the last document.
    fn finish(&mut self) -> io::Result<()>;
}
