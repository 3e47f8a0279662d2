//! A candidate beside the active version: both map the same batch, one is committed, the other only looked at.
//!
//! Components have no effects, so there is nothing to undo about a candidate: it costs time of its own task.

mod comparison;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

pub use comparison::Comparison;

use super::Message;
use super::probe::Probed;
use super::vigil::Watched;
use crate::error::Failure;
use crate::plan::swap::SwapPolicy;
use crate::plugin::PluginId;
use crate::record::Batch;
use crate::run::entity::Mapper;
use crate::run::resolve::Resolved;
use crate::run::version::Version;

/// A candidate of one entity.
pub struct Trial {
    /// The component that is tried.
    pub plugin: Arc<PluginId>,
    /// The one of the same name that is active.
    pub previous: Arc<PluginId>,
    /// The entity's index in the plan.
    pub entity: usize,
    /// What was active when the candidate was put into it.
    pub base: Arc<Version>,
    /// The active version with the candidate in it.
    pub version: Arc<Version>,
    /// How long it is tried, and who decides.
    pub policy: SwapPolicy,
    begun: AtomicU64,
    standing: Mutex<Standing>,
    watched: Mutex<Watched>,
    is_told: AtomicBool,
    told: mpsc::UnboundedSender<Message>,
}

/// How far a trial is.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What the batches so far came to.
    pub comparison: Comparison,
    /// Why the candidate is out, where it is.
    pub failure: Option<String>,
    /// Whether it has been compared on as many batches as were asked for.
    pub is_decided: bool,
}

impl Trial {
    /// Begins a trial.
    pub fn new(probed: Probed, policy: SwapPolicy, told: mpsc::UnboundedSender<Message>) -> Self {
        let Probed { entity, base, plugin, previous, version } = probed;
        Self {
            plugin,
            previous,
            entity,
            base,
            version,
            policy,
            begun: AtomicU64::new(0),
            standing: Mutex::new(Standing { is_decided: policy.canary_batches == 0, ..Standing::default() }),
            watched: Mutex::default(),
            is_told: AtomicBool::new(false),
            told,
        }
    }

    /// Takes one of the batches to be compared; `false` where there are enough.
    pub fn takes_batch(&self) -> bool {
        let wanted = self.policy.canary_batches;
        self.begun
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |begun| (begun < wanted).then_some(begun + 1))
            .is_ok()
    }

    /// Forgets the batches that were begun and will never be compared.
    pub fn restart(&self) {
        self.begun.store(self.standing().comparison.batches, Ordering::Relaxed);
    }

    /// Returns how far it is.
    pub fn stands(&self) -> Standing {
        self.standing().clone()
    }

    /// Ends it with the batches that were compared.
    pub fn decide(&self) {
        self.standing().is_decided = true;
    }

    /// Returns whether its outcome has been told, and notes that it is.
    pub fn is_told(&self) -> bool {
        self.is_told.swap(true, Ordering::Relaxed)
    }

    /// Returns how many batches are still to be compared.
    pub fn left(&self) -> u64 {
        self.policy.canary_batches.saturating_sub(self.standing().comparison.batches)
    }

    /// Maps a batch by the candidate and compares it with what the active version made. May take as long as a batch.
    pub fn compare(&self, mapper: &Mapper, batch: Batch, active: &Resolved) {
        self.add(
            mapper
                .map_only(&self.version, batch)
                .map(|candidate| Comparison::of(mapper.resolver.tables(), &self.plugin, active, &candidate)),
        );
    }

    /// Counts one batch; tells the one who decides when the trial is over.
    pub fn add(&self, compared: Result<Comparison, Failure>) {
        let mut standing = self.standing();
        if standing.is_decided {
            return;
        }
        match compared {
            Ok(comparison) => standing.comparison.add(comparison),
            Err(failure) => standing.failure = Some(super::sentence(&failure)),
        }
        standing.is_decided = standing.failure.is_some() || standing.comparison.batches >= self.policy.canary_batches;
        if standing.is_decided {
            // A run that has ended decides nothing.
            let _ = self.told.send(Message::Compared(self.entity));
        }
    }

    /// Returns what it has done since it took over.
    pub fn watched(&self) -> Watched {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what it has done since it took over.
    pub fn set_watched(&self, watched: Watched) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
