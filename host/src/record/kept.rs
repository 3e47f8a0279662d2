//! The value behind a canonical key: what the id strategy `keep` writes into a target's id column.

use bson::Binary;
use bson::DateTime;
use bson::RawBson;
use bson::spec::BinarySubtype;
use uuid::Uuid;

use super::key::Key;

/// The typed element of a key that is one scalar value.
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
}

impl<'a> Kept<'a> {
    /// Returns the element of a key, or `None` for a composite key, a document, an array or a BSON timestamp, which
    /// no single column keeps.
    pub fn of_key(key: &'a Key) -> Option<Self> {
        let form = key.as_str();
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
            Self::Bytes(value) => RawBson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: value.clone() }),
        })
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
