//! What Firestore's documents hold that BSON has no type for: references, and timestamps finer than a millisecond.

use document_mapping::text;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// A document that stands for one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Special<'a> {
    /// A timestamp as RFC 3339 in UTC.
    Instant(&'a str),
    /// A reference: the path of the collection, and the last segment of the document's.
    Reference(&'a str, Raw<'a>),
}

impl<'a> Special<'a> {
    /// Reads a value that is one of these.
    pub(crate) fn of(raw: Raw<'a>) -> Result<Option<Self>, Rejection> {
        let Value::Document(document) = raw.value()? else { return Ok(None) };
        let mut fields = document.fields();
        let (Some(first), second) = (fields.next().transpose()?, fields.next().transpose()?) else { return Ok(None) };
        Ok(match (first.value.value()?, second) {
            (Value::Text(instant), None) if first.is_named("$instant") => Some(Self::Instant(instant)),
            (Value::Text(collection), Some(id)) if first.is_named("$ref") && id.is_named("$id") => {
                Some(Self::Reference(collection, id.value))
            }
            _ => None,
        })
    }
}

/// Returns what stands for a map: the first of these fields that it has. Anything but a map stands for itself.
pub(crate) fn within<'a>(raw: Raw<'a>, names: &[String]) -> Result<Raw<'a>, Rejection> {
    let Value::Document(document) = raw.value()? else { return Ok(raw) };
    if names.is_empty() || Special::of(raw)?.is_some() {
        return Ok(raw);
    }
    for name in names {
        if let Some(found) = field(document, name)? {
            return Ok(found);
        }
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    Err(Rejection::new("required", format!("expected one of {} in the map, found none", names.join(", "))))
}

fn field<'a>(document: Document<'a>, name: &str) -> Result<Option<Raw<'a>>, Rejection> {
    let found = document.get(name)?.filter(|raw| !raw.is_null());
    Ok(found.filter(|raw| !matches!(raw.value(), Ok(Value::Text("")))))
}

/// Names the kind of a value for messages.
pub(crate) fn words(raw: Raw<'_>) -> &'static str {
    match Special::of(raw) {
        Ok(Some(Special::Instant(_))) => "a timestamp",
        Ok(Some(Special::Reference(..))) => "a reference",
        _ => raw.kind().words(),
    }
}

/// Shows a value for messages.
pub(crate) fn shown(raw: Raw<'_>) -> String {
    match Special::of(raw) {
        Ok(Some(Special::Instant(instant))) => text::quoted(instant),
        Ok(Some(Special::Reference(..))) => words(raw).to_owned(),
        _ => text::shown(raw),
    }
}
