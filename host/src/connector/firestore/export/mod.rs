//! Managed exports of Firestore, and of Datastore: folders of LevelDB logs that hold an EntityProto a document.

mod entity;
mod log;
mod metadata;
mod source;
mod wire;

use std::path::PathBuf;

use super::path::Pattern;
use crate::connector::source::OnCorrupt;
use crate::connector::source::Source;
use crate::connector::source::SourceError;

/// An export whose files are all there.
pub(super) struct Export {
    folder: PathBuf,
    shards: Vec<metadata::Shard>,
    on_corrupt: OnCorrupt,
}

impl Export {
    /// Finds the files that belong to it.
    pub(super) fn open(folder: PathBuf, on_corrupt: OnCorrupt) -> Result<Self, SourceError> {
        Ok(Self { shards: metadata::shards(&folder)?, folder, on_corrupt })
    }

    /// Opens what a pattern names; at least one document must be there.
    pub(super) fn source(
        &self,
        collection: &str,
        pattern: Pattern,
        key_fields: &[String],
    ) -> Result<Box<dyn Source>, SourceError> {
        let mut source = source::ExportSource::open(&self.shards, pattern, key_fields, self.on_corrupt)?;
        if let Some(found) = source.look()? {
            let (folder, collection) = (self.folder.clone(), collection.to_owned());
            return Err(SourceError::Missing { folder, collection, found });
        }
        Ok(Box::new(source))
    }
}

#[cfg(test)]
mod tests;
