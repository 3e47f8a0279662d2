//! What is exported of Firestore, as sources: managed exports, the JSON of two tools.
//!
//! A record is a document with its own fields in their order, then `__id__`, `__path__` and `__parent__`.

mod export;
mod files;
mod json;
mod kinds;
mod path;
mod rest;
mod scan;
mod text;
mod writer;

use std::path::PathBuf;

use export::Export;
use path::Pattern;

use super::source::OnCorrupt;
use super::source::Source;
use super::source::SourceError;

/// Something exported, whose files have been found.
pub struct Exported(Kind);

enum Kind {
    Managed(Export),
    Json(json::Exported),
    Rest(rest::Exported),
}

impl Exported {
    /// Opens a managed export.
    pub(super) fn export(folder: PathBuf, on_corrupt: OnCorrupt) -> Result<Self, SourceError> {
        Export::open(folder, on_corrupt).map(|export| Self(Kind::Managed(export)))
    }

    /// Opens a file of node-firestore-import-export.
    pub(super) fn json(path: PathBuf) -> Result<Self, SourceError> {
        json::Exported::open(path).map(|exported| Self(Kind::Json(exported)))
    }

    /// Opens a file of REST answers, or a folder of such.
    pub(super) fn rest(path: PathBuf) -> Result<Self, SourceError> {
        rest::Exported::open(path).map(|exported| Self(Kind::Rest(exported)))
    }

    /// Opens one collection, or with `*` for ids all collections of one kind.
    pub(super) fn source(&self, collection: &str, key_fields: &[String]) -> Result<Box<dyn Source>, SourceError> {
        let pattern = Pattern::read(collection)
            .map_err(|message| SourceError::Pattern { collection: collection.to_owned(), message })?;
        match &self.0 {
            Kind::Managed(export) => export.source(collection, pattern, key_fields),
            Kind::Json(exported) => exported.source(collection, pattern, key_fields),
            Kind::Rest(exported) => exported.source(collection, pattern, key_fields),
        }
    }
}

#[cfg(test)]
mod tests;
