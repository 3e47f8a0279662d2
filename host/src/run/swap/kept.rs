//! What the keeper knows of one entity.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::canary::Trial;
use super::control::Candidate;
use super::control::Standing;
use crate::connector::Target;
use crate::error::Failure;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::CommittedBatch;
use crate::run::entity::Mapper;
use crate::run::hold::Hold;
use crate::run::origin::Origin;

/// One entity.
pub struct Kept {
    /// Its index in the plan.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// What maps it.
    pub mapper: Arc<Mapper>,
    /// Where it is read.
    pub origin: Origin,
    /// Whether it waits.
    pub hold: Hold,
    /// Whether nothing of it is left to be mapped in this run.
    pub is_ended: AtomicBool,
}

impl Kept {
    /// Returns whether a component of this name maps it.
    pub fn uses(&self, plugin: &str) -> bool {
        self.mapper.versions.active().plugin(plugin).is_some()
    }

    /// Returns whether nothing of it is left to be mapped.
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }

    /// Returns whether this is the candidate that it tries.
    pub fn tries(&self, trial: &Arc<Trial>) -> bool {
        self.mapper.versions.trial().is_some_and(|tried| Arc::ptr_eq(&tried, trial))
    }

    /// Returns whether it is mapped by this version of a component.
    pub fn is_mapped_by(&self, plugin: &str, digest: &str) -> bool {
        self.mapper.versions.active().plugin(plugin).is_some_and(|active| active.digest == digest)
    }

    /// Returns where its last committed batches lie.
    pub async fn committed(
        &self,
        target: &dyn Target,
        books: &Bookkeeping,
        count: u64,
    ) -> Result<Vec<CommittedBatch>, Failure> {
        let mut tx = target.begin().await?;
        let batches = books.last_batches(&mut *tx, &self.name, count).await?;
        tx.rollback().await?;
        Ok(batches)
    }

    /// Returns what maps it now, and what is tried; it may be held with another one that it waits for.
    pub fn stands(&self, is_held: bool) -> Standing {
        let versions = &self.mapper.versions;
        let state = match (self.is_ended(), is_held) {
            (true, _) => "ended",
            (false, true) => "held",
            (false, false) => "running",
        };
        Standing {
            entity: self.name.clone(),
            state: state.to_owned(),
            active: versions
                .active()
                .components()
                .map(|component| (component.name().to_owned(), component.digest().to_owned()))
                .collect(),
            candidate: versions.trial().map(|trial| {
                let standing = trial.stands();
                Candidate {
                    plugin: trial.plugin.name.clone(),
                    digest: trial.plugin.digest.clone(),
                    state: if standing.is_decided { "waiting" } else { "canary" }.to_owned(),
                    batches_left: trial.left(),
                    comparison: json!(standing.comparison),
                }
            }),
            is_watched: versions.previous().is_some(),
        }
    }
}
