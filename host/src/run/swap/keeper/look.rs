//! A file that is looked at for the entities of a run, by tasks of their own: the keeper can be asked meanwhile.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Keeper;
use super::event;
use crate::connector::Target;
use crate::error::Failure;
use crate::plugin::digest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::committed::reread;
use crate::run::swap::Message;
use crate::run::swap::canary::Trial;
use crate::run::swap::control::Answer;
use crate::run::swap::history::Kind;
use crate::run::swap::kept::Kept;
use crate::run::swap::probe;
use crate::run::swap::probe::Offer;
use crate::run::swap::probe::Probed;
use crate::run::swap::sentence;

/// A file on its way to its trials; there is one a component at most.
pub struct Look {
    /// The file.
    pub offer: Offer,
    /// Its digest.
    pub digest: String,
    /// The entities it is looked at for.
    pub entities: Vec<Arc<Kept>>,
    /// Whoever wants to know what becomes of it.
    pub asker: Option<oneshot::Sender<Answer>>,
    /// Whether its probe has ended.
    pub is_probed: bool,
    /// Why the probe refused it, where it did.
    pub refusal: Option<String>,
    /// Files for the same component that came meanwhile: their turn is next.
    pub waiting: Vec<Message>,
}

impl Keeper {
    /// Begins to look at a file for the entities that could be mapped by it.
    pub(super) async fn offer(&mut self, offer: Offer, asker: Option<oneshot::Sender<Answer>>) {
        let digest = digest(&offer.bytes);
        let plugin = &offer.plugin;
        let entities = match self.takers(plugin, &digest) {
            Ok(entities) => entities,
            // Whoever asked may have gone.
            Err(answer) => return asker.into_iter().for_each(|asker| drop(asker.send(answer.clone()))),
        };
        self.note(plugin, &digest, "it was being tried");
        for entity in &entities {
            self.tell(&event(entity, plugin, &digest, Kind::Candidate, None)).await;
        }
        self.probe(&offer, &entities);
        let (is_probed, refusal, waiting) = (false, None, Vec::new());
        let look = Look { offer: offer.clone(), digest, entities, asker, is_probed, refusal, waiting };
        self.looks.insert(offer.plugin, look);
    }

    /// Returns the entities that a file is for, or what there is to say where it is for none.
    fn takers(&self, plugin: &str, digest: &str) -> Result<Vec<Arc<Kept>>, Answer> {
        let users = || self.entities.iter().filter(|entity| entity.uses(plugin));
        if users().next().is_none() {
            let names = self.plugins().into_iter().collect::<Vec<_>>().join(", ");
            return Err(Answer::refused(format!("no entity uses the plugin `{plugin}`; there is {names}")));
        }
        let others = || users().filter(|entity| !entity.is_mapped_by(plugin, digest));
        if others().next().is_none() {
            return Err(Answer::done(format!("`{plugin}` {digest} is active already"), self.stands(Some(plugin))));
        }
        let takers: Vec<Arc<Kept>> = others().filter(|entity| !entity.is_ended()).cloned().collect();
        if takers.is_empty() {
            return Err(Answer::refused(format!("every entity that uses `{plugin}` has ended")));
        }
        Ok(takers)
    }

    /// Begins a probe; the keeper is told how it ends.
    fn probe(&mut self, offer: &Offer, entities: &[Arc<Kept>]) {
        let (offer, entities) = (offer.clone(), entities.to_vec());
        let (manifest, plan, target) = (self.manifest.clone(), self.plan.clone(), self.target.clone());
        let (books, told) = (self.books.clone(), self.told.clone());
        self.tasks.spawn(async move {
            let outcome = probe::probe(&offer, &manifest, &plan, &entities, &*target, &books).await;
            // A run that has ended tries nothing.
            let _ = told.send(Message::Probed { plugin: offer.plugin, outcome });
        });
    }

    /// Begins the trials of a file that came through its probe.
    pub(super) async fn probed(&mut self, plugin: &str, outcome: Result<Vec<Probed>, String>) {
        let Some(look) = self.looks.get_mut(plugin) else { return };
        let (offer, digest, entities) = (look.offer.clone(), look.digest.clone(), look.entities.clone());
        look.is_probed = true;
        let probed = match outcome {
            Ok(probed) => probed,
            Err(reason) => {
                look.refusal = Some(reason.clone());
                self.note(plugin, &digest, &format!("it was refused: {reason}"));
                for entity in &entities {
                    self.tell(&event(entity, plugin, &digest, Kind::Refused, Some(&reason))).await;
                }
                return tracing::warn!(
                    plugin,
                    digest,
                    file = %offer.file.display(),
                    "a candidate is refused: {reason}"
                );
            }
        };
        let is_active = |probed: &Probed| self.entities[probed.entity].mapper.versions.is_active(&probed.base);
        if !probed.iter().all(is_active) {
            // Another component has taken over meanwhile, or was swapped back: it would go with the candidate.
            look.is_probed = false;
            return self.probe(&offer, &entities);
        }
        self.offered.insert(digest, offer);
        for probed in probed {
            self.begin_trial(probed).await;
        }
    }

    /// Tells those who asked what became of their files, where nothing of that is left to be found out.
    pub(super) fn end_looks(&mut self) {
        let is_compared = |plugin: &str| {
            let mut of_it = self.compared.iter().filter(|trial| trial.plugin.name == plugin);
            of_it.any(|trial| self.entities[trial.entity].tries(trial))
        };
        let ended = self.looks.iter().filter(|(plugin, look)| look.is_probed && !is_compared(plugin));
        let ended: Vec<String> = ended.map(|(plugin, _)| plugin.clone()).collect();
        for look in ended.iter().filter_map(|plugin| self.looks.remove(plugin)).collect::<Vec<_>>() {
            let answer = self.became(&look);
            // Whoever asked may have gone.
            look.asker.into_iter().for_each(|asker| drop(asker.send(answer.clone())));
            for message in look.waiting {
                // A run that has ended tries nothing.
                let _ = self.told.send(message);
            }
        }
    }

    /// Says what became of a file.
    fn became(&self, look: &Look) -> Answer {
        let (plugin, digest) = (&look.offer.plugin, &look.digest);
        let is_active = || look.entities.iter().any(|entity| entity.is_mapped_by(plugin, digest));
        let stands = self.stands(Some(plugin));
        let no = |reason: String| Answer { entities: stands.clone(), ..Answer::refused(reason) };
        if let Some(reason) = &look.refusal {
            return no(reason.clone());
        }
        if self.tries(plugin, digest) {
            return Answer::done(format!("`{plugin}` {digest} is a candidate"), stands);
        }
        if is_active() {
            return Answer::done(format!("`{plugin}` {digest} takes over with the next batch"), stands);
        }
        if look.entities.iter().all(|entity| entity.is_ended()) {
            return no(format!("every entity that uses `{plugin}` has ended"));
        }
        let fate = self.seen.get(&(plugin.clone(), digest.clone()));
        no(fate.cloned().unwrap_or_else(|| "another candidate came".to_owned()))
    }

    /// Begins to compare a candidate on the batches that were committed; the keeper is told when that is done.
    pub(super) fn compare(&mut self, entity: &Arc<Kept>, trial: &Arc<Trial>) {
        if self.compared.iter().any(|compared| Arc::ptr_eq(compared, trial)) {
            return;
        }
        self.compared.push(trial.clone());
        let (entity, trial, target) = (entity.clone(), trial.clone(), self.target.clone());
        let (books, told) = (self.books.clone(), self.told.clone());
        self.tasks.spawn(async move {
            let outcome = compare_committed(&entity, &trial, &*target, &books).await;
            // A run that has ended tries nothing.
            let _ = told.send(Message::Reread { trial, outcome });
        });
    }
}

/// Compares a candidate on the last batches that were committed, as long as it is one.
async fn compare_committed(
    entity: &Arc<Kept>,
    trial: &Arc<Trial>,
    target: &dyn Target,
    books: &Bookkeeping,
) -> Result<(), String> {
    let said = |failure: Failure| sentence(&failure);
    let batches = entity.committed(target, books, trial.left()).await.map_err(said)?;
    let mut source = entity.origin.open().await.map_err(|error| sentence(&error))?;
    for committed in batches {
        if !entity.tries(trial) {
            break;
        }
        let Some(batch) = reread(&mut *source, &committed).await.map_err(said)? else { continue };
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
