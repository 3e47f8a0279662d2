//! Values made another type, exactly or not at all.

use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::config::Cast;

/// The forms of values that BSON lacks: a document with one text under one of these names.
const FORMS: [&str; 6] = ["$decimal", "$instant", "$localTimestamp", "$day", "$time", "$json"];

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
        Cast::Bool => {
            let value = match (decoded, text.as_deref().map(str::to_ascii_lowercase).as_deref()) {
                (Value::Bool(value), _) => Some(value),
                (_, Some("0" | "f" | "false" | "n" | "no")) => Some(false),
                (_, Some("1" | "t" | "true" | "y" | "yes")) => Some(true),
                _ => None,
            };
            row.bool(column, value.ok_or_else(|| refused("true or false"))?)
        }
    };
    Ok(())
}

/// Returns the one text that a value has, `None` where it has none or several.
fn text(value: Value<'_>) -> Result<Option<String>, Rejection> {
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
        Value::Date(milliseconds) => instant(milliseconds),
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

/// An instant as the finer ones are spelt.
fn instant(milliseconds: i64) -> String {
    let (days, rest) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    // The calendar repeats every 400 years; a year of it begins in March, so that a leap day is its last.
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + i64::from(month <= 2);
    let (seconds, fraction) = (rest / 1_000, rest % 1_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:03}") };
    let fraction = fraction.trim_end_matches('0');
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
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
