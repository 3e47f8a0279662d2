//! From the value a component gives to the value a column takes; nothing is rounded, cut or defaulted.
//!
//! The table of forms is in `wit/since-v0.1.0/README.md`, its cases in `vectors/values.json` beside it.

use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;
use compact_str::CompactString;
use compact_str::ToCompactString;

use super::array;
use super::beyond;
use super::decimal::Decimal;
use super::instant;
use super::json;
pub use super::mismatch::Mismatch;
use super::mismatch::date;
use super::mismatch::describe;
use super::mismatch::exactly;
use super::mismatch::expected_type;
use super::mismatch::found;
use super::mismatch::integers;
use super::mismatch::malformed;
use super::mismatch::mismatch;
use super::mismatch::shorten;
use super::mismatch::years;
use super::schema::Column;
use super::schema::ColumnType;
use super::value::Value;

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
    /// An array with a reference among its elements; each is a value, which fits where the column is one of arrays, or a
    /// reference. What these resolve to is then passed to [`fit`] as a whole where it is none.
    Array(Vec<Converted<'a>>),
}

/// Converts one field of a row body to the type of its column.
pub fn convert<'a>(value: RawBsonRef<'a>, column: &Column) -> Result<Converted<'a>, Mismatch> {
    match (value, &column.kind) {
        (RawBsonRef::Array(items), ColumnType::Array { element }) => {
            let column = column.of_elements(element);
            let items = items.into_iter().enumerate().map(|(index, item)| {
                let item = item.map_err(|_| malformed("an array", value))?;
                convert(item, &column).map_err(|refused| refused.within(index))
            });
            let items = items.collect::<Result<Vec<_>, _>>()?;
            Ok(match whole(&items) {
                Some(values) => Converted::Value(Value::Array(values)),
                None => Converted::Array(items),
            })
        }
        (RawBsonRef::Array(items), _) => {
            let items = items.into_iter().map(|item| match item {
                // Arrays of arrays could be nested without end.
                Ok(RawBsonRef::Array(_)) | Err(_) => Err(malformed("an array of single values", value)),
                Ok(item) => match natural(item, column)? {
                    Natural::Value(item) | Natural::Literal(item) | Natural::Zoned(item) => Ok(Converted::Value(item)),
                    Natural::Reference { entity, id } => Ok(Converted::Reference { entity, id }),
                },
            });
            let items = items.collect::<Result<Vec<_>, _>>()?;
            match whole(&items) {
                Some(values) => fit(Value::Array(values), column).map(Converted::Value),
                None => Ok(Converted::Array(items)),
            }
        }
        _ => match natural(value, column)? {
            Natural::Value(value) => fit(value, column).map(Converted::Value),
            Natural::Literal(value) => literal(value, column).map(Converted::Value),
            Natural::Zoned(value) if column.kind == ColumnType::LocalTimestamp => Err(mismatch(
                "type-mismatch",
                format!("{}, in a zone that is named", expected_type(column)),
                found(&value),
            )),
            Natural::Zoned(value) => fit(value, column).map(Converted::Value),
            Natural::Reference { entity, id } => Ok(Converted::Reference { entity, id }),
        },
    }
}

/// Returns the values of an array that has no references in it.
fn whole(items: &[Converted<'_>]) -> Option<Vec<Value>> {
    let value = |item: &Converted<'_>| match item {
        Converted::Value(value) => Some(value.clone()),
        _ => None,
    };
    items.iter().map(value).collect()
}

/// Returns what an id says by itself, whatever its column.
pub fn plain(id: RawBsonRef<'_>, column: &Column) -> Result<Value, Mismatch> {
    match natural(id, column)? {
        Natural::Value(value) => Ok(value),
        _ => Err(malformed("a single value", id)),
    }
}

/// What a field says by itself.
enum Natural<'a> {
    Value(Value),
    /// A database's own text of what no other form says.
    Literal(Value),
    /// An instant that no clock without a zone is to show.
    Zoned(Value),
    Reference {
        entity: &'a str,
        id: RawBsonRef<'a>,
    },
}

fn natural<'a>(value: RawBsonRef<'a>, column: &Column) -> Result<Natural<'a>, Mismatch> {
    Ok(Natural::Value(match value {
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
        RawBsonRef::ObjectId(id) if matches!(column.kind, ColumnType::Text { .. } | ColumnType::Json { .. }) => {
            Value::Text(id.to_hex().into())
        }
        RawBsonRef::DateTime(at) => match at.timestamp_millis().checked_mul(1000) {
            Some(at) => Value::Timestamp(at),
            None => return Err(mismatch("out-of-range", years(column), date(at.timestamp_millis()))),
        },
        RawBsonRef::Binary(binary) => match (binary.subtype, <[u8; 16]>::try_from(binary.bytes)) {
            // A component's UUID is for a UUID column; as text it would have been given as text.
            (BinarySubtype::Uuid, Ok(bytes)) if matches!(column.kind, ColumnType::Uuid | ColumnType::Json { .. }) => {
                Value::Uuid(uuid::Uuid::from_bytes(bytes))
            }
            (BinarySubtype::Generic, _) => Value::Bytes(binary.bytes.to_vec()),
            _ => return Err(mismatch("type-mismatch", expected_type(column), describe(value))),
        },
        RawBsonRef::Document(document) => return extended(document, value),
        _ => return Err(mismatch("type-mismatch", expected_type(column), describe(value))),
    }))
}

/// Takes what a database has written for a value without another form, where it is such a one of the column's type; and as
/// text.
fn literal(value: Value, column: &Column) -> Result<Value, Mismatch> {
    match (value, &column.kind) {
        (Value::Text(text), kind) if beyond::is_beyond(kind, &text) => Ok(Value::Text(text)),
        (value, ColumnType::Text { .. }) => fit(value, column),
        (value, _) => Err(mismatch("type-mismatch", expected_type(column), found(&value))),
    }
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
        (Value::Text(value), ColumnType::Textual) => match value.contains('\0') {
            true => return Err(nul(&value, column)),
            false => Value::Text(value),
        },
        (Value::Array(items), ColumnType::Array { element }) => {
            let column = column.of_elements(element);
            let items = items.into_iter().enumerate();
            let items = items.map(|(index, item)| refit(item, &column).map_err(|refused| refused.within(index)));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        // A target without arrays keeps them as JSON.
        (Value::Array(items), ColumnType::Json { binary: false }) => match array::to_json(&items) {
            Some(text) => fit(Value::Json(text), column)?,
            None => return Err(mismatch("type-mismatch", expected_type(column), found(&Value::Array(items)))),
        },
        (Value::Json(text), ColumnType::Array { element }) => array::of_json(&text, column, element)?,
        (value, _) => return Err(mismatch("type-mismatch", expected_type(column), found(&value))),
    };
    Ok(fitted)
}

/// Fits a value that some column holds into another column: what no form says is the same text in both.
pub fn refit(value: Value, column: &Column) -> Result<Value, Mismatch> {
    match value {
        Value::Text(text) if beyond::is_beyond(&column.kind, &text) => Ok(Value::Text(text)),
        value => fit(value, column),
    }
}

/// Reads a document of one of the extended forms.
fn extended<'a>(document: &'a RawDocument, whole: RawBsonRef<'a>) -> Result<Natural<'a>, Mismatch> {
    const FORMS: &str = "`$decimal`, `$instant`, `$zoned`, `$localTimestamp`, `$day`, `$time`, `$json`, `$literal` or `$ref` with `$id`";
    let mut fields = document.iter();
    let (first, second) = (fields.next(), fields.next());
    let (Some(Ok((name, value))), None) = (first, fields.next()) else {
        return Err(malformed(FORMS, whole));
    };
    if name.as_str() == "$ref" {
        return match (value, second) {
            (RawBsonRef::String(entity), Some(Ok((name, id)))) if name.as_str() == "$id" => {
                Ok(Natural::Reference { entity, id })
            }
            _ => Err(malformed("`$ref` with the name of an entity, then `$id`", whole)),
        };
    }
    let (RawBsonRef::String(text), None) = (value, second) else {
        return Err(malformed(FORMS, whole));
    };
    if name.as_str() == "$literal" {
        return Ok(Natural::Literal(Value::Text(text.into())));
    }
    const INSTANT: &str = "`YYYY-MM-DDThh:mm:ss.ffffffZ`";
    if name.as_str() == "$zoned" {
        let instant = instant::parse_instant(text).map(Value::Timestamp);
        return instant.map(Natural::Zoned).ok_or_else(|| malformed(&format!("{INSTANT} in `$zoned`"), whole));
    }
    let (value, form) = match name.as_str() {
        "$decimal" => (Decimal::parse(text).map(Value::Decimal), "decimal digits"),
        "$instant" => (instant::parse_instant(text).map(Value::Timestamp), INSTANT),
        "$localTimestamp" => (instant::parse_local(text).map(Value::LocalTimestamp), "`YYYY-MM-DDThh:mm:ss.ffffff`"),
        "$day" => (instant::parse_day(text).map(Value::Date), "`YYYY-MM-DD`"),
        "$time" => (instant::parse_time(text).map(Value::Time), "`hh:mm:ss.ffffff`"),
        "$json" => (Some(Value::Json(text.to_owned())), "JSON text"),
        _ => return Err(malformed(FORMS, whole)),
    };
    value.map(Natural::Value).ok_or_else(|| malformed(&format!("{form} in `{}`", name.as_str()), whole))
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

#[cfg(test)]
#[path = "convert_vectors.rs"]
mod vectors;
