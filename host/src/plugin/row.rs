//! Row bodies as they come from a guest: untrusted bytes until they are checked here.

use bson::RawDocument;

/// One row for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRow {
    /// Index into the described tables.
    pub table: u32,
    /// A well-formed BSON document whose fields are described columns, each at most once.
    pub body: Vec<u8>,
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
pub(super) fn check(body: &[u8], columns: &[String]) -> Result<(), RecordFault> {
    let malformed = |error: bson::error::Error| RecordFault::malformed_row(format!("expected BSON, found {error}"));
    let document = RawDocument::from_bytes(body).map_err(malformed)?;
    let mut seen = vec![false; columns.len()];
    // Rows mostly name their columns in the order of the description.
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
