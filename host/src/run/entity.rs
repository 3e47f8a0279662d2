//! THE LOOP: one entity from where it stands to its end, batch by batch.
//!
//! ```text
//! source ──read──▶ Batch ──transform──▶ Transformed ──validate──▶ Validated ──resolve──▶ Resolved ──commit──▶ Checkpoint
//! ```
//! Everything left of `commit` is a task of its own that runs ahead, in order and bounded, while a batch is committed. A
//! component that cannot go on holds the entity; when another version takes over, the loop starts again at the checkpoint.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::mpsc;

use super::ahead::Ahead;
use super::ahead::Ready;
use super::bookkeeping::Checkpoint;
use super::commit::CommitError;
use super::commit::Committer;
use super::finish;
use super::hold::Hold;
use super::merge;
use super::origin::Origin;
use super::progress::EntityProgress;
use super::resolve::Resolved;
use super::resolve::Resolver;
use super::retry;
use super::shutdown::Shutdown;
use super::stages::Stage;
use super::stages::Stages;
use super::swap;
use super::swap::Message;
use super::swap::history::Announcement;
use super::swap::vigil;
use super::swap::vigil::Fallback;
use super::transform;
use super::version::Turn;
use super::version::Version;
use super::version::Versions;
use crate::connector::Source;
use crate::connector::target::Advanced;
use crate::error::Failure;
use crate::plan::swap::OnPluginFailure;
use crate::record::Batch;

/// Plugin calls that one commit may hold.
const CALLS_MAX: usize = 16;

/// One entity, ready to run.
pub struct EntityRun {
    /// What of it is needed to the end.
    pub member: Member,
    /// Where its records come from, opened for the first time.
    pub source: Option<Box<dyn Source>>,
    /// The same, to be opened again.
    pub origin: Origin,
    /// Records to read at most in this run.
    pub limit: Option<u64>,
    /// What happens where its components cannot go on.
    pub on_plugin_failure: OnPluginFailure,
    /// Where it says that it waits.
    pub hold: Hold,
    /// Who brings new versions, where somebody does.
    pub told: Option<mpsc::UnboundedSender<Message>>,
    /// Asked between two batches.
    pub shutdown: Shutdown,
}

/// What of an entity is needed to its end: those that refer to one another in a circle are completed together.
pub struct Member {
    /// Its index in the plan.
    pub index: usize,
    /// What makes rows of its records.
    pub mapper: Arc<Mapper>,
    /// What writes these.
    pub committer: Committer,
    /// Where it stands.
    pub checkpoint: Checkpoint,
    /// What the source was that has been read to its end.
    pub read: Option<String>,
    /// Sequences that its completion has moved.
    pub advanced: Vec<Advanced>,
    /// Told after every commit.
    pub progress: EntityProgress,
}

/// How an entity's loop ended.
pub struct Ended {
    /// The entity, with where it stands.
    pub member: Member,
    /// Whether it is read to its end, and is to be completed with the others of its group.
    pub is_read_out: bool,
    /// Why it did not reach what was asked for.
    pub error: Option<CommitError>,
}

/// How far a stretch of batches has come.
enum Reached {
    /// The source's end, or the limit.
    End,
    /// Somebody asked to stop.
    Asked,
    /// The next batch is to be made by another version.
    Again,
}

impl EntityRun {
    /// Runs until the source ends, the limit is reached, somebody asks to stop, or an error.
    pub async fn run(mut self) -> Ended {
        self.member.progress.begin();
        self.hold.has_begun();
        let (is_read_out, error) = match self.until_the_end().await {
            Ok(is_read_out) => (is_read_out, None),
            Err(error) => (false, Some(error)),
        };
        if let Some(error) = &error {
            self.say_what_came_to_nothing(error).await;
        }
        if let Some(told) = &self.told {
            // A run that has ended swaps nothing.
            let _ = told.send(Message::Ended(self.member.index));
        }
        Ended { member: self.member, is_read_out, error }
    }

    /// Returns whether it is read to its end and is yet to be completed.
    async fn until_the_end(&mut self) -> Result<bool, CommitError> {
        let mut left = self.limit;
        let (mut tries, mut stood) = (0, self.member.checkpoint.batches);
        loop {
            let reached = match self.stretch(&mut left).await {
                Err((CommitError::Failure(failure), _)) if failure.is_of_lost_source && tries < retry::RETRIES_MAX => {
                    // Only what does not get on is given up.
                    tries = if self.member.checkpoint.batches > stood { 1 } else { tries + 1 };
                    stood = self.member.checkpoint.batches;
                    let (what, name) = ("the source was lost, opening it again", &self.member.committer.entity().name);
                    retry::pause_saying(what, name, tries, &failure).await;
                    if self.shutdown.is_asked() { Reached::Asked } else { Reached::Again }
                }
                Err((error, version)) => self.mend(error, version).await?,
                Ok(reached) => reached,
            };
            match reached {
                Reached::Again => {}
                Reached::Asked => return Ok(false),
                Reached::End => break,
            }
        }
        if left == Some(0) {
            return Ok(false);
        }
        if self.member.committer.entity().group.len() > 1 {
            return Ok(true);
        }
        let begun = Instant::now();
        let finished = finish::finish(std::slice::from_mut(&mut self.member), &self.shutdown).await;
        self.member.mapper.stages.add(Stage::Finish, begun);
        finished.map_err(|(_, error)| error)?;
        Ok(false)
    }

    /// Commits batches from the checkpoint on; an error comes with the version that made the batch, where one did.
    async fn stretch(&mut self, left: &mut Option<u64>) -> Result<Reached, (CommitError, Option<Arc<Version>>)> {
        let versions = &self.member.mapper.versions;
        let source = match self.source.take() {
            Some(source) => source,
            None => self.origin.open().await.map_err(|error| (error.into(), None))?,
        };
        if let Some(snapshot) = source.snapshot() {
            self.member.checkpoint.read_under(self.origin.source(), snapshot);
        }
        if let Some(trial) = versions.trial() {
            trial.restart();
        }
        let mut batches =
            Ahead::new(source, self.member.checkpoint.position.clone(), self.member.mapper.clone(), *left);
        loop {
            // A commit may hold this task up: the entities beside it get their turn first.
            tokio::task::yield_now().await;
            let is_asked = self.shutdown.is_asked();
            let Ready { resolved, version, through } = match batches.next().await {
                // Nothing is left to stop: all was committed before somebody asked.
                Ok(None) => {
                    self.member.read = batches.read();
                    return Ok(Reached::End);
                }
                _ if is_asked => return Ok(Reached::Asked),
                Ok(Some(ready)) => ready,
                Err((failure, version)) => return Err((CommitError::Failure(failure), version)),
            };
            let entity = &self.member.committer.entity().name;
            match vigil::has_failed(versions, &version, &resolved, &self.member.checkpoint, entity) {
                Some(Fallback::Before) => return Ok(Reached::Again),
                Some(Fallback::Nobody(failure)) => {
                    return Err((CommitError::Failure(failure), Some(versions.active())));
                }
                None => {}
            }
            let announcement = versions.announcement(&version);
            let begun = Instant::now();
            let committed = self
                .member
                .committer
                .commit_announcing(&self.member.checkpoint, &resolved, announcement.as_ref())
                .await;
            self.member.mapper.stages.add(Stage::Commit, begun);
            match committed {
                Ok(checkpoint) => self.member.checkpoint = checkpoint,
                Err(error) => return Err((error, Some(version))),
            }
            tracing::debug!(
                entity = self.member.committer.entity().name,
                batch = self.member.checkpoint.batches,
                "committed"
            );
            if announcement.is_some() {
                versions.announced(&version);
            }
            *left = left.map(|left| left.saturating_sub(resolved.batch.records.len() as u64));
            self.member.progress.advance(&self.member.checkpoint, through);
            // Thousands of rows take a while to drop: the target would wait.
            tokio::task::spawn_blocking(move || drop(resolved));
        }
    }

    /// Stores what is to be said of a swap that was taken back, where there is no batch to say it with.
    async fn say_what_was_taken_back(&self, version: &Arc<Version>) -> Result<(), CommitError> {
        let versions = &self.member.mapper.versions;
        let Some(announcement) = versions.announcement(version).filter(Announcement::is_taken_back) else {
            return Ok(());
        };
        self.member.committer.announce(&announcement).await?;
        versions.announced(version);
        Ok(())
    }

    /// Stores that a version which had just taken over ended the entity before it committed anything.
    async fn say_what_came_to_nothing(&self, error: &CommitError) {
        let versions = &self.member.mapper.versions;
        let announcement = versions.announcement(&versions.active());
        let reason = self.hold.reason(&self.member.committer, &self.member.checkpoint, error);
        let Some(announcement) = announcement.and_then(|announcement| announcement.taken_back(&reason)) else { return };
        if let Err(failure) = self.member.committer.announce(&announcement).await {
            let entity = &self.member.committer.entity().name;
            tracing::warn!(entity, "what became of a component is not kept: {}", swap::sentence(&failure));
        }
    }

    /// Waits for another version where one can go on.
    async fn mend(&mut self, error: CommitError, version: Option<Arc<Version>>) -> Result<Reached, CommitError> {
        let versions = &self.member.mapper.versions;
        let (true, Some(mut version)) = (error.is_of_plugin(), version) else { return Err(error) };
        let mut changes = versions.changes();
        // Batches are read ahead: another version may have taken over since this one was.
        if !Arc::ptr_eq(&versions.active(), &version) {
            return Ok(Reached::Again);
        }
        let reason = self.hold.reason(&self.member.committer, &self.member.checkpoint, &error);
        match vigil::revert(versions, &self.member.committer.entity().name, &reason) {
            Some(Fallback::Before) => return Ok(Reached::Again),
            Some(Fallback::Nobody(_)) => version = versions.active(),
            None => {}
        }
        self.say_what_was_taken_back(&version).await?;
        if self.on_plugin_failure == OnPluginFailure::Fail {
            return Err(error);
        }
        self.member.checkpoint =
            self.hold.begin(&self.member.committer, &self.member.checkpoint, &version, error).await?;
        self.member.progress.held();
        if let Some(told) = &self.told {
            let _ = told.send(Message::Held(self.member.index));
        }
        tokio::select! {
            _ = changes.changed() => {
                self.hold.end();
                self.member.progress.begin();
                Ok(Reached::Again)
            }
            () = self.shutdown.asked() => Ok(Reached::Asked),
        }
    }
}

/// What makes rows of the records of one entity; pure, so batches go through side by side.
pub struct Mapper {
    /// The components.
    pub versions: Versions,
    /// Types and references.
    pub resolver: Resolver,
    /// Records in one plugin call.
    pub call_records: usize,
    /// Rows in one commit, about.
    pub transaction_rows: usize,
    /// Plugin calls that make up one commit, by what the last batch gave.
    pub calls: AtomicUsize,
    /// How long the stages take.
    pub stages: Stages,
}

impl Mapper {
    /// Takes a batch through all the stages that need no target, by the active version.
    pub fn map(&self, batch: Batch) -> Result<Resolved, Failure> {
        self.map_only(&self.versions.active(), batch)
    }

    /// As [`Self::map`], by the version whose turn it is; a candidate is compared with it afterwards, by a task of its own.
    pub fn map_in_turn(self: &Arc<Self>, turn: &Turn, batch: Batch) -> Result<Resolved, Failure> {
        let records = batch.records.len().max(1);
        let again = turn.trial.as_ref().map(|trial| (trial.clone(), batch.clone()));
        let resolved = self.map_only(&turn.version, batch)?;
        let rows_a_call = (resolved.rows.len() * self.call_records / records).max(1);
        self.calls.store((self.transaction_rows / rows_a_call).clamp(1, CALLS_MAX), Ordering::Relaxed);
        if let Some((trial, again)) = again {
            let (mapper, active) = (self.clone(), resolved.clone());
            tokio::task::spawn_blocking(move || trial.compare(&mapper, again, &active));
        }
        Ok(resolved)
    }

    /// Takes a batch through all the stages that need no target, by this version.
    pub fn map_only(&self, version: &Version, batch: Batch) -> Result<Resolved, Failure> {
        let begun = Instant::now();
        let transformed = transform::transform(batch, &version.transformer, self.call_records)?;
        let mut validated = transform::validate(transformed, &version.transformer, &version.validators)?;
        let gathered = match &version.gathering {
            Some(gathering) => merge::identify(&mut validated, &version.transformer, gathering)?,
            None => Vec::new(),
        };
        self.stages.add(Stage::Transform, begun);
        let begun = Instant::now();
        let resolved = Resolved { gathered, ..self.resolver.resolve(validated) };
        self.stages.add(Stage::Resolve, begun);
        Ok(resolved)
    }

    /// Takes a batch through the transformer and what makes rows of its answer, past the validators: what they would say
    /// is not asked.
    pub fn map_unvalidated(&self, batch: Batch) -> Result<Resolved, Failure> {
        let version = self.versions.active();
        let transformed = transform::transform(batch, &version.transformer, self.call_records)?;
        Ok(self.resolver.resolve(transform::Validated(transformed)))
    }

    /// Returns how many records the next batch is to hold.
    pub fn read_records(&self) -> usize {
        self.calls.load(Ordering::Relaxed) * self.call_records
    }
}
