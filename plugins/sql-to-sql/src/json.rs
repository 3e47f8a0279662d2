//! Source values as JSON text: numbers, booleans and JSON as they are, all else as its text.

use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::cast;

/// Returns an object of these fields.
pub(crate) fn object<'a>(fields: impl Iterator<Item = (&'a str, Raw<'a>)>) -> Result<String, Rejection> {
    let mut out = String::from("{");
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&string(name));
        out.push(':');
        write(&mut out, value)?;
    }
    out.push('}');
    Ok(out)
}

/// Returns the JSON of one value.
pub(crate) fn of(value: Raw<'_>) -> Result<String, Rejection> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

/// The arrays of a row have no arrays in them.
fn write(out: &mut String, value: Raw<'_>) -> Result<(), Rejection> {
    let refused =
        || Rejection::new("json", format!("expected a value that JSON can hold, found {}", value.kind().words()));
    match (value.value()?, cast::form(value)?) {
        (Value::Null, _) => out.push_str("null"),
        (Value::Array(array), _) => {
            out.push('[');
            for (index, element) in array.fields().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let element = element?.value;
                match element.value()? {
                    Value::Array(_) => return Err(refused()),
                    _ => write(out, element)?,
                }
            }
            out.push(']');
        }
        (_, Some(("$json" | "$decimal", text))) => out.push_str(text),
        (Value::Bool(_) | Value::Int32(_) | Value::Int64(_), _) => {
            out.push_str(&cast::text(value.value()?)?.unwrap_or_default())
        }
        // `1.0` stays `1.0`, and the largest ones keep their exponent.
        (Value::Double(double), _) if double.is_finite() => out.push_str(&format!("{double:?}")),
        (Value::Double(double), _) => {
            return Err(Rejection::new("json", format!("expected a finite number, found `{double}`")));
        }
        (Value::Decimal128(bytes), _) => match Decimal::from_decimal128(bytes) {
            Some(decimal) => out.push_str(&decimal.to_string()),
            None => return Err(refused()),
        },
        (Value::Binary(subtype, bytes), _) if subtype != 4 => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            out.push_str(&string(&format!("\\x{digits}")));
        }
        (decoded, _) => out.push_str(&string(&cast::text(decoded)?.ok_or_else(refused)?)),
    }
    Ok(())
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
