//! `whimbrel plugin history`: every version that ran, what it wrote, and why it left.

use std::collections::BTreeSet;

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
    /// Every version that worked: transformers with what they committed, then validators.
    pub versions: Vec<VersionRan>,
    /// Everything that happened, oldest first.
    pub events: Vec<StoredEvent>,
}

/// One version of a component, and what it did for one entity.
#[derive(Debug, Serialize)]
pub struct VersionRan {
    /// The entity.
    pub entity: String,
    /// Its name, where an event has it.
    pub plugin: String,
    /// Its digest.
    pub digest: String,
    /// When it took over; of one that never did, and only replayed or repaired, when it began to.
    pub since: String,
    /// What a transformer committed; the ledger does not have validators.
    #[serde(flatten)]
    pub work: Option<VersionWork>,
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
        history.versions = versions(work, &history.events);
    }
    report::history(&history, json);
    Ok(DONE)
}

fn versions(work: Vec<VersionWork>, events: &[StoredEvent]) -> Vec<VersionRan> {
    let takes_over = |event: &&StoredEvent| matches!(event.event.as_str(), "active" | "promoted" | "reverted");
    let taking_over: Vec<&StoredEvent> = events.iter().filter(takes_over).collect();
    // One that only replayed or repaired has no event: its name is that of the others of its entity.
    let digests: BTreeSet<(String, String)> =
        work.iter().map(|work| (work.entity.clone(), work.digest.clone())).collect();
    let is_transformer = |event: &StoredEvent| digests.contains(&(event.entity.clone(), event.digest.clone()));
    let name_of = |entity: &str| {
        let event = taking_over.iter().find(|event| event.entity == entity && is_transformer(event));
        event.map(|event| event.plugin.clone()).unwrap_or_default()
    };
    let mut versions: Vec<VersionRan> = Vec::new();
    for work in work {
        let plugin = name_of(&work.entity);
        let (entity, digest) = (work.entity.clone(), work.digest.clone());
        versions.push(version(entity, plugin, digest, Some(work), &taking_over));
    }
    for event in taking_over.iter().filter(|event| !is_transformer(event)) {
        let is_known = |known: &VersionRan| known.entity == event.entity && known.digest == event.digest;
        if !versions.iter().any(is_known) {
            let (entity, plugin, digest) = (event.entity.clone(), event.plugin.clone(), event.digest.clone());
            versions.push(version(entity, plugin, digest, None, &taking_over));
        }
    }
    versions
}

fn version(
    entity: String,
    plugin: String,
    digest: String,
    work: Option<VersionWork>,
    taking_over: &[&StoredEvent],
) -> VersionRan {
    let of_it = || taking_over.iter().filter(|event| event.entity == entity && event.plugin == plugin);
    let came = of_it().find(|event| event.digest == digest);
    // The one that came after it, if it was not itself again.
    let gone = of_it().next_back().filter(|last| last.digest != digest);
    let by = gone.and_then(|_| of_it().find(|event| event.previous.as_deref() == Some(digest.as_str())));
    let left = by.map(|event| match &event.reason {
        Some(reason) => format!("{}: {reason}", event.event),
        None => format!("{} {}", event.event, event.digest),
    });
    let begun_at = work.as_ref().map(|work| work.begun_at.clone());
    VersionRan {
        since: came.map(|event| event.at.clone()).or(begun_at).unwrap_or_default(),
        left: left.unwrap_or_default(),
        entity,
        plugin,
        digest,
        work,
    }
}
