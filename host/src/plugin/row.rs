//! Row bodies as they come from a guest: untrusted bytes until they are checked here.

use bson::RawDocument;
use bytes::Bytes;

/// One row for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRow {
    /// Index into the described tables.
    pub table: u32,
    /// A BSON document whose length is right; the rest is up to [`check`](super::Transformer::check), or to whoever reads it.
    ///
    /// The bodies of a batch share their memory.
    pub body: Bytes,
}

/// What makes a single record a dead letter on the plugin's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// `malformed-row`, `plugin-trap` or `plugin-limit`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

impl RecordFault {
    pub(super) fn malformed_row(message: String) -> Self {
        Self { code: "malformed-row", message }
    }
}

/// Checks that a row body is a well-formed document of these columns.
///
/// Every row that a validator sees passes here, so the usual types are stepped over in place; any other document takes the long way.
pub(super) fn check(body: &[u8], columns: &[String]) -> Result<(), RecordFault> {
    match check_usual(body, columns) {
        Some(()) => Ok(()),
        None => check_any(body, columns),
    }
}

/// Returns `None` where the document is not of usual types in the order of the description, or is not well-formed.
fn check_usual(body: &[u8], columns: &[String]) -> Option<()> {
    let (length, mut rest) = body.split_first_chunk::<4>()?;
    if usize::try_from(i32::from_le_bytes(*length)).ok()? != body.len() {
        return None;
    }
    let mut columns = columns.iter();
    loop {
        let (&kind, after) = rest.split_first()?;
        if kind == 0 {
            return after.is_empty().then_some(());
        }
        // Rows mostly name their columns in the order of the description; some are left out.
        let name =
            columns.find(|column| after.starts_with(column.as_bytes()) && after.get(column.len()) == Some(&0))?;
        let value = &after[name.len() + 1..];
        rest = value.get(value_len(kind, value)?..)?;
    }
}

/// Returns the length of a value of a usual type, where it is sound.
fn value_len(kind: u8, value: &[u8]) -> Option<usize> {
    let prefix = || usize::try_from(i32::from_le_bytes(*value.first_chunk::<4>()?)).ok();
    match kind {
        // Double, date, int64.
        0x01 | 0x09 | 0x12 => Some(8),
        0x02 => {
            let (&last, text) = value.get(4..)?.get(..prefix()?)?.split_last()?;
            (last == 0 && std::str::from_utf8(text).is_ok()).then_some(text.len() + 5)
        }
        // Document, array.
        0x03 | 0x04 => {
            let length = prefix()?;
            (length >= 5 && value.get(length - 1) == Some(&0)).then_some(length)
        }
        0x07 => Some(12),
        0x08 => (*value.first()? <= 1).then_some(1),
        0x0a => Some(0),
        0x10 => Some(4),
        0x13 => Some(16),
        _ => None,
    }
}

fn check_any(body: &[u8], columns: &[String]) -> Result<(), RecordFault> {
    let malformed = |error: bson::error::Error| RecordFault::malformed_row(format!("expected BSON, found {error}"));
    let document = RawDocument::from_bytes(body).map_err(malformed)?;
    let mut seen = vec![false; columns.len()];
    let mut next = 0;
    for field in document {
        let (name, _) = field.map_err(malformed)?;
        let name = name.as_str();
        let index = if columns.get(next).is_some_and(|column| column == name) {
            next
        } else {
            columns.iter().position(|column| column == name).ok_or_else(|| {
                RecordFault::malformed_row(format!("expected a column of the description, found `{name}`"))
            })?
        };
        if std::mem::replace(&mut seen[index], true) {
            return Err(RecordFault::malformed_row(format!("expected each column once, found `{name}` twice")));
        }
        next = index + 1;
    }
    Ok(())
}
