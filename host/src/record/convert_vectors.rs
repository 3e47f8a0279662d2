//! Runs `wit/since-v0.1.0/vectors/values.json` against the conversion.

use bson::RawDocumentBuf;
use serde_json::Value as Json;

use super::*;

const VECTORS: &str = include_str!("../../../wit/since-v0.1.0/vectors/values.json");

fn column(spec: &str) -> Column {
    let (name, arguments) = spec.split_once('(').unwrap_or((spec, ""));
    let (name, nullable) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
    let arguments: Vec<&str> = arguments.trim_end_matches(')').split(',').filter(|part| !part.is_empty()).collect();
    let number = |index: usize| arguments[index].parse::<i32>().expect("the vectors hold numbers here");
    let small = |index: usize| i16::try_from(number(index)).expect("the vectors hold small numbers here");
    let limits = || (arguments.len() == 2).then(|| (small(0).unsigned_abs(), small(1)));
    let chars_max = || (!arguments.is_empty()).then(|| number(0).unsigned_abs());
    let kind = match name {
        "bool" => ColumnType::Bool,
        "int16" => ColumnType::Integer { bits: 16 },
        "int32" => ColumnType::Integer { bits: 32 },
        "int64" => ColumnType::Integer { bits: 64 },
        "float32" => ColumnType::Float { bits: 32 },
        "float64" => ColumnType::Float { bits: 64 },
        "numeric" => ColumnType::Decimal { limits: limits(), inexact: false },
        "numeric-inexact" => ColumnType::Decimal { limits: limits(), inexact: true },
        "text" => ColumnType::Text { chars_max: chars_max(), padded: false },
        "char" => ColumnType::Text { chars_max: chars_max(), padded: true },
        "enum" => ColumnType::Enum { labels: arguments.iter().map(|&label| label.to_owned()).collect() },
        "bytes" => ColumnType::Bytes,
        "uuid" => ColumnType::Uuid,
        "timestamp" => ColumnType::Timestamp,
        "local-timestamp" => ColumnType::LocalTimestamp,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "json" => ColumnType::Json { binary: false },
        "jsonb" => ColumnType::Json { binary: true },
        "textual" => ColumnType::Textual,
        other if other.ends_with("-array") => {
            let element = spec.replacen("-array", "", 1);
            ColumnType::Array { element: Box::new(column(element.trim_end_matches('!')).kind) }
        }
        other => panic!("the vectors name an unknown column type `{other}`"),
    };
    Column {
        name: "v".into(),
        kind,
        declared: spec.into(),
        nullable,
        has_default: false,
        has_fresh_default: false,
        sequence: None,
        generated: false,
    }
}

/// The value in the notation of the vectors: its kind and its text.
fn notation(converted: Converted<'_>) -> Json {
    let (kind, text) = match converted {
        Converted::Reference { entity, .. } => ("reference", Json::from(entity)),
        Converted::Array(items) => ("array", items.into_iter().map(notation).collect()),
        Converted::Value(value) => match value {
            Value::Null => ("null", Json::Null),
            Value::Bool(value) => ("bool", Json::from(value)),
            Value::Integer(value) => ("integer", Json::from(value.to_string())),
            Value::Float(value) => ("float", Json::from(value.to_string())),
            Value::Decimal(value) => ("decimal", Json::from(value.to_string())),
            Value::Text(value) => ("text", Json::from(value.as_str())),
            Value::Bytes(value) => {
                ("bytes", Json::from(value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
            }
            Value::Uuid(value) => ("uuid", Json::from(value.to_string())),
            Value::Timestamp(value) => ("timestamp", Json::from(value.to_string())),
            Value::LocalTimestamp(value) => ("local-timestamp", Json::from(value.to_string())),
            Value::Date(value) => ("date", Json::from(value.to_string())),
            Value::Time(value) => ("time", Json::from(value.to_string())),
            Value::Json(value) => ("json", Json::from(value)),
            Value::Array(items) => ("array", items.into_iter().map(|item| notation(Converted::Value(item))).collect()),
        },
    };
    serde_json::json!({ kind: text })
}

#[test]
fn every_vector_gives_its_value_or_its_error() {
    let cases: Vec<Json> = serde_json::from_str(VECTORS).expect("the vectors are valid JSON");
    assert!(cases.len() >= 80, "expected at least 80 vectors, found {}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let body = RawDocumentBuf::try_from(
            &bson::doc! { "v": bson::Bson::try_from(case["body"]["v"].clone()).expect("the body is Extended JSON") },
        )
        .expect("it is BSON");
        let value = body.get("v").expect("it is well-formed").expect("it has the field `v`");
        let found = match convert(value, &column(case["column"].as_str().unwrap_or_default())) {
            Ok(converted) => serde_json::json!({ "value": notation(converted) }),
            Err(mismatch) => serde_json::json!({ "error": mismatch.code }),
        };
        let key = if case["error"].is_string() { "error" } else { "value" };
        if found[key] != case[key] {
            wrong.push(format!("{case}\n    gives {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_say_expected_then_found() {
    for (value, spec, message) in [
        (bson::rawbson!(70000), "int16", "expected an integer from -32768 to 32767 (`int16`), found integer `70000`"),
        (bson::rawbson!("abc"), "text(2)", "expected at most 2 characters (`text(2)`), found 3 characters, text `abc`"),
        (
            bson::rawbson!(1.5),
            "int32",
            "expected an integer from -2147483648 to 2147483647 (`int32`), found double `1.5`",
        ),
        (
            bson::rawbson!({"a": 1}),
            "json",
            "expected `$decimal`, `$instant`, `$zoned`, `$localTimestamp`, `$day`, `$time`, `$json`, `$literal` or `$ref` with `$id`, found a document that begins with `a`",
        ),
        (
            bson::rawbson!({"$json": "{\"a\": {\"b\": 1, \"b\": 2}}"}),
            "jsonb",
            "expected each field once at byte 15 of the JSON, found `b` twice",
        ),
    ] {
        let found = convert(value.as_raw_bson_ref(), &column(spec)).map_err(|mismatch| mismatch.to_string());
        assert_eq!(found, Err(message.to_owned()));
    }
    let long = bson::RawBson::String("x".repeat(500));
    let found = convert(long.as_raw_bson_ref(), &column("text(10)")).expect_err("it is too long");
    assert_eq!(found.found.chars().count(), super::super::mismatch::FOUND_CHARS_MAX);
}

#[test]
fn resolved_ids_fit_their_columns() {
    let uuid = uuid::Uuid::from_u128(7);
    for (value, spec, expected) in [
        (Value::Uuid(uuid), "text", Some(Value::Text(uuid.to_string().into()))),
        (Value::Uuid(uuid), "text(35)", None),
        (Value::Uuid(uuid), "uuid", Some(Value::Uuid(uuid))),
        (Value::Text(uuid.to_string().into()), "uuid", Some(Value::Uuid(uuid))),
        (Value::Integer(5), "int16", Some(Value::Integer(5))),
        (Value::Integer(5), "numeric(3,1)", Some(Value::Decimal(Decimal::from(5)))),
        (Value::Integer(5), "text", None),
        (Value::Uuid(uuid), "int64", None),
    ] {
        assert_eq!(fit(value.clone(), &column(spec)).ok(), expected, "{value:?} in {spec}");
    }
}
