//! From the value a component gives to the value a column takes; nothing is rounded, cut or defaulted.
//!
//! The table of forms is in `wit/since-v0.1.0/README.md`, its cases in `vectors/values.json` beside it.

use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;
use compact_str::CompactString;
use compact_str::ToCompactString;

use super::decimal::Decimal;
use super::instant;
use super::json;
use super::schema::Column;
use super::schema::ColumnType;
use super::value::Value;

/// Characters of a found value that a message shows at most.
const FOUND_CHARS_MAX: usize = 80;

/// What one field of a row body is.
#[derive(Debug, Clone, PartialEq)]
pub enum Converted<'a> {
    /// A value that fits its column.
    Value(Value),
    /// A reference to a record; what it resolves to is then passed to [`fit`].
    Reference {
        /// The entity referred to.
        entity: &'a str,
        /// The source key's own value, or an array of values for a composite key.
        id: RawBsonRef<'a>,
    },
}

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

/// Converts one field of a row body to the type of its column.
pub fn convert<'a>(value: RawBsonRef<'a>, column: &Column) -> Result<Converted<'a>, Mismatch> {
    let natural = match value {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(value) => Value::Bool(value),
        RawBsonRef::Int32(value) => Value::Integer(i64::from(value)),
        RawBsonRef::Int64(value) => Value::Integer(value),
        RawBsonRef::Double(value) => Value::Float(value),
        RawBsonRef::Decimal128(value) => match Decimal::from_decimal128(value.bytes()) {
            Some(number) => Value::Decimal(number),
            None => return Err(mismatch("not-finite", expected_type(column), format!("decimal `{value}`"))),
        },
        RawBsonRef::String(text) => Value::Text(text.into()),
        RawBsonRef::ObjectId(id) if matches!(column.kind, ColumnType::Text { .. }) => Value::Text(id.to_hex().into()),
        RawBsonRef::DateTime(at) => match at.timestamp_millis().checked_mul(1000) {
            Some(at) => Value::Timestamp(at),
            None => return Err(mismatch("out-of-range", years(column), date(at.timestamp_millis()))),
        },
        RawBsonRef::Binary(binary) => match (binary.subtype, <[u8; 16]>::try_from(binary.bytes)) {
            // A component's UUID is for a UUID column; as text it would have been given as text.
            (BinarySubtype::Uuid, Ok(bytes)) if column.kind == ColumnType::Uuid => {
                Value::Uuid(uuid::Uuid::from_bytes(bytes))
            }
            (BinarySubtype::Generic, _) => Value::Bytes(binary.bytes.to_vec()),
            _ => return Err(mismatch("type-mismatch", expected_type(column), describe(value))),
        },
        RawBsonRef::Array(items) => Value::TextArray(
            items
                .into_iter()
                .map(|item| match item {
                    Ok(RawBsonRef::String(text)) => Some(text.to_owned()),
                    _ => None,
                })
                .collect::<Option<_>>()
                .ok_or_else(|| malformed("an array of strings", value))?,
        ),
        RawBsonRef::Document(document) => match extended(document, value)? {
            Converted::Value(value) => value,
            reference @ Converted::Reference { .. } => return Ok(reference),
        },
        _ => return Err(mismatch("type-mismatch", expected_type(column), describe(value))),
    };
    fit(natural, column).map(Converted::Value)
}

/// Fits a value into the type of a column: what [`convert`] ends with, and what a resolved id goes through.
pub fn fit(value: Value, column: &Column) -> Result<Value, Mismatch> {
    let fitted = match (value, &column.kind) {
        (Value::Null, _) if column.nullable => Value::Null,
        (Value::Null, _) => {
            return Err(mismatch("not-null", format!("a value for `{}`", column.declared), "null".into()));
        }
        (Value::Bool(value), ColumnType::Bool) => Value::Bool(value),
        (Value::Integer(value), ColumnType::Integer { bits }) => integer(value, *bits, column)?,
        (Value::Float(value), ColumnType::Integer { bits }) => match float_to_i64(value) {
            Some(whole) => integer(whole, *bits, column)?,
            None => return Err(mismatch(not_integral(value), integers(*bits, column), found(&Value::Float(value)))),
        },
        (Value::Decimal(value), ColumnType::Integer { bits }) => match value.to_i64() {
            Some(whole) => integer(whole, *bits, column)?,
            None => {
                let code = if value.is_integral() { "out-of-range" } else { "precision" };
                return Err(mismatch(code, integers(*bits, column), found(&Value::Decimal(value))));
            }
        },
        (Value::Float(value), ColumnType::Float { bits }) => float(value, *bits, column)?,
        (Value::Integer(value), ColumnType::Float { bits }) => match i64_to_f64(value) {
            Some(number) => float(number, *bits, column)?,
            None => return Err(mismatch("precision", exactly(column), found(&Value::Integer(value)))),
        },
        (Value::Integer(value), ColumnType::Decimal { limits, inexact }) => {
            decimal(Decimal::from(value), *limits, *inexact, column)?
        }
        (Value::Float(value), ColumnType::Decimal { limits, inexact }) => match Decimal::from_f64(value) {
            Some(number) => decimal(number, *limits, *inexact, column)?,
            None => return Err(mismatch("not-finite", expected_type(column), found(&Value::Float(value)))),
        },
        (Value::Decimal(value), ColumnType::Decimal { limits, inexact }) => decimal(value, *limits, *inexact, column)?,
        (Value::Text(value), ColumnType::Text { chars_max, padded }) => text(value, *chars_max, *padded, column)?,
        (Value::Uuid(value), ColumnType::Text { chars_max, padded }) => {
            text(value.hyphenated().to_compact_string(), *chars_max, *padded, column)?
        }
        (Value::Text(value), ColumnType::Enum { labels }) => {
            if !labels.iter().any(|label| *label == *value) {
                let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
                let expected = shorten(&format!("one of {labels}"), 400);
                return Err(mismatch("enum-value", expected, found(&Value::Text(value))));
            }
            Value::Text(value)
        }
        (Value::Text(value), ColumnType::Uuid) => match uuid::Uuid::try_parse(&value) {
            Ok(uuid) => Value::Uuid(uuid),
            Err(_) => return Err(mismatch("invalid-uuid", "a UUID".into(), found(&Value::Text(value)))),
        },
        (Value::Uuid(value), ColumnType::Uuid) => Value::Uuid(value),
        (Value::Bytes(value), ColumnType::Bytes) => Value::Bytes(value),
        (Value::Timestamp(at), ColumnType::Timestamp) => Value::Timestamp(in_years(at, column)?),
        (Value::Timestamp(at) | Value::LocalTimestamp(at), ColumnType::LocalTimestamp) => {
            Value::LocalTimestamp(in_years(at, column)?)
        }
        (Value::Date(day), ColumnType::Date) => {
            in_years(i64::from(day).saturating_mul(instant::DAY_US), column)?;
            Value::Date(day)
        }
        (Value::Time(at), ColumnType::Time) if (0..instant::DAY_US).contains(&at) => Value::Time(at),
        (Value::Json(text), ColumnType::Json { binary }) => {
            if let Err(fault) = json::check(&text, *binary) {
                let expected = format!("{} at byte {} of the JSON", fault.expected, fault.offset);
                return Err(mismatch("invalid-json", expected, found(&Value::Json(text))));
            }
            Value::Json(text)
        }
        (Value::TextArray(items), ColumnType::TextArray) => match items.iter().position(|item| item.contains('\0')) {
            Some(index) => return Err(nul(&items[index], column)),
            None => Value::TextArray(items),
        },
        // A target without arrays keeps them as the JSON they would be written as.
        (Value::TextArray(items), ColumnType::Json { binary: false }) => {
            Value::Json(serde_json::Value::from(items).to_string())
        }
        (value, _) => return Err(mismatch("type-mismatch", expected_type(column), found(&value))),
    };
    Ok(fitted)
}

/// Reads a document of one of the extended forms.
fn extended<'a>(document: &'a RawDocument, whole: RawBsonRef<'a>) -> Result<Converted<'a>, Mismatch> {
    const FORMS: &str = "`$decimal`, `$instant`, `$localTimestamp`, `$day`, `$time`, `$json` or `$ref` with `$id`";
    let mut fields = document.iter();
    let (first, second) = (fields.next(), fields.next());
    let (Some(Ok((name, value))), None) = (first, fields.next()) else {
        return Err(malformed(FORMS, whole));
    };
    if name.as_str() == "$ref" {
        return match (value, second) {
            (RawBsonRef::String(entity), Some(Ok((name, id)))) if name.as_str() == "$id" => {
                Ok(Converted::Reference { entity, id })
            }
            _ => Err(malformed("`$ref` with the name of an entity, then `$id`", whole)),
        };
    }
    let (RawBsonRef::String(text), None) = (value, second) else {
        return Err(malformed(FORMS, whole));
    };
    let (value, form) = match name.as_str() {
        "$decimal" => (Decimal::parse(text).map(Value::Decimal), "decimal digits"),
        "$instant" => (instant::parse_instant(text).map(Value::Timestamp), "`YYYY-MM-DDThh:mm:ss.ffffffZ`"),
        "$localTimestamp" => (instant::parse_local(text).map(Value::LocalTimestamp), "`YYYY-MM-DDThh:mm:ss.ffffff`"),
        "$day" => (instant::parse_day(text).map(Value::Date), "`YYYY-MM-DD`"),
        "$time" => (instant::parse_time(text).map(Value::Time), "`hh:mm:ss.ffffff`"),
        "$json" => (Some(Value::Json(text.to_owned())), "JSON text"),
        _ => return Err(malformed(FORMS, whole)),
    };
    value.map(Converted::Value).ok_or_else(|| malformed(&format!("{form} in `{}`", name.as_str()), whole))
}

fn integer(value: i64, bits: u8, column: &Column) -> Result<Value, Mismatch> {
    let fits = match bits {
        16 => i16::try_from(value).is_ok(),
        32 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits {
        Ok(Value::Integer(value))
    } else {
        Err(mismatch("out-of-range", integers(bits, column), found(&Value::Integer(value))))
    }
}

fn float(value: f64, bits: u8, column: &Column) -> Result<Value, Mismatch> {
    #[allow(clippy::cast_possible_truncation, reason = "whether it truncates is the question")]
    let is_exact = bits != 32 || value.is_nan() || f64::from(value as f32) == value;
    if is_exact {
        Ok(Value::Float(value))
    } else {
        Err(mismatch("precision", exactly(column), found(&Value::Float(value))))
    }
}

fn decimal(value: Decimal, limits: Option<(u16, i16)>, inexact: bool, column: &Column) -> Result<Value, Mismatch> {
    if let Some((precision, scale)) = limits
        && !value.fits(precision, scale)
    {
        let expected = format!("at most {precision} digits, {scale} behind the point (`{}`)", column.declared);
        return Err(mismatch("precision", expected, found(&Value::Decimal(value))));
    }
    if inexact && value.to_i64().is_none() && value.to_f64_exact().is_none() {
        return Err(mismatch("precision", exactly(column), found(&Value::Decimal(value))));
    }
    Ok(Value::Decimal(value))
}

fn text(mut value: CompactString, chars_max: Option<u32>, padded: bool, column: &Column) -> Result<Value, Mismatch> {
    if value.contains('\0') {
        return Err(nul(&value, column));
    }
    let Some(chars_max) = chars_max else { return Ok(Value::Text(value)) };
    let chars_max = usize::try_from(chars_max).unwrap_or(usize::MAX);
    let mut chars = if value.len() <= chars_max && !padded { 0 } else { value.chars().count() };
    if chars > chars_max && padded {
        // Blanks at the end of a padded column mean nothing, so those in excess are no loss.
        value.truncate(value.trim_end_matches(' ').len());
        chars = value.chars().count();
    }
    if chars > chars_max {
        let expected = format!("at most {chars_max} characters (`{}`)", column.declared);
        return Err(mismatch("too-long", expected, format!("{chars} characters, {}", found(&Value::Text(value)))));
    }
    if padded {
        // As the column gives it back, so that keys and digests agree.
        value.extend(std::iter::repeat_n(' ', chars_max - chars));
    }
    Ok(Value::Text(value))
}

fn in_years(at: i64, column: &Column) -> Result<i64, Mismatch> {
    if (instant::INSTANT_MIN_US..=instant::INSTANT_MAX_US).contains(&at) {
        Ok(at)
    } else {
        let found = match at % 1000 {
            0 => date(at / 1000),
            _ => format!("`{}` ({at} microseconds from 1970)", instant::display_any(i128::from(at))),
        };
        Err(mismatch("out-of-range", years(column), found))
    }
}

fn nul(value: &str, column: &Column) -> Mismatch {
    let expected = format!("text without NUL characters (`{}`)", column.declared);
    mismatch("nul-character", expected, found(&Value::Text(value.into())))
}

fn malformed(expected: &str, value: RawBsonRef<'_>) -> Mismatch {
    mismatch("malformed-value", expected.to_owned(), describe(value))
}

fn mismatch(code: &'static str, expected: String, found: String) -> Mismatch {
    Mismatch { code, expected, found: shorten(&found, FOUND_CHARS_MAX) }
}

fn float_to_i64(value: f64) -> Option<i64> {
    // 2^63 is a double, `i64::MAX` is none.
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    #[allow(clippy::cast_possible_truncation, reason = "in range and without fraction")]
    (in_range && value.fract() == 0.0).then_some(value as i64)
}

fn i64_to_f64(value: i64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "the way back is checked")]
    let number = value as f64;
    (float_to_i64(number) == Some(value)).then_some(number)
}

fn not_integral(value: f64) -> &'static str {
    if !value.is_finite() {
        "not-finite"
    } else if value.fract() == 0.0 {
        "out-of-range"
    } else {
        "precision"
    }
}

fn integers(bits: u8, column: &Column) -> String {
    let (min, max) = match bits {
        16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    format!("an integer from {min} to {max} (`{}`)", column.declared)
}

fn exactly(column: &Column) -> String {
    format!("a number that `{}` gives back exactly", column.declared)
}

fn years(column: &Column) -> String {
    format!("a year from 0001 to 9999 (`{}`)", column.declared)
}

fn expected_type(column: &Column) -> String {
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
        ColumnType::TextArray => "an array of text",
        ColumnType::Other => "a type that can be written",
    };
    format!("{kind} (`{}`)", column.declared)
}

/// Says what a value of a column's kind is.
fn found(value: &Value) -> String {
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
        Value::TextArray(items) => format!("an array of {} texts", items.len()),
    }
}

/// Writes an instant as people read it, and as it is stored.
fn date(milliseconds: i64) -> String {
    let at = instant::display_any(i128::from(milliseconds) * 1000);
    format!("`{at}` ({milliseconds} milliseconds from 1970)")
}

/// Writes a number that would be mostly zeros.
fn scientific(value: &Decimal) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    let (first, rest) = value.digits().split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{}E{:+}", shorten(rest, 40), value.exponent() - 1)
}

/// Says what a BSON value is.
fn describe(value: RawBsonRef<'_>) -> String {
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

fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        // One place goes to the sign that something is missing.
        Some(_) => text.chars().take(chars_max - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "convert_vectors.rs"]
mod vectors;
