//! Where an entity's records come from: its source, to be opened again by whoever reads on or reads anew.

use std::path::PathBuf;

use crate::connector;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::plan::Manifest;
use crate::plan::tables::EntityTable;

/// Where the records of one entity come from.
#[derive(Debug, Clone)]
pub struct Origin {
    url: String,
    folder: PathBuf,
    collection: String,
    key: Vec<String>,
}

impl Origin {
    /// Returns where an entity is read, or `None` where there is no such source.
    pub fn of(manifest: &Manifest, entity: &EntityTable) -> Option<Self> {
        let (source, collection) = entity.source_and_collection();
        Some(Self {
            url: manifest.tables.source.get(source)?.url.clone(),
            folder: manifest.folder.clone(),
            collection: collection.to_owned(),
            key: entity.key_fields(),
        })
    }

    /// Returns what identifies it for the fingerprint.
    pub fn identity(&self) -> String {
        connector::source::identity(&self.url, &self.collection)
    }

    /// Opens it afresh.
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        connector::open_source(&self.url, &self.folder, &self.collection, &self.key)
    }
}
