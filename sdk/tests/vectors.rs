//! The contract's own vectors: every form of a row body that a target takes, written by the row builder.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use whimbrel_sdk::Decimal;
use whimbrel_sdk::Elements;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::testing;

const VECTORS: &str = include_str!("../../wit/since-v0.1.0/vectors/values.json");
const KINDS: [&str; 20] = [
    "$day",
    "$decimal",
    "$instant",
    "$json",
    "$literal",
    "$localTimestamp",
    "$ref",
    "$time",
    "$zoned",
    "array",
    "bool",
    "bytes",
    "date",
    "decimal128",
    "double",
    "int64",
    "null",
    "text",
    "unchanged",
    "uuid",
];

#[test]
fn the_row_builder_writes_every_form() {
    let cases: Vec<Json> = serde_json::from_str(VECTORS).expect("the vectors are valid JSON");
    let mut seen = BTreeMap::new();
    for case in cases.iter().filter(|case| case["error"].is_null()) {
        let bytes = testing::to_bson(&case["body"]).unwrap_or_else(|error| panic!("{case}: {error}"));
        let document = Document::new(&bytes).expect("it was just written");
        let raw = document.get("v").expect("it is BSON").unwrap_or_else(|| panic!("{case}: no field `v`"));
        let mut row = Row::new(0);
        let kind = write(&mut row, "v", raw).unwrap_or_else(|| panic!("{case}: the row builder has no such form"));
        *seen.entry(kind).or_insert(0) += 1;
        assert_eq!(row.into_body(), bytes, "{case}");
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), KINDS, "{seen:?}");
}

/// Writes a value by the method for its form, and returns what that is called here.
fn write(row: &mut Row, column: &str, raw: Raw<'_>) -> Option<&'static str> {
    Some(match raw.value().ok()? {
        Value::Null => {
            row.null(column);
            "null"
        }
        Value::Bool(value) => {
            row.bool(column, value);
            "bool"
        }
        Value::Int64(value) => {
            row.integer(column, value);
            "int64"
        }
        Value::Double(value) => {
            row.double(column, value);
            "double"
        }
        Value::Text(text) => {
            row.text(column, text);
            "text"
        }
        Value::Date(milliseconds) => {
            row.instant(column, milliseconds);
            "date"
        }
        Value::Binary(4, uuid) => {
            row.uuid(column, uuid.try_into().ok()?);
            "uuid"
        }
        Value::Binary(0, bytes) => {
            row.bytes(column, bytes);
            "bytes"
        }
        Value::Decimal128(bytes) => {
            row.decimal(column, &Decimal::from_decimal128(bytes)?);
            "decimal128"
        }
        Value::Array(array) => {
            let mut elements = Elements::default();
            for field in array.fields() {
                let raw = field.ok()?.value;
                elements.next(|row, name| write(row, name, raw))?;
            }
            row.array(column, elements);
            "array"
        }
        Value::Document(document) => return write_form(row, column, raw, document),
        // Int32 and ObjectId are only ever passed on.
        _ => {
            row.raw(column, raw);
            "unchanged"
        }
    })
}

fn write_form(row: &mut Row, column: &str, raw: Raw<'_>, document: Document<'_>) -> Option<&'static str> {
    let first = document.fields().next()?.ok()?;
    let Value::Text(text) = first.value.value().ok()? else { return None };
    match first.name().ok()? {
        "$decimal" => {
            let decimal = Decimal::parse(text)?;
            // A short one is written as a Decimal128.
            if decimal.to_decimal128().is_some() {
                row.raw(column, raw);
                return Some("unchanged");
            }
            row.decimal(column, &decimal);
            Some("$decimal")
        }
        "$instant" => {
            row.instant_text(column, text);
            Some("$instant")
        }
        "$localTimestamp" => {
            row.local_timestamp(column, text);
            Some("$localTimestamp")
        }
        "$day" => {
            row.day(column, text);
            Some("$day")
        }
        "$time" => {
            row.time(column, text);
            Some("$time")
        }
        "$json" => {
            row.json(column, text);
            Some("$json")
        }
        "$zoned" => {
            row.zoned(column, text);
            Some("$zoned")
        }
        "$literal" => {
            row.literal(column, text);
            Some("$literal")
        }
        "$ref" => {
            let key = document.get("$id").ok()??;
            match key.value().ok()? {
                Value::Array(parts) => {
                    let parts: Vec<_> =
                        parts.fields().map(|field| field.map(|field| field.value)).collect::<Result<_, _>>().ok()?;
                    row.composite_reference(column, text, &parts);
                }
                _ => {
                    row.reference(column, text, key);
                }
            }
            Some("$ref")
        }
        _ => None,
    }
}
