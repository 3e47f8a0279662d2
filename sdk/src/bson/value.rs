//! One BSON value: its kind and bytes, and its decoded form.

use super::Document;
use super::Malformed;

macro_rules! kinds {
    ($($name:ident = $byte:literal, $words:literal;)*) => {
        /// The type of a BSON value, by its byte in the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $(#[doc = $words] $name = $byte,)*
        }

        impl Kind {
            /// Returns the kind of this type byte.
            pub fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Returns the kind in words, for messages: `a string`.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

kinds! {
    Double = 0x01, "a double";
    Text = 0x02, "a string";
    Document = 0x03, "a document";
    Array = 0x04, "an array";
    Binary = 0x05, "binary data";
    Undefined = 0x06, "undefined";
    ObjectId = 0x07, "an ObjectId";
    Bool = 0x08, "a boolean";
    Date = 0x09, "a date";
    Null = 0x0a, "null";
    Regex = 0x0b, "a regular expression";
    DbPointer = 0x0c, "a DBPointer";
    JavaScript = 0x0d, "JavaScript code";
    Symbol = 0x0e, "a symbol";
    JavaScriptWithScope = 0x0f, "JavaScript code with scope";
    Int32 = 0x10, "an int32";
    Timestamp = 0x11, "a BSON timestamp";
    Int64 = 0x12, "an int64";
    Decimal128 = 0x13, "a Decimal128";
    MaxKey = 0x7f, "a MaxKey";
    MinKey = 0xff, "a MinKey";
}

/// A decoded value. Text, documents and bytes are borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A 64-bit floating point number, NaN and infinity included.
    Double(f64),
    /// UTF-8 text.
    Text(&'a str),
    /// A document.
    Document(Document<'a>),
    /// An array: a document whose names are `0`, `1`, …
    Array(Document<'a>),
    /// Bytes with their subtype: 0 generic, 4 UUID.
    Binary(u8, &'a [u8]),
    /// The 12 bytes of an ObjectId.
    ObjectId(&'a [u8; 12]),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// Null.
    Null,
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// The 16 bytes of a Decimal128; [`crate::Decimal::from_decimal128`] reads them.
    Decimal128(&'a [u8; 16]),
    /// A replication timestamp: seconds since 1970 and a counter within the second.
    Timestamp(u32, u32),
    /// A symbol (deprecated in BSON), as text.
    Symbol(&'a str),
    /// Anything else: undefined, regular expressions, code, MinKey, MaxKey.
    Other(Kind),
}

/// A value that has not been decoded yet: cheap to pass on unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    pub(crate) fn new(kind: Kind, bytes: &'a [u8]) -> Self {
        Self { kind, bytes }
    }

    /// Returns the value's kind.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Returns the value's bytes, as they stand behind the field's name.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns whether this is null.
    pub fn is_null(self) -> bool {
        self.kind == Kind::Null
    }

    /// Decodes the value itself; what is inside a document or an array stays as it is.
    pub fn value(self) -> Result<Value<'a>, Malformed> {
        self.decode().ok_or(Malformed)
    }

    fn decode(self) -> Option<Value<'a>> {
        let bytes = self.bytes;
        Some(match self.kind {
            Kind::Double => Value::Double(f64::from_le_bytes(*bytes.as_array()?)),
            Kind::Text => Value::Text(text(bytes)?),
            Kind::Document => Value::Document(Document::new(bytes).ok()?),
            Kind::Array => Value::Array(Document::new(bytes).ok()?),
            Kind::Binary => Value::Binary(*bytes.get(4)?, &bytes[5..]),
            Kind::ObjectId => Value::ObjectId(bytes.as_array()?),
            Kind::Bool => Value::Bool(match bytes {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
            Kind::Date => Value::Date(i64::from_le_bytes(*bytes.as_array()?)),
            Kind::Null => Value::Null,
            Kind::Int32 => Value::Int32(i32::from_le_bytes(*bytes.as_array()?)),
            Kind::Int64 => Value::Int64(i64::from_le_bytes(*bytes.as_array()?)),
            Kind::Decimal128 => Value::Decimal128(bytes.as_array()?),
            Kind::Timestamp => {
                let (increment, seconds) = bytes.split_at_checked(4)?;
                Value::Timestamp(u32::from_le_bytes(*seconds.as_array()?), u32::from_le_bytes(*increment.as_array()?))
            }
            Kind::Symbol => Value::Symbol(text(bytes)?),
            other => Value::Other(other),
        })
    }
}

/// Length and end were checked when the value was found.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.get(4..bytes.len().checked_sub(1)?)?).ok()
}

/// Returns how many bytes a value of this kind takes at the start of `rest`.
pub(super) fn length(kind: Kind, rest: &[u8]) -> Option<usize> {
    let prefix = || rest.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize);
    Some(match kind {
        Kind::Undefined | Kind::Null | Kind::MinKey | Kind::MaxKey => 0,
        Kind::Bool => 1,
        Kind::Int32 => 4,
        Kind::Double | Kind::Date | Kind::Timestamp | Kind::Int64 => 8,
        Kind::ObjectId => 12,
        Kind::Decimal128 => 16,
        Kind::Text | Kind::JavaScript | Kind::Symbol => text_length(rest)?,
        Kind::DbPointer => text_length(rest)?.checked_add(12)?,
        Kind::Binary => prefix()?.checked_add(5)?,
        Kind::Document | Kind::Array | Kind::JavaScriptWithScope => prefix()?,
        Kind::Regex => {
            let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(index, _)| index + 1);
            ends.next()?;
            ends.next()?
        }
    })
}

fn text_length(rest: &[u8]) -> Option<usize> {
    let length = (u32::from_le_bytes(*rest.first_chunk()?) as usize).checked_add(4)?;
    (length >= 5 && *rest.get(length - 1)? == 0).then_some(length)
}
