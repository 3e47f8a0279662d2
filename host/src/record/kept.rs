//! The value behind a canonical key: what the id strategy `keep` writes into a target's id column.

use std::fmt;

use bson::Binary;
use bson::DateTime;
use bson::RawArrayBuf;
use bson::RawBson;
use bson::RawDocumentBuf;
use bson::spec::BinarySubtype;
use uuid::Uuid;

use super::instant;
use super::key::Key;
use super::key_text;
use super::spelled;

/// Documents that are a value: the forms of a row body that have a tag and a text (`wit/since-v0.1.0/README.md`).
const TAGS: [&str; 7] = ["$decimal", "$instant", "$localTimestamp", "$day", "$time", "$json", "$literal"];

/// The typed element of a key that one column can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept<'a> {
    /// Decimal digits, `-` before a negative one; of any length.
    Integer(&'a str),
    /// Plain decimal digits with a fraction.
    Decimal(&'a str),
    /// A double with a fraction.
    Double(f64),
    /// Text, or an ObjectId's 24 hexadecimal digits.
    Text(&'a str),
    /// A boolean.
    Bool(bool),
    /// Milliseconds since 1970.
    Instant(i64),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes that are no UUID.
    Bytes(Vec<u8>),
    /// A value that BSON has no type of its own for: its tag and its text.
    Tagged(&'a str, &'a str),
    /// An array of such elements.
    Array(Vec<Kept<'a>>),
}

impl<'a> Kept<'a> {
    /// Returns the element of a key, or `None` for a composite key, a document that is no value, or a BSON timestamp,
    /// which no single column keeps.
    pub fn of_key(key: &'a Key) -> Option<Self> {
        Self::of_form(key.as_str())
    }

    fn of_form(form: &'a str) -> Option<Self> {
        let rest = form.get(1..)?;
        Some(match form.as_bytes().first()? {
            b'i' => Self::Integer(rest),
            b'n' => Self::Decimal(rest),
            b'd' => Self::Double(rest.parse().ok()?),
            b's' => Self::Text(rest),
            b'b' => Self::Bool(rest == "1"),
            b't' => Self::Instant(rest.parse().ok()?),
            b'u' => Self::Uuid(rest.parse().ok()?),
            b'x' => Self::Bytes(bytes(rest.get(2..)?)?),
            b'a' => Self::Array(key_text::parts(rest)?.into_iter().map(Self::of_form).collect::<Option<_>>()?),
            b'o' => match key_text::parts(rest)?.as_slice() {
                [tag, text] if TAGS.contains(tag) => Self::Tagged(tag, text.strip_prefix('s')?),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Returns the same element as a BSON value, as a row body would carry it; `None` where BSON has no exact form
    /// (an integer or decimal of more than 34 digits).
    pub fn to_bson(&self) -> Option<RawBson> {
        Some(match self {
            Self::Integer(digits) => match digits.parse() {
                Ok(value) => RawBson::Int64(value),
                Err(_) => RawBson::Decimal128(digits.parse().ok()?),
            },
            Self::Decimal(digits) => RawBson::Decimal128(digits.parse().ok()?),
            Self::Double(value) => RawBson::Double(*value),
            Self::Text(value) => RawBson::String((*value).to_owned()),
            Self::Bool(value) => RawBson::Boolean(*value),
            Self::Instant(value) => RawBson::DateTime(DateTime::from_millis(*value)),
            Self::Uuid(value) => {
                RawBson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: value.as_bytes().to_vec() })
            }
            Self::Tagged(tag, text) => RawBson::Document(RawDocumentBuf::try_from(&bson::doc! { *tag: *text }).ok()?),
            Self::Array(items) => {
                let mut array = RawArrayBuf::new();
                for item in items {
                    array.push(item.to_bson()?);
                }
                RawBson::Array(array)
            }
            Self::Bytes(value) => RawBson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: value.clone() }),
        })
    }
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(text) | Self::Decimal(text) | Self::Text(text) | Self::Tagged(_, text) => out.write_str(text),
            Self::Double(value) => write!(out, "{value}"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Instant(ms) => out.write_str(&instant::display_any(i128::from(*ms) * 1_000)),
            Self::Uuid(value) => write!(out, "{value}"),
            Self::Bytes(bytes) => out.write_str(&spelled::bytes_text(bytes)),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", items.join(", "))
            }
        }
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
