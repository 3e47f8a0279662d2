//! From the tool's JSON to the forms of a record: `{"__datatype__": …, "value": …}` stands for what JSON lacks.

use bson::Binary;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;

use super::super::path;
use super::super::text::ValueError;
use super::super::writer::Writer;

/// Nanoseconds of a second.
const SECOND_NS: i64 = 1_000_000_000;

/// Writes the fields of a document that was parsed as plain JSON.
pub(super) fn fields(bson: &[u8], writer: &mut Writer) -> Result<(), ValueError> {
    let document = RawDocument::from_bytes(bson).map_err(|error| ValueError::new(error.to_string()))?;
    fields_of(document, writer)
}

fn fields_of(document: &RawDocument, writer: &mut Writer) -> Result<(), ValueError> {
    for field in document {
        let (name, value) = field.map_err(|error| ValueError::new(error.to_string()))?;
        write(name.as_str(), value, writer).map_err(|error| error.within(name.as_str()))?;
    }
    Ok(())
}

fn write(name: &str, value: RawBsonRef<'_>, writer: &mut Writer) -> Result<(), ValueError> {
    match value {
        RawBsonRef::Null => writer.null(name),
        RawBsonRef::Boolean(value) => writer.bool(name, value),
        RawBsonRef::Int32(value) => writer.int64(name, value.into()),
        RawBsonRef::Int64(value) => writer.int64(name, value),
        RawBsonRef::Double(value) => writer.double(name, value),
        RawBsonRef::String(value) => writer.string(name, value),
        RawBsonRef::Array(items) => {
            writer.open_array(name);
            for (index, item) in items.into_iter().enumerate() {
                let item = item.map_err(|error| ValueError::new(error.to_string()))?;
                write("", item, writer).map_err(|error| error.within(&index.to_string()))?;
            }
            writer.close();
        }
        RawBsonRef::Document(document) => match document.get("__datatype__") {
            Ok(Some(RawBsonRef::String(kind))) => special(name, kind, document, writer)?,
            _ => {
                writer.open_document(name);
                fields_of(document, writer)?;
                writer.close();
            }
        },
        other => return Err(ValueError::new(format!("expected a value of JSON, found {:?}", other.element_type()))),
    }
    Ok(())
}

/// Writes a value of a type that JSON lacks.
fn special(name: &str, kind: &str, document: &RawDocument, writer: &mut Writer) -> Result<(), ValueError> {
    let value = document.get("value").ok().flatten();
    match (kind, value) {
        ("timestamp", Some(RawBsonRef::Document(value))) => {
            let [seconds, nanoseconds] = ["_seconds", "_nanoseconds"].map(|part| integer(value, part));
            let parts = seconds.zip(nanoseconds).filter(|(_, ns)| (0..SECOND_NS).contains(ns));
            let (seconds, ns) = parts.ok_or_else(|| {
                ValueError::new("expected `_seconds` and `_nanoseconds` of a timestamp, integers, found something else")
            })?;
            if !writer.instant(name, i128::from(seconds) * i128::from(SECOND_NS) + i128::from(ns)) {
                let message =
                    format!("expected an instant of the years 0001 to 9999, found {seconds} seconds since 1970");
                return Err(ValueError::new(message));
            }
        }
        ("geopoint", Some(RawBsonRef::Document(value))) => {
            let [latitude, longitude] = ["_latitude", "_longitude"].map(|part| number(value, part));
            let (latitude, longitude) = latitude.zip(longitude).ok_or_else(|| {
                ValueError::new("expected `_latitude` and `_longitude` of a geopoint, numbers, found something else")
            })?;
            writer.geopoint(name, latitude, longitude);
        }
        ("documentReference", Some(RawBsonRef::String(value))) => {
            let steps = path::steps(value)
                .ok_or_else(|| ValueError::new(format!("expected the path of a document, found `{value}`")))?;
            path::append_reference(name, &steps, None, writer);
        }
        ("bytes", Some(RawBsonRef::String(value))) => {
            let bytes = Binary::from_base64(value, BinarySubtype::Generic)
                .map_err(|_| ValueError::new("expected bytes in base64, found something else"))?;
            writer.binary(name, &bytes.bytes);
        }
        ("timestamp" | "geopoint" | "documentReference" | "bytes", _) => {
            return Err(ValueError::new(format!("expected a `value` that a {kind} has, found another")));
        }
        _ => return Err(ValueError::new(format!("expected a known `__datatype__`, found `{kind}`"))),
    }
    Ok(())
}

fn integer(document: &RawDocument, name: &str) -> Option<i64> {
    match document.get(name).ok()?? {
        RawBsonRef::Int32(value) => Some(value.into()),
        RawBsonRef::Int64(value) => Some(value),
        _ => None,
    }
}

fn number(document: &RawDocument, name: &str) -> Option<f64> {
    match document.get(name).ok()?? {
        RawBsonRef::Int32(value) => Some(value.into()),
        RawBsonRef::Double(value) => Some(value),
        _ => None,
    }
}
