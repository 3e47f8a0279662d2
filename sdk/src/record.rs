//! One source record, borrowed.

use crate::Rejection;
use crate::bson::Document;
use crate::bson::Fields;
use crate::bson::Raw;
use crate::bson::Value;

/// One source document. Its bytes belong to the batch; nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(Document<'a>);

impl<'a> Record<'a> {
    /// Views a document as a record.
    pub fn new(document: Document<'a>) -> Self {
        Self(document)
    }

    /// Returns the document itself.
    pub fn document(self) -> Document<'a> {
        self.0
    }

    /// Walks the fields in order: the quick way to read many of them.
    pub fn fields(self) -> Fields<'a> {
        self.0.fields()
    }

    /// Returns the value at a dotted path, `None` where it is missing or null. Array elements go by number: `tags.0`.
    ///
    /// # Errors
    /// The rejection `malformed-bson`.
    pub fn get(self, path: &str) -> Result<Option<Raw<'a>>, Rejection> {
        let mut document = self.0;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let Some(raw) = document.get(step)? else { return Ok(None) };
            if steps.peek().is_none() {
                return Ok((!raw.is_null()).then_some(raw));
            }
            document = match raw.value()? {
                Value::Document(inner) | Value::Array(inner) => inner,
                _ => return Ok(None),
            };
        }
        Ok(None)
    }

    /// Returns the value at a dotted path.
    ///
    /// # Errors
    /// The rejection `required` where it is missing or null.
    pub fn required(self, path: &str) -> Result<Raw<'a>, Rejection> {
        self.get(path)?.ok_or_else(|| Rejection::new("required", "expected a value, found none").at(path))
    }

    /// Returns the text at a dotted path.
    ///
    /// # Errors
    /// The rejection `required`, or `type-mismatch` where it is not a string.
    pub fn text(self, path: &str) -> Result<&'a str, Rejection> {
        let raw = self.required(path)?;
        match raw.value()? {
            Value::Text(text) => Ok(text),
            _ => Err(mismatch("a string", raw, path)),
        }
    }

    /// Returns the integer at a dotted path, of either size.
    ///
    /// # Errors
    /// The rejection `required`, or `type-mismatch` where it is not an int32 or an int64.
    pub fn integer(self, path: &str) -> Result<i64, Rejection> {
        let raw = self.required(path)?;
        match raw.value()? {
            Value::Int32(value) => Ok(value.into()),
            Value::Int64(value) => Ok(value),
            _ => Err(mismatch("an integer", raw, path)),
        }
    }

    /// Returns the boolean at a dotted path.
    ///
    /// # Errors
    /// The rejection `required`, or `type-mismatch` where it is not a boolean.
    pub fn bool(self, path: &str) -> Result<bool, Rejection> {
        let raw = self.required(path)?;
        match raw.value()? {
            Value::Bool(value) => Ok(value),
            _ => Err(mismatch("a boolean", raw, path)),
        }
    }
}

fn mismatch(expected: &str, found: Raw<'_>, path: &str) -> Rejection {
    Rejection::type_mismatch(expected, found.kind().words()).at(path)
}
