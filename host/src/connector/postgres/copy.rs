//! Rows in the binary form of COPY.

use uuid::Uuid;

use super::types;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::beyond;
use crate::record::beyond::Moment;
use crate::record::decimal::Decimal;
use crate::record::instant::DAY_US;

/// What every binary COPY begins with: the signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(super) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// From 1970-01-01 to 2000-01-01, where PostgreSQL's times begin.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_US: i64 = 10_957 * 86_400_000_000;

/// Returns whether rows with such a column can be written this way.
pub(super) fn supports(column: &Column) -> bool {
    match &column.kind {
        ColumnType::Textual | ColumnType::Other => false,
        ColumnType::Array { .. } => types::element_oid(&column.declared).is_some(),
        ColumnType::Decimal { .. } => column.declared != "money",
        _ => true,
    }
}

/// Returns whether a value of such a column can.
pub(super) fn supports_value(column: &Column, value: &Value) -> bool {
    // An array of arrays is the text of one.
    !matches!((&column.kind, value), (ColumnType::Array { .. }, Value::Text(_)))
}

/// Appends a row's number of values.
pub(super) fn begin_row(values: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let values = i16::try_from(values).map_err(|_| format!("expected at most {} columns, found {values}", i16::MAX))?;
    out.extend_from_slice(&values.to_be_bytes());
    Ok(())
}

/// Appends a row's values; the error says which of them does not fit its column, and why.
pub(super) fn encode_values(columns: &[&Column], row: &[Value], out: &mut Vec<u8>) -> Result<(), (usize, String)> {
    for (place, (column, value)) in columns.iter().zip(row).enumerate() {
        encode(column, value, out).map_err(|message| (place, message))?;
    }
    Ok(())
}

/// Appends one value with its length; the error says what does not fit the column.
pub(super) fn encode(column: &Column, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    encode_as(&column.kind, &column.declared, value, out)
}

fn encode_as(kind: &ColumnType, declared: &str, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match (kind, value) {
        (_, Value::Null) => null(out)?,
        (ColumnType::Bool, Value::Bool(value)) => sized(out, &[u8::from(*value)])?,
        (ColumnType::Integer { bits }, Value::Integer(value)) => integer(*bits, *value, out)?,
        (ColumnType::Float { bits: 32 }, Value::Float(value)) => sized(out, &single(*value)?.to_be_bytes())?,
        (ColumnType::Float { .. }, Value::Float(value)) => sized(out, &value.to_be_bytes())?,
        (ColumnType::Decimal { .. }, Value::Decimal(value)) => decimal(value, out)?,
        (ColumnType::Text { .. } | ColumnType::Enum { .. }, Value::Text(value)) => sized(out, value.as_bytes())?,
        (ColumnType::Bytes, Value::Bytes(value)) => sized(out, value)?,
        (ColumnType::Uuid, Value::Uuid(value)) => sized(out, Uuid::as_bytes(value))?,
        (ColumnType::Timestamp, Value::Timestamp(value))
        | (ColumnType::LocalTimestamp, Value::LocalTimestamp(value)) => {
            seconds(declared, *value)?;
            let value = value.checked_sub(EPOCH_US).ok_or("expected a year from 1 to 9999")?;
            sized(out, &value.to_be_bytes())?;
        }
        (ColumnType::Date, Value::Date(value)) => {
            let value = value.checked_sub(EPOCH_DAYS).ok_or("expected a year from 1 to 9999")?;
            sized(out, &value.to_be_bytes())?;
        }
        (ColumnType::Time, Value::Time(value)) => {
            seconds(declared, *value)?;
            sized(out, &value.to_be_bytes())?;
        }
        (ColumnType::Json { binary: false }, Value::Json(value)) => sized(out, value.as_bytes())?,
        (ColumnType::Json { binary: true }, Value::Json(value)) => {
            length(out, value.len() + 1)?;
            // The version of the form.
            out.push(1);
            out.extend_from_slice(value.as_bytes());
        }
        (ColumnType::Array { element }, Value::Array(values)) => array(element, declared, values, out)?,
        (ColumnType::Decimal { .. }, Value::Text(text)) => special_decimal(text, out)?,
        (ColumnType::Timestamp | ColumnType::LocalTimestamp, Value::Text(text)) => far_timestamp(kind, text, out)?,
        (ColumnType::Date, Value::Text(text)) => far_date(text, out)?,
        (ColumnType::Time, Value::Text(text)) if text == "24:00:00" => sized(out, &DAY_US.to_be_bytes())?,
        (_, value) => return Err(format!("expected {declared}, found {}", name(value))),
    }
    Ok(())
}

/// Returns an error where a column would round the value.
fn seconds(declared: &str, micros: i64) -> Result<(), String> {
    if types::fits_seconds(micros, declared) {
        return Ok(());
    }
    let digits = types::second_digits(declared);
    Err(format!("expected at most {digits} digits of a second, found more"))
}

/// Returns the 32-bit form of a number that has one exactly.
fn single(value: f64) -> Result<f32, String> {
    #[expect(clippy::cast_possible_truncation, reason = "the next line checks that nothing was cut")]
    let single = value as f32;
    if f64::from(single) == value || value.is_nan() {
        return Ok(single);
    }
    Err(format!("expected a 32-bit number, found `{value}`"))
}

fn integer(bits: u8, value: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let beyond = |_| format!("expected an integer of {bits} bits, found `{value}`");
    match bits {
        16 => sized(out, &i16::try_from(value).map_err(beyond)?.to_be_bytes()),
        32 => sized(out, &i32::try_from(value).map_err(beyond)?.to_be_bytes()),
        _ => sized(out, &value.to_be_bytes()),
    }
}

/// Groups of four decimal digits, of which `weight` + 1 stand before the point.
fn decimal(value: &Decimal, out: &mut Vec<u8>) -> Result<(), String> {
    const NEGATIVE: u16 = 0x4000;
    let digits = value.digits().as_bytes();
    let exponent = value.exponent();
    let beyond = || "expected a number within the limits of numeric".to_owned();
    let scale = u16::try_from(value.written_scale()).ok().filter(|scale| *scale < 0x4000).ok_or_else(beyond)?;
    // Zeros in front, so that the point falls between two groups.
    let lead = usize::try_from((4 - exponent.rem_euclid(4)) % 4).map_err(|_| beyond())?;
    let groups = (lead + digits.len()).div_ceil(4);
    let count = if digits.is_empty() { 0 } else { i16::try_from(groups).map_err(|_| beyond())? };
    let weight = if digits.is_empty() { 0 } else { (i64::from(exponent) + 3).div_euclid(4) - 1 };
    let weight = i16::try_from(weight).map_err(|_| beyond())?;
    length(out, 8 + 2 * usize::from(count.unsigned_abs()))?;
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&(if value.is_negative() { NEGATIVE } else { 0 }).to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in 0..usize::from(count.unsigned_abs()) {
        let group = (group * 4..group * 4 + 4).fold(0_u16, |sum, place| {
            let digit = place.checked_sub(lead).and_then(|place| digits.get(place)).map_or(0, |digit| digit - b'0');
            sum * 10 + u16::from(digit)
        });
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

/// NaN and the two infinities are signs without digits.
fn special_decimal(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let sign: u16 = match text {
        "NaN" => 0xc000,
        "Infinity" => 0xd000,
        "-Infinity" => 0xf000,
        _ => return Err(format!("expected a decimal, found `{text}`")),
    };
    length(out, 8)?;
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    Ok(())
}

/// A timestamp outside the years from 1 to 9999.
fn far_timestamp(kind: &ColumnType, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let micros = match beyond::moment(kind, text) {
        Some(Moment::Past) => i64::MIN,
        Some(Moment::Future) => i64::MAX,
        Some(Moment::At(us)) => i64::try_from(us - i128::from(EPOCH_US))
            .map_err(|_| format!("expected a timestamp within the server's range, found `{text}`"))?,
        None => return Err(format!("expected a timestamp, found `{text}`")),
    };
    sized(out, &micros.to_be_bytes())
}

fn far_date(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let days = match beyond::moment(&ColumnType::Date, text) {
        Some(Moment::Past) => i32::MIN,
        Some(Moment::Future) => i32::MAX,
        Some(Moment::At(us)) => i32::try_from(us / i128::from(DAY_US) - i128::from(EPOCH_DAYS))
            .map_err(|_| format!("expected a date within the server's range, found `{text}`"))?,
        None => return Err(format!("expected a date, found `{text}`")),
    };
    sized(out, &days.to_be_bytes())
}

/// One dimension from 1. The server insists on the column's own element type.
fn array(element: &ColumnType, declared: &str, values: &[Value], out: &mut Vec<u8>) -> Result<(), String> {
    let oid =
        types::element_oid(declared).ok_or_else(|| format!("expected elements of a known type, found {declared}"))?;
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let count = i32::try_from(values.len()).map_err(|_| "expected fewer elements".to_owned())?;
    out.extend_from_slice(&i32::from(count > 0).to_be_bytes());
    out.extend_from_slice(&i32::from(values.iter().any(Value::is_null)).to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    if count > 0 {
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    for value in values {
        encode_as(element, declared, value, out)?;
    }
    let size = checked(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
    Ok(())
}

/// Appends NULL.
pub(super) fn null(out: &mut Vec<u8>) -> Result<(), String> {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    Ok(())
}

/// Appends a value's bytes with their length.
pub(super) fn sized(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), String> {
    length(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn length(out: &mut Vec<u8>, length: usize) -> Result<(), String> {
    out.extend_from_slice(&checked(length)?.to_be_bytes());
    Ok(())
}

/// A field of the server's takes less than a gigabyte.
fn checked(length: usize) -> Result<i32, String> {
    const LENGTH_MAX: i32 = 0x3fff_ffff - 64;
    i32::try_from(length)
        .ok()
        .filter(|length| *length <= LENGTH_MAX)
        .ok_or_else(|| format!("expected at most {LENGTH_MAX} bytes, found {length}"))
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a floating point number",
        Value::Decimal(_) => "a decimal",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Uuid(_) => "a UUID",
        Value::Timestamp(_) => "an instant",
        Value::LocalTimestamp(_) => "a local timestamp",
        Value::Date(_) => "a date",
        Value::Time(_) => "a time of day",
        Value::Json(_) => "JSON",
        Value::Array(_) => "an array",
    }
}
