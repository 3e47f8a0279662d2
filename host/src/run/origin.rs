//! Where an entity's records come from: its source, to be opened again by whoever reads on or reads anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::bookkeeping::Bookkeeping;
use super::merge::GatheredSource;
use crate::connector;
use crate::connector::Filter;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::System;
use crate::connector::Target;
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
pub enum Origin {
    /// From an old system.
    System(Collection),
    /// From what other entities have gathered.
    Gathered(Arc<GatheredOrigin>),
}

/// A collection, or a table, of an old system.
#[derive(Clone)]
pub struct Collection {
    old: Arc<Old>,
    name: String,
    key: Vec<String>,
    filter: Option<Filter>,
}

/// The groups of a merged entity.
#[derive(Clone)]
pub struct GatheredOrigin {
    /// Where they are.
    pub target: Arc<dyn Target>,
    /// The statements on whimbrel's own tables there.
    pub books: Bookkeeping,
    /// The merged entity.
    pub entity: String,
    /// Those whose records are merged.
    pub members: Vec<String>,
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
        let (name, key) = (collection.to_owned(), entity.key_fields(&old.url));
        Some(Origin::System(Collection { old, name, key, filter }))
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
        match self {
            Self::System(collection) => connector::source::identity(&collection.old.url, &collection.name),
            Self::Gathered(gathered) => gathered.members.join(" + "),
        }
    }

    /// Returns whether it is what other entities have gathered.
    pub fn is_gathered(&self) -> bool {
        matches!(self, Self::Gathered(_))
    }

    /// Returns the name of its source in the manifest.
    pub fn source(&self) -> &str {
        match self {
            Self::System(collection) => &collection.old.name,
            Self::Gathered(gathered) => &gathered.entity,
        }
    }

    /// Returns whether what is read depends on the time that the migration has pinned.
    pub fn has_now(&self) -> bool {
        match self {
            Self::System(collection) => collection.filter.as_ref().is_some_and(Filter::has_now),
            Self::Gathered(_) => false,
        }
    }

    /// Opens it afresh.
    pub async fn open(&self) -> Result<Box<dyn Source>, SourceError> {
        match self {
            Self::System(Collection { old, name, key, filter }) => {
                old.open().await?.source(name, key, filter.as_ref()).await
            }
            Self::Gathered(gathered) => {
                let GatheredOrigin { target, books, entity, members } = &**gathered;
                Ok(Box::new(GatheredSource::new(target.clone(), books.clone(), entity, members)))
            }
        }
    }

    /// Returns the same where what is gathered is in this target: a prediction writes into one of its own.
    #[must_use]
    pub fn within(self, target: &Arc<dyn Target>, books: &Bookkeeping) -> Self {
        match self {
            Self::Gathered(gathered) => Self::Gathered(Arc::new(GatheredOrigin {
                target: target.clone(),
                books: books.clone(),
                ..(*gathered).clone()
            })),
            system => system,
        }
    }
}
