//! Which components map an entity's next batch: a slot that a swap replaces while batches are under way.
//!
//! A batch asks once, at its beginning, and keeps the version that it was given to its end. Replacing a version is
//! replacing a pointer: nobody waits for anybody.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::watch;

use super::merge::Gathering;
use super::swap::canary::Trial;
use super::swap::history::Announcement;
use crate::plugin::Component;
use crate::plugin::Description;
use crate::plugin::PluginId;
use crate::plugin::Transformer;
use crate::plugin::Validator;

/// The components of one entity, each with its configuration.
pub struct Version {
    /// The transformer.
    pub transformer: Arc<Transformer>,
    /// What it said of its tables.
    pub description: Arc<Description>,
    /// The validators, in order.
    pub validators: Vec<Arc<Validator>>,
    /// Who knows which records are one thing, where they are merged into those of another entity.
    pub gathering: Option<Arc<Gathering>>,
}

impl Version {
    /// Returns every component, the transformer first.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        std::iter::once(self.transformer.component())
            .chain(self.validators.iter().map(|validator| validator.component()))
            .chain(self.gathering.iter().map(|gathering| gathering.merger.component()))
    }

    /// Returns which component has this name, where one has.
    pub fn plugin(&self, name: &str) -> Option<&Arc<PluginId>> {
        self.components().map(Component::id).find(|id| id.name == name)
    }
}

/// What one batch is mapped by.
#[derive(Clone)]
pub struct Turn {
    /// What makes its rows.
    pub version: Arc<Version>,
    /// A candidate that is to be compared on it, without effects.
    pub trial: Option<Arc<Trial>>,
}

/// The slot of one entity.
pub struct Versions {
    slot: Mutex<Slot>,
    changed: watch::Sender<u64>,
}

struct Slot {
    active: Arc<Version>,
    /// Why it is active, where its first batch has yet to say so in the target.
    announcement: Option<Announcement>,
    trial: Option<Arc<Trial>>,
    previous: Option<Previous>,
}

/// The version before, while the one that took over is watched.
#[derive(Clone)]
pub struct Previous {
    /// What goes on if the watched one fails.
    pub version: Arc<Version>,
    /// The trial that ended with the promotion.
    pub trial: Arc<Trial>,
    /// Entities that were done by then, and have been said to have the new version.
    pub done: Arc<[String]>,
    /// Whether the entity waited, so that the version before cannot go on either.
    pub was_held: bool,
}

impl Versions {
    /// Begins with one version.
    pub fn new(active: Version) -> Self {
        let slot = Slot { active: Arc::new(active), announcement: None, trial: None, previous: None };
        Self { slot: Mutex::new(slot), changed: watch::Sender::new(0) }
    }

    /// Returns what maps now.
    pub fn active(&self) -> Arc<Version> {
        self.slot().active.clone()
    }

    /// Returns whether this maps now.
    pub fn is_active(&self, version: &Arc<Version>) -> bool {
        Arc::ptr_eq(&self.slot().active, version)
    }

    /// Returns what maps the next batch, and takes one of the batches that a candidate is to be compared on.
    pub fn for_batch(&self) -> Turn {
        let slot = self.slot();
        let trial = slot.trial.as_ref().filter(|trial| trial.takes_batch()).cloned();
        Turn { version: slot.active.clone(), trial }
    }

    /// Returns the candidate, where there is one.
    pub fn trial(&self) -> Option<Arc<Trial>> {
        self.slot().trial.clone()
    }

    /// Puts a candidate beside the active version; one that was there before is given up and returned.
    pub fn try_out(&self, trial: Arc<Trial>) -> Option<Arc<Trial>> {
        self.slot().trial.replace(trial)
    }

    /// Takes a candidate away; `false` where it is another one by now.
    pub fn give_up(&self, trial: &Arc<Trial>) -> bool {
        let mut slot = self.slot();
        let is_there = slot.trial.as_ref().is_some_and(|there| Arc::ptr_eq(there, trial));
        if is_there {
            slot.trial = None;
        }
        is_there
    }

    /// Makes a candidate the active version from the next batch on; `false` where it is another one by now.
    pub fn promote(&self, trial: &Arc<Trial>, announcement: Announcement, was_held: bool) -> bool {
        let mut slot = self.slot();
        if !slot.trial.as_ref().is_some_and(|there| Arc::ptr_eq(there, trial)) {
            return false;
        }
        slot.trial = None;
        let version = std::mem::replace(&mut slot.active, trial.version.clone());
        let done = announcement.done();
        slot.previous = trial.policy.is_watched().then(|| Previous { version, trial: trial.clone(), done, was_held });
        slot.announcement = Some(announcement.behind(slot.announcement.take()));
        drop(slot);
        self.changed.send_modify(|changes| *changes += 1);
        true
    }

    /// Returns the version before and the trial of the active one, while that is watched.
    pub fn previous(&self) -> Option<Previous> {
        self.slot().previous.clone()
    }

    /// Ends the watch over the active version.
    pub fn trust(&self) {
        self.slot().previous = None;
    }

    /// Goes back to the version before; `false` where nothing is watched.
    pub fn revert(&self, announcement: Announcement) -> bool {
        let mut slot = self.slot();
        let Some(previous) = slot.previous.take() else { return false };
        slot.active = previous.version;
        slot.announcement = Some(announcement.behind(slot.announcement.take()));
        true
    }

    /// Returns what the first batch of this version has to say in the target, until it is said.
    pub fn announcement(&self, version: &Arc<Version>) -> Option<Announcement> {
        let slot = self.slot();
        slot.announcement.clone().filter(|_| Arc::ptr_eq(&slot.active, version))
    }

    /// Sets what the active version's first batch has to say.
    pub fn announce(&self, announcement: Announcement) {
        self.slot().announcement = Some(announcement);
    }

    /// Notes that a batch of this version has said it.
    pub fn announced(&self, version: &Arc<Version>) {
        let mut slot = self.slot();
        if Arc::ptr_eq(&slot.active, version) {
            slot.announcement = None;
        }
    }

    /// Returns a receiver that learns of every promotion from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
