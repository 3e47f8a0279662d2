//! From typed values, `{"integerValue": "1"}`, to the forms of a record.

use bson::Binary;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;

use super::super::path;
use super::super::path::Step;
use super::super::text::ValueError;
use super::super::writer::Writer;
use crate::record::instant;

type Written = Result<(), ValueError>;

/// Writes a whole document: its fields, where it lies, and when it was made and changed.
pub(super) fn write(document: &RawDocument, steps: &[Step<'_>], writer: &mut Writer) -> Written {
    writer.open_root();
    let fields = match part(document, "fields")? {
        None => Ok(()),
        Some(RawBsonRef::Document(fields)) => fields_of(fields, writer),
        Some(other) => Err(expected("an object in `fields`", other)),
    };
    fields?;
    path::append(steps, writer);
    for (name, field) in [("createTime", "__create_time__"), ("updateTime", "__update_time__")] {
        match part(document, name)? {
            None => {}
            Some(value) => timestamp(field, value, writer).map_err(|error| error.within(name))?,
        }
    }
    writer.close();
    Ok(())
}

/// Parts the name of a document into its database and its path.
pub(super) fn resource(name: &str) -> Option<(String, Vec<Step<'_>>)> {
    let (project, rest) = name.strip_prefix("projects/")?.split_once("/databases/")?;
    let (database, path) = rest.split_once("/documents/")?;
    let is_whole = [project, database].iter().all(|part| !part.is_empty() && !part.contains('/'));
    let steps = path::steps(path).filter(|_| is_whole)?;
    Some((path::database(project, database), steps))
}

fn fields_of(fields: &RawDocument, writer: &mut Writer) -> Written {
    for field in fields {
        let (name, typed) = field.map_err(|error| ValueError::new(error.to_string()))?;
        value(name.as_str(), typed, writer).map_err(|error| error.within(name.as_str()))?;
    }
    Ok(())
}

fn value(name: &str, typed: RawBsonRef<'_>, writer: &mut Writer) -> Written {
    let RawBsonRef::Document(typed) = typed else { return Err(expected("a typed value", typed)) };
    let mut fields = typed.into_iter();
    let first = fields.next().transpose().map_err(|error| ValueError::new(error.to_string()))?;
    let (Some((kind, value)), None) = (first, fields.next()) else {
        return Err(ValueError::new("expected a value with one type, found none, or several"));
    };
    match (kind.as_str(), value) {
        ("nullValue", RawBsonRef::Null | RawBsonRef::String("NULL_VALUE")) => writer.null(name),
        ("booleanValue", RawBsonRef::Boolean(value)) => writer.bool(name, value),
        ("integerValue", value) => writer.int64(name, integer(value)?),
        ("doubleValue", value) => writer.double(name, double(value)?),
        ("timestampValue", value) => timestamp(name, value, writer)?,
        ("stringValue", RawBsonRef::String(value)) => writer.string(name, value),
        ("bytesValue", RawBsonRef::String(value)) => {
            // Both alphabets of base64 are allowed.
            let standard = value.replace('-', "+").replace('_', "/");
            let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
            let bytes = Binary::from_base64(padded, BinarySubtype::Generic)
                .map_err(|_| ValueError::new("expected bytes in base64, found something else"))?;
            writer.binary(name, &bytes.bytes);
        }
        ("referenceValue", RawBsonRef::String(value)) => {
            let (database, steps) = resource(value)
                .ok_or_else(|| ValueError::new(format!("expected the name of a document, found `{value}`")))?;
            path::append_reference(name, &steps, Some(&database), writer);
        }
        ("geoPointValue", RawBsonRef::Document(value)) => {
            // A zero may be left out.
            let coordinate = |name| part(value, name)?.map_or(Ok(0.0), double);
            let (latitude, longitude) = (coordinate("latitude")?, coordinate("longitude")?);
            writer.geopoint(name, latitude, longitude);
        }
        ("arrayValue", RawBsonRef::Document(array)) => {
            writer.open_array(name);
            match part(array, "values")? {
                None => {}
                Some(RawBsonRef::Array(values)) => elements(values, writer)?,
                Some(other) => return Err(expected("an array in `values`", other)),
            }
            writer.close();
        }
        ("mapValue", RawBsonRef::Document(map)) => {
            writer.open_document(name);
            match part(map, "fields")? {
                None => {}
                Some(RawBsonRef::Document(fields)) => fields_of(fields, writer)?,
                Some(other) => return Err(expected("an object in `fields`", other)),
            }
            writer.close();
        }
        (
            kind @ ("nullValue" | "booleanValue" | "stringValue" | "bytesValue" | "referenceValue" | "geoPointValue"
            | "arrayValue" | "mapValue"),
            other,
        ) => return Err(expected(&format!("a value that `{kind}` has"), other)),
        (other, _) => return Err(ValueError::new(format!("expected a known type of value, found `{other}`"))),
    }
    Ok(())
}

fn elements(values: &bson::RawArray, writer: &mut Writer) -> Written {
    for (index, element) in values.into_iter().enumerate() {
        let element = element.map_err(|error| ValueError::new(error.to_string()))?;
        value("", element, writer).map_err(|error| error.within(&index.to_string()))?;
    }
    Ok(())
}

fn integer(value: RawBsonRef<'_>) -> Result<i64, ValueError> {
    match value {
        RawBsonRef::Int32(value) => Ok(value.into()),
        RawBsonRef::Int64(value) => Ok(value),
        RawBsonRef::String(text) if !text.starts_with('+') => {
            text.parse().map_err(|_| ValueError::new(format!("expected an integer of 64 bits, found `{text}`")))
        }
        other => Err(expected("an integer of 64 bits", other)),
    }
}

fn double(value: RawBsonRef<'_>) -> Result<f64, ValueError> {
    match value {
        RawBsonRef::Double(value) => Ok(value),
        RawBsonRef::Int32(value) => Ok(value.into()),
        // The nearest double, as for any other number in decimal digits.
        #[expect(clippy::cast_precision_loss, reason = "digits beyond a double's are rounded in JSON")]
        RawBsonRef::Int64(value) => Ok(value as f64),
        RawBsonRef::String("NaN") => Ok(f64::NAN),
        RawBsonRef::String("Infinity") => Ok(f64::INFINITY),
        RawBsonRef::String("-Infinity") => Ok(f64::NEG_INFINITY),
        RawBsonRef::String(text) => {
            let is_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
            let number = is_number.then(|| text.parse::<f64>().ok()).flatten().filter(|number| number.is_finite());
            number.ok_or_else(|| ValueError::new(format!("expected a double, found `{text}`")))
        }
        other => Err(expected("a double", other)),
    }
}

fn timestamp(name: &str, value: RawBsonRef<'_>, writer: &mut Writer) -> Written {
    let RawBsonRef::String(text) = value else { return Err(expected("a timestamp", value)) };
    match instant::parse_iso_ns(text) {
        Some(ns) if writer.instant(name, ns) => Ok(()),
        _ => Err(ValueError::new(format!("expected a timestamp `2024-01-31T12:00:00.123456789Z`, found `{text}`"))),
    }
}

fn part<'a>(document: &'a RawDocument, name: &str) -> Result<Option<RawBsonRef<'a>>, ValueError> {
    document.get(name).map_err(|error| ValueError::new(error.to_string()))
}

fn expected(what: &str, found: RawBsonRef<'_>) -> ValueError {
    let found = match found {
        RawBsonRef::Null => "null".to_owned(),
        RawBsonRef::String(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
        RawBsonRef::Boolean(value) => value.to_string(),
        RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_) => "a number".to_owned(),
        RawBsonRef::Array(_) => "an array".to_owned(),
        _ => "an object".to_owned(),
    };
    ValueError::new(format!("expected {what}, found {found}"))
}
