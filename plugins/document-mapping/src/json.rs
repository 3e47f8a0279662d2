//! Source values as JSON text.
//!
//! ObjectIds become their hexadecimal digits, dates RFC 3339 in UTC, numbers their exact text, UUIDs their usual text,
//! other binary data base64. What JSON cannot say (NaN, infinity, regular expressions, code) is a rejection.

use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::text;

/// Deepest nesting that is written; the host reads no deeper documents.
const NESTING_MAX: usize = 200;

/// Names of a path within one value.
const PATH_NAMES_MAX: usize = 16;

/// What a dialect writes in its own way.
pub trait Special {
    /// Writes a document, or a number that is not finite, where it is one of the dialect's own; returns whether it is.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    fn write(&self, out: &mut String, raw: Raw<'_>) -> Result<bool, Rejection>;
}

/// Converts any value to JSON text.
pub(crate) fn of(raw: Raw<'_>) -> Result<String, Rejection> {
    written(raw, None)
}

/// Converts any value to JSON text, those of a dialect in their own way.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn of_dialect(raw: Raw<'_>, special: &dyn Special) -> Result<String, Rejection> {
    written(raw, Some(special))
}

fn written(raw: Raw<'_>, special: Option<&dyn Special>) -> Result<String, Rejection> {
    let mut out = String::with_capacity(raw.bytes().len() + 16);
    write(&mut out, raw, 0, special)?;
    Ok(out)
}

fn write(out: &mut String, raw: Raw<'_>, depth: usize, special: Option<&dyn Special>) -> Result<(), Rejection> {
    if depth > NESTING_MAX {
        return Err(refused(format!("expected at most {NESTING_MAX} levels of nesting, found more")));
    }
    let is_special = |out: &mut String| special.map_or(Ok(false), |special| special.write(out, raw));
    match raw.value()? {
        Value::Null => out.push_str("null"),
        Value::Int32(_) | Value::Int64(_) | Value::Decimal128(_) | Value::Bool(_) => out.push_str(&text::of(raw)?),
        // `1.0` stays `1.0`, and the largest ones keep their exponent.
        Value::Double(value) if value.is_finite() => out.push_str(&format!("{value:?}")),
        Value::Double(_) if is_special(out)? => {}
        Value::Double(_) => return Err(text::not_finite(raw)),
        Value::Text(text) | Value::Symbol(text) => string(out, text),
        Value::Binary(subtype, bytes) if subtype != 4 || bytes.len() != 16 => string(out, &text::base64(bytes)),
        Value::Binary(..) | Value::ObjectId(_) | Value::Date(_) => string(out, &text::of(raw)?),
        Value::Document(_) if is_special(out)? => {}
        Value::Document(document) => object(out, document, depth, special)?,
        Value::Array(array) => {
            out.push('[');
            for (index, element) in array.fields().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, element?.value, depth + 1, special)
                    .map_err(|refused| within(&index.to_string(), depth, refused))?;
            }
            out.push(']');
        }
        Value::Timestamp(..) | Value::Other(_) => {
            return Err(refused(format!("expected a value that JSON can hold, found {}", raw.kind().words())));
        }
    }
    Ok(())
}

fn object(
    out: &mut String,
    document: Document<'_>,
    depth: usize,
    special: Option<&dyn Special>,
) -> Result<(), Rejection> {
    out.push('{');
    for (index, field) in document.fields().enumerate() {
        let field = field?;
        if index > 0 {
            out.push(',');
        }
        let name = field.name()?;
        string(out, name);
        out.push(':');
        write(out, field.value, depth + 1, special).map_err(|refused| within(name, depth, refused))?;
    }
    out.push('}');
    Ok(())
}

/// Puts the name of a field before the path of what is wrong in it. Of a deep path the outer names are enough.
fn within(name: &str, depth: usize, rejection: Rejection) -> Rejection {
    let path = match &rejection.field {
        _ if depth >= PATH_NAMES_MAX => return rejection,
        Some(inner) => format!("{name}.{inner}"),
        None => name.to_owned(),
    };
    rejection.at(path)
}

/// Writes text as JSON does.
pub fn string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("any text can be JSON"));
}

fn refused(message: String) -> Rejection {
    Rejection::new("json", message)
}

/// Returns the BSON of a configured default: a document whose only field is the value.
pub fn to_bson(value: &serde_json::Value) -> Vec<u8> {
    let mut out = vec![0; 4];
    field(&mut out, "default", value);
    close(&mut out, 0);
    out
}

/// Returns the only value of such a document.
pub fn only_value(bytes: &[u8]) -> Option<Raw<'_>> {
    Document::new(bytes).ok()?.fields().next()?.ok().map(|field| field.value)
}

fn field(out: &mut Vec<u8>, name: &str, value: &serde_json::Value) {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(bytes);
    };
    match value {
        serde_json::Value::Null => put(0x0a, &[]),
        serde_json::Value::Bool(value) => put(0x08, &[u8::from(*value)]),
        serde_json::Value::Number(number) => match (number.as_i64(), Decimal::parse(&number.to_string())) {
            (Some(integer), _) => put(0x12, &integer.to_le_bytes()),
            (None, Some(decimal)) if !number.is_f64() => put(0x13, &decimal.to_decimal128().unwrap_or_default()),
            _ => put(0x01, &number.as_f64().unwrap_or(f64::NAN).to_le_bytes()),
        },
        serde_json::Value::String(text) => {
            put(0x02, &i32::try_from(text.len() + 1).unwrap_or(i32::MAX).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        serde_json::Value::Array(values) => {
            put(0x04, &[]);
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            for (index, value) in values.iter().enumerate() {
                field(out, &index.to_string(), value);
            }
            close(out, start);
        }
        serde_json::Value::Object(fields) => {
            put(0x03, &[]);
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            for (name, value) in fields {
                field(out, name, value);
            }
            close(out, start);
        }
    }
}

fn close(out: &mut Vec<u8>, start: usize) {
    out.push(0);
    let length = i32::try_from(out.len() - start).unwrap_or(i32::MAX).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_survive_bit_for_bit() {
        let ends =
            [0.0, -0.0, 1.0, 0.1 + 0.2, 5e-324, -5e-324, 2.225_073_858_507_201e-308, f64::MIN_POSITIVE, f64::MAX];
        // Bits of every kind: the multiplier is odd, so no pattern comes twice.
        let any = (0..20_000_u64).map(|index| f64::from_bits(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let mut count = 0;
        for value in ends.into_iter().chain(any).filter(|value| value.is_finite()) {
            let document = to_bson(&serde_json::Value::from(value));
            let written = of(only_value(&document).expect("a value")).expect("JSON");
            let read: f64 = written.parse().expect("a number");
            assert_eq!(read.to_bits(), value.to_bits(), "{written}");
            count += 1;
        }
        assert!(count > 19_000, "{count}");
    }
}
