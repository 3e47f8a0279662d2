//! `whimbrel plugin history`: every version that ran, what it wrote, and why it left.

use clap::Args;
use serde::Serialize;

use crate::cli::DONE;
use crate::cli::ManifestArg;
use crate::cli::report;
use crate::connector;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::StoredEvent;
use crate::run::bookkeeping::VersionWork;

/// What `history` takes.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    manifest: ManifestArg,
}

/// What became of a migration's components.
#[derive(Debug, Serialize)]
pub struct History {
    /// The migration's name.
    pub migration: String,
    /// Every transformer that made a batch.
    pub versions: Vec<VersionRan>,
    /// Everything that happened, oldest first.
    pub events: Vec<StoredEvent>,
}

/// One version of a transformer, and what it did for one entity.
#[derive(Debug, Serialize)]
pub struct VersionRan {
    /// Its work.
    #[serde(flatten)]
    pub work: VersionWork,
    /// Its name, where an event has it.
    pub plugin: String,
    /// When its first batch was committed, where an event says so.
    pub since: String,
    /// Why it left; empty where it has not.
    pub left: String,
}

/// Prints the history.
pub async fn history(args: &HistoryArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let target = connector::open_target(&manifest.tables.target.url, &manifest.folder, Mode::ReadOnly).await?;
    let mut history = History { migration: manifest.tables.name.clone(), versions: Vec::new(), events: Vec::new() };
    if target.has_own_tables().await? {
        let books = Bookkeeping::new(&*target, &manifest.tables.name);
        let mut tx = target.begin().await?;
        history.events = books.events(&mut *tx).await?;
        let work = books.work_by_version(&mut *tx).await?;
        tx.rollback().await?;
        history.versions = work.into_iter().map(|work| version(work, &history.events)).collect();
    }
    report::history(&history, json);
    Ok(DONE)
}

fn version(work: VersionWork, events: &[StoredEvent]) -> VersionRan {
    let takes_over = |event: &&StoredEvent| matches!(event.event.as_str(), "active" | "promoted" | "reverted");
    let of_entity = || events.iter().filter(|event| event.entity == work.entity).filter(takes_over);
    let came = of_entity().find(|event| event.digest == work.digest);
    let plugin = came.map(|event| event.plugin.clone()).unwrap_or_default();
    // The one that came after it, if it was not itself again.
    let gone = of_entity().rfind(|event| event.plugin == plugin).filter(|last| last.digest != work.digest);
    let by = gone.and_then(|_| of_entity().find(|event| event.previous.as_deref() == Some(work.digest.as_str())));
    let left = by.map(|event| match &event.reason {
        Some(reason) => format!("{}: {reason}", event.event),
        None => format!("{} {}", event.event, event.digest),
    });
    VersionRan {
        since: came.map(|event| event.at.clone()).unwrap_or_default(),
        plugin,
        left: left.unwrap_or_default(),
        work,
    }
}
