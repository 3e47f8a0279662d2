//! Sources that are opened again: for an entity that starts over at its checkpoint, and for batches committed before.

use std::path::PathBuf;

use super::bookkeeping::CommittedBatch;
use crate::connector;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::Manifest;
use crate::record::Batch;

/// Where the records of one entity come from.
#[derive(Debug, Clone)]
pub struct Origin {
    url: String,
    folder: PathBuf,
    collection: String,
    key: Vec<String>,
}

impl Origin {
    /// Returns where a plan's entity is read.
    pub fn of(manifest: &Manifest, entity: &EntityPlan) -> Self {
        Self {
            url: manifest.tables.source[&entity.source].url.clone(),
            folder: manifest.folder.clone(),
            collection: entity.collection.clone(),
            key: entity.key.clone(),
        }
    }

    /// Opens it afresh.
    pub fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        connector::open_source(&self.url, &self.folder, &self.collection, &self.key)
    }
}

/// Reads a committed batch again, by its place in the source.
pub async fn reread(source: &mut dyn Source, committed: &CommittedBatch) -> Result<Batch, Failure> {
    let documents = committed.end.document.saturating_sub(committed.after.document);
    let limit = ReadLimit { records: usize::try_from(documents).unwrap_or(usize::MAX), bytes: usize::MAX };
    let batch = source.read(&committed.after, limit).await?;
    batch.filter(|batch| batch.end == committed.end).ok_or_else(|| {
        Failure::failed(format!(
            "documents {} to {} cannot be read again: the source has changed since",
            committed.first_document, committed.end.document
        ))
    })
}
