//! Conversions to numbers; exact, or a rejection.

use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::text;

/// Converts to an integer of 64 bits.
pub(crate) fn integer(raw: Raw<'_>) -> Result<i64, Rejection> {
    match raw.value()? {
        Value::Int32(value) => Ok(value.into()),
        Value::Int64(value) => Ok(value),
        _ => decimal_for(raw, "an integer")?.to_i64().ok_or_else(|| refused("an integer of 64 bits", raw)),
    }
}

/// Converts to a double.
pub(crate) fn double(raw: Raw<'_>) -> Result<f64, Rejection> {
    match raw.value()? {
        Value::Double(value) => Ok(value),
        Value::Int32(value) => Ok(value.into()),
        _ => {
            let number = decimal_for(raw, "a number")?;
            number.to_f64_exact().ok_or_else(|| refused("a number that a double holds exactly", raw))
        }
    }
}

/// Converts to a decimal.
pub(crate) fn decimal(raw: Raw<'_>) -> Result<Decimal, Rejection> {
    decimal_for(raw, "a number")
}

fn decimal_for(raw: Raw<'_>, expected: &str) -> Result<Decimal, Rejection> {
    let number = match raw.value()? {
        Value::Int32(value) => Decimal::parse(&value.to_string()),
        Value::Int64(value) => Decimal::parse(&value.to_string()),
        Value::Double(value) => Decimal::from_f64(value),
        Value::Decimal128(bytes) => Decimal::from_decimal128(bytes),
        Value::Text(value) => Decimal::parse(value),
        _ => return Err(Rejection::type_mismatch(expected, raw.kind().words())),
    };
    number.ok_or_else(|| refused(expected, raw))
}

fn refused(expected: &str, raw: Raw<'_>) -> Rejection {
    Rejection::new("number", format!("expected {expected}, found {}", text::shown(raw)))
}
