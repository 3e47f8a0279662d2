//! An entity whose component cannot go on waits for another version, while the others go on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::sync::Notify;

use super::bookkeeping::Checkpoint;
use super::budget::RunBudget;
use super::commit::CommitError;
use super::commit::Committer;
use super::dead_letter;
use super::report::State;
use super::retry::retry;
use super::swap;
use super::swap::history::Event;
use super::swap::history::Kind;
use super::version::Version;

/// Where one entity says that it waits.
#[derive(Debug, Clone)]
pub struct Hold {
    run: String,
    run_budget: Arc<RunBudget>,
    manifest: String,
    is_held: Arc<AtomicBool>,
    has_begun: Arc<AtomicBool>,
    /// Told when any entity begins to wait: another one may start instead.
    somebody_waits: Arc<Notify>,
}

impl Hold {
    /// Prepares an entity that does not wait.
    pub fn new(run: &str, run_budget: &Arc<RunBudget>, manifest: &str, somebody_waits: &Arc<Notify>) -> Self {
        Self {
            run: run.to_owned(),
            run_budget: run_budget.clone(),
            manifest: manifest.to_owned(),
            is_held: Arc::default(),
            has_begun: Arc::default(),
            somebody_waits: somebody_waits.clone(),
        }
    }

    /// Returns whether the entity waits.
    pub fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Relaxed)
    }

    /// Notes that batches of the entity are made from now on.
    pub fn has_begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Returns whether no batch of the entity has been asked for in this run.
    pub fn is_yet_to_begin(&self) -> bool {
        !self.has_begun.load(Ordering::Relaxed)
    }

    /// Says in a sentence why a batch could not be committed.
    pub fn reason(&self, committer: &Committer, checkpoint: &Checkpoint, error: &CommitError) -> String {
        match error {
            CommitError::Failure(failure) => swap::sentence(failure),
            CommitError::OverBudget(letters) => {
                dead_letter::too_many(committer.entity(), &self.run_budget, checkpoint, letters).message
            }
        }
    }

    /// Stores that the entity waits, and says what to do about it; returns the checkpoint that says so.
    pub async fn begin(
        &self,
        committer: &Committer,
        checkpoint: &Checkpoint,
        version: &Version,
        error: CommitError,
    ) -> Result<Checkpoint, CommitError> {
        let entity = committer.entity();
        let reason = self.reason(committer, checkpoint, &error);
        let (letters, blamed) = match error {
            CommitError::Failure(failure) => (Vec::new(), failure.plugin),
            CommitError::OverBudget(letters) => {
                let blamed = letters.iter().find_map(|letter| letter.plugin.clone());
                (letters, blamed)
            }
        };
        let plugin = blamed.unwrap_or_else(|| version.transformer.component().name().to_owned());
        let digest = version.plugin(&plugin).map(|id| id.digest.clone()).unwrap_or_default();
        let held = Checkpoint { state: State::Held, ..checkpoint.clone() };
        let event = Event {
            plugin: plugin.clone(),
            entity: entity.name.clone(),
            kind: Kind::Held,
            digest,
            previous: None,
            reason: Some(reason.clone()),
            detail: json!({ "documents_read": checkpoint.position.document, "dead_letters": letters.len() }),
        };
        let keep = async || {
            dead_letter::keep_provisional(committer, &self.run, checkpoint, &held, &letters, Some(&event)).await
        };
        retry(&entity.name, keep).await?;
        self.is_held.store(true, Ordering::Relaxed);
        self.somebody_waits.notify_one();
        tracing::warn!(
            "`{}` is held: {reason}\n  copy a mended `{plugin}` into the plugins folder, or say `whimbrel plugin swap {} {plugin} <file.wasm>`; \
             the entity then goes on by itself. Ctrl-C stops with a checkpoint, `whimbrel status {}` shows where everything stands",
            entity.name,
            self.manifest,
            self.manifest,
        );
        Ok(held)
    }

    /// Notes that the entity goes on.
    pub fn end(&self) {
        self.is_held.store(false, Ordering::Relaxed);
    }
}
