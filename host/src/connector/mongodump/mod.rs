//! Folders written by mongodump: one `.bson` or `.bson.gz` a collection, with its `.metadata.json` beside it.

mod source;

use std::path::Path;

use super::folder;
use super::folder::Naming;
use super::source::Source;
use super::source::SourceError;

const NAMING: Naming = Naming { endings: &[".bson"], ignored: &[], has_databases: true };

/// Opens one collection of a folder, or of the only database folder that has it.
pub(super) fn open(folder: &Path, collection: &str, key_fields: &[String]) -> Result<Box<dyn Source>, SourceError> {
    let path = folder::find(folder, collection, &NAMING)?;
    Ok(Box::new(source::DumpSource::open(&path, key_fields)?))
}

/// Returns the collections of a folder; those in a database's folder as `database/collection`.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, SourceError> {
    folder::list(folder, &NAMING)
}

#[cfg(test)]
mod tests;
