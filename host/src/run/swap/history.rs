//! What is told of a component's life, in the target and to people.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::connector::Transaction;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::World;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::version::Version;

/// What happened to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It made its first batch, without having taken over from another one in this run.
    Active,
    /// Its probe began.
    Candidate,
    /// It failed a step and never becomes active.
    Refused,
    /// It was compared with the active one.
    Canary,
    /// It took over: written with its first batch.
    Promoted,
    /// A person turned it down.
    Rejected,
    /// The version before took over again: written with that one's first batch.
    Reverted,
    /// The entity waits for a component that can go on.
    Held,
}

impl Kind {
    /// Returns the stored word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Candidate => "candidate",
            Self::Refused => "refused",
            Self::Canary => "canary",
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Reverted => "reverted",
            Self::Held => "held",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// The component's name.
    pub plugin: String,
    /// The entity.
    pub entity: String,
    /// What happened.
    pub kind: Kind,
    /// The component's digest; empty where the file was none.
    pub digest: String,
    /// The digest that it is measured against or takes over from.
    pub previous: Option<String>,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// Counts and examples.
    pub detail: Json,
}

/// What the first batch of a version writes in its own transaction: events, and their digests into the fingerprint.
#[derive(Debug, Clone)]
pub struct Announcement {
    events: Vec<Event>,
    /// Entities that are done, and have nothing left for another version to change.
    done: Arc<[String]>,
}

impl Announcement {
    /// Announces these events.
    pub fn new(events: Vec<Event>, done: Vec<String>) -> Self {
        Self { events, done: done.into() }
    }

    /// Returns the entities that were done.
    pub fn done(&self) -> Arc<[String]> {
        self.done.clone()
    }

    /// Puts in front what a version before was to say of a swap, and had no batch to say it with.
    pub fn behind(mut self, unsaid: Option<Self>) -> Self {
        if let Some(unsaid) = unsaid.filter(Self::is_of_swap) {
            self.events.splice(..0, unsaid.events);
        }
        self
    }

    /// Returns whether it ends with the version before taking over again: then nothing new goes into the fingerprint.
    pub fn is_taken_back(&self) -> bool {
        self.events.last().is_some_and(|event| event.kind == Kind::Reverted)
    }

    /// Returns whether it says that one version has taken over from another.
    fn is_of_swap(&self) -> bool {
        self.events.iter().any(|event| matches!(event.kind, Kind::Promoted | Kind::Reverted))
    }

    /// Says of a version that took over, and will make no batch, that the one which the fingerprint has goes on.
    pub fn taken_back(mut self, reason: &str) -> Option<Self> {
        let last = self.events.last().filter(|last| last.kind == Kind::Promoted)?.clone();
        let first = self.events.iter().find(|event| event.kind == Kind::Promoted && event.plugin == last.plugin)?;
        self.events.push(Event {
            kind: Kind::Reverted,
            digest: first.previous.clone()?,
            previous: Some(last.digest.clone()),
            reason: Some(format!("it has committed nothing: {reason}")),
            detail: Json::Null,
            ..last
        });
        Some(self)
    }

    /// Announces the components that begin an entity, or go on with it, without another one having been active in this run.
    pub fn of_start(entity: &str, version: &Version, last: Option<String>) -> Self {
        let event = |component: &Component| Event {
            plugin: component.name().to_owned(),
            entity: entity.to_owned(),
            kind: Kind::Active,
            digest: component.digest().to_owned(),
            previous: last.clone().filter(|_| component.world() == World::Transformer),
            reason: None,
            detail: Json::Null,
        };
        Self::new(version.components().map(event).collect(), Vec::new())
    }

    /// Writes the events, and their digests into the stored fingerprint.
    pub async fn write(&self, tx: &mut dyn Transaction, books: &Bookkeeping, run: &str) -> Result<(), Failure> {
        for event in &self.events {
            books.insert_event(tx, run, event).await?;
            for entity in std::iter::once(&event.entity).chain(&*self.done) {
                books.store_digest(tx, entity, &event.plugin, &event.digest).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Announcement;
    use super::Event;
    use super::Json;
    use super::Kind;

    fn event(kind: Kind, digest: &str, previous: &str) -> Event {
        Event {
            plugin: "p".to_owned(),
            entity: "e".to_owned(),
            kind,
            digest: digest.to_owned(),
            previous: Some(previous.to_owned()),
            reason: None,
            detail: Json::Null,
        }
    }

    #[test]
    fn what_is_taken_back_ends_at_the_version_of_the_fingerprint() {
        let ends = |events: &[Event]| {
            let taken_back = Announcement::new(events.to_vec(), Vec::new()).taken_back("so")?;
            let last = taken_back.events.last()?;
            Some((last.kind, last.digest.clone(), last.previous.clone()?, last.reason.clone()?))
        };
        let (promoted, reverted) = (Kind::Promoted, Kind::Reverted);
        let back =
            |from: &str| Some((reverted, "a".to_owned(), from.to_owned(), "it has committed nothing: so".to_owned()));
        assert_eq!(ends(&[event(promoted, "b", "a")]), back("b"));
        assert_eq!(ends(&[event(promoted, "b", "a"), event(promoted, "c", "b")]), back("c"));
        assert_eq!(ends(&[event(promoted, "b", "a"), event(reverted, "a", "b"), event(promoted, "c", "a")]), back("c"));
        assert_eq!(ends(&[event(promoted, "b", "a"), event(reverted, "a", "b")]), None, "it is said already");
        assert_eq!(ends(&[event(Kind::Active, "a", "b")]), None, "nothing has taken over");
    }
}
