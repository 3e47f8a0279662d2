//! Values as a target column holds them, and their compact form for the ledger.

use compact_str::CompactString;

use super::decimal::Decimal;
use super::json;
use super::schema::ColumnType;

/// One value, already converted to its column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any integer column.
    Integer(i64),
    /// `real` and `double precision`.
    Float(f64),
    /// `numeric`, exactly.
    Decimal(Decimal),
    /// Text, enum labels; a short one needs no memory of its own. In a column of another type it is what the other values
    /// cannot say (see `beyond.rs`).
    Text(CompactString),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID's 16 bytes.
    Uuid(uuid::Uuid),
    /// An instant: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// A timestamp without a zone: microseconds since 1970-01-01T00:00:00 on an unnamed clock.
    LocalTimestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// JSON text, known to be valid.
    Json(String),
    /// An array of one dimension.
    Array(Vec<Value>),
}

impl Value {
    /// Returns whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Returns whether two values are the same: JSON by what it says, both zeros and all NaNs as one.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one == other || (one.is_nan() && other.is_nan()),
        (Value::Json(one), Value::Json(other)) => {
            one == other
                || matches!((json::canonical(one), json::canonical(other)), (Some(one), Some(other)) if one == other)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

/// Returns whether a column of this type takes two values for the same: as [`same`], but blanks at the end of a
/// padded column mean nothing.
pub fn same_in(kind: &ColumnType, one: &Value, other: &Value) -> bool {
    match (kind, one, other) {
        (ColumnType::Text { padded: true, .. }, Value::Text(one), Value::Text(other)) => {
            one.trim_end_matches(' ') == other.trim_end_matches(' ')
        }
        (ColumnType::Array { element }, Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_in(element, one, other))
        }
        _ => same(one, other),
    }
}

/// Returns the compact form of a row's key or of a whole row: equal bytes mean equal values.
///
/// One tag byte a value, then its payload; texts, bytes and arrays are preceded by their length (u32, little-endian).
/// The ledger stores it and digests are taken over it, so the form may only grow.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 17);
    for value in values {
        encode_into(value, &mut out);
    }
    out
}

/// Appends the compact form of one value.
pub fn encode_into(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend_from_slice(&[1, u8::from(*value)]),
        Value::Integer(value) => tagged(out, 2, &value.to_le_bytes()),
        // Both zeros are one value, as in SQL, and so are all NaNs.
        Value::Float(value) => {
            let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
            tagged(out, 3, &value.to_bits().to_le_bytes());
        }
        Value::Decimal(value) => sized(out, 4, value.to_string().as_bytes()),
        Value::Text(value) => sized(out, 5, value.as_bytes()),
        Value::Bytes(value) => sized(out, 6, value),
        Value::Uuid(value) => tagged(out, 7, value.as_bytes()),
        Value::Timestamp(value) => tagged(out, 8, &value.to_le_bytes()),
        Value::LocalTimestamp(value) => tagged(out, 9, &value.to_le_bytes()),
        Value::Date(value) => tagged(out, 10, &value.to_le_bytes()),
        Value::Time(value) => tagged(out, 11, &value.to_le_bytes()),
        // A column may give other spellings back than it was given.
        Value::Json(value) => sized(out, 12, json::canonical(value).as_deref().unwrap_or(value).as_bytes()),
        Value::Array(values) => {
            sized(out, 13, &[]);
            for value in values {
                match value {
                    Value::Text(text) => sized(out, 14, text.as_bytes()),
                    value => encode_into(value, out),
                }
            }
            out.push(15);
        }
    }
}

fn tagged(out: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    out.push(tag);
    out.extend_from_slice(payload);
}

fn sized(out: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::Json(text.to_owned())
    }

    #[test]
    fn equality_looks_through_spellings() {
        for (one, other, expected) in [
            (json(r#"{"a":1,"b":[2.50]}"#), json(r#"{"b": [25e-1], "a": 1.0}"#), true),
            (json("[1,2]"), json("[2,1]"), false),
            (Value::Float(0.0), Value::Float(-0.0), true),
            (Value::Float(f64::NAN), Value::Float(-f64::NAN), true),
            (Value::Float(1.0), Value::Float(1.5), false),
            (Value::Integer(1), Value::Float(1.0), false),
            (Value::Null, Value::Null, true),
        ] {
            assert_eq!(same(&one, &other), expected, "{one:?} {other:?}");
            let equal_bytes = encode(std::slice::from_ref(&one)) == encode(std::slice::from_ref(&other));
            assert_eq!(equal_bytes, expected, "compact form of {one:?} {other:?}");
        }
        let padded = ColumnType::Text { chars_max: Some(4), padded: true };
        assert!(same_in(&padded, &Value::Text("ab".into()), &Value::Text("ab  ".into())));
        assert!(!same_in(
            &ColumnType::Text { chars_max: None, padded: false },
            &Value::Text("a".into()),
            &Value::Text("a ".into())
        ));
    }
}
