//! `whimbrel status`: where every entity stands, from the target alone; no plugin or source is opened.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::connector;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::LeftOut;
use crate::run::bookkeeping::ReadUnder;
use crate::run::bookkeeping::RefusedReferences;
use crate::run::bookkeeping::StoredEvent;
use crate::run::bookkeeping::StoredRun;
use crate::run::bookkeeping::is_consistent;
use crate::run::junction::JunctionCounts;
use crate::run::junction::Stand;
use crate::run::report::FailureReport;
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
    /// The run that began last.
    pub last_run: Option<LastRun>,
    /// In the manifest's order.
    pub entities: Vec<EntityStatus>,
    /// What is written behind them, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<JunctionStatus>,
    /// Whether all that was read of each source was read as it stood at one moment; absent where no source is kept still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistent: Option<bool>,
    /// Why dead letters were set aside.
    pub dead_letters: Vec<Reason>,
    /// What records wait for whose parents may still come.
    pub parked: Vec<Reason>,
    /// Dead letters that were given up.
    pub discarded: Vec<Reason>,
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

/// The run, replay or repair that began last.
#[derive(Debug, Serialize)]
pub struct LastRun {
    /// Its id.
    pub run: String,
    /// `execute`, `replay` or `repair`.
    pub mode: String,
    /// `running`, `interrupted` where its process is gone, or how it ended, as its report says.
    pub status: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; none where it goes on or was interrupted.
    pub ended_at: Option<String>,
    /// Who runs it.
    pub holder: Option<String>,
    /// What ended it too early; every entity that failed says its own.
    pub error: Option<String>,
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
    /// As what its source was read, first to last; none where the source is not kept still while it is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<ReadUnder>,
    /// References that found no parent and stay NULL.
    pub nulled_references: u64,
    /// References that stay NULL because the target refused their parents.
    pub refused_references: Vec<RefusedReferences>,
    /// Why records were left out, and how many for each reason.
    pub skip_reasons: SkipReasons,
    /// What ended it too early in the last run.
    pub failure: Option<FailureReport>,
}

/// Where a junction stands.
#[derive(Debug, Serialize)]
pub struct JunctionStatus {
    /// Its name.
    pub name: String,
    /// Where its final step stands.
    pub state: State,
    /// What became of its rows so far.
    pub total: JunctionCounts,
    /// The rows that were left out, with some of them.
    pub left_out: Vec<LeftOut>,
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
        last_run: None,
        entities: Vec::new(),
        junctions: Vec::new(),
        consistent: None,
        dead_letters: Vec::new(),
        parked: Vec::new(),
        discarded: Vec::new(),
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
            snapshots: checkpoint.snapshots,
            nulled_references: 0,
            refused_references: Vec::new(),
            skip_reasons: SkipReasons::new(),
            failure: None,
        });
    }
    for name in manifest.tables.junction.keys() {
        let stand = if has_begun { Stand::of(&mut *tx, &books, name).await? } else { Stand::default() };
        status.junctions.push(JunctionStatus {
            name: name.clone(),
            state: stand.state(),
            total: JunctionCounts::of(name, &stand),
            left_out: stand.left_out,
        });
    }
    status.consistent = is_consistent(status.entities.iter().flat_map(|entity| &entity.snapshots));
    if has_begun {
        let mut nulled = books.nulled_references(&mut *tx).await?;
        let mut refused = books.refused_references(&mut *tx).await?;
        for entity in &mut status.entities {
            entity.nulled_references = nulled.remove(&entity.name).unwrap_or(0);
            entity.refused_references = refused.remove(&entity.name).unwrap_or_default();
            entity.skip_reasons = books.skip_reasons(&mut *tx, &entity.name).await?;
        }
        status.dead_letters = books.reasons(&mut *tx, false).await?;
        status.parked = books.reasons_of(&mut *tx, "parked", false).await?;
        status.discarded = books.reasons_of(&mut *tx, "discarded", false).await?;
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
    if has_begun {
        look_at_runs(&*target, &books, &mut status).await?;
    }
    // A run that is busy, or cannot be asked, is none of this command's concern.
    let asked = control::ask(&manifest, &Request::Status);
    let asked = tokio::time::timeout(ANSWER_WAIT, asked).await;
    status.running = asked.ok().and_then(Result::ok).flatten().map(|answer| answer.entities);
    report::status(&status, json);
    Ok(DONE)
}

/// Adds how the last run ended, or whether it goes on, and what its entities failed with.
async fn look_at_runs(target: &dyn Target, books: &Bookkeeping, status: &mut StatusReport) -> Result<(), Failure> {
    let runs = async || {
        let mut tx = target.begin().await?;
        let runs = (books.last_run(&mut *tx, None).await?, books.last_run(&mut *tx, Some("execute")).await?);
        tx.rollback().await?;
        Ok::<_, TargetError>(runs)
    };
    let (mut last, mut executed) = runs().await?;
    let mut holder = None;
    if last.as_ref().is_some_and(StoredRun::is_running) {
        // Whoever may not look at the lock cannot tell that nobody has it.
        holder = target.lock_holder(&status.migration).await.unwrap_or_else(|_| Some("another account".to_owned()));
        // A look or a reset has the lock, too.
        holder = holder.filter(|holder| last.as_ref().is_some_and(|run| run.may_be_of(holder)));
        if holder.is_none() {
            // It may have ended since it was looked at; what says so is stored before the lock is given back.
            (last, executed) = runs().await?;
        }
    }
    let report = |run: &Option<StoredRun>| run.as_ref().and_then(|run| run.report.as_deref()).map(serde_json::from_str);
    let read = |run: &Option<StoredRun>| report(run).and_then(Result::ok).unwrap_or(serde_json::Value::Null);
    for ended in read(&executed)["entities"].as_array().into_iter().flatten() {
        let entity = status.entities.iter_mut().find(|entity| ended["name"] == entity.name.as_str());
        let failure = serde_json::from_value(ended["failure"].clone()).ok();
        // A final step that failed and was mended by hand, or by another run, is none any more.
        if let Some(entity) = entity.filter(|entity| failure.is_some() && entity.state != State::Completed) {
            (entity.state, entity.failure) = (State::Failed, failure);
        }
    }
    let error = read(&last)["error"].as_str().map(str::to_owned);
    status.last_run = last.map(|run| LastRun {
        status: if run.is_running() && holder.is_none() { "interrupted".to_owned() } else { run.status },
        run: run.id,
        mode: run.mode,
        started_at: run.started_at,
        ended_at: run.ended_at,
        holder,
        error,
    });
    Ok(())
}
