//! Parameters and results of statements on whimbrel's own tables.

use sqlx::Column as _;
use sqlx::Encode;
use sqlx::Postgres;
use sqlx::Row;
use sqlx::Type;
use sqlx::TypeInfo;
use sqlx::ValueRef;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArgumentBuffer;
use sqlx::postgres::PgRow;
use sqlx::postgres::PgTypeInfo;
use sqlx::postgres::types::Oid;

use crate::connector::TargetError;
use crate::record::Value;

/// A value to bind.
pub(super) struct Parameter<'a>(&'a Value);

impl<'a> Parameter<'a> {
    /// Checks that the value is one that own tables can hold. PostgreSQL's text holds no NUL, and none is ever cut out.
    pub fn new(value: &'a Value) -> Result<Self, TargetError> {
        let refused = |message: &str| TargetError::Database {
            what: "storing a value in whimbrel's own tables".to_owned(),
            source: message.into(),
        };
        match value {
            Value::Text(text) if text.contains('\0') => {
                Err(refused("expected text without a NUL character, found one; it fits a column of bytes only"))
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) | Value::Bytes(_) => {
                Ok(Self(value))
            }
            _ => Err(refused("expected NULL, a boolean, an integer, a float, text or bytes, found another type")),
        }
    }
}

impl Type<Postgres> for Parameter<'_> {
    fn type_info() -> PgTypeInfo {
        // The server finds out from where the parameter stands.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl<'q> Encode<'q, Postgres> for Parameter<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0 {
            Value::Bool(value) => <bool as Encode<Postgres>>::encode_by_ref(value, buffer),
            Value::Integer(value) => <i64 as Encode<Postgres>>::encode_by_ref(value, buffer),
            Value::Float(value) => <f64 as Encode<Postgres>>::encode_by_ref(value, buffer),
            Value::Text(value) => <&str as Encode<Postgres>>::encode_by_ref(&value.as_str(), buffer),
            Value::Bytes(value) => <&[u8] as Encode<Postgres>>::encode_by_ref(&value.as_slice(), buffer),
            _ => Ok(IsNull::Yes),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        match self.0 {
            Value::Bool(_) => Some(<bool as Type<Postgres>>::type_info()),
            Value::Integer(_) => Some(<i64 as Type<Postgres>>::type_info()),
            Value::Float(_) => Some(<f64 as Type<Postgres>>::type_info()),
            Value::Text(_) => Some(<str as Type<Postgres>>::type_info()),
            Value::Bytes(_) => Some(<[u8] as Type<Postgres>>::type_info()),
            _ => None,
        }
    }
}

/// Returns a row's values: NULL, integers (a boolean is 0 or 1), floats, text and bytes.
pub(super) fn values(row: &PgRow) -> Result<Vec<Value>, sqlx::Error> {
    row.columns().iter().enumerate().map(|(index, column)| value(row, index, column.type_info().name())).collect()
}

fn value(row: &PgRow, index: usize, kind: &str) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match kind {
        "BOOL" => Value::Integer(i64::from(row.try_get::<bool, _>(index)?)),
        "INT2" => Value::Integer(i64::from(row.try_get::<i16, _>(index)?)),
        "INT4" => Value::Integer(i64::from(row.try_get::<i32, _>(index)?)),
        "INT8" => Value::Integer(row.try_get(index)?),
        "FLOAT4" => Value::Float(f64::from(row.try_get::<f32, _>(index)?)),
        "FLOAT8" => Value::Float(row.try_get(index)?),
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" => Value::Text(row.try_get::<&str, _>(index)?.into()),
        "BYTEA" => Value::Bytes(row.try_get(index)?),
        // What a sum of bigint columns is.
        "NUMERIC" => Value::Integer(raw.as_bytes().ok().and_then(whole).ok_or_else(|| unreadable(index, kind))?),
        _ => return Err(unreadable(index, kind)),
    })
}

fn unreadable(index: usize, kind: &str) -> sqlx::Error {
    let message = format!("expected an integer, a float, text or bytes, found {kind}");
    sqlx::Error::ColumnDecode { index: index.to_string(), source: message.into() }
}

/// Reads a binary numeric without a fraction.
fn whole(bytes: &[u8]) -> Option<i64> {
    let (words, []) = bytes.as_chunks::<2>() else { return None };
    let mut words = words.iter().map(|word| i16::from_be_bytes(*word));
    let (count, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if scale != 0 || !matches!(sign, 0 | 0x4000) {
        return None;
    }
    let mut groups = words.take(usize::try_from(count).ok()?);
    let magnitude = (0..=weight)
        .try_fold(0_i128, |sum, _| sum.checked_mul(10_000)?.checked_add(i128::from(groups.next().unwrap_or(0))))?;
    i64::try_from(if sign == 0 { magnitude } else { -magnitude }).ok()
}
