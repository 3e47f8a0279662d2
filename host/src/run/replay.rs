//! Dead letters once more: from their original bytes through the active component, parents before children.
//!
//! A replay goes the way of every batch, page by page; each page is one transaction that moves the fates of its letters
//! and reads nothing. References that were left NULL because a parent was dead are filled in behind it. The same command
//! again goes on where it was ended: what has landed is no dead letter any more.

mod join;
mod report;
mod tried;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

pub use report::ReplayReport;
pub use report::ReplayedEntity;
pub use report::ReplayedLetter;
use tried::Tried;

use super::begun;
use super::bookkeeping;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::Letters;
use super::bookkeeping::StoredLetter;
use super::budget::RunBudget;
use super::check::Reads;
use super::commit::Again;
use super::commit::CommitError;
use super::commit::Committer;
use super::commit::Ended;
use super::entity::Mapper;
use super::finish;
use super::heal;
use super::junction;
use super::junction::JunctionReport;
use super::junction::Work;
use super::ledger::Fate;
use super::locked::watched_to_success;
use super::open;
use super::open::Opened;
use super::originals;
use super::report::Mode;
use super::report::Reason;
use super::report::State;
use super::report::Status;
use super::retry::retry;
use super::shutdown::Shutdown;
use super::who::run_id;
use super::who::who;
use crate::connector;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;

/// Letters in one transaction at most.
const LETTERS_MAX: i64 = 500;

/// What is asked of a replay.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Write; otherwise only predict.
    pub execute: bool,
    /// Only letters of these entities; all where it is empty.
    pub entities: Vec<String>,
    /// Only letters with this code.
    pub code: Option<String>,
}

/// Replays dead letters, or predicts what would become of them.
pub async fn replay(manifest: Manifest, options: &Options, shutdown: &Shutdown) -> Result<ReplayReport, Failure> {
    let start = Instant::now();
    begun::has_begun(&manifest).await?;
    let mode = if options.execute { connector::target::Mode::ReadWrite } else { connector::target::Mode::ReadOnly };
    let mut opened = open::open(manifest, mode, Reads::Nothing).await?;
    let selected = super::selection::selected(&opened, &options.entities)?;
    let changes = begun::changes(&opened)?;
    open::check_writable(&opened, &selected).await?;
    let run = run_id();
    let (target, lock): (Arc<dyn Target>, _) = if options.execute {
        let lock = opened.target.lock(&opened.plan.name, &run, &who()).await?;
        (opened.target.clone(), Some(lock))
    } else {
        (connector::predict(opened.target.clone(), std::mem::take(&mut opened.missing)).await?, None)
    };
    let books = Bookkeeping::new(&*target, &opened.plan.name);
    if !options.execute {
        super::copy_bookkeeping(&opened, &*target, &books).await?;
    }
    let mut report = ReplayReport {
        run,
        migration: opened.plan.name.clone(),
        mode: if options.execute { Mode::Execute } else { Mode::DryRun },
        status: Status::Completed,
        started_at: bookkeeping::now(),
        duration_ms: 0,
        entities: Vec::new(),
        junctions: Vec::new(),
        letters: Vec::new(),
        letters_untold: 0,
        dead_letters: Vec::new(),
        permanent: Vec::new(),
        discarded: Vec::new(),
        changes,
    };
    if options.execute {
        let mut tx = target.begin().await?;
        books.insert_run(&mut *tx, &report.run, "replay", &report.started_at).await?;
        tx.commit().await?;
    }
    let starts = super::checkpoints(&opened, &*target, &books).await?;
    let run = report.run.clone();
    let work = Work { plan: &opened.plan, target: &*target, books: &books, run: &run };
    let mut replay = Replay::new(work, &opened, options, &target, starts);
    let ended = watched_to_success(lock.as_deref(), shutdown, replay.run(&selected, shutdown)).await;
    replay.tell(&mut report);
    if shutdown.is_asked() {
        report.status = Status::Stopped;
    }
    let stored = Bookkeeping::new(&*opened.target, &opened.plan.name);
    let mut tx = opened.target.begin().await?;
    let is_selected =
        |reason: &Reason| selected.iter().any(|&entity| opened.plan.entities[entity].name == reason.entity);
    report.permanent = stored.reasons(&mut *tx, false).await?;
    report.permanent.retain(|reason| reason.stage == "read" && is_selected(reason));
    report.discarded = stored.reasons_of(&mut *tx, "discarded", false).await?;
    report.discarded.retain(is_selected);
    tx.rollback().await?;
    report.duration_ms = super::milliseconds(start);
    if options.execute {
        let status = match &ended {
            Err(_) => "failed",
            Ok(()) if shutdown.is_asked() => "stopped",
            Ok(()) => "completed",
        };
        let error = ended.as_ref().err().map(ToString::to_string);
        let summary = serde_json::json!({ "entities": report.entities, "junctions": report.junctions, "dead_letters": report.dead_letters, "error": error });
        let mut tx = target.begin().await?;
        books.end_run(&mut *tx, &report.run, status, &summary.to_string()).await?;
        tx.commit().await?;
    }
    match ended {
        Ok(()) => Ok(report),
        Err(failure) => Err(failure.with_report(report)),
    }
}

/// A replay at work.
struct Replay<'a> {
    opened: &'a Opened,
    options: &'a Options,
    /// The letters as they are stored: a prediction leaves them as they are.
    stored: Bookkeeping,
    entities: Vec<ReplayingEntity>,
    tried: Tried,
    /// Letters that have found their place.
    moved: u64,
    /// What the final steps behind them work on, and what they came to.
    work: Work<'a>,
    junctions: Vec<JunctionReport>,
    /// Merged entities with groups that records have joined and that cannot be merged with them, and why.
    waiting: Vec<(usize, String)>,
}

struct ReplayingEntity {
    committer: Committer,
    mapper: Arc<Mapper>,
    checkpoint: Checkpoint,
    filled: u64,
}

impl<'a> Replay<'a> {
    fn new(
        work: Work<'a>,
        opened: &'a Opened,
        options: &'a Options,
        target: &Arc<dyn Target>,
        starts: Vec<Checkpoint>,
    ) -> Self {
        let budget = Arc::new(RunBudget::new(None, 0, 0));
        let entities = opened.mappers.iter().zip(starts).enumerate().map(|(index, (mapper, checkpoint))| {
            let (plan, target) = (opened.plan.clone(), target.clone());
            let committer =
                Committer::new(plan, index, target, work.books.clone(), work.run.to_owned(), budget.clone());
            ReplayingEntity { committer, mapper: mapper.clone(), checkpoint, filled: 0 }
        });
        Self {
            opened,
            options,
            stored: Bookkeeping::new(&*opened.target, &opened.plan.name),
            entities: entities.collect(),
            tried: Tried::default(),
            moved: 0,
            work,
            junctions: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Tries the letters, then those that waited for a parent, until nothing moves any more.
    async fn run(&mut self, selected: &BTreeSet<usize>, shutdown: &Shutdown) -> Result<(), Failure> {
        let opened = self.opened;
        let mut is_first = true;
        loop {
            let before = self.moved;
            for entity in 0..self.entities.len() {
                self.join(entity, shutdown).await?;
                if !is_first || selected.contains(&entity) {
                    self.entity(entity, !is_first, shutdown).await?;
                }
                // In a circle, what one of them waits for may come with the last.
                let group = &opened.plan.entities[entity].group;
                if group.last() == Some(&entity) {
                    for &member in group {
                        self.fill_waiting(member).await?;
                    }
                }
            }
            if self.moved == before || shutdown.is_asked() {
                break;
            }
            is_first = false;
        }
        for entity in &mut self.entities {
            if shutdown.is_asked() {
                break;
            }
            entity.filled += heal::heal(&entity.committer).await?;
            if self.moved > 0 && entity.checkpoint.state == State::Completed {
                finish::advance_again(&entity.committer).await?;
            }
        }
        let entities: Vec<&Checkpoint> = self.entities.iter().map(|entity| &entity.checkpoint).collect();
        self.junctions = junction::again(self.work, &entities, shutdown).await?;
        self.check_waiting()
    }

    /// Tries the letters of an entity, page by page.
    async fn entity(&mut self, index: usize, orphaned: bool, shutdown: &Shutdown) -> Result<(), Failure> {
        let opened = self.opened;
        let plan = &opened.plan.entities[index];
        let which = Letters {
            entity: Some(&plan.name),
            code: self.options.code.as_deref().filter(|_| !orphaned),
            state: Some("dead"),
            committed: true,
            retryable: true,
            orphaned,
            ..Letters::default()
        };
        let mut after = 0;
        while !shutdown.is_asked() {
            let mut tx = opened.target.begin().await?;
            let mut page = self.stored.dead_letters(&mut *tx, &which, after, LETTERS_MAX).await?;
            tx.rollback().await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            page.retain(|stored| self.tried.is_due(stored.id, self.moved));
            if !self.options.execute {
                page.iter_mut().for_each(|stored| stored.attempts += self.tried.tries(stored.id));
            }
            for (origin, letters) in originals::by_origin(page) {
                self.commit(index, &origin, letters).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, index: usize, origin: &str, page: Vec<StoredLetter>) -> Result<(), Failure> {
        let entity = &mut self.entities[index];
        let plan = &self.opened.plan.entities[index];
        let batch = match plan.merges.is_empty() {
            true => originals::batch(plan, origin, &page, entity.checkpoint.position.clone()),
            // Others may have joined the group since.
            false => {
                originals::groups(plan, &page, entity.checkpoint.position.clone(), &*self.opened.target, &self.stored)
                    .await?
            }
        };
        let mapper = entity.mapper.clone();
        let resolved = tokio::task::spawn_blocking(move || mapper.map(batch))
            .await
            .map_err(|error| Failure::bug("mapping dead letters panicked").cause(error))??;
        let page = Arc::new(page);
        let committed = entity.committer.commit_again(&entity.checkpoint, &resolved, Again::Replay(page.clone())).await;
        let (checkpoint, ended) = committed.map_err(|error| match error {
            CommitError::Failure(failure) => failure,
            CommitError::OverBudget(_) => Failure::bug("a replay was judged by a budget"),
        })?;
        crate::stop_point!("replay-page");
        entity.checkpoint = checkpoint;
        // What a letter lacked may have come with one behind it, on this very page.
        let before = self.moved;
        self.moved += ended.iter().filter(|ended| ended.fate != Fate::Dead).count() as u64;
        for (stored, ended) in page.iter().zip(ended) {
            let fate = ended.fate;
            self.tried.note(index, fate, before, replayed(stored, ended, &resolved.plugin.digest));
        }
        Ok(())
    }

    /// Fills in references that wait for an end which the entity has had already.
    async fn fill_waiting(&mut self, index: usize) -> Result<(), Failure> {
        let entity = &self.entities[index];
        if entity.checkpoint.state != State::Completed {
            return Ok(());
        }
        let name = &self.opened.plan.entities[index].name;
        while retry(name, async || finish::fill(&entity.committer).await).await? {
            crate::stop_point!("finish-fill");
        }
        Ok(())
    }

    /// Adds what was done to the report.
    fn tell(self, report: &mut ReplayReport) {
        for (index, (entity, plan)) in self.entities.iter().zip(&self.opened.plan.entities).enumerate() {
            let mut replayed = ReplayedEntity {
                name: plan.name.clone(),
                filled: entity.filled,
                total: entity.checkpoint.fates,
                ..ReplayedEntity::default()
            };
            self.tried.count(index, &mut replayed);
            if replayed.tried > 0 || replayed.filled > 0 {
                report.entities.push(replayed);
            }
        }
        report.junctions = self.junctions;
        self.tried.tell(report);
    }
}

fn replayed(stored: &StoredLetter, ended: Ended, digest: &str) -> ReplayedLetter {
    let (outcome, again) = (ended.fate.name(), ended.again);
    ReplayedLetter {
        number: stored.id,
        entity: stored.entity.clone(),
        document: stored.letter.document,
        position: stored.letter.position.clone(),
        key: stored.letter.key.clone(),
        was: stored.letter.code.clone(),
        outcome,
        stage: again.as_ref().map(|letter| letter.stage),
        code: again.as_ref().map(|letter| letter.code.clone()),
        field: again.as_ref().and_then(|letter| letter.field.clone()),
        message: again.map(|letter| letter.message),
        digest: digest.to_owned(),
    }
}
