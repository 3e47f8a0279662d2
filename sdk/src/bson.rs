//! A borrowed view of BSON: fields are found by walking the bytes, nothing is copied.
//!
//! Every length is checked, so malformed bytes give [`Malformed`], never a panic.

mod bytes;
mod value;

use std::fmt;

pub(crate) use bytes::append;
pub use value::Kind;
pub use value::Raw;
pub use value::Value;

/// Bytes that are not BSON. The host checks documents before it hands them over, so a plugin rarely meets this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("expected BSON, found bytes that are not")
    }
}

impl std::error::Error for Malformed {}

/// A document or an array (whose field names are `0`, `1`, …), borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a>(&'a [u8]);

impl<'a> Document<'a> {
    /// Views these bytes, which must be exactly one document.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let length = bytes.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize).ok_or(Malformed)?;
        if length != bytes.len() || length < 5 || bytes[length - 1] != 0 { Err(Malformed) } else { Ok(Self(bytes)) }
    }

    /// Splits the first document off these bytes; the rest may hold further ones.
    pub fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let length = bytes.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize).ok_or(Malformed)?;
        let (document, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
        Ok((Self::new(document)?, rest))
    }

    /// Returns the whole document's bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Walks the fields in order. Prefer one walk to repeated [`get`](Self::get) where many fields are needed.
    pub fn fields(self) -> Fields<'a> {
        Fields { rest: &self.0[4..self.0.len() - 1] }
    }

    /// Returns the first field of this name. Walks the document up to it.
    pub fn get(self, name: &str) -> Result<Option<Raw<'a>>, Malformed> {
        for field in self.fields() {
            let field = field?;
            if field.is_named(name) {
                return Ok(Some(field.value));
            }
        }
        Ok(None)
    }
}

/// One field of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    name: &'a [u8],
    /// The value, not yet decoded.
    pub value: Raw<'a>,
}

impl<'a> Field<'a> {
    /// Returns the name; `Err` where it is not UTF-8.
    pub fn name(&self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.name).map_err(|_| Malformed)
    }

    /// Returns whether the field has this name.
    #[inline]
    pub fn is_named(&self, name: &str) -> bool {
        bytes::same(self.name, name.as_bytes())
    }

    /// Returns the name as it stands.
    pub fn name_bytes(&self) -> &'a [u8] {
        self.name
    }
}

/// The fields of a document, in order. Ends after the first malformed one.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<Field<'a>> {
        let (kind, rest) = self.rest.split_first()?;
        let end = bytes::find_zero(rest)?;
        let (name, rest) = (&rest[..end], &rest[end + 1..]);
        let kind = Kind::from_byte(*kind)?;
        let (bytes, rest) = rest.split_at_checked(value::length(kind, rest)?)?;
        self.rest = rest;
        Some(Field { name, value: Raw::new(kind, bytes) })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}
