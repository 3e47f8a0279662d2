//! Back from the compact form of values (`value::encode`) to the values.

use super::decimal::Decimal;
use super::instant;
use super::value::Value;

/// Reads values until the bytes end; `None` where they are not the compact form.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(decode_one(&mut bytes)?);
    }
    Some(values)
}

fn decode_one(bytes: &mut &[u8]) -> Option<Value> {
    let [tag] = take(bytes)?;
    Some(match tag {
        0 => Value::Null,
        1 => Value::Bool(take::<1>(bytes)? == [1]),
        2 => Value::Integer(i64::from_le_bytes(take(bytes)?)),
        3 => Value::Float(f64::from_bits(u64::from_le_bytes(take(bytes)?))),
        4 => Value::Decimal(Decimal::parse(&text(bytes)?)?),
        5 => Value::Text(text(bytes)?.into()),
        6 => Value::Bytes(sized(bytes)?.to_vec()),
        7 => Value::Uuid(uuid::Uuid::from_bytes(take(bytes)?)),
        8 => Value::Timestamp(i64::from_le_bytes(take(bytes)?)),
        9 => Value::LocalTimestamp(i64::from_le_bytes(take(bytes)?)),
        10 => Value::Date(i32::from_le_bytes(take(bytes)?)),
        11 => Value::Time(i64::from_le_bytes(take(bytes)?)),
        12 => Value::Json(text(bytes)?),
        13 => {
            sized(bytes)?;
            let mut items = Vec::new();
            loop {
                match bytes.first()? {
                    14 => {
                        take::<1>(bytes)?;
                        items.push(Value::Text(text(bytes)?.into()));
                    }
                    15 => {
                        take::<1>(bytes)?;
                        break Value::Array(items);
                    }
                    // There are no arrays of arrays, and nothing that could nest without end.
                    13 => return None,
                    _ => items.push(decode_one(bytes)?),
                }
            }
        }
        _ => return None,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(take(bytes)?)).ok()?;
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    String::from_utf8(sized(bytes)?.to_vec()).ok()
}

/// Returns values as people read them in messages and lists.
pub fn display(values: &[Value]) -> String {
    values.iter().map(display_one).collect::<Vec<_>>().join(", ")
}

fn display_one(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Text(value) => value.to_string(),
        Value::Json(value) => value.clone(),
        Value::Bytes(value) => format!("{} bytes", value.len()),
        Value::Uuid(value) => value.to_string(),
        Value::Timestamp(us) => match instant::display_local(*us) {
            Some(at) => format!("{at}Z"),
            None => us.to_string(),
        },
        Value::LocalTimestamp(us) => instant::display_local(*us).unwrap_or_else(|| us.to_string()),
        Value::Date(days) => {
            let at = instant::display_local(i64::from(*days).saturating_mul(instant::DAY_US));
            at.and_then(|at| Some(at.split_once('T')?.0.to_owned())).unwrap_or_else(|| format!("day {days} since 1970"))
        }
        Value::Time(us) => {
            let at = instant::display_local(*us);
            at.and_then(|at| Some(at.split_once('T')?.1.to_owned()))
                .unwrap_or_else(|| format!("{us} µs since midnight"))
        }
        Value::Array(items) => format!("[{}]", display(items)),
    }
}
