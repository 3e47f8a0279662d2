//! A document as an EntityProto, the form in which managed exports keep it.

use super::value::Fields;
use super::value::Value;

/// What a property's value stands for, where the kind of value does not say it.
mod meaning {
    pub(super) const TIMESTAMP: u64 = 7;
    pub(super) const POINT: u64 = 9;
    pub(super) const BYTES: u64 = 14;
    pub(super) const MAP: u64 = 19;
    pub(super) const EMPTY_ARRAY: u64 = 24;
}

/// Longer texts cannot be indexed.
const INDEXED_BYTES_MAX: usize = 1_500;
const APP: u64 = 13;
const PATH: u64 = 14;
const PROPERTY: u64 = 14;
const RAW_PROPERTY: u64 = 15;
const ENTITY_GROUP: u64 = 16;

/// How properties are filed: what the emulator exports is raw, but for empty arrays; the service files as `property` what
/// its indexes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filing {
    Raw,
    Indexed,
}

/// Writes a document of an application, `dev~project`.
pub(super) fn entity(app: &str, path: &str, fields: &Fields, filing: Filing) -> Vec<u8> {
    let segments: Vec<&str> = path.split('/').collect();
    let mut key = Vec::new();
    bytes(&mut key, APP, app.as_bytes());
    bytes(&mut key, PATH, &elements(&segments));
    let mut out = Vec::new();
    bytes(&mut out, 13, &key);
    properties(&mut out, app, fields, filing);
    bytes(&mut out, ENTITY_GROUP, &elements(&segments[..2]));
    out
}

/// A path as groups of collection and id.
fn elements(segments: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for pair in segments.chunks(2) {
        open(&mut out, 1);
        bytes(&mut out, 2, pair[0].as_bytes());
        bytes(&mut out, 4, pair[1].as_bytes());
        close(&mut out, 1);
    }
    out
}

/// All that are filed as `property` come first, as the order of protobuf's fields has it.
fn properties(out: &mut Vec<u8>, app: &str, fields: &Fields, filing: Filing) {
    let mut raw = Vec::new();
    for (name, value) in fields {
        let is_indexed = filing == Filing::Indexed && is_indexable(value);
        match value {
            Value::Array(values) if values.is_empty() => {
                property(out, PROPERTY, app, name, value, Some(meaning::EMPTY_ARRAY), false);
            }
            Value::Array(values) => {
                for value in values {
                    let (out, field) = if is_indexed { (&mut *out, PROPERTY) } else { (&mut raw, RAW_PROPERTY) };
                    property(out, field, app, name, value, meaning_of(value), true);
                }
            }
            _ => {
                let (out, field) = if is_indexed { (&mut *out, PROPERTY) } else { (&mut raw, RAW_PROPERTY) };
                property(out, field, app, name, value, meaning_of(value), false);
            }
        }
    }
    out.extend(raw);
}

fn is_indexable(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= INDEXED_BYTES_MAX,
        Value::Map(_) | Value::Bytes(_) => false,
        Value::Array(values) => values.iter().all(is_indexable),
        _ => true,
    }
}

fn meaning_of(value: &Value) -> Option<u64> {
    match value {
        Value::Timestamp(_) => Some(meaning::TIMESTAMP),
        Value::Point(..) => Some(meaning::POINT),
        Value::Bytes(_) => Some(meaning::BYTES),
        Value::Map(_) => Some(meaning::MAP),
        _ => None,
    }
}

fn property(
    out: &mut Vec<u8>,
    field: u64,
    app: &str,
    name: &str,
    value: &Value,
    meaning: Option<u64>,
    is_element: bool,
) {
    let mut property = Vec::new();
    if let Some(meaning) = meaning {
        number(&mut property, 1, meaning);
    }
    bytes(&mut property, 3, name.as_bytes());
    number(&mut property, 4, is_element.into());
    bytes(&mut property, 5, &property_value(app, value));
    bytes(out, field, &property);
}

fn property_value(app: &str, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Null | Value::Array(_) => {}
        Value::Bool(is) => number(&mut out, 2, (*is).into()),
        Value::Integer(integer) | Value::Timestamp(integer) => number(&mut out, 1, integer.cast_unsigned()),
        Value::Double(double) => fixed(&mut out, 4, *double),
        Value::Text(text) => bytes(&mut out, 3, text.as_bytes()),
        Value::Bytes(value) => bytes(&mut out, 3, value),
        Value::Point(latitude, longitude) => {
            open(&mut out, 5);
            fixed(&mut out, 6, *latitude);
            fixed(&mut out, 7, *longitude);
            close(&mut out, 5);
        }
        Value::Reference(path) => {
            open(&mut out, 12);
            bytes(&mut out, APP, app.as_bytes());
            for pair in path.split('/').collect::<Vec<_>>().chunks(2) {
                open(&mut out, 14);
                bytes(&mut out, 15, pair[0].as_bytes());
                bytes(&mut out, 17, pair[1].as_bytes());
                close(&mut out, 14);
            }
            close(&mut out, 12);
        }
        Value::Map(fields) => {
            let mut nested = Vec::new();
            let mut key = Vec::new();
            bytes(&mut key, APP, b"");
            bytes(&mut key, PATH, b"");
            bytes(&mut nested, 13, &key);
            // Nothing within a map has an index of its own.
            properties(&mut nested, app, fields, Filing::Raw);
            bytes(&mut nested, ENTITY_GROUP, b"");
            bytes(&mut out, 3, &nested);
        }
    }
    out
}

// Protobuf's wire format.

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

pub(super) fn number(out: &mut Vec<u8>, field: u64, number: u64) {
    varint(out, field << 3);
    varint(out, number);
}

pub(super) fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn fixed(out: &mut Vec<u8>, field: u64, double: f64) {
    varint(out, field << 3 | 1);
    out.extend_from_slice(&double.to_le_bytes());
}

fn open(out: &mut Vec<u8>, field: u64) {
    varint(out, field << 3 | 3);
}

fn close(out: &mut Vec<u8>, field: u64) {
    varint(out, field << 3 | 4);
}
