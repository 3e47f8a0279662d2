//! Arrays as JSON, for targets that have none, and back: numbers, booleans and null as JSON has them, JSON as it is, all else as
//! text in the spelling of the row bodies' forms.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::beyond;
use super::convert::fit;
use super::decimal::Decimal;
use super::instant;
use super::mismatch::Mismatch;
use super::mismatch::expected_type;
use super::mismatch::found;
use super::mismatch::mismatch;
use super::schema::Column;
use super::schema::ColumnType;
use super::value::Value;

/// Returns an array as JSON text; `None` where JSON cannot say it.
pub(super) fn to_json(items: &[Value]) -> Option<String> {
    let mut out = String::from("[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&element_to_json(item)?);
    }
    out.push(']');
    Some(out)
}

fn element_to_json(item: &Value) -> Option<String> {
    let text = match item {
        Value::Null => return Some("null".to_owned()),
        Value::Bool(value) => return Some(value.to_string()),
        Value::Integer(value) => return Some(value.to_string()),
        Value::Float(value) if value.is_finite() => return Some(serde_json::Value::from(*value).to_string()),
        Value::Float(value) if value.is_nan() => "NaN".to_owned(),
        Value::Float(value) => if *value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned(),
        Value::Decimal(value) => return Some(value.to_string()),
        Value::Text(value) => value.to_string(),
        // Null is what a missing element is.
        Value::Json(text) => return (text.trim_ascii() != "null").then(|| text.clone()),
        Value::Bytes(bytes) => {
            let mut text = String::with_capacity(2 + bytes.len() * 2);
            text.push_str("\\x");
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
        Value::Uuid(value) => value.to_string(),
        Value::Timestamp(us) => format!("{}Z", instant::display_local(*us)?),
        Value::LocalTimestamp(us) => instant::display_local(*us)?,
        Value::Date(days) => part(i64::from(*days).checked_mul(instant::DAY_US)?, |(day, _)| day)?,
        Value::Time(us) => part(*us, |(_, time)| time)?,
        Value::Array(_) => return None,
    };
    Some(serde_json::Value::from(text).to_string())
}

fn part(us: i64, part: for<'a> fn((&'a str, &'a str)) -> &'a str) -> Option<String> {
    instant::display_local(us)?.split_once('T').map(part).map(str::to_owned)
}

/// Reads the elements of an array column from JSON text.
pub(super) fn of_json(text: &str, column: &Column, element: &ColumnType) -> Result<Value, Mismatch> {
    let no_array = || mismatch("type-mismatch", expected_type(column), found(&Value::Json(text.to_owned())));
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| no_array())?;
    let column = column.of_elements(element);
    let items = items.into_iter().enumerate();
    items
        .map(|(index, item)| element_of_json(item.get(), &column).map_err(|refused| refused.within(index)))
        .collect::<Result<_, _>>()
        .map(Value::Array)
}

fn element_of_json(text: &str, column: &Column) -> Result<Value, Mismatch> {
    if let (ColumnType::Json { .. }, false) = (&column.kind, text == "null") {
        return fit(Value::Json(text.to_owned()), column);
    }
    let wrong = || mismatch("type-mismatch", expected_type(column), found(&Value::Json(text.to_owned())));
    let value = match text.as_bytes().first() {
        Some(b'n') => return Ok(Value::Null),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|_| wrong())?;
            if beyond::is_beyond(&column.kind, &text) {
                return Ok(Value::Text(text.into()));
            }
            of_text(text, &column.kind).ok_or_else(wrong)?
        }
        Some(b'[' | b'{') | None => return Err(wrong()),
        Some(_) => match column.kind {
            ColumnType::Float { .. } => Value::Float(text.parse().map_err(|_| wrong())?),
            _ => Value::Decimal(Decimal::parse(text).ok_or_else(wrong)?),
        },
    };
    fit(value, column)
}

fn of_text(text: String, kind: &ColumnType) -> Option<Value> {
    Some(match kind {
        ColumnType::Timestamp => Value::Timestamp(instant::parse_instant(&text)?),
        ColumnType::LocalTimestamp => Value::LocalTimestamp(instant::parse_local(&text)?),
        ColumnType::Date => Value::Date(instant::parse_day(&text)?),
        ColumnType::Time => Value::Time(instant::parse_time(&text)?),
        ColumnType::Float { .. } => Value::Float(match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        }),
        ColumnType::Bytes => {
            let (pairs, []) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>() else { return None };
            let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            Value::Bytes(pairs.iter().map(byte).collect::<Option<_>>()?)
        }
        _ => Value::Text(text.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_comes_back_from_its_json() {
        let decimal = |text| Value::Decimal(Decimal::parse(text).expect("a decimal"));
        for (kind, items, json) in [
            (ColumnType::Bool, vec![Value::Bool(true), Value::Null], "[true,null]"),
            (ColumnType::Integer { bits: 64 }, vec![Value::Integer(i64::MIN)], "[-9223372036854775808]"),
            (
                ColumnType::Float { bits: 64 },
                vec![Value::Float(0.1), Value::Float(1e300), Value::Float(f64::NEG_INFINITY)],
                "[0.1,1e+300,\"-Infinity\"]",
            ),
            (
                ColumnType::Decimal { limits: None, inexact: false },
                vec![decimal("12345678901234567890123456789012345678.9"), Value::Text("NaN".into())],
                "[12345678901234567890123456789012345678.9,\"NaN\"]",
            ),
            (
                ColumnType::Text { chars_max: None, padded: false },
                vec![Value::Text("a\"b\\ž".into()), Value::Text("null".into())],
                "[\"a\\\"b\\\\ž\",\"null\"]",
            ),
            (ColumnType::Bytes, vec![Value::Bytes(vec![0, 255])], "[\"\\\\x00ff\"]"),
            (ColumnType::Timestamp, vec![Value::Timestamp(-1)], "[\"1969-12-31T23:59:59.999999Z\"]"),
            (ColumnType::LocalTimestamp, vec![Value::Text("infinity".into())], "[\"infinity\"]"),
            (ColumnType::Date, vec![Value::Date(-719_162)], "[\"0001-01-01\"]"),
            (ColumnType::Time, vec![Value::Time(1)], "[\"00:00:00.000001\"]"),
            (ColumnType::Json { binary: false }, vec![Value::Json("{\"a\": [1.50]}".to_owned())], "[{\"a\": [1.50]}]"),
            (ColumnType::Textual, vec![Value::Text("1 day".into())], "[\"1 day\"]"),
        ] {
            let text = to_json(&items).expect("JSON says it");
            assert_eq!(text, json);
            let column = Column {
                name: "v".to_owned(),
                kind: ColumnType::Array { element: Box::new(kind.clone()) },
                declared: "v[]".to_owned(),
                nullable: true,
                has_default: false,
                has_fresh_default: false,
                generated: false,
                sequence: None,
            };
            let read = of_json(&text, &column, &kind).map_err(|mismatch| mismatch.to_string());
            assert_eq!(read, Ok(Value::Array(items)), "{json}");
        }
    }
}
