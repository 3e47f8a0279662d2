//! Where an entity's records come from: its source, to be opened again by whoever reads on or reads anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::connector;
use crate::connector::Filter;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::System;
use crate::connector::source::OnCorrupt;
use crate::plan::Manifest;
use crate::plan::tables;
use crate::plan::tables::EntityTable;
use crate::plan::tables::SourceTable;

/// The old systems of a manifest by name. Each is opened once, by the first who reads from it.
pub struct Origins(BTreeMap<String, Arc<Old>>);

/// One of them.
struct Old {
    name: String,
    url: String,
    folder: PathBuf,
    on_corrupt: Option<OnCorrupt>,
    system: Mutex<Option<Arc<System>>>,
}

/// Where the records of one entity come from.
#[derive(Clone)]
pub struct Origin {
    old: Arc<Old>,
    collection: String,
    key: Vec<String>,
    filter: Option<Filter>,
}

impl Origins {
    /// Takes the sources of a manifest; none is opened yet.
    pub fn new(manifest: &Manifest) -> Self {
        let old = |name: &str, source: &SourceTable| Old {
            name: name.to_owned(),
            url: source.url.clone(),
            on_corrupt: source.on_corrupt.map(|policy| match policy {
                tables::OnCorrupt::Stop => OnCorrupt::Stop,
                tables::OnCorrupt::Skip => OnCorrupt::Skip,
            }),
            folder: manifest.folder.clone(),
            system: Mutex::new(None),
        };
        let sources = manifest.tables.source.iter();
        Self(sources.map(|(name, source)| (name.clone(), Arc::new(old(name, source)))).collect())
    }

    /// Opens a system, to learn whether it is there.
    pub async fn try_out(&self, name: &str) -> Result<(), SourceError> {
        match self.0.get(name) {
            Some(old) => old.open().await.map(drop),
            None => Ok(()),
        }
    }

    /// Returns where an entity is read, or `None` where there is no such source. `now_us` is what a filter calls now.
    pub fn of(&self, entity: &EntityTable, now_us: i64) -> Option<Origin> {
        let (source, collection) = entity.source_and_collection();
        let old = self.0.get(source)?.clone();
        let filter = entity.filter.clone().map(|text| Filter { text, now_us });
        Some(Origin { collection: collection.to_owned(), key: entity.key_fields(&old.url), old, filter })
    }
}

impl Old {
    /// Returns the system as it was opened first, or anew where nothing can be read from that any more.
    async fn open(&self) -> Result<Arc<System>, SourceError> {
        let mut system = self.system.lock().await;
        if let Some(open) = system.as_ref().filter(|open| !open.is_lost()) {
            return Ok(open.clone());
        }
        let opened = Arc::new(System::open(&self.url, &self.folder, self.on_corrupt).await?);
        *system = Some(opened.clone());
        Ok(opened)
    }
}

impl Origin {
    /// Returns what identifies it for the fingerprint.
    pub fn identity(&self) -> String {
        connector::source::identity(&self.old.url, &self.collection)
    }

    /// Returns the name of its source in the manifest.
    pub fn source(&self) -> &str {
        &self.old.name
    }

    /// Returns whether what is read depends on the time that the migration has pinned.
    pub fn has_now(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::has_now)
    }

    /// Opens it afresh.
    pub async fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        self.old.open().await?.source(&self.collection, &self.key, self.filter.as_ref()).await
    }
}
