//! The one who decides which versions a run's entities have: takes files and questions, one after another.
//!
//! A task of its own that only decides: probing and comparing are tasks beside it that tell it how they end, so that it
//! can always be asked.

mod look;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use look::Look;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Message;
use super::canary::Trial;
use super::control::Answer;
use super::control::Candidate;
use super::control::Request;
use super::control::Standing;
use super::history::Announcement;
use super::history::Event;
use super::history::Kind;
use super::install;
use super::kept::Kept;
use super::probe::Offer;
use super::probe::Probed;
use super::sentence;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::Plan;
use crate::plan::swap::Promote;
use crate::plan::swap::SwapPolicy;
use crate::plugin::PluginId;
use crate::plugin::digest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::retry::RETRIES_MAX;
use crate::run::retry::pause;

/// The one who decides.
pub struct Keeper {
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// Where events are told.
    pub target: Arc<dyn Target>,
    /// The statements for that.
    pub books: Bookkeeping,
    /// The run's id.
    pub run: String,
    /// Every entity, in the plan's order.
    pub entities: Vec<Arc<Kept>>,
    /// How trials tell that they are over.
    pub told: mpsc::UnboundedSender<Message>,
    /// Files that were offered, by digest, as long as a promotion may need them.
    pub offered: BTreeMap<String, Offer>,
    /// Names and digests that the folder does not bring again, each with what became of it.
    pub seen: BTreeMap<(String, String), String>,
    /// The files that are looked at, by component.
    pub looks: BTreeMap<String, Look>,
    /// Candidates that are compared on the batches that were committed.
    pub compared: Vec<Arc<Trial>>,
    /// Probes and comparisons; they end with the keeper.
    pub tasks: JoinSet<()>,
}

impl Keeper {
    /// Works until the run ends.
    pub async fn keep(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            match message {
                Message::Stop => break,
                Message::Asked(request, asker) => self.asked(request, asker).await,
                Message::Dropped { plugin, file } => self.dropped(plugin, file).await,
                Message::Probed { plugin, outcome } => self.probed(&plugin, outcome).await,
                Message::Reread { trial, outcome } => {
                    self.compared.retain(|compared| !Arc::ptr_eq(compared, &trial));
                    match outcome {
                        Ok(()) => trial.decide(),
                        Err(reason) => self.put_out(&trial, Kind::Refused, &reason).await,
                    }
                    self.consider(trial.entity).await;
                }
                Message::Compared(entity) | Message::Held(entity) => self.consider(entity).await,
                Message::Ended(entity) => {
                    self.entities[entity].is_ended.store(true, Ordering::Relaxed);
                    self.consider(entity).await;
                }
            }
            self.end_looks();
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Returns the names of all components.
    pub fn plugins(&self) -> BTreeSet<String> {
        self.stands(None).into_iter().flat_map(|stands| stands.active.into_keys()).collect()
    }

    async fn asked(&mut self, request: Request, asker: oneshot::Sender<Answer>) {
        let answer = match request {
            Request::Status => Answer::done("", self.stands(None)),
            Request::Swap { plugin, file } => {
                if let Some(look) = self.looks.get_mut(&plugin) {
                    return look.waiting.push(Message::Asked(Request::Swap { plugin, file }, asker));
                }
                match std::fs::read(&file) {
                    Ok(bytes) => {
                        let offer = Offer { plugin, bytes: bytes.into(), file: file.into() };
                        return self.offer(offer, Some(asker)).await;
                    }
                    Err(error) => Answer::refused(format!("cannot read `{}`: {error}", file.display())),
                }
            }
            Request::Promote { plugin } => {
                let trials = self.trials(&plugin);
                for trial in &trials {
                    self.promote(trial, "promoted by hand").await;
                }
                self.decided(&plugin, &trials, "promoted")
            }
            Request::Reject { plugin, reason } => {
                let trials = self.trials(&plugin);
                let reason = reason.unwrap_or_else(|| "rejected by hand".to_owned());
                for trial in &trials {
                    self.put_out(trial, Kind::Rejected, &reason).await;
                }
                self.decided(&plugin, &trials, "rejected")
            }
        };
        // Whoever asked may have gone.
        let _ = asker.send(answer);
    }

    fn decided(&self, plugin: &str, trials: &[Arc<Trial>], verb: &str) -> Answer {
        let stands = self.stands(Some(plugin));
        let Some(trial) = trials.first() else {
            let message = match self.looks.get(plugin) {
                Some(look) => format!("`{plugin}` {} is no candidate yet: it is being probed", look.digest),
                None => format!("there is no candidate of `{plugin}`"),
            };
            return Answer { entities: stands, ..Answer::refused(message) };
        };
        Answer::done(format!("{verb} `{plugin}` {}", trial.plugin.digest), stands)
    }

    fn trials(&self, plugin: &str) -> Vec<Arc<Trial>> {
        let trials = self.entities.iter().filter_map(|entity| entity.mapper.versions.trial());
        trials.filter(|trial| trial.plugin.name == plugin).collect()
    }

    fn tries(&self, plugin: &str, digest: &str) -> bool {
        self.trials(plugin).iter().any(|trial| trial.plugin.digest == digest)
    }

    fn stands(&self, plugin: Option<&str>) -> Vec<Standing> {
        // Who has yet to begin behind a held entity is held with it; parents come first in the plan.
        let mut is_held = vec![false; self.entities.len()];
        for (index, entity) in self.entities.iter().enumerate() {
            let waits = || self.plan.entities[index].after.iter().any(|&parent| is_held[parent]);
            is_held[index] = !entity.is_ended() && (entity.hold.is_held() || entity.hold.is_yet_to_begin() && waits());
        }
        let wanted = self.entities.iter().zip(is_held);
        let wanted = wanted.filter(|(entity, _)| plugin.is_none_or(|plugin| entity.uses(plugin)));
        let stands = wanted.map(|(entity, is_held)| {
            let stands = entity.stands(is_held);
            let candidate = stands.candidate.or_else(|| self.probed_for(entity));
            Standing { candidate, ..stands }
        });
        stands.collect()
    }

    /// Returns what an entity may try soon.
    fn probed_for(&self, entity: &Kept) -> Option<Candidate> {
        let is_for = |look: &&Look| !look.is_probed && look.entities.iter().any(|user| user.index == entity.index);
        let look = self.looks.values().find(is_for).filter(|_| !entity.is_ended())?;
        Some(Candidate {
            plugin: look.offer.plugin.clone(),
            digest: look.digest.clone(),
            state: "probe".to_owned(),
            batches_left: self.policy(&look.offer.plugin).canary_batches,
            comparison: json!(null),
        })
    }

    fn policy(&self, plugin: &str) -> SwapPolicy {
        SwapPolicy::of(self.manifest.tables.plugin.get(plugin))
    }

    /// Looks at a file that lies where a component is looked for.
    async fn dropped(&mut self, plugin: String, file: PathBuf) {
        if let Some(look) = self.looks.get_mut(&plugin) {
            return look.waiting.push(Message::Dropped { plugin, file });
        }
        let Ok(bytes) = std::fs::read(&file) else { return };
        let digest = digest(&bytes);
        let mut users = self.entities.iter().filter(|entity| entity.uses(&plugin) && !entity.is_ended());
        if users.all(|entity| entity.is_mapped_by(&plugin, &digest)) || self.tries(&plugin, &digest) {
            return;
        }
        if let Some(fate) = self.seen.get(&(plugin.clone(), digest.clone())) {
            return tracing::info!(
                plugin,
                digest,
                file = %file.display(),
                "this version is not tried again: {fate}; `whimbrel plugin swap` does so all the same"
            );
        }
        tracing::info!(plugin, file = %file.display(), "another version lies in the plugins folder, trying it");
        self.offer(Offer { plugin, bytes: bytes.into(), file: file.into() }, None).await;
    }

    fn note(&mut self, plugin: &str, digest: &str, fate: &str) {
        self.seen.insert((plugin.to_owned(), digest.to_owned()), fate.to_owned());
    }

    /// Lets the folder bring a version again.
    fn forget(&mut self, version: &PluginId) {
        self.seen.remove(&(version.name.clone(), version.digest.clone()));
    }

    async fn begin_trial(&mut self, probed: Probed) {
        let policy = self.policy(&probed.plugin.name);
        let trial = Arc::new(Trial::new(probed, policy, self.told.clone()));
        let entity = trial.entity;
        if let Some(before) = self.entities[entity].mapper.versions.try_out(trial) {
            self.forget(&before.plugin);
            self.tell_of(&before, Kind::Rejected, "another candidate came", json!(null)).await;
        }
        self.consider(entity).await;
    }

    /// Goes on with the trial of an entity, as far as that is possible now.
    async fn consider(&mut self, index: usize) {
        let entity = self.entities[index].clone();
        let Some(trial) = entity.mapper.versions.trial() else { return };
        if entity.hold.is_held() && !trial.stands().is_decided {
            // Its own batches stand still: those that were committed are all there is to compare.
            return self.compare(&entity, &trial);
        }
        let standing = trial.stands();
        if let Some(reason) = &standing.failure {
            return self.put_out(&trial, Kind::Refused, reason).await;
        }
        let elsewhere = self.entities.iter().find(|other| {
            other.mapper.versions.active().plugin(&trial.plugin.name).is_some_and(|id| id.digest == trial.plugin.digest)
        });
        if entity.is_ended() {
            let has_taken_over = elsewhere.is_some();
            return self.end_trial(&entity, &trial, has_taken_over).await;
        }
        if let Some(other) = elsewhere.filter(|_| entity.hold.is_yet_to_begin()) {
            let reason = format!("it has taken over in `{}`, and `{}` has yet to begin", other.name, entity.name);
            return self.promote(&trial, &reason).await;
        }
        if !standing.is_decided || trial.is_told() {
            return;
        }
        let sentence = standing.comparison.sentence();
        if standing.comparison.batches > 0 {
            self.tell_of(&trial, Kind::Canary, &sentence, json!(standing.comparison)).await;
        }
        if standing.comparison.is_safe() && trial.policy.promote == Promote::Auto {
            let reason = if standing.comparison.batches > 0 { sentence } else { "nothing to compare it on".to_owned() };
            return self.promote(&trial, &reason).await;
        }
        let (plugin, digest) = (&trial.plugin.name, &trial.plugin.digest);
        tracing::warn!(
            entity = entity.name,
            plugin,
            digest,
            "a candidate waits, {sentence}: `whimbrel plugin promote {} {plugin}` or `plugin reject`",
            self.manifest.file
        );
    }

    async fn promote(&mut self, trial: &Arc<Trial>, reason: &str) {
        let entity = self.entities[trial.entity].clone();
        if !entity.mapper.versions.is_active(&trial.base) {
            // It would bring back what was active when it was probed.
            self.forget(&trial.plugin);
            self.give_up(trial, Kind::Rejected, "another component has changed since it was probed").await;
            return;
        }
        let plugin = &trial.plugin.name;
        let event = Event {
            previous: Some(trial.previous.digest.clone()),
            detail: json!(trial.stands().comparison),
            ..event(&entity, plugin, &trial.plugin.digest, Kind::Promoted, Some(reason))
        };
        let done = self.entities.iter().filter(|other| other.is_ended() && other.uses(plugin));
        let done = done.map(|other| other.name.clone()).collect();
        if !entity.mapper.versions.promote(trial, Announcement::new(vec![event], done), entity.hold.is_held()) {
            return;
        }
        // What it takes the place of may be put back.
        self.forget(&trial.previous);
        let fate = format!("it took over in `{}`, where the version before has taken over again", entity.name);
        self.note(plugin, &trial.plugin.digest, &fate);
        tracing::info!(
            entity = entity.name,
            plugin,
            digest = trial.plugin.digest,
            reason,
            "takes over with the next batch"
        );
        if let Some(offer) = self.offered.get(&trial.plugin.digest) {
            // The next run looks for it where this one did.
            if let Err(failure) = install::install(&self.manifest, offer) {
                tracing::warn!(plugin, "{}", sentence(&failure));
            }
        }
        self.consider_others(&trial.plugin.digest).await;
    }

    /// Lets those that wait for this candidate learn that it has taken over elsewhere.
    async fn consider_others(&mut self, digest: &str) {
        for entity in self.entities.clone() {
            let is_tried = |trial: &Arc<Trial>| trial.plugin.digest == digest;
            if entity.hold.is_yet_to_begin() && entity.mapper.versions.trial().as_ref().is_some_and(is_tried) {
                Box::pin(self.consider(entity.index)).await;
            }
        }
    }

    /// Ends the trial of an entity that has no batch left for the candidate.
    async fn end_trial(&mut self, entity: &Kept, trial: &Arc<Trial>, has_taken_over: bool) {
        if !entity.mapper.versions.give_up(trial) {
            return;
        }
        let standing = trial.stands();
        let reason = format!("the entity has ended; {}", standing.comparison.sentence());
        self.tell_of(trial, Kind::Canary, &reason, json!(standing.comparison)).await;
        if has_taken_over {
            // It will lie there for the next run, which has nothing left to do here.
            let stored = async {
                let mut tx = self.target.begin().await?;
                self.books.store_digest(&mut *tx, &entity.name, &trial.plugin.name, &trial.plugin.digest).await?;
                Ok::<_, Failure>(tx.commit().await?)
            };
            if let Err(failure) = stored.await {
                tracing::warn!(
                    entity = entity.name,
                    "the next run will ask for `--accept-change`: {}",
                    sentence(&failure)
                );
            }
        }
    }

    /// Ends a trial without a promotion; the folder does not bring it again.
    async fn put_out(&mut self, trial: &Arc<Trial>, kind: Kind, reason: &str) {
        if self.give_up(trial, kind, reason).await {
            self.note(&trial.plugin.name, &trial.plugin.digest, &format!("it was {}: {reason}", kind.name()));
        }
    }

    async fn give_up(&self, trial: &Arc<Trial>, kind: Kind, reason: &str) -> bool {
        let entity = &self.entities[trial.entity];
        if !entity.mapper.versions.give_up(trial) {
            return false;
        }
        let (plugin, digest) = (&trial.plugin.name, &trial.plugin.digest);
        tracing::warn!(entity = entity.name, plugin, digest, "a candidate is {}: {reason}", kind.name());
        self.tell_of(trial, kind, reason, json!(trial.stands().comparison)).await;
        true
    }

    async fn tell_of(&self, trial: &Trial, kind: Kind, reason: &str, detail: serde_json::Value) {
        let entity = &self.entities[trial.entity];
        let told = event(entity, &trial.plugin.name, &trial.plugin.digest, kind, Some(reason));
        self.tell(&Event { previous: Some(trial.previous.digest.clone()), detail, ..told }).await;
    }

    /// Stores an event by itself. Where that fails the run will soon fail of the same, and say so.
    async fn tell(&self, event: &Event) {
        let mut tries = 0;
        while let Err(failure) = self.try_to_tell(event).await {
            if !failure.is_transient || tries == RETRIES_MAX {
                let (event, plugin) = (event.kind.name(), &event.plugin);
                return tracing::warn!(event, plugin, "an event is not kept: {}", sentence(&failure));
            }
            tries += 1;
            pause(&event.entity, tries, &failure).await;
        }
    }

    async fn try_to_tell(&self, event: &Event) -> Result<(), Failure> {
        let mut tx = self.target.begin().await?;
        self.books.insert_event(&mut *tx, &self.run, event).await?;
        Ok(tx.commit().await?)
    }
}

fn event(entity: &Kept, plugin: &str, digest: &str, kind: Kind, reason: Option<&str>) -> Event {
    Event {
        plugin: plugin.to_owned(),
        entity: entity.name.clone(),
        kind,
        digest: digest.to_owned(),
        previous: entity.mapper.versions.active().plugin(plugin).map(|active| active.digest.clone()),
        reason: reason.map(str::to_owned),
        detail: json!(null),
    }
}
