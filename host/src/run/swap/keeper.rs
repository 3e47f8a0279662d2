//! The one who decides which versions a run's entities have: takes files and questions, one after another.
//!
//! A task of its own, so that compiling and trying a component costs the entities nothing but time on a core.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::sync::mpsc;

use super::Message;
use super::canary::Trial;
use super::control::Answer;
use super::control::Request;
use super::control::Standing;
use super::history::Announcement;
use super::history::Event;
use super::history::Kind;
use super::install;
use super::kept::Kept;
use super::probe;
use super::probe::Offer;
use super::probe::Probed;
use super::sentence;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::Plan;
use crate::plan::swap::Promote;
use crate::plan::swap::SwapPolicy;
use crate::plugin::digest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::committed::reread;
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
    /// Names and digests that were tried: the folder does not bring them again.
    pub seen: BTreeSet<(String, String)>,
}

impl Keeper {
    /// Works until the run ends.
    pub async fn keep(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            match message {
                Message::Stop => break,
                Message::Asked(request, answer) => {
                    let said = self.asked(request).await;
                    // Whoever asked may have gone.
                    let _ = answer.send(said);
                }
                Message::Dropped { plugin, file } => self.dropped(&plugin, &file).await,
                Message::Compared(entity) | Message::Held(entity) => self.consider(entity).await,
                Message::Ended(entity) => {
                    self.entities[entity].is_ended.store(true, Ordering::Relaxed);
                    self.consider(entity).await;
                }
            }
        }
    }

    /// Returns the names of all components.
    pub fn plugins(&self) -> BTreeSet<String> {
        self.stands(None).into_iter().flat_map(|stands| stands.active.into_keys()).collect()
    }

    async fn asked(&mut self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::done("", self.stands(None)),
            Request::Swap { plugin, file } => match std::fs::read(&file) {
                Ok(bytes) => self.offer(&plugin, &file, bytes).await,
                Err(error) => Answer::refused(format!("cannot read `{}`: {error}", file.display())),
            },
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
        }
    }

    fn decided(&self, plugin: &str, trials: &[Arc<Trial>], verb: &str) -> Answer {
        let stands = self.stands(Some(plugin));
        match trials.first() {
            Some(trial) => Answer::done(format!("{verb} `{plugin}` {}", trial.plugin.digest), stands),
            None => Answer { is_done: false, ..Answer::done(format!("there is no candidate of `{plugin}`"), stands) },
        }
    }

    fn trials(&self, plugin: &str) -> Vec<Arc<Trial>> {
        let trials = self.entities.iter().filter_map(|entity| entity.mapper.versions.trial());
        trials.filter(|trial| trial.plugin.name == plugin).collect()
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
        wanted.map(|(entity, is_held)| entity.stands(is_held)).collect()
    }

    /// Looks at a file that lies where a component is looked for.
    async fn dropped(&mut self, plugin: &str, file: &Path) {
        let Ok(bytes) = std::fs::read(file) else { return };
        let digest = digest(&bytes);
        let is_active = |entity: &Arc<Kept>| {
            entity.mapper.versions.active().plugin(plugin).is_none_or(|active| active.digest == digest)
        };
        if self.entities.iter().all(is_active) {
            return;
        }
        if self.seen.contains(&(plugin.to_owned(), digest)) {
            tracing::debug!(plugin, file = %file.display(), "this version has been tried in this run");
            return;
        }
        tracing::info!(plugin, file = %file.display(), "another version lies in the plugins folder, trying it");
        self.offer(plugin, file, bytes).await;
    }

    /// Tries a file in the place of a component.
    async fn offer(&mut self, plugin: &str, file: &Path, bytes: Vec<u8>) -> Answer {
        let users: Vec<Arc<Kept>> = self.entities.iter().filter(|entity| entity.uses(plugin)).cloned().collect();
        if users.is_empty() {
            let names = self.plugins().into_iter().collect::<Vec<_>>().join(", ");
            return Answer::refused(format!("no entity uses the plugin `{plugin}`; there is {names}"));
        }
        let digest = digest(&bytes);
        let is_other = |entity: &&Arc<Kept>| {
            entity.mapper.versions.active().plugin(plugin).is_some_and(|active| active.digest != digest)
        };
        let wanted: Vec<Arc<Kept>> = users.iter().filter(is_other).cloned().collect();
        if wanted.is_empty() {
            return Answer::done(format!("`{plugin}` {digest} is active already"), self.stands(Some(plugin)));
        }
        let wanted: Vec<Arc<Kept>> = wanted.into_iter().filter(|entity| !entity.is_ended()).collect();
        if wanted.is_empty() {
            return Answer::refused(format!("every entity that uses `{plugin}` has ended"));
        }
        self.seen.insert((plugin.to_owned(), digest.clone()));
        let offer = Offer { plugin: plugin.to_owned(), bytes: bytes.into(), file: file.into() };
        for entity in &wanted {
            self.tell(&event(entity, plugin, &digest, Kind::Candidate, None)).await;
        }
        let probed = probe::probe(&offer, &self.manifest, &self.plan, &wanted, &*self.target, &self.books).await;
        let probed = match probed {
            Ok(probed) => probed,
            Err(reason) => {
                for entity in &wanted {
                    self.tell(&event(entity, plugin, &digest, Kind::Refused, Some(&reason))).await;
                }
                tracing::warn!(plugin, digest, file = %file.display(), "a candidate is refused: {reason}");
                return Answer { entities: self.stands(Some(plugin)), ..Answer::refused(reason) };
            }
        };
        self.offered.insert(digest.clone(), offer);
        for probed in probed {
            self.begin_trial(probed).await;
        }
        let is_tried = self.trials(plugin).iter().any(|trial| trial.plugin.digest == digest);
        let is_out = !is_tried && !users.iter().any(|entity| !is_other(&entity));
        let message = match (is_out, is_tried) {
            (true, _) => {
                return Answer { entities: self.stands(Some(plugin)), ..Answer::refused("it failed its canary") };
            }
            (false, true) => format!("`{plugin}` {digest} is a candidate"),
            (false, false) => format!("`{plugin}` {digest} takes over with the next batch"),
        };
        Answer::done(message, self.stands(Some(plugin)))
    }

    async fn begin_trial(&mut self, probed: Probed) {
        let Probed { entity, plugin, previous, version } = probed;
        let policy = SwapPolicy::of(self.manifest.tables.plugin.get(&plugin.name));
        let trial = Arc::new(Trial::new(plugin, previous, entity, version, policy, self.told.clone()));
        if let Some(before) = self.entities[entity].mapper.versions.try_out(trial) {
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
            if let Err(reason) = self.compare_committed(&entity, &trial).await {
                return self.put_out(&trial, Kind::Refused, &reason).await;
            }
            trial.decide();
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

    /// Compares a candidate on the last batches that were committed.
    async fn compare_committed(&self, entity: &Arc<Kept>, trial: &Arc<Trial>) -> Result<(), String> {
        let said = |failure: Failure| sentence(&failure);
        let batches = entity.committed(&*self.target, &self.books, trial.left()).await.map_err(said)?;
        let mut source = entity.origin.open().await.map_err(|error| sentence(&error))?;
        for committed in batches {
            let batch = reread(&mut *source, &committed).await.map_err(said)?;
            let (entity, trial) = (entity.clone(), trial.clone());
            let compared = tokio::task::spawn_blocking(move || {
                // A batch that the active version has committed and now cannot map says nothing about the candidate.
                if let Ok(active) = entity.mapper.map_only(&entity.mapper.versions.active(), batch.clone()) {
                    trial.compare(&entity.mapper, batch, &active);
                }
            });
            compared.await.map_err(|error| format!("comparing panicked: {error}"))?;
        }
        Ok(())
    }

    async fn promote(&mut self, trial: &Arc<Trial>, reason: &str) {
        let entity = &self.entities[trial.entity];
        let plugin = &trial.plugin.name;
        let event = Event {
            previous: Some(trial.previous.digest.clone()),
            detail: json!(trial.stands().comparison),
            ..event(entity, plugin, &trial.plugin.digest, Kind::Promoted, Some(reason))
        };
        let done = self.entities.iter().filter(|other| other.is_ended() && other.uses(plugin));
        let done = done.map(|other| other.name.clone()).collect();
        if !entity.mapper.versions.promote(trial, Announcement::new(vec![event], done)) {
            return;
        }
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

    /// Ends a trial without a promotion.
    async fn put_out(&mut self, trial: &Arc<Trial>, kind: Kind, reason: &str) {
        let entity = &self.entities[trial.entity];
        if !entity.mapper.versions.give_up(trial) {
            return;
        }
        let (plugin, digest) = (&trial.plugin.name, &trial.plugin.digest);
        tracing::warn!(entity = entity.name, plugin, digest, "a candidate is {}: {reason}", kind.name());
        self.tell_of(trial, kind, reason, json!(trial.stands().comparison)).await;
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
