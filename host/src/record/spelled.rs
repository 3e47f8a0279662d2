//! Ids as people copy them out of a database's own client, and how they are shown.
//!
//! Several spellings may mean one value; what goes into a column is never read here.

use super::array;
use super::beyond;
use super::convert;
use super::decimal::Decimal;
use super::instant;
use super::packed;
use super::schema::Column;
use super::schema::ColumnType;
use super::value::Value;

/// Writes a value so that [`read`] takes it.
pub fn write(value: &Value) -> String {
    let json = match value {
        Value::Bytes(bytes) => return bytes_text(bytes),
        Value::Array(items) => array::to_json(items),
        _ => None,
    };
    json.unwrap_or_else(|| packed::display(std::slice::from_ref(value)))
}

/// Writes bytes as PostgreSQL does.
pub fn bytes_text(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("\\x".to_owned()).chain(digits).collect()
}

/// Reads a value of a column, as PostgreSQL or SQLite show it; `None` where the text says none that the column holds.
pub fn read(text: &str, column: &Column) -> Option<Value> {
    if beyond::is_beyond(&column.kind, text) {
        return Some(Value::Text(text.into()));
    }
    let value = match &column.kind {
        ColumnType::Bool => match text {
            "t" | "true" | "1" => Value::Bool(true),
            "f" | "false" | "0" => Value::Bool(false),
            _ => return None,
        },
        ColumnType::Integer { .. } => Value::Integer(text.parse().ok()?),
        ColumnType::Float { .. } => Value::Float(text.parse().ok()?),
        ColumnType::Decimal { .. } => match Decimal::parse(text) {
            Some(number) => Value::Decimal(number),
            None if column.declared == "money" => Value::Decimal(money(text)?),
            None => return None,
        },
        ColumnType::Bytes => Value::Bytes(bytes(text)?),
        ColumnType::Uuid => Value::Uuid(text.parse().ok()?),
        ColumnType::Timestamp => {
            let ns = instant::parse_iso_ns(text).filter(|ns| ns % 1_000 == 0)?;
            Value::Timestamp(i64::try_from(ns / 1_000).ok()?)
        }
        ColumnType::LocalTimestamp => Value::LocalTimestamp(instant::parse_local(&text.replacen(' ', "T", 1))?),
        ColumnType::Date => Value::Date(instant::parse_day(text)?),
        ColumnType::Time => Value::Time(instant::parse_time(text)?),
        ColumnType::Json { .. } => Value::Json(text.to_owned()),
        ColumnType::Array { element } => match text.strip_prefix('{') {
            Some(items) => Value::Array(items_of(items, &column.of_elements(element))?),
            None => Value::Json(text.to_owned()),
        },
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::Textual | ColumnType::Other => {
            Value::Text(text.into())
        }
    };
    convert::fit(value, column).ok()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        Some(digit(pair[0])? << 4 | digit(pair[1])?)
    };
    pairs.iter().map(byte).collect()
}

/// An amount with its currency, as the server's language writes it: a comma or a point with two digits behind it ends the
/// whole part, all others group digits.
fn money(text: &str) -> Option<Decimal> {
    let is_negative = text.contains('-') || text.starts_with('(') && text.ends_with(')');
    let is_part = |character: char| character.is_ascii_digit() || matches!(character, '.' | ',');
    let amount: String = text.chars().filter(|character| is_part(*character)).collect();
    let amount = amount.trim_matches(['.', ',']);
    let (whole, fraction) = match amount.rfind(['.', ',']).map(|at| amount.split_at(at)) {
        Some((whole, fraction)) if fraction.len() == 3 => (whole, &fraction[1..]),
        _ => (amount, ""),
    };
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let sign = if is_negative { "-" } else { "" };
    Decimal::parse(&format!("{sign}{whole}{}{fraction}", if fraction.is_empty() { "" } else { "." }))
}

/// Reads the elements of an array as PostgreSQL writes it, behind its opening bracket.
fn items_of(text: &str, element: &Column) -> Option<Vec<Value>> {
    if text == "}" {
        return Some(Vec::new());
    }
    let (mut items, mut rest) = (Vec::new(), text);
    loop {
        let (item, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (item, behind) = unquoted(quoted)?;
                (read(&item, element)?, behind)
            }
            None => {
                let (item, behind) = rest.split_at(rest.find([',', '}'])?);
                (if item.eq_ignore_ascii_case("NULL") { Value::Null } else { read(item, element)? }, behind)
            }
        };
        items.push(item);
        rest = match behind.strip_prefix(',') {
            Some(rest) => rest,
            None => return (behind == "}").then_some(items),
        };
    }
}

/// Returns a quoted element, and what comes behind its closing quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((item, &text[at + 1..])),
            '\\' => item.push(characters.next()?.1),
            other => item.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: ColumnType, declared: &str) -> Column {
        let (name, declared) = ("id".to_owned(), declared.to_owned());
        let (nullable, has_default, has_fresh_default, sequence, generated) = (false, false, false, None, false);
        Column { name, kind, declared, nullable, has_default, has_fresh_default, sequence, generated }
    }

    #[test]
    fn what_a_client_shows_is_read() {
        let decimal = |digits: &str| Value::Decimal(Decimal::parse(digits).expect("a decimal"));
        let numeric = || ColumnType::Decimal { limits: None, inexact: false };
        let text = || ColumnType::Text { chars_max: None, padded: false };
        let array = |element| ColumnType::Array { element: Box::new(element) };
        for (kind, declared, shown, value) in [
            (ColumnType::Bool, "boolean", "t", Value::Bool(true)),
            (ColumnType::Bool, "boolean", "false", Value::Bool(false)),
            (ColumnType::Bytes, "bytea", "\\x", Value::Bytes(Vec::new())),
            (ColumnType::Bytes, "bytea", "\\x00fF", Value::Bytes(vec![0, 255])),
            (numeric(), "money", "-$1,234.50", decimal("-1234.5")),
            (numeric(), "money", "($0.05)", decimal("-0.05")),
            (numeric(), "money", "1.234,50 €", decimal("1234.5")),
            (numeric(), "money", "¥1,234", decimal("1234")),
            (numeric(), "money", "12.3", decimal("12.3")),
            (numeric(), "numeric", "12345678901234567890.5", decimal("12345678901234567890.5")),
            (numeric(), "numeric", "NaN", Value::Text("NaN".into())),
            (ColumnType::Timestamp, "timestamptz", "1970-01-01 01:00:00.5+01", Value::Timestamp(500_000)),
            (ColumnType::Timestamp, "timestamptz", "1970-01-01T00:00:00Z", Value::Timestamp(0)),
            (ColumnType::Timestamp, "timestamptz", "-infinity", Value::Text("-infinity".into())),
            (ColumnType::LocalTimestamp, "timestamp", "1970-01-01 00:00:01", Value::LocalTimestamp(1_000_000)),
            (ColumnType::Date, "date", "1970-01-02", Value::Date(1)),
            (ColumnType::Time, "time", "00:00:01", Value::Time(1_000_000)),
            (ColumnType::Time, "time", "24:00:00", Value::Text("24:00:00".into())),
            (ColumnType::Json { binary: true }, "jsonb", "{\"a\": 1}", Value::Json("{\"a\": 1}".to_owned())),
            (ColumnType::Textual, "interval", "1 day", Value::Text("1 day".into())),
            (array(text()), "text[]", "{}", Value::Array(Vec::new())),
            (
                array(text()),
                "text[]",
                r#"{a,"b \"c\", {d}"}"#,
                Value::Array(vec![Value::Text("a".into()), Value::Text("b \"c\", {d}".into())]),
            ),
            (
                array(ColumnType::Integer { bits: 32 }),
                "integer[]",
                "{1,NULL}",
                Value::Array(vec![Value::Integer(1), Value::Null]),
            ),
            (
                array(ColumnType::Integer { bits: 32 }),
                "integer[]",
                "[1,2]",
                Value::Array(vec![Value::Integer(1), Value::Integer(2)]),
            ),
        ] {
            let column = column(kind, declared);
            assert_eq!(read(shown, &column), Some(value.clone()), "{declared} {shown}");
            assert_eq!(read(&write(&value), &column), Some(value), "{declared} {shown}, written again");
        }
    }

    #[test]
    fn what_says_no_value_of_the_column_is_none() {
        for (kind, declared, text) in [
            (ColumnType::Bool, "boolean", "maybe"),
            (ColumnType::Bytes, "bytea", "00ff"),
            (ColumnType::Bytes, "bytea", "\\x0"),
            (ColumnType::Bytes, "bytea", "\\x+1"),
            (ColumnType::Decimal { limits: None, inexact: false }, "numeric", "$1.00"),
            (ColumnType::Decimal { limits: None, inexact: false }, "money", "$"),
            (ColumnType::Integer { bits: 16 }, "smallint", "70000"),
            (ColumnType::Json { binary: true }, "jsonb", "{"),
            (ColumnType::Array { element: Box::new(ColumnType::Integer { bits: 32 }) }, "integer[]", "{1,x}"),
            (ColumnType::Array { element: Box::new(ColumnType::Integer { bits: 32 }) }, "integer[]", "{1"),
            (ColumnType::Array { element: Box::new(ColumnType::Integer { bits: 32 }) }, "integer[]", "{1}2"),
        ] {
            assert_eq!(read(text, &column(kind, declared)), None, "{declared} {text}");
        }
    }
}
