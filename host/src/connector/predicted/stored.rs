//! Reads values back from their compact form.

use crate::record::Value;
use crate::record::decimal::Decimal;

/// Returns the values that [`crate::record::value::encode`] made these bytes of; `None` where it made none such.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Value>> {
    let mut rest = bytes;
    let mut values = Vec::new();
    while !rest.is_empty() {
        values.push(one(&mut rest)?);
    }
    Some(values)
}

fn one(rest: &mut &[u8]) -> Option<Value> {
    Some(match take::<1>(rest)?[0] {
        0 => Value::Null,
        1 => Value::Bool(take::<1>(rest)?[0] != 0),
        2 => Value::Integer(i64::from_le_bytes(take(rest)?)),
        3 => Value::Float(f64::from_bits(u64::from_le_bytes(take(rest)?))),
        4 => Value::Decimal(Decimal::parse(&text(rest)?)?),
        5 => Value::Text(text(rest)?.into()),
        6 => Value::Bytes(sized(rest)?.to_vec()),
        7 => Value::Uuid(uuid::Uuid::from_bytes(take(rest)?)),
        8 => Value::Timestamp(i64::from_le_bytes(take(rest)?)),
        9 => Value::LocalTimestamp(i64::from_le_bytes(take(rest)?)),
        10 => Value::Date(i32::from_le_bytes(take(rest)?)),
        11 => Value::Time(i64::from_le_bytes(take(rest)?)),
        12 => Value::Json(text(rest)?),
        13 => {
            sized(rest)?;
            let mut texts = Vec::new();
            while take::<1>(rest)?[0] == 14 {
                texts.push(text(rest)?);
            }
            Value::TextArray(texts)
        }
        _ => return None,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(take(rest)?)).ok()?;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(sized(rest)?.to_vec()).ok()
}
