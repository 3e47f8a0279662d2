//! `whimbrel status`: where every entity stands, from the target alone; no plugin or source is opened.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::connector;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::StoredEvent;
use crate::run::report::Fates;
use crate::run::report::Reason;
use crate::run::report::Rows;
use crate::run::report::SkipReasons;
use crate::run::report::State;
use crate::run::swap::control;
use crate::run::swap::control::Request;
use crate::run::swap::control::Standing;

/// Time that a run has to say where it is.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// What `status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    manifest: ManifestArg,
}

/// Where a migration stands.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// The migration's name.
    pub migration: String,
    /// The target, password masked.
    pub target: String,
    /// In the manifest's order.
    pub entities: Vec<EntityStatus>,
    /// Why dead letters were set aside.
    pub dead_letters: Vec<Reason>,
    /// Dead letters of a batch that was rolled back.
    pub provisional: Vec<Reason>,
    /// Why entities wait for another component.
    pub held: Vec<StoredEvent>,
    /// The digest of the transformer that made each entity's last batch.
    pub versions: BTreeMap<String, String>,
    /// The last time that a component took over from another one.
    pub last_swap: Option<StoredEvent>,
    /// What maps every entity now, and what is tried, where a run is going on.
    pub running: Option<Vec<Standing>>,
}

/// Where an entity stands.
#[derive(Debug, Serialize)]
pub struct EntityStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Fates so far.
    pub total: Fates,
    /// Rows so far.
    pub rows: Rows,
    /// Commits so far.
    pub batches: u64,
    /// Documents read, as the source counts them.
    pub document: u64,
    /// Where the source goes on.
    pub position: String,
    /// When the last checkpoint was saved; empty where there is none.
    pub updated_at: String,
    /// References that found no parent and stay NULL.
    pub nulled_references: u64,
    /// Why records were left out, and how many for each reason.
    pub skip_reasons: SkipReasons,
}

/// Prints where the entities stand.
pub async fn status(args: &StatusArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let target = connector::open_target(&manifest.tables.target.url, &manifest.folder, Mode::ReadOnly).await?;
    let books = Bookkeeping::new(&*target, &manifest.tables.name);
    let has_begun = target.has_own_tables().await?;
    let mut status = StatusReport {
        migration: manifest.tables.name.clone(),
        target: target.url().to_owned(),
        entities: Vec::new(),
        dead_letters: Vec::new(),
        provisional: Vec::new(),
        held: Vec::new(),
        versions: BTreeMap::new(),
        last_swap: None,
        running: None,
    };
    let mut tx = target.begin().await?;
    for entity in &manifest.tables.entity {
        let checkpoint = if has_begun { books.checkpoint(&mut *tx, &entity.name).await? } else { Default::default() };
        status.entities.push(EntityStatus {
            name: entity.name.clone(),
            state: checkpoint.state,
            total: checkpoint.fates,
            rows: checkpoint.rows,
            batches: checkpoint.batches,
            document: checkpoint.position.document,
            position: checkpoint.position.token,
            updated_at: checkpoint.updated_at,
            nulled_references: 0,
            skip_reasons: SkipReasons::new(),
        });
    }
    if has_begun {
        let mut nulled = books.nulled_references(&mut *tx).await?;
        for entity in &mut status.entities {
            entity.nulled_references = nulled.remove(&entity.name).unwrap_or(0);
            entity.skip_reasons = books.skip_reasons(&mut *tx, &entity.name).await?;
        }
        status.dead_letters = books.reasons(&mut *tx, false).await?;
        status.provisional = books.reasons(&mut *tx, true).await?;
        let events = books.events(&mut *tx).await?;
        for entity in &status.entities {
            if let Some(digest) = books.last_digest(&mut *tx, &entity.name).await? {
                status.versions.insert(entity.name.clone(), digest);
            }
            let held = |event: &&StoredEvent| event.event == "held" && event.entity == entity.name;
            status.held.extend(events.iter().rfind(held).filter(|_| entity.state == State::Held).cloned());
        }
        let is_swap = |event: &StoredEvent| matches!(event.event.as_str(), "promoted" | "reverted");
        status.last_swap = events.into_iter().rfind(is_swap);
    }
    tx.rollback().await?;
    // A run that is busy, or cannot be asked, is none of this command's concern.
    let asked = control::ask(&args.manifest.manifest, &status.migration, &Request::Status);
    let asked = tokio::time::timeout(ANSWER_WAIT, asked).await;
    status.running = asked.ok().and_then(Result::ok).flatten().map(|answer| answer.entities);
    report::status(&status, json);
    Ok(DONE)
}
