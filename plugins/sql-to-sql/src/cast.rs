//! Values made another type, exactly or not at all.

use jiff::civil::Time;
use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Kind;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::zone::Moment;

use crate::clock;
use crate::config::Cast;
use crate::json;

/// The forms of values that BSON lacks: a document with one text under one of these names.
const FORMS: [&str; 8] = ["$decimal", "$instant", "$zoned", "$localTimestamp", "$day", "$time", "$json", "$literal"];

/// Writes a value in the form it came in. An instant says that it is one, so that no column takes it for what a clock shows.
pub(crate) fn copy(row: &mut Row, column: &str, value: Raw<'_>) -> Result<(), Rejection> {
    let instant = match (value.kind(), form(value)?) {
        (Kind::Date, _) | (_, Some(("$instant", _))) => clock::moment(value)?,
        _ => None,
    };
    match instant {
        Some(Moment::Instant(utc)) => row.zoned(column, &format!("{utc}Z")),
        _ => row.raw(column, value),
    };
    Ok(())
}

/// Writes a value as another type.
pub(crate) fn write(row: &mut Row, column: &str, value: Raw<'_>, cast: Cast) -> Result<(), Rejection> {
    let decoded = value.value()?;
    let text = text(decoded)?;
    let refused = |expected: &str| match &text {
        Some(text) => Rejection::type_mismatch(expected, format!("`{text}`")),
        None => Rejection::type_mismatch(expected, value.kind().words()),
    };
    match cast {
        Cast::Text => row.text(column, text.as_deref().ok_or_else(|| refused("a value with one text form"))?),
        Cast::Integer => {
            let integer = match decoded {
                Value::Bool(value) => Some(i64::from(value)),
                _ => text.as_deref().and_then(|text| text.trim().parse().ok()),
            };
            row.integer(column, integer.ok_or_else(|| refused("an integer"))?)
        }
        Cast::Decimal => {
            let decimal = text.as_deref().and_then(|text| Decimal::parse(text.trim()));
            row.decimal(column, &decimal.ok_or_else(|| refused("a decimal number"))?)
        }
        Cast::Double => {
            let double = match decoded {
                Value::Double(value) => Some(value),
                _ => text.as_deref().and_then(|text| Decimal::parse(text.trim())?.to_f64_exact()),
            };
            row.double(column, double.ok_or_else(|| refused("a number that a double holds exactly"))?)
        }
        Cast::Bool => {
            let value = match (decoded, text.as_deref().map(str::to_ascii_lowercase).as_deref()) {
                (Value::Bool(value), _) => Some(value),
                (_, Some("0" | "f" | "false" | "n" | "no")) => Some(false),
                (_, Some("1" | "t" | "true" | "y" | "yes")) => Some(true),
                _ => None,
            };
            row.bool(column, value.ok_or_else(|| refused("true or false"))?)
        }
        Cast::Uuid => match decoded {
            Value::Binary(0 | 4, bytes) => {
                row.uuid(column, bytes.try_into().map_err(|_| refused("a UUID of 16 bytes"))?)
            }
            Value::Text(text) => row.text(column, text),
            _ => return Err(refused("a UUID, its 16 bytes or its text")),
        },
        Cast::Date => match (clock::moment(value)?, form(value)?, decoded) {
            (Some(Moment::Local(local)), ..) if local.time() == Time::midnight() => {
                row.day(column, &local.date().to_string())
            }
            (None, Some(("$day", text)), _) | (None, _, Value::Text(text)) => row.day(column, text),
            _ => return Err(refused("a date, or midnight of one")),
        },
        Cast::Time => match (form(value)?, decoded) {
            (Some(("$time", text)), _) | (_, Value::Text(text)) => row.time(column, text),
            _ => return Err(refused("a time of day")),
        },
        Cast::Json => match decoded {
            Value::Text(text) => row.json(column, text),
            _ => row.json(column, &json::of(value)?),
        },
        Cast::Timestamp | Cast::LocalTimestamp => return Err(refused("a timestamp")),
    };
    Ok(())
}

/// Returns the name and the text of one of the forms that BSON lacks.
pub(crate) fn form(value: Raw<'_>) -> Result<Option<(&str, &str)>, Rejection> {
    let Value::Document(document) = value.value()? else { return Ok(None) };
    let mut fields = document.fields();
    let (Some(field), None) = (fields.next().transpose()?, fields.next()) else { return Ok(None) };
    let name = field.name()?;
    Ok(match field.value.value()? {
        Value::Text(text) if FORMS.contains(&name) => Some((name, text)),
        _ => None,
    })
}

/// Returns the one text that a value has, `None` where it has none or several.
pub(crate) fn text(value: Value<'_>) -> Result<Option<String>, Rejection> {
    Ok(Some(match value {
        Value::Text(text) => text.to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int32(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Decimal128(bytes) => match Decimal::from_decimal128(bytes) {
            Some(decimal) => decimal.to_string(),
            None => return Ok(None),
        },
        Value::Date(milliseconds) => match Moment::of_milliseconds(milliseconds) {
            Some(Moment::Instant(utc)) => format!("{utc}Z"),
            _ => return Ok(None),
        },
        Value::Binary(4, bytes) => match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => hyphenated(bytes),
            Err(_) => return Ok(None),
        },
        Value::Document(document) => {
            let mut fields = document.fields();
            match (fields.next().transpose()?, fields.next()) {
                (Some(form), None) if FORMS.contains(&form.name()?) => match form.value.value()? {
                    Value::Text(text) => text.to_owned(),
                    _ => return Ok(None),
                },
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    }))
}

fn hyphenated(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Writes what the configuration gives every row.
pub(crate) fn constant(row: &mut Row, column: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::Bool(value) => row.bool(column, *value),
        serde_json::Value::String(text) => row.text(column, text),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => row.integer(column, integer),
            (None, Some(double)) => row.double(column, double),
            (None, None) => row.null(column),
        },
        _ => row.null(column),
    };
}
