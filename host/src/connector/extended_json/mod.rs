//! Extended JSON v2: files written by mongoexport as a source, and the exact way from BSON to text and back.

mod frame;
mod layout;
pub(super) mod lines;
mod parse;
mod source;
pub(super) mod text;
mod wrapper;
mod write;

use std::path::Path;

pub use parse::ParseError;
pub use parse::from_extended_json;
pub(in crate::connector) use parse::parse_plain;
pub use write::to_canonical;

use super::folder;
use super::folder::Naming;
use super::source::Source;
use super::source::SourceError;

const NAMING: Naming = Naming {
    endings: &[".data.json", ".json", ".jsonl", ".ndjson"],
    ignored: &[".metadata.json", ".schema.json"],
    has_databases: false,
};

/// Opens one collection of a folder.
pub(super) fn open(folder: &Path, collection: &str, key_fields: &[String]) -> Result<Box<dyn Source>, SourceError> {
    let path = folder::find(folder, collection, &NAMING)?;
    Ok(Box::new(source::ExportSource::open(&path, key_fields)?))
}

/// Returns the collections of a folder.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, SourceError> {
    folder::list(folder, &NAMING)
}

#[cfg(test)]
mod tests;
