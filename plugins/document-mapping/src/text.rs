//! Conversions to text, and values as messages show them.

use std::borrow::Cow;
use std::fmt::Write as _;

use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::zone::Moment;

/// Most characters of a value in a message.
const SHOWN_CHARS_MAX: usize = 60;

/// Converts a scalar to text.
///
/// # Errors
/// Anything else, a number that is not finite, a date outside the calendar.
pub fn of(raw: Raw<'_>) -> Result<Cow<'_, str>, Rejection> {
    Ok(match raw.value()? {
        Value::Text(text) | Value::Symbol(text) => Cow::Borrowed(text),
        Value::ObjectId(bytes) => Cow::Owned(hex(bytes)),
        Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Value::Int32(value) => Cow::Owned(value.to_string()),
        Value::Int64(value) => Cow::Owned(value.to_string()),
        Value::Double(value) => match Decimal::from_f64(value) {
            Some(number) => Cow::Owned(number.to_string()),
            None => return Err(not_finite(raw)),
        },
        Value::Decimal128(bytes) => match Decimal::from_decimal128(bytes) {
            Some(number) => Cow::Owned(number.to_string()),
            None => return Err(not_finite(raw)),
        },
        Value::Date(milliseconds) => Cow::Owned(instant(milliseconds)?),
        Value::Binary(4, bytes) if bytes.len() == 16 => Cow::Owned(uuid(bytes)),
        _ => return Err(Rejection::type_mismatch("a scalar value", raw.kind().words())),
    })
}

/// Writes an instant as RFC 3339 in UTC.
pub(crate) fn instant(milliseconds: i64) -> Result<String, Rejection> {
    match Moment::of_milliseconds(milliseconds) {
        Some(Moment::Instant(utc)) => Ok(format!("{utc}Z")),
        _ => {
            let message = format!("expected a date from year 1 to 9999, found {milliseconds} milliseconds since 1970");
            Err(Rejection::new("date-range", message))
        }
    }
}

/// Writes a UUID in lower case with hyphens.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    let digits = hex(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

/// Reads a UUID: 32 hexadecimal digits, plain or with the usual hyphens.
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let is_hyphenated = text.len() == 36;
    let is_hyphen = |index: usize| is_hyphenated && matches!(index, 8 | 13 | 18 | 23);
    if text.len() != 32 && !is_hyphenated || text.char_indices().any(|(index, char)| is_hyphen(index) != (char == '-'))
    {
        return None;
    }
    let mut digits = text.bytes().filter(|byte| *byte != b'-').map(|byte| char::from(byte).to_digit(16));
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = u8::try_from(digits.next()?? * 16 + digits.next()??).ok()?;
    }
    Some(uuid)
}

/// Writes bytes in base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Shows a value in a message: in backticks and cut to a readable length.
pub fn shown(raw: Raw<'_>) -> String {
    match (special(raw), of(raw)) {
        (Some(name), _) => quoted(name),
        (None, Ok(text)) => quoted(&text),
        (None, Err(_)) => raw.kind().words().to_owned(),
    }
}

/// Refuses a number that is none.
pub fn not_finite(raw: Raw<'_>) -> Rejection {
    let found = special(raw).map_or_else(|| raw.kind().words().to_owned(), quoted);
    Rejection::new("number", format!("expected a finite number, found {found}"))
}

/// Names a double or a Decimal128 that is no number, as Extended JSON does.
fn special(raw: Raw<'_>) -> Option<&'static str> {
    let (is_nan, is_negative) = match raw.value().ok()? {
        Value::Double(value) if !value.is_finite() => (value.is_nan(), value < 0.0),
        Value::Decimal128(bytes) if Decimal::from_decimal128(bytes).is_none() => {
            // The sign, then five bits: all set is NaN, all but the last infinity.
            (bytes[15] & 0x7c == 0x7c, bytes[15] & 0x80 != 0)
        }
        _ => return None,
    };
    Some(match (is_nan, is_negative) {
        (true, _) => "NaN",
        (false, true) => "-Infinity",
        (false, false) => "Infinity",
    })
}

/// Quotes a text for a message, cut to a readable length.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn uuids_read_back() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        let bytes = super::parse_uuid(text).expect("a UUID");
        assert_eq!(super::uuid(&bytes), text);
        assert_eq!(super::parse_uuid(&text.replace('-', "")), Some(bytes));
        for wrong in [
            "",
            "0011223-34455-6677-8899-aabbccddeeff",
            "g0112233445566778899aabbccddeeff",
            "é0112233445566778899aabbccddeef",
        ] {
            assert_eq!(super::parse_uuid(wrong), None, "{wrong}");
        }
    }
}
