//! Source fields as people read them: their type and their value.

use std::fmt::Write as _;

use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;
use serde::Serialize;

use crate::connector::extended_json;
use crate::record::decimal::Decimal;
use crate::record::instant;

/// One field of a source record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Before {
    /// Its dotted path.
    pub field: String,
    /// Its type in the source; `missing` where it is not there.
    pub kind: &'static str,
    /// Its value; `null` where it is null or not there.
    pub value: Option<String>,
}

/// Returns all fields of a record at its top.
pub(super) fn all(body: Option<impl AsRef<[u8]>>) -> Vec<Before> {
    let Some(body) = body else { return Vec::new() };
    let Ok(document) = RawDocument::from_bytes(body.as_ref()) else { return Vec::new() };
    let fields = document.iter().map_while(Result::ok);
    fields.map(|(name, value)| before(name.as_str().to_owned(), Some(value))).collect()
}

/// Returns the fields at some paths.
pub(super) fn some(document: &RawDocument, paths: &[String]) -> Vec<Before> {
    paths.iter().map(|path| before(path.clone(), at(document, path))).collect()
}

/// Returns the value at a path; what is within an array stands for all of it.
pub(super) fn at<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    let mut steps = path.split('.');
    let mut found = document.get(steps.next()?).ok()??;
    for step in steps {
        found = match found {
            RawBsonRef::Document(inner) => inner.get(step).ok()??,
            RawBsonRef::Array(items) => match step.parse() {
                Ok(index) => items.get(index).ok()??,
                Err(_) => return Some(found),
            },
            _ => return None,
        };
    }
    Some(found)
}

fn before(field: String, value: Option<RawBsonRef<'_>>) -> Before {
    match value {
        None => Before { field, kind: "missing", value: None },
        Some(RawBsonRef::Null) => Before { field, kind: "null", value: None },
        Some(value) => {
            let (kind, text) = kind_and_text(value);
            Before { field, kind, value: Some(text) }
        }
    }
}

/// Returns what a value is, and its text.
pub(super) fn kind_and_text(value: RawBsonRef<'_>) -> (&'static str, String) {
    let moment = |ms: i64| instant::display_any(i128::from(ms) * 1_000);
    match value {
        RawBsonRef::Null => ("null", "null".to_owned()),
        RawBsonRef::Boolean(value) => ("bool", value.to_string()),
        RawBsonRef::Int32(value) => ("integer", value.to_string()),
        RawBsonRef::Int64(value) => ("integer", value.to_string()),
        RawBsonRef::Double(value) => ("double", value.to_string()),
        RawBsonRef::Decimal128(value) => ("decimal", value.to_string()),
        RawBsonRef::String(text) => ("text", text.to_owned()),
        RawBsonRef::ObjectId(id) => ("ObjectId", id.to_hex()),
        RawBsonRef::DateTime(at) => ("instant", moment(at.timestamp_millis())),
        RawBsonRef::Binary(binary) if binary.subtype == BinarySubtype::Uuid && binary.bytes.len() == 16 => {
            let bytes = <[u8; 16]>::try_from(binary.bytes).unwrap_or_default();
            ("UUID", uuid::Uuid::from_bytes(bytes).to_string())
        }
        RawBsonRef::Binary(binary) => ("bytes", hex(binary.bytes)),
        RawBsonRef::Document(document) => match form(document) {
            Some((kind, text)) => (kind, text.to_owned()),
            None => ("document", extended_json::to_canonical(document).unwrap_or_default()),
        },
        RawBsonRef::Array(items) => {
            // The text of a document with it, without what is around.
            let mut document = bson::RawDocumentBuf::new();
            document.append(bson::raw::cstr!("a"), items.to_owned());
            let text = extended_json::to_canonical(&document).unwrap_or_default();
            ("array", text.trim_start_matches("{\"a\":").trim_end_matches('}').trim().to_owned())
        }
        other => ("other", format!("{other:?}")),
    }
}

/// The forms of values that BSON lacks: a document with one text under one of these names.
fn form(document: &RawDocument) -> Option<(&'static str, &str)> {
    let mut fields = document.iter();
    let (Some(Ok((name, RawBsonRef::String(text)))), None) = (fields.next(), fields.next()) else { return None };
    let kind = match name.as_str() {
        "$decimal" => "decimal",
        "$instant" => "instant",
        "$localTimestamp" => "local timestamp",
        "$day" => "day",
        "$time" => "time",
        "$json" => "JSON",
        // What a database spells and no other form says.
        "$literal" => "literal",
        _ => return None,
    };
    Some((kind, text))
}

/// Returns the digits behind the point that a decimal is written with.
pub(super) fn scale(text: &str) -> Option<i32> {
    let (digits, exponent) = match text.split_once(['E', 'e']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    Decimal::parse(text)?;
    let behind = digits.split_once('.').map_or(0, |(_, behind)| behind.len());
    Some(i32::try_from(behind).ok()?.saturating_sub(exponent).max(0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
