//! Adding rows to whimbrel's own tables: by COPY, which is planned once for all rows and takes a NULL of any type.

use sqlx::PgConnection;

use super::copy;
use super::error::target_error;
use super::insert::COPY_CHUNK_BYTES;
use crate::connector::TargetError;
use crate::record::Value;

/// Adds rows. All columns of our own tables are of text, 64-bit integers or bytes.
pub(super) async fn append(
    connection: &mut PgConnection,
    table: &str,
    columns: &str,
    rows: &[Vec<Value>],
) -> Result<(), TargetError> {
    let failed = |error| target_error(error, "write to whimbrel's own tables");
    let sql = format!("COPY {table} ({columns}) FROM STDIN WITH (FORMAT binary)");
    let mut copying = connection.copy_in_raw(&sql).await.map_err(failed)?;
    let mut buffer = Vec::with_capacity(COPY_CHUNK_BYTES + COPY_CHUNK_BYTES / 4);
    buffer.extend_from_slice(copy::HEADER);
    for row in rows {
        // A row that cannot be said ends the transaction, whose connection is then closed.
        encode(row, &mut buffer).map_err(|message| TargetError::Database {
            what: "storing a value in whimbrel's own tables".to_owned(),
            source: message.into(),
        })?;
        if buffer.len() >= COPY_CHUNK_BYTES {
            copying.send(buffer.as_slice()).await.map_err(failed)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(copy::TRAILER);
    copying.send(buffer.as_slice()).await.map_err(failed)?;
    copying.finish().await.map(drop).map_err(failed)
}

fn encode(row: &[Value], out: &mut Vec<u8>) -> Result<(), String> {
    copy::begin_row(row.len(), out)?;
    row.iter().try_for_each(|value| match value {
        Value::Null => copy::null(out),
        Value::Integer(value) => copy::sized(out, &value.to_be_bytes()),
        Value::Text(text) if text.contains('\0') => Err("expected text without a NUL character, found one".to_owned()),
        Value::Text(text) => copy::sized(out, text.as_bytes()),
        Value::Bytes(bytes) => copy::sized(out, bytes),
        _ => Err("expected NULL, an integer, text or bytes, found another type".to_owned()),
    })
}
