//! Values as text: how they are bound where COPY is not used, and how columns give them back.

use jiff::Span;
use uuid::Uuid;

use super::name::quote;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::decimal::Decimal;
use crate::record::instant;
use crate::record::instant::DAY_US;

/// Returns the text that a cast to the column's type reads, or `None` for NULL; the error says what does not fit.
pub(super) fn write(value: &Value) -> Result<Option<String>, String> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:e}"),
        Value::Decimal(value) => write_decimal(value),
        Value::Text(value) => value.to_string(),
        Value::Json(value) => value.clone(),
        Value::Bytes(value) => write_bytes(value),
        Value::Uuid(value) => value.to_string(),
        Value::Timestamp(value) => format!("{}+00", write_moment(*value)?),
        Value::LocalTimestamp(value) => write_moment(*value)?,
        Value::Date(value) => write_day((*value).into())?,
        Value::Time(value) if (0..DAY_US).contains(value) => write_time(*value),
        Value::Time(_) => return Err("expected a time before 24:00".to_owned()),
        Value::Array(values) => write_array(values)?,
    }))
}

/// Returns the SQL that gives a column back in the form [`read`] takes.
pub(super) fn select(alias: &str, column: &Column) -> String {
    let name = format!("{alias}.{}", quote(&column.name));
    match column.kind {
        // Elements as text, one by one. An array that is not a plain list of them comes as a whole.
        ColumnType::Array { .. } => format!(
            "CASE WHEN pg_catalog.array_ndims({name}) > 1 OR pg_catalog.array_lower({name}, 1) <> 1 THEN {name}::text \
             ELSE pg_catalog.to_json({name}::text::text[])::text END"
        ),
        // What the server writes; a cast to text may say it in other words.
        ColumnType::Textual => format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN {} END", own_text(&name)),
        ColumnType::Bytes => format!("pg_catalog.encode({name}, 'hex')"),
        ColumnType::Decimal { .. } if column.declared == "money" => format!("{name}::numeric::text"),
        _ => format!("{name}::text"),
    }
}

/// Returns the SQL of what the server writes for a value.
pub(super) fn own_text(value: &str) -> String {
    format!("pg_catalog.format('%s', {value})")
}

/// Reads a column back. What the values of its type cannot say (infinity, NaN as a decimal, an array of arrays, a year
/// before 1) comes as the text it is.
pub(super) fn read(kind: &ColumnType, text: Option<String>) -> Value {
    let Some(text) = text else { return Value::Null };
    let parsed = match kind {
        ColumnType::Bool => match text.as_str() {
            "true" | "t" => Some(Value::Bool(true)),
            "false" | "f" => Some(Value::Bool(false)),
            _ => None,
        },
        ColumnType::Integer { .. } => text.parse().ok().map(Value::Integer),
        ColumnType::Float { bits: 32 } => text.parse().ok().map(|value: f32| Value::Float(f64::from(value))),
        ColumnType::Float { .. } => text.parse().ok().map(Value::Float),
        ColumnType::Decimal { .. } => Decimal::parse(&text).map(Value::Decimal),
        ColumnType::Text { chars_max: Some(chars), padded: true } => Some(Value::Text(padded(&text, *chars).into())),
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::Textual | ColumnType::Other => None,
        ColumnType::Bytes => read_bytes(text.strip_prefix("\\x").unwrap_or(&text)).map(Value::Bytes),
        ColumnType::Uuid => Uuid::parse_str(&text).ok().map(Value::Uuid),
        ColumnType::Timestamp => text.strip_suffix("+00").and_then(read_moment).map(Value::Timestamp),
        ColumnType::LocalTimestamp => read_moment(&text).map(Value::LocalTimestamp),
        ColumnType::Date => instant::parse_day(&text).map(Value::Date),
        ColumnType::Time => instant::parse_time(&text).map(Value::Time),
        ColumnType::Json { .. } => return Value::Json(text),
        ColumnType::Array { element } => {
            let items: Option<Vec<Option<String>>> = serde_json::from_str(&text).ok();
            items.map(|items| Value::Array(items.into_iter().map(|item| read(element, item)).collect()))
        }
    };
    parsed.unwrap_or(Value::Text(text.into()))
}

fn write_decimal(value: &Decimal) -> String {
    let sign = if value.is_negative() { "-" } else { "" };
    // A number of many zeros stays short.
    match value.digits() {
        digits if !digits.is_empty() && value.written_scale() == value.scale().max(0) => {
            format!("{sign}0.{digits}e{}", value.exponent())
        }
        _ => value.to_written(),
    }
}

fn write_bytes(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn write_array(values: &[Value]) -> Result<String, String> {
    let mut text = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let Some(value) = write(value)? else {
            text.push_str("NULL");
            continue;
        };
        text.push('"');
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push('}');
    Ok(text)
}

/// The cast to text has taken the blanks away that the column holds.
fn padded(text: &str, chars: u32) -> String {
    format!("{text:<width$}", width = usize::try_from(chars).unwrap_or(0))
}

fn read_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn write_moment(micros: i64) -> Result<String, String> {
    Ok(format!("{} {}", write_day(micros.div_euclid(DAY_US))?, write_time(micros.rem_euclid(DAY_US))))
}

fn write_day(days: i64) -> Result<String, String> {
    let date = Span::new().try_days(days).and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
    match date {
        Ok(date) if date.year() > 0 => Ok(date.to_string()),
        _ => Err(format!("expected a year from 1 to 9999, found {days} days from 1970")),
    }
}

fn write_time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn read_moment(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(' ')?;
    Some(i64::from(instant::parse_day(day)?) * DAY_US + instant::parse_time(time)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() -> Result<(), String> {
        for (kind, value, text) in [
            (ColumnType::Timestamp, Value::Timestamp(-1), "1969-12-31 23:59:59.999999+00"),
            (ColumnType::LocalTimestamp, Value::LocalTimestamp(0), "1970-01-01 00:00:00.000000"),
            (ColumnType::Date, Value::Date(-719_162), "0001-01-01"),
            (ColumnType::Date, Value::Date(2_932_896), "9999-12-31"),
            (ColumnType::Time, Value::Time(DAY_US - 1), "23:59:59.999999"),
            (ColumnType::Float { bits: 64 }, Value::Float(0.1), "1e-1"),
        ] {
            assert_eq!(write(&value)?.as_deref(), Some(text));
            assert_eq!(read(&kind, Some(text.to_owned())), value);
        }
        assert_eq!(write(&Value::Bytes(vec![0, 255]))?.as_deref(), Some("\\x00ff"));
        assert_eq!(read(&ColumnType::Bytes, Some("00ff".to_owned())), Value::Bytes(vec![0, 255]));
        assert_eq!(
            write(&Value::Array(vec![Value::Text("a\"b\\".into()), Value::Null, Value::Integer(7)]))?.as_deref(),
            Some("{\"a\\\"b\\\\\",NULL,\"7\"}")
        );
        Ok(())
    }

    #[test]
    fn what_no_value_can_say_stays_text() {
        for (kind, text) in [
            (ColumnType::Timestamp, "infinity"),
            (ColumnType::Date, "0044-03-15 BC"),
            (ColumnType::Time, "24:00:00"),
            (ColumnType::Array { element: Box::new(ColumnType::Bool) }, "{{t}}"),
            (ColumnType::Array { element: Box::new(ColumnType::Bool) }, "[0:0]={t}"),
            (ColumnType::Textual, "1 day"),
            (ColumnType::Decimal { limits: None, inexact: false }, "NaN"),
        ] {
            assert_eq!(read(&kind, Some(text.to_owned())), Value::Text(text.into()));
        }
        let array = ColumnType::Array { element: Box::new(ColumnType::Bytes) };
        let items = vec![Value::Null, Value::Bytes(vec![255])];
        assert_eq!(read(&array, Some("[null,\"\\\\xff\"]".to_owned())), Value::Array(items));
        assert!(write(&Value::Date(i32::MAX)).is_err());
        assert!(write(&Value::Timestamp(i64::MAX)).is_err());
        assert!(write(&Value::Time(DAY_US)).is_err());
    }
}
