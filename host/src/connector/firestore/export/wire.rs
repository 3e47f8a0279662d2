//! Reads protocol buffers field by field, in place.
//!
//! Entities are read by hand: the order of `property` and `raw_property` among one another is the order of a document's
//! fields, which a library that sorts fields into a struct loses; and other collections' records are stepped over undecoded.

/// Deepest nesting of groups that is stepped over.
const GROUPS_MAX: usize = 8;

/// Why bytes are no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WireError {
    /// The offset in the record.
    pub(super) at: usize,
    /// Expected, then found.
    pub(super) message: String,
}

pub(super) fn wire_error(at: usize, message: impl Into<String>) -> WireError {
    WireError { at, message: message.into() }
}

/// A message, or a group, and where it lies in its record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) value: Wire<'a>,
    /// Where it begins in the record.
    pub(super) at: usize,
}

/// A field's value, as far as its bytes say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(Message<'a>),
    Group(Message<'a>),
}

impl<'a> Field<'a> {
    pub(super) fn varint(&self) -> Result<u64, WireError> {
        match self.value {
            Wire::Varint(value) => Ok(value),
            _ => Err(self.other("an integer")),
        }
    }

    pub(super) fn double(&self) -> Result<f64, WireError> {
        match self.value {
            Wire::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.other("a double")),
        }
    }

    pub(super) fn message(&self) -> Result<Message<'a>, WireError> {
        match self.value {
            Wire::Bytes(message) => Ok(message),
            _ => Err(self.other("a message or bytes")),
        }
    }

    pub(super) fn group(&self) -> Result<Message<'a>, WireError> {
        match self.value {
            Wire::Group(group) => Ok(group),
            _ => Err(self.other("a group")),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, WireError> {
        let message = self.message()?;
        std::str::from_utf8(message.bytes)
            .map_err(|error| wire_error(message.at + error.valid_up_to(), "expected UTF-8, found something else"))
    }

    fn other(&self, expected: &str) -> WireError {
        let found = match self.value {
            Wire::Varint(_) => "an integer",
            Wire::Fixed64(_) => "8 bytes",
            Wire::Fixed32 => "4 bytes",
            Wire::Bytes(_) => "a message or bytes",
            Wire::Group(_) => "a group",
        };
        wire_error(self.at, format!("expected {expected} in field {}, found {found}", self.number))
    }
}

impl<'a> Message<'a> {
    /// A whole record.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the fields in the order in which they lie; behind an error there is none.
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { message: self, next: 0 }
    }
}

/// The fields of a message.
pub(super) struct Fields<'a> {
    message: Message<'a>,
    next: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.message.bytes.len() {
            return None;
        }
        let field = self.field(0);
        if field.is_err() {
            self.next = self.message.bytes.len();
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self, depth: usize) -> Result<Field<'a>, WireError> {
        let at = self.message.at + self.next;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| wire_error(at, format!("expected a field's number, found {}", tag >> 3)))?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.bytes.try_into().expect("eight bytes were taken"))),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            3 => Wire::Group(self.group(number, depth)?),
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            other => return Err(wire_error(at, format!("expected a field's type, found {other}"))),
        };
        Ok(Field { number, value, at })
    }

    /// Steps to the group's end; returns what lies before it.
    fn group(&mut self, number: u32, depth: usize) -> Result<Message<'a>, WireError> {
        let start = self.next;
        let at = self.message.at + start;
        if depth == GROUPS_MAX {
            return Err(wire_error(at, format!("expected at most {GROUPS_MAX} groups within one another, found more")));
        }
        loop {
            let end = self.next;
            if end >= self.message.bytes.len() {
                return Err(wire_error(at, format!("expected the end of group {number}, found none")));
            }
            let tag = self.varint()?;
            if tag & 7 != 4 {
                self.next = end;
                self.field(depth + 1)?;
            } else if tag >> 3 == u64::from(number) {
                return Ok(Message { bytes: &self.message.bytes[start..end], at });
            } else {
                let message = format!("expected the end of group {number}, found that of {}", tag >> 3);
                return Err(wire_error(self.message.at + end, message));
            }
        }
    }

    fn take(&mut self, length: u64) -> Result<Message<'a>, WireError> {
        let rest = &self.message.bytes[self.next..];
        let at = self.message.at + self.next;
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(bytes) => {
                self.next += bytes.len();
                Ok(Message { bytes, at })
            }
            None => Err(wire_error(at, format!("expected {length} bytes, found {}", rest.len()))),
        }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let at = self.message.at + self.next;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.message.bytes.get(self.next) else {
                return Err(wire_error(at, "expected an integer, found the end"));
            };
            self.next += 1;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(wire_error(at, "expected an integer of 64 bits, found a longer one"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use proptest::prelude::*;

    use super::Message;
    use super::Wire;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, String)>, String> {
        let shown = |value: Wire<'_>| match value {
            Wire::Varint(value) => format!("varint {value}"),
            Wire::Fixed64(value) => format!("fixed64 {value}"),
            Wire::Fixed32 => "fixed32".to_owned(),
            Wire::Bytes(message) => format!("bytes {:?} at {}", message.bytes, message.at),
            Wire::Group(message) => format!("group {:?} at {}", message.bytes, message.at),
        };
        Message::of(bytes)
            .fields()
            .map(|field| {
                field.map(|it| (it.number, shown(it.value))).map_err(|it| format!("{}: {}", it.at, it.message))
            })
            .collect()
    }

    #[test]
    fn every_type_is_read() {
        let bytes = [
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
            &[0x12, 0x02, 0x61, 0x62],
            &[0x19, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x25, 1, 2, 3, 4],
            &[0x2b, 0x33, 0x08, 0x01, 0x34, 0x2c],
            &[0xf8, 0x01, 0x05],
        ]
        .concat();
        let expected = [
            (1, "varint 18446744073709551615"),
            (2, "bytes [97, 98] at 13"),
            (3, "fixed64 1"),
            (4, "fixed32"),
            (5, "group [51, 8, 1, 52] at 30"),
            (31, "varint 5"),
        ];
        assert_eq!(fields(&bytes).unwrap(), expected.map(|(number, value)| (number, value.to_owned())));
    }

    #[test]
    fn broken_bytes_are_told_with_their_place() {
        for (bytes, expected) in [
            (&[0x08][..], "1: expected an integer, found the end"),
            (&[0x08, 1, 0x12, 0x05, 0x61], "4: expected 5 bytes, found 1"),
            (
                &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                "11: expected 18446744073709551615 bytes, found 0",
            ),
            (
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
                "1: expected an integer of 64 bits, found a longer one",
            ),
            (&[0x0f], "0: expected a field's type, found 7"),
            (&[0x0c], "0: expected a field's type, found 4"),
            (&[0x00, 0x00], "0: expected a field's number, found 0"),
            (&[0x0b, 0x08, 0x01], "1: expected the end of group 1, found none"),
            (&[0x0b, 0x14], "1: expected the end of group 1, found that of 2"),
            (&[0x0b; 40], "9: expected at most 8 groups within one another, found more"),
        ] {
            assert_eq!(fields(bytes).unwrap_err(), expected, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = fields(&bytes);
        }
    }
}
