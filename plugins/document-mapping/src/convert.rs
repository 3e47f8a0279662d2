//! What one column makes of its source value.

use std::borrow::Cow;

use indexmap::IndexMap;
use whimbrel_sdk::Elements;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Kind;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::json;
use crate::number;
use crate::text;
use crate::time::Clock;

/// A conversion of a dialect's own.
pub trait Conversion: std::fmt::Debug {
    /// The entities to which it refers, where it is a reference.
    fn references(&self) -> &[String] {
        &[]
    }

    /// Whether it makes one value of all that the column reads, each as a part of its own.
    fn takes_parts(&self) -> bool {
        false
    }

    /// Writes the converted value to a column. The value is not null.
    ///
    /// # Errors
    /// A value that does not fit.
    fn write(&self, row: &mut Row, column: &str, raw: Raw<'_>) -> Result<(), Rejection>;

    /// Writes what is made of all parts to a column.
    ///
    /// # Errors
    /// A part that does not fit, with its index.
    fn write_parts(&self, row: &mut Row, column: &str, parts: &[Part<'_>]) -> Result<(), (usize, Rejection)> {
        let _ = (row, column, parts);
        Err((0, Rejection::type_mismatch("one value", "several")))
    }
}

/// One of several values of a column.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// A value of the source, not null.
    Value(Raw<'a>),
    /// The index of an element in its array.
    Index(usize),
}

/// A conversion.
#[derive(Debug)]
#[expect(missing_docs, reason = "the words of `Kind` say it")]
pub enum Convert {
    /// As it is, for the target's column to take or refuse.
    Unchanged,
    /// The record's own key, as a reference to its own entity.
    Own(String),
    /// A reference to the record whose key the value is, of whichever of these entities has one.
    Reference(Vec<String>),
    /// One of these texts, each with what it becomes.
    Enum(IndexMap<String, String>),
    Text,
    Integer,
    Double,
    Decimal,
    Bool,
    Uuid,
    Bytes,
    Json,
    TextArray,
    /// An array, each element of which is converted so.
    Array(Box<Convert>),
    /// A date or a time.
    Clock(Clock),
    /// What only the dialect knows.
    Dialect(Box<dyn Conversion>),
}

impl Convert {
    /// Writes the converted value to a column. The value is not null.
    ///
    /// # Errors
    /// A value that does not fit.
    pub fn write(&self, row: &mut Row, column: &str, raw: Raw<'_>) -> Result<(), Rejection> {
        match self {
            Self::Unchanged => {
                row.raw(column, unchanged(raw)?);
            }
            Self::Own(_) | Self::Reference(_) => {
                row.reference(column, self.entity(), key(raw)?);
            }
            Self::Enum(allowed) => {
                let Value::Text(found) = raw.value()? else {
                    return Err(Rejection::type_mismatch("a string", raw.kind().words()));
                };
                row.text(column, one_of(allowed, found)?);
            }
            Self::Text => {
                row.text(column, &text::of(raw)?);
            }
            Self::Integer => {
                row.integer(column, number::integer(raw)?);
            }
            Self::Double => {
                row.double(column, number::double(raw)?);
            }
            Self::Decimal => {
                row.decimal(column, &number::decimal(raw)?);
            }
            Self::Bool => {
                row.bool(column, bool(raw)?);
            }
            Self::Uuid => {
                row.uuid(column, uuid(raw)?);
            }
            Self::Bytes => {
                row.bytes(column, bytes(raw)?);
            }
            Self::Json => {
                row.json(column, &json::of(raw)?);
            }
            Self::TextArray => {
                let texts = texts(raw)?;
                row.text_array(column, texts.iter().map(|text| &**text));
            }
            Self::Array(element) => {
                row.array(column, elements(element, raw)?);
            }
            Self::Clock(clock) => clock.write(row, column, raw)?,
            Self::Dialect(conversion) => conversion.write(row, column, raw)?,
        }
        Ok(())
    }

    /// The entities that a column of this conversion refers to.
    pub(crate) fn references(&self) -> &[String] {
        match self {
            Self::Reference(entities) => entities,
            Self::Dialect(conversion) => conversion.references(),
            _ => &[],
        }
    }

    /// Whether it makes one value of all parts of a column.
    pub(crate) fn takes_parts(&self) -> bool {
        matches!(self, Self::Dialect(conversion) if conversion.takes_parts())
    }

    /// Writes a value of several parts; what does not fit comes with its index.
    pub(crate) fn write_parts(
        &self,
        row: &mut Row,
        column: &str,
        parts: &[Part<'_>],
    ) -> Result<(), (usize, Rejection)> {
        match self {
            Self::Dialect(conversion) => conversion.write_parts(row, column, parts)?,
            _ => {
                let values = parts.iter().filter_map(|part| match part {
                    Part::Value(raw) => Some(*raw),
                    // Refused when the configuration was compiled.
                    Part::Index(_) => None,
                });
                row.composite_reference(column, self.entity(), &values.collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// The entity of a reference; empty where only the host can find out which it is.
    fn entity(&self) -> &str {
        match self {
            Self::Own(entity) => entity,
            Self::Reference(entities) => match &entities[..] {
                [one] => one,
                _ => "",
            },
            _ => "",
        }
    }
}

fn unchanged(raw: Raw<'_>) -> Result<Raw<'_>, Rejection> {
    let found = raw.kind().words();
    match raw.kind() {
        Kind::Double
        | Kind::Text
        | Kind::ObjectId
        | Kind::Bool
        | Kind::Date
        | Kind::Int32
        | Kind::Int64
        | Kind::Decimal128 => Ok(raw),
        Kind::Binary => match raw.value()? {
            Value::Binary(0, _) => Ok(raw),
            Value::Binary(4, bytes) if bytes.len() == 16 => Ok(raw),
            _ => Err(Rejection::type_mismatch("a UUID or generic bytes (`as = \"bytes\"` takes any)", found)),
        },
        Kind::Document => Err(Rejection::type_mismatch("a scalar value (or `as = \"json\"`)", found)),
        Kind::Array => {
            Err(Rejection::type_mismatch("a scalar value (or `array = true`, `as = \"json\"`, or `children`)", found))
        }
        _ => Err(Rejection::type_mismatch("a scalar value", found)),
    }
}

/// What the contract takes as a key; an undefined one could only fail later.
pub(crate) fn key(raw: Raw<'_>) -> Result<Raw<'_>, Rejection> {
    match raw.kind() {
        Kind::Undefined
        | Kind::Regex
        | Kind::DbPointer
        | Kind::JavaScript
        | Kind::JavaScriptWithScope
        | Kind::Symbol
        | Kind::MinKey
        | Kind::MaxKey => Err(Rejection::type_mismatch("a key", raw.kind().words())),
        _ => Ok(raw),
    }
}

/// Returns what an allowed text becomes.
///
/// # Errors
/// A text that is not among them.
pub fn one_of<'c>(allowed: &'c IndexMap<String, String>, found: &str) -> Result<&'c str, Rejection> {
    allowed.get(found).map(String::as_str).ok_or_else(|| {
        let names: Vec<_> = allowed.keys().take(10).map(|name| format!("`{name}`")).collect();
        let more = if allowed.len() > 10 { ", …" } else { "" };
        let message = format!("expected one of {}{more}, found {}", names.join(", "), text::quoted(found));
        Rejection::new("enum-value", message)
    })
}

fn bool(raw: Raw<'_>) -> Result<bool, Rejection> {
    match raw.value()? {
        Value::Bool(value) => Ok(value),
        Value::Int32(0) | Value::Int64(0) | Value::Text("false") => Ok(false),
        Value::Int32(1) | Value::Int64(1) | Value::Text("true") => Ok(true),
        _ => Err(Rejection::type_mismatch("a boolean, `true` or `false` in text, or 0 or 1", text::shown(raw))),
    }
}

fn uuid(raw: Raw<'_>) -> Result<[u8; 16], Rejection> {
    let uuid = match raw.value()? {
        Value::Binary(4, bytes) => <[u8; 16]>::try_from(bytes).ok(),
        Value::Text(value) => text::parse_uuid(value),
        Value::Binary(3, _) => {
            let expected = "a UUID of subtype 4 (drivers differ in the byte order of subtype 3)";
            return Err(Rejection::type_mismatch(expected, "binary data of subtype 3"));
        }
        _ => None,
    };
    uuid.ok_or_else(|| Rejection::type_mismatch("a UUID", text::shown(raw)))
}

fn bytes(raw: Raw<'_>) -> Result<&[u8], Rejection> {
    match raw.value()? {
        // The old generic subtype repeats the length inside.
        Value::Binary(2, bytes) => Ok(bytes.get(4..).unwrap_or_default()),
        Value::Binary(_, bytes) => Ok(bytes),
        _ => Err(Rejection::type_mismatch("binary data", raw.kind().words())),
    }
}

fn elements(convert: &Convert, raw: Raw<'_>) -> Result<Elements, Rejection> {
    let Value::Array(array) = raw.value()? else {
        return Err(Rejection::type_mismatch("an array", raw.kind().words()));
    };
    let mut elements = Elements::default();
    for (index, field) in array.fields().enumerate() {
        let raw = field?.value;
        elements.next(|row, name| match raw.kind() {
            Kind::Null => {
                row.null(name);
                Ok(())
            }
            _ => convert.write(row, name, raw).map_err(|refused| match &refused.field {
                Some(inner) => {
                    let path = format!("{index}.{inner}");
                    refused.at(path)
                }
                None => refused.at(index.to_string()),
            }),
        })?;
    }
    Ok(elements)
}

fn texts(raw: Raw<'_>) -> Result<Vec<Cow<'_, str>>, Rejection> {
    let Value::Array(array) = raw.value()? else {
        return Err(Rejection::type_mismatch("an array of texts", raw.kind().words()));
    };
    let texts = array
        .fields()
        .enumerate()
        .map(|(index, field)| text::of(field?.value).map_err(|found| found.at(index.to_string())));
    texts.collect()
}
