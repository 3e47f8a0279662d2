//! From the value a column holds to its form in a document body: the way back of [`convert`](super::convert).
//!
//! The table of forms is in `wit/since-v0.1.0/README.md`. What is written here and converted again for a column of the
//! same type is the same value.

use bson::Binary;
use bson::DateTime;
use bson::RawArrayBuf;
use bson::RawBson;
use bson::RawDocumentBuf;
use bson::raw::CStr;
use bson::raw::cstr;
use bson::spec::BinarySubtype;

use super::beyond;
use super::instant;
use super::instant::DAY_US;
use super::schema::ColumnType;
use super::value::Value;

/// Digits that a Decimal128 holds.
const DECIMAL_DIGITS: usize = 34;

/// Returns a value of a column of this type as a document's field carries it.
pub fn form(value: &Value, kind: &ColumnType) -> RawBson {
    match value {
        Value::Null => RawBson::Null,
        Value::Bool(value) => RawBson::Boolean(*value),
        Value::Integer(value) => RawBson::Int64(*value),
        Value::Float(value) => RawBson::Double(*value),
        Value::Decimal(value) => {
            let digits = value.to_written();
            match digits.parse() {
                Ok(number) if digits.bytes().filter(u8::is_ascii_digit).count() <= DECIMAL_DIGITS => {
                    RawBson::Decimal128(number)
                }
                _ => tagged(cstr!("$decimal"), digits),
            }
        }
        Value::Text(text) if beyond::is_beyond(kind, text) => tagged(cstr!("$literal"), text.to_string()),
        Value::Text(text) => RawBson::String(text.to_string()),
        Value::Bytes(bytes) => RawBson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.clone() }),
        Value::Uuid(value) => {
            RawBson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: value.as_bytes().to_vec() })
        }
        Value::Timestamp(us) if us % 1_000 == 0 => RawBson::DateTime(DateTime::from_millis(us / 1_000)),
        Value::Timestamp(us) => moment(cstr!("$instant"), *us, |local| format!("{local}Z")),
        Value::LocalTimestamp(us) => moment(cstr!("$localTimestamp"), *us, str::to_owned),
        Value::Date(days) => moment(cstr!("$day"), i64::from(*days) * DAY_US, |local| local[..10].to_owned()),
        Value::Time(us) => moment(cstr!("$time"), *us, |local| local[11..].to_owned()),
        Value::Json(text) => tagged(cstr!("$json"), text.clone()),
        Value::Array(items) => {
            let mut array = RawArrayBuf::new();
            let element = match kind {
                ColumnType::Array { element } => element,
                _ => kind,
            };
            items.iter().for_each(|item| array.push(form(item, element)));
            RawBson::Array(array)
        }
    }
}

/// A part of a moment under its tag. Outside the calendar, where no column of ours reads a value from, its number stands
/// as text, which no column takes for a moment.
fn moment(tag: &CStr, us: i64, part: impl FnOnce(&str) -> String) -> RawBson {
    match instant::display_local(us) {
        Some(local) => tagged(tag, part(&local)),
        None => RawBson::String(us.to_string()),
    }
}

fn tagged(tag: &CStr, text: String) -> RawBson {
    let mut document = RawDocumentBuf::new();
    document.append(tag, text);
    RawBson::Document(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Column;
    use crate::record::convert::Converted;
    use crate::record::convert::convert;
    use crate::record::decimal::Decimal;

    #[test]
    fn what_a_column_holds_is_what_it_gets_again() {
        let decimal = |digits: &str| Value::Decimal(Decimal::parse(digits).expect("a decimal"));
        let numeric = || ColumnType::Decimal { limits: None, inexact: false };
        let text = || ColumnType::Text { chars_max: None, padded: false };
        let array = |element| ColumnType::Array { element: Box::new(element) };
        for (value, kind) in [
            (Value::Null, text()),
            (Value::Bool(true), ColumnType::Bool),
            (Value::Integer(7), ColumnType::Integer { bits: 16 }),
            (Value::Integer(i64::MIN), ColumnType::Integer { bits: 64 }),
            (Value::Float(-0.1), ColumnType::Float { bits: 64 }),
            (Value::Float(f64::NEG_INFINITY), ColumnType::Float { bits: 64 }),
            (decimal("19.99"), numeric()),
            (decimal("-0.000000000000000000000000000000000000000000001"), numeric()),
            (decimal("12345678901234567890123456789012345"), numeric()),
            (decimal(&format!("1{}", "0".repeat(6_200))), numeric()),
            (Value::Text("ž\u{10ffff}".into()), text()),
            (Value::Bytes(vec![0, 255]), ColumnType::Bytes),
            (Value::Uuid(uuid::Uuid::from_u128(7)), ColumnType::Uuid),
            (Value::Timestamp(-1_000), ColumnType::Timestamp),
            (Value::Timestamp(1_706_702_400_123_456), ColumnType::Timestamp),
            (Value::Timestamp(instant::INSTANT_MIN_US), ColumnType::Timestamp),
            (Value::Timestamp(instant::INSTANT_MAX_US), ColumnType::Timestamp),
            (Value::LocalTimestamp(-1), ColumnType::LocalTimestamp),
            (Value::Date(-719_162), ColumnType::Date),
            (Value::Date(2_932_896), ColumnType::Date),
            (Value::Time(0), ColumnType::Time),
            (Value::Time(DAY_US - 1), ColumnType::Time),
            (Value::Json(r#"{"a": [1, null]}"#.to_owned()), ColumnType::Json { binary: false }),
            (Value::Text("infinity".into()), ColumnType::Timestamp),
            (Value::Text("0044-03-15 12:00:00 BC".into()), ColumnType::LocalTimestamp),
            (Value::Text("10000-01-01".into()), ColumnType::Date),
            (Value::Text("24:00:00".into()), ColumnType::Time),
            (Value::Text("NaN".into()), numeric()),
            (Value::Text("1 day".into()), ColumnType::Textual),
            (Value::Array(vec![Value::Text("".into()), Value::Null, Value::Text("a,b".into())]), array(text())),
            (Value::Array(vec![decimal("0.5"), Value::Text("NaN".into())]), array(numeric())),
            (Value::Array(vec![Value::Timestamp(1), Value::Timestamp(1_000)]), array(ColumnType::Timestamp)),
            (Value::Array(vec![Value::Uuid(uuid::Uuid::nil())]), array(ColumnType::Uuid)),
            (Value::Array(vec![Value::Json("[1.0]".to_owned())]), array(ColumnType::Json { binary: true })),
            (Value::Array(vec![]), array(ColumnType::Bytes)),
            (Value::Text("{{1,2},{3,NULL}}".into()), array(ColumnType::Integer { bits: 32 })),
        ] {
            let name = format!("{value:?}");
            let column = Column {
                name: "v".to_owned(),
                kind,
                declared: "v".to_owned(),
                nullable: true,
                has_default: false,
                has_fresh_default: false,
                sequence: None,
                generated: false,
            };
            let carried = form(&value, &column.kind);
            let back = convert(carried.as_raw_bson_ref(), &column);
            assert_eq!(back.map_err(|mismatch| mismatch.to_string()), Ok(Converted::Value(value)), "{name}");
        }
    }
}
