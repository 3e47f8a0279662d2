//! The text twin of BSON bodies, for components that ask for it: canonical Extended JSON v2.

use bson::Bson;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::RawDocumentBuf;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Value;

use super::row::RecordFault;

/// Writes a document as canonical Extended JSON; field order and repeated names are kept.
pub(super) fn write(document: &RawDocument) -> bson::error::Result<String> {
    let mut out = String::with_capacity(document.as_bytes().len() * 2);
    write_document(document, &mut out)?;
    Ok(out)
}

fn write_document(document: &RawDocument, out: &mut String) -> bson::error::Result<()> {
    out.push('{');
    for (index, field) in document.iter().enumerate() {
        let (name, value) = field?;
        if index > 0 {
            out.push(',');
        }
        write_text(name.as_str(), out);
        out.push(':');
        write_value(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_value(value: RawBsonRef<'_>, out: &mut String) -> bson::error::Result<()> {
    match value {
        RawBsonRef::Document(document) => write_document(document, out)?,
        RawBsonRef::Array(items) => {
            out.push('[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item?, out)?;
            }
            out.push(']');
        }
        RawBsonRef::String(text) => write_text(text, out),
        RawBsonRef::Null => out.push_str("null"),
        RawBsonRef::Boolean(value) => out.push_str(if value { "true" } else { "false" }),
        RawBsonRef::Int32(value) => out.push_str(&format!(r#"{{"$numberInt":"{value}"}}"#)),
        RawBsonRef::Int64(value) => out.push_str(&format!(r#"{{"$numberLong":"{value}"}}"#)),
        RawBsonRef::Double(value) => out.push_str(&format!(r#"{{"$numberDouble":"{}"}}"#, spell(value))),
        RawBsonRef::ObjectId(id) => out.push_str(&format!(r#"{{"$oid":"{}"}}"#, id.to_hex())),
        RawBsonRef::DateTime(at) => {
            out.push_str(&format!(r#"{{"$date":{{"$numberLong":"{}"}}}}"#, at.timestamp_millis()));
        }
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            out.push_str(r#"{"$code":"#);
            write_text(code.code, out);
            out.push_str(r#","$scope":"#);
            write_document(code.scope, out)?;
            out.push('}');
        }
        // The rest is rare and holds no documents.
        other => out.push_str(&Bson::try_from(other)?.into_canonical_extjson().to_string()),
    }
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&Value::String(text.to_owned()).to_string());
}

fn spell(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        format!("{value:?}")
    }
}

/// Reads a row body; repeated names are kept for the check of rows to find.
pub(super) fn read_row(text: &str) -> Result<Vec<u8>, RecordFault> {
    let Fields(fields) = serde_json::from_str(text)
        .map_err(|error| RecordFault::malformed_row(format!("expected Extended JSON, found {error}")))?;
    let mut row = RawDocumentBuf::new();
    for (name, value) in fields {
        let bson = read_value(value)
            .map_err(|message| RecordFault::malformed_row(format!("expected Extended JSON in `{name}`, {message}")))?;
        let name = bson::raw::CString::try_from(name).map_err(|_| {
            RecordFault::malformed_row("expected column names without NUL characters, found one".into())
        })?;
        let bson = bson::RawBson::try_from(bson)
            .map_err(|error| RecordFault::malformed_row(format!("expected Extended JSON, found {error}")))?;
        row.append(name, bson);
    }
    Ok(row.into_bytes())
}

fn read_value(value: Value) -> Result<Bson, String> {
    check_numbers(&value)?;
    Bson::try_from(value).map_err(|error| format!("found {error}"))
}

/// Refuses plain numbers that were already rounded when they were read.
fn check_numbers(value: &Value) -> Result<(), String> {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(double) if !number.is_i64() && double.fract() == 0.0 && double.abs() >= 9_007_199_254_740_992.0 => {
                Err(format!("found the plain number {number}, which may have been rounded"))
            }
            _ => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(fields) => fields.values().try_for_each(check_numbers),
        _ => Ok(()),
    }
}

/// The fields of an object, repeated ones too.
struct Fields(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
