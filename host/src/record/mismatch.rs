//! How it is said that a value does not fit its column: what was expected, then what was found.

use bson::RawBsonRef;

use super::decimal::Decimal;
use super::instant;
use super::schema::Column;
use super::schema::ColumnType;
use super::value::Value;

/// Characters of a found value that a message shows at most.
pub(super) const FOUND_CHARS_MAX: usize = 80;

/// A value that its column cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Mismatch {
    /// Short and stable: `not-null`, `type-mismatch`, `malformed-value`, `out-of-range`, `precision`, `not-finite`,
    /// `too-long`, `nul-character`, `enum-value`, `invalid-uuid`, `invalid-json`.
    pub code: &'static str,
    /// What the column takes.
    pub expected: String,
    /// What came, shortened.
    pub found: String,
}

impl Mismatch {
    /// Says that it is an element of an array that does not fit.
    pub fn within(self, index: usize) -> Self {
        Self { found: format!("{} as element {}", self.found, index + 1), ..self }
    }
}

pub(super) fn malformed(expected: &str, value: RawBsonRef<'_>) -> Mismatch {
    mismatch("malformed-value", expected.to_owned(), describe(value))
}

pub(super) fn mismatch(code: &'static str, expected: String, found: String) -> Mismatch {
    Mismatch { code, expected, found: shorten(&found, FOUND_CHARS_MAX) }
}

pub(super) fn integers(bits: u8, column: &Column) -> String {
    let (min, max) = match bits {
        16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    format!("an integer from {min} to {max} (`{}`)", column.declared)
}

pub(super) fn exactly(column: &Column) -> String {
    format!("a number that `{}` gives back exactly", column.declared)
}

pub(super) fn years(column: &Column) -> String {
    format!("a year from 0001 to 9999 (`{}`)", column.declared)
}

pub(super) fn expected_type(column: &Column) -> String {
    let kind = match &column.kind {
        ColumnType::Bool => "a bool",
        ColumnType::Integer { .. } => "an integer",
        ColumnType::Float { .. } => "a double",
        ColumnType::Decimal { .. } => "a decimal number",
        ColumnType::Text { .. } => "text",
        ColumnType::Enum { .. } => "one of the enum's labels",
        ColumnType::Bytes => "bytes",
        ColumnType::Uuid => "a UUID",
        ColumnType::Timestamp => "an instant",
        ColumnType::LocalTimestamp => "a timestamp",
        ColumnType::Date => "a date",
        ColumnType::Time => "a time of day",
        ColumnType::Json { .. } => "JSON",
        ColumnType::Array { .. } => "an array",
        ColumnType::Textual => "text that the column gives back as it is",
        ColumnType::Other => "a type that can be written",
    };
    format!("{kind} (`{}`)", column.declared)
}

/// Says what a value of a column's kind is.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("bool `{value}`"),
        Value::Integer(value) => format!("integer `{value}`"),
        Value::Float(value) if value.is_infinite() => {
            format!("double `{}Infinity`", if *value < 0.0 { "-" } else { "" })
        }
        Value::Float(value) if value.abs() >= 1e21 => format!("double `{value:E}`"),
        Value::Float(value) => format!("double `{value}`"),
        Value::Decimal(value) if value.exponent().unsigned_abs() > 100 => format!("decimal `{}`", scientific(value)),
        Value::Decimal(value) => format!("decimal `{value}`"),
        Value::Text(value) => format!("text `{}`", shorten(value, FOUND_CHARS_MAX).replace('\0', "\\0")),
        Value::Bytes(value) => format!("{} bytes", value.len()),
        Value::Uuid(value) => format!("UUID `{value}`"),
        Value::Timestamp(_) => "an instant".into(),
        Value::LocalTimestamp(_) => "a timestamp without a zone".into(),
        Value::Date(_) => "a date".into(),
        Value::Time(_) => "a time of day".into(),
        Value::Json(text) => format!("JSON `{}`", shorten(text, FOUND_CHARS_MAX)),
        Value::Array(items) => format!("an array of {} elements", items.len()),
    }
}

/// Writes an instant as people read it, and as it is stored.
pub(super) fn date(milliseconds: i64) -> String {
    let at = instant::display_any(i128::from(milliseconds) * 1000);
    format!("`{at}` ({milliseconds} milliseconds from 1970)")
}

/// Writes a number that would be mostly zeros.
pub(super) fn scientific(value: &Decimal) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    let (first, rest) = value.digits().split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{}E{:+}", shorten(rest, 40), value.exponent() - 1)
}

/// Says what a BSON value is.
pub(super) fn describe(value: RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::Document(document) => match document.iter().next() {
            Some(Ok((name, RawBsonRef::String(text)))) => {
                format!("a document `{}: {}`", shorten(name.as_str(), 30), shorten(text, 40))
            }
            Some(Ok((name, _))) => format!("a document that begins with `{}`", shorten(name.as_str(), 40)),
            _ => "an empty document".into(),
        },
        RawBsonRef::Array(_) => "an array".into(),
        RawBsonRef::ObjectId(id) => format!("ObjectId `{id}`"),
        RawBsonRef::DateTime(at) => format!("the date {}", date(at.timestamp_millis())),
        RawBsonRef::Binary(binary) => {
            format!("{} bytes of subtype {}", binary.bytes.len(), u8::from(binary.subtype))
        }
        other => format!("BSON type {:?}", other.element_type()),
    }
}

pub(super) fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        // One place goes to the sign that something is missing.
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
