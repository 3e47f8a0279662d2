//! What SQLite's declared types hold, and how each value is stored and read back.
//!
//! SQLite knows five storage classes; whimbrel stores in them what the declared type says:
//!
//! | declared (any case, `(…)` apart) | holds | stored as |
//! | --- | --- | --- |
//! | `BOOL`, `BOOLEAN` | bool | 0 or 1 |
//! | `INT`, `INTEGER`, words that end in `INT`, `INT2` … `INT8` | integer of 64 bits | integer |
//! | `REAL`, `DOUBLE`, `FLOAT` | double | double |
//! | `NUMERIC`, `DECIMAL`, `MONEY` | decimal | integer, else the double that prints as the same digits |
//! | `TEXT`, `CLOB`, words with `CHAR` | text, at most `(n)` characters | text |
//! | words with `BLOB`; `BYTEA`, `BINARY`, `VARBINARY` | bytes | blob |
//! | `UUID`, `GUID` | UUID | lower-case text with hyphens |
//! | `TIMESTAMPTZ`, `TIMESTAMP WITH TIME ZONE`, `DATETIMEOFFSET` | instant | `YYYY-MM-DD HH:MM:SS[.ffffff]+00:00` |
//! | `TIMESTAMP`, `DATETIME` | timestamp without zone; instants as UTC | `YYYY-MM-DD HH:MM:SS[.ffffff]` |
//! | `DATE`, `TIME` | date, time | `YYYY-MM-DD`, `HH:MM:SS[.ffffff]` |
//! | `JSON`, `JSONB` | JSON | text |
//!
//! Anything else, an array or no type at all, holds nothing that whimbrel writes: SQLite would make a number of a text that looks
//! like one, of the bits `0101` as of an interval's `24`. Arrays go into JSON, other servers' own types into TEXT.

use rusqlite::Statement;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::ValueRef;

use super::clock;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::decimal::Decimal;

/// Returns what a column with this declared type holds.
pub(super) fn of_declared(declared: &str) -> ColumnType {
    let (words, limits) = split(&declared.to_ascii_uppercase());
    let words: Vec<&str> = words.split_whitespace().collect();
    let text = |limits: &[u32]| ColumnType::Text { chars_max: limits.first().copied(), padded: false };
    let with_zone = words.get(1..4).is_some_and(|zone| zone == ["WITH", "TIME", "ZONE"]);
    if declared.contains('[') {
        return ColumnType::Other;
    }
    match words.first().copied().unwrap_or_default() {
        "BOOL" | "BOOLEAN" => ColumnType::Bool,
        "TIMESTAMPTZ" | "DATETIMEOFFSET" => ColumnType::Timestamp,
        "TIMESTAMP" if with_zone => ColumnType::Timestamp,
        "TIMESTAMP" | "DATETIME" | "DATETIME2" | "SMALLDATETIME" => ColumnType::LocalTimestamp,
        "DATE" => ColumnType::Date,
        "TIME" => ColumnType::Time,
        "JSON" | "JSONB" => ColumnType::Json { binary: false },
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => ColumnType::Uuid,
        "NUMERIC" | "DECIMAL" | "MONEY" => ColumnType::Decimal { limits: precision(&limits), inexact: true },
        "REAL" | "DOUBLE" | "FLOAT" => ColumnType::Float { bits: 64 },
        "BYTEA" | "BINARY" | "VARBINARY" => ColumnType::Bytes,
        _ if words.iter().any(|word| is_integer(word)) => ColumnType::Integer { bits: 64 },
        // The words of SQLite's own TEXT affinity: elsewhere it would make a number of a text that looks like one.
        _ if words.iter().any(|word| ["CHAR", "CLOB", "TEXT"].iter().any(|part| word.contains(part))) => text(&limits),
        _ if words.iter().any(|word| word.contains("BLOB")) => ColumnType::Bytes,
        _ => ColumnType::Other,
    }
}

/// Parts `DECIMAL(10, 2) UNSIGNED` into its words and the numbers in its parentheses.
fn split(declared: &str) -> (String, Vec<u32>) {
    let Some((before, rest)) = declared.split_once('(') else { return (declared.to_owned(), Vec::new()) };
    let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
    let numbers = inside.split(',').map_while(|number| number.trim().parse().ok()).collect();
    (format!("{before} {after}"), numbers)
}

fn precision(limits: &[u32]) -> Option<(u16, i16)> {
    let digits = u16::try_from(*limits.first()?).ok()?;
    let scale = i16::try_from(limits.get(1).copied().unwrap_or(0)).ok()?;
    Some((digits, scale))
}

fn is_integer(word: &str) -> bool {
    word == "INTEGER"
        || (word.ends_with("INT") && word != "POINT")
        || word.strip_prefix("INT").is_some_and(|bytes| matches!(bytes, "2" | "4" | "8" | "16" | "32" | "64"))
}

/// Why a value was not bound.
#[derive(Debug)]
pub(super) enum BindError {
    /// SQLite cannot give this value back as it is.
    Value(String),
    /// The statement refused it.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for BindError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Binds a value to a parameter, by its index from 1, without cloning it.
pub(super) fn bind(statement: &mut Statement<'_>, index: usize, value: &Value) -> Result<(), BindError> {
    let mut bind = |value| statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(value)).map_err(BindError::Sqlite);
    match value {
        Value::Null => bind(ValueRef::Null),
        Value::Bool(value) => bind(ValueRef::Integer(i64::from(*value))),
        Value::Integer(value) => bind(ValueRef::Integer(*value)),
        // SQLite would store NULL.
        Value::Float(value) if value.is_nan() => Err(BindError::Value("SQLite has no NaN".to_owned())),
        Value::Float(value) => bind(ValueRef::Real(*value)),
        Value::Decimal(value) => bind(number(value)?),
        Value::Text(value) => bind(ValueRef::Text(value.as_bytes())),
        Value::Bytes(value) => bind(ValueRef::Blob(value)),
        Value::Uuid(value) => {
            bind(ValueRef::Text(value.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).as_bytes()))
        }
        Value::Timestamp(us) => bind(ValueRef::Text(in_range(clock::timestamp(*us, true))?.as_bytes())),
        Value::LocalTimestamp(us) => bind(ValueRef::Text(in_range(clock::timestamp(*us, false))?.as_bytes())),
        Value::Date(days) => bind(ValueRef::Text(in_range(clock::date(*days))?.as_bytes())),
        Value::Time(us) => bind(ValueRef::Text(in_range(clock::time(*us))?.as_bytes())),
        Value::Json(text) if !is_kept(text) => Err(BindError::Value(unkept(text))),
        Value::Json(text) => bind(ValueRef::Text(text.as_bytes())),
        Value::Array(_) => Err(BindError::Value("SQLite has no arrays".to_owned())),
    }
}

fn in_range(written: Option<clock::Written>) -> Result<clock::Written, BindError> {
    written.ok_or_else(|| BindError::Value("expected a year from 0001 to 9999".to_owned()))
}

/// Returns what `bind` would say against a value, without binding it.
pub(super) fn cannot_hold(value: &Value) -> Option<String> {
    let refused = match value {
        Value::Float(value) if value.is_nan() => BindError::Value("SQLite has no NaN".to_owned()),
        Value::Decimal(value) => number(value).err()?,
        Value::Timestamp(us) => in_range(clock::timestamp(*us, true)).err()?,
        Value::LocalTimestamp(us) => in_range(clock::timestamp(*us, false)).err()?,
        Value::Json(text) if !is_kept(text) => BindError::Value(unkept(text)),
        Value::Array(_) => BindError::Value("SQLite has no arrays".to_owned()),
        _ => return None,
    };
    match refused {
        BindError::Value(message) => Some(message),
        BindError::Sqlite(_) => None,
    }
}

fn unkept(json: &str) -> String {
    format!("SQLite would store the JSON number `{}` as another", json.trim())
}
/// Decimal digits that every double of a usual size gives back.
const DOUBLE_DIGITS: usize = f64::DIGITS as usize;
/// Well within the powers of ten of normal doubles.
const DOUBLE_EXPONENT_MAX: u32 = 290;

/// Returns the integer or the double that reads back as exactly this decimal.
fn number(decimal: &Decimal) -> Result<ValueRef<'static>, BindError> {
    let digits = decimal.to_string();
    if let Ok(integer) = digits.parse() {
        return Ok(ValueRef::Integer(integer));
    }
    let double: f64 = digits.parse().unwrap_or(f64::NAN);
    // A double keeps so many digits, wherever the point stands.
    if decimal.digits().len() <= DOUBLE_DIGITS && decimal.exponent().unsigned_abs() <= DOUBLE_EXPONENT_MAX {
        return Ok(ValueRef::Real(double));
    }
    if double.is_finite() && Decimal::parse(&double.to_string()).as_ref() == Some(decimal) {
        return Ok(ValueRef::Real(double));
    }
    Err(BindError::Value(format!("SQLite cannot give the decimal {digits} back exactly")))
}

/// Returns whether a JSON column, whose affinity is numeric, gives this text back: one number alone becomes a number.
fn is_kept(json: &str) -> bool {
    let number = json.trim_ascii();
    if !number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return true;
    }
    if let Ok(integer) = number.parse::<i64>() {
        return integer.to_string() == json;
    }
    number.parse::<f64>().is_ok_and(|double| double.fract() != 0.0 && double.to_string() == json)
}

/// Returns a stored value as its column's type says; one that does not fit the type as it is stored.
pub(super) fn read(stored: ValueRef<'_>, kind: &ColumnType) -> Value {
    match (stored, kind) {
        (ValueRef::Integer(0), ColumnType::Bool) => Value::Bool(false),
        (ValueRef::Integer(1), ColumnType::Bool) => Value::Bool(true),
        (ValueRef::Integer(integer), ColumnType::Decimal { .. }) => {
            Decimal::parse(&integer.to_string()).map_or(Value::Integer(integer), Value::Decimal)
        }
        (ValueRef::Real(double), ColumnType::Decimal { .. }) => {
            Decimal::parse(&double.to_string()).map_or(Value::Float(double), Value::Decimal)
        }
        #[expect(clippy::cast_precision_loss, reason = "SQLite itself turns integers of a REAL column into doubles")]
        (ValueRef::Integer(integer), ColumnType::Float { .. }) => Value::Float(integer as f64),
        (ValueRef::Integer(integer), ColumnType::Json { .. }) => Value::Json(integer.to_string()),
        (ValueRef::Real(double), ColumnType::Json { .. }) => Value::Json(double.to_string()),
        (ValueRef::Text(bytes), kind) => match std::str::from_utf8(bytes) {
            Ok(text) => parse(text, kind).unwrap_or_else(|| Value::Text(text.into())),
            Err(_) => Value::Bytes(bytes.to_vec()),
        },
        (stored, _) => plain(stored),
    }
}

/// Returns a stored value as its storage class.
pub(super) fn plain(stored: ValueRef<'_>) -> Value {
    match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(double) => Value::Float(double),
        ValueRef::Text(bytes) => {
            std::str::from_utf8(bytes).map_or_else(|_| Value::Bytes(bytes.to_vec()), |text| Value::Text(text.into()))
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn parse(text: &str, kind: &ColumnType) -> Option<Value> {
    match kind {
        ColumnType::Uuid => uuid::Uuid::try_parse(text).ok().map(Value::Uuid),
        ColumnType::Timestamp => clock::parse_timestamp(text).map(Value::Timestamp),
        ColumnType::LocalTimestamp => clock::parse_local(text).map(Value::LocalTimestamp),
        ColumnType::Date => clock::parse_date(text).map(Value::Date),
        ColumnType::Time => clock::parse_time(text).map(Value::Time),
        ColumnType::Json { .. } => Some(Value::Json(text.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types() {
        let text = |chars_max| ColumnType::Text { chars_max, padded: false };
        let decimal = |limits| ColumnType::Decimal { limits, inexact: true };
        for (declared, kind) in [
            ("INTEGER", ColumnType::Integer { bits: 64 }),
            ("unsigned big int", ColumnType::Integer { bits: 64 }),
            ("TINYINT(1)", ColumnType::Integer { bits: 64 }),
            ("INT8", ColumnType::Integer { bits: 64 }),
            ("INTERVAL", ColumnType::Other),
            ("POINT", ColumnType::Other),
            ("NVARCHAR(160)", text(Some(160))),
            ("NATIVE CHARACTER(70)", text(Some(70))),
            ("TEXT", text(None)),
            ("TEXT[]", ColumnType::Other),
            ("STRING", ColumnType::Other),
            ("", ColumnType::Other),
            ("NUMERIC(10,2)", decimal(Some((10, 2)))),
            ("decimal ( 10 )", decimal(Some((10, 0)))),
            ("NUMERIC", decimal(None)),
            ("DOUBLE PRECISION", ColumnType::Float { bits: 64 }),
            ("DATETIME", ColumnType::LocalTimestamp),
            ("TIMESTAMP WITHOUT TIME ZONE", ColumnType::LocalTimestamp),
            ("TIMESTAMP(6) WITH TIME ZONE", ColumnType::Timestamp),
            ("timestamptz", ColumnType::Timestamp),
            ("JSONB", ColumnType::Json { binary: false }),
            ("boolean", ColumnType::Bool),
            ("MEDIUMBLOB", ColumnType::Bytes),
        ] {
            assert_eq!(of_declared(declared), kind, "{declared}");
        }
    }

    #[test]
    fn json_numbers_are_kept_or_refused() {
        for (json, kept) in [("12", true), ("1.5", true), ("1.0", false), (" 1", false), ("1e3", false), ("-0", false)]
        {
            assert_eq!(is_kept(json), kept, "{json}");
        }
        assert!(!is_kept("12345678901234567890123"));
        assert!(is_kept("{\"a\": 1.0}"));
    }
}
