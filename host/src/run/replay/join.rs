//! Records that join merged ones behind a replay: groups that they belong to are merged again, and new groups are read on.

use super::Replay;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::record::Position;
use crate::run::bookkeeping::Known as KnownBy;
use crate::run::commit::CommitError;
use crate::run::commit::Committer;
use crate::run::committed::Known;
use crate::run::committed::last_word;
use crate::run::entity::Member;
use crate::run::finish;
use crate::run::ledger;
use crate::run::merge::Late;
use crate::run::progress::Progress;
use crate::run::repair;
use crate::run::report::State;
use crate::run::shutdown::Shutdown;

/// Groups that one commit makes records of.
const GROUPS: ReadLimit = ReadLimit { records: 500, bytes: 16 << 20 };

impl Replay<'_> {
    /// Takes in what was gathered for a merged entity since it was complete. A prediction gathers it, and leaves it at that.
    pub(super) async fn join(&mut self, index: usize, shutdown: &Shutdown) -> Result<(), Failure> {
        let plan = &self.opened.plan.entities[index];
        if plan.merges.is_empty() || !self.options.execute || self.entities[index].checkpoint.batches == 0 {
            return Ok(());
        }
        let target = self.opened.target.clone();
        let stood = self.entities[index].checkpoint.clone();
        let mut after = KnownBy::default();
        self.waiting.retain(|(entity, _)| *entity != index);
        while !shutdown.is_asked() {
            let late = Late::some(&*target, self.work.books, &plan.name, &after).await?;
            let Some(last) = late.last() else { break };
            after = last.known.clone();
            for mut group in late {
                if group.number <= stood.position.document {
                    group.hold_id(&*target, self.work.books, &plan.name).await?;
                    if let Some(why) = self.merge_again(index, &group).await? {
                        self.waiting.push((index, format!("`{}` in `{}`: {why}", group.shown(), plan.name)));
                        continue;
                    }
                }
                group.forget(&*target, self.work.books, &plan.name).await?;
                crate::stop_point!("replay-page");
                self.moved += 1;
            }
        }
        // What an entity that was not complete has yet to read, the next run reads.
        if stood.state == State::Completed && !shutdown.is_asked() {
            self.read_on(index, shutdown).await?;
        }
        Ok(())
    }

    /// Writes the record of a group again that others have joined; returns why that cannot be, and the group stays what it
    /// was. One that is dead is tried with them when its turn comes.
    async fn merge_again(&mut self, index: usize, group: &Late) -> Result<Option<String>, Failure> {
        let name = &self.opened.plan.entities[index].name;
        let checkpoint = self.entities[index].checkpoint.clone();
        let known = last_word(&*self.opened.target, self.work.books, name, group.number).await?;
        let Some(known) = known.filter(|known| !known.fate.is_kept_back()) else { return Ok(None) };
        if let Some(why) = group.is_too_large() {
            return Ok(Some(why));
        }
        let batch = group.batch(name, checkpoint.position.clone())?;
        // That its members are others than before is known.
        let source = ledger::source_digest(batch.body(&batch.records[0]));
        let known = Known { source, ..known };
        let committer = self.committer(index);
        let (checkpoint, why) = repair::rewrite(self.opened, committer, index, checkpoint, batch, &known).await?;
        self.entities[index].checkpoint = checkpoint;
        Ok(why)
    }

    /// Makes records of the groups that are new, and completes the entity again.
    async fn read_on(&mut self, index: usize, shutdown: &Shutdown) -> Result<(), Failure> {
        let mut source = self.opened.origins[index].open().await?;
        let mapper = self.entities[index].mapper.clone();
        let mut has_read = false;
        loop {
            let entity = &mut self.entities[index];
            let after: &Position = &entity.checkpoint.position;
            let Some(batch) = source.read(after, GROUPS).await? else { break };
            let (mapper, records) = (mapper.clone(), batch.records.len() as u64);
            let resolved = tokio::task::spawn_blocking(move || mapper.map(batch))
                .await
                .map_err(|error| Failure::bug("mapping groups panicked").cause(error))??;
            entity.checkpoint = entity.committer.commit(&entity.checkpoint, &resolved).await.map_err(failed)?;
            (has_read, self.moved) = (true, self.moved + records);
        }
        if !has_read && self.entities[index].checkpoint.state == State::Completed {
            return Ok(());
        }
        let plan = &self.opened.plan.entities[index];
        let mut members = [Member {
            index,
            mapper,
            committer: self.committer(index),
            checkpoint: self.entities[index].checkpoint.clone(),
            read: Some(source.state_at_end()),
            advanced: Vec::new(),
            progress: Progress::new(false, 1, 0).entity(&plan.name, 0, None),
        }];
        finish::finish(&mut members, shutdown).await.map_err(|(_, error)| failed(error))?;
        let [member] = members;
        self.entities[index].checkpoint = member.checkpoint;
        Ok(())
    }

    /// Fails where records have joined groups that cannot be merged with them: they wait, and the next replay tries again.
    pub(super) fn check_waiting(&self) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let lines: String = self.waiting.iter().map(|(_, line)| format!("\n  {line}")).collect();
        Err(Failure::failed(format!("records that have joined others cannot be merged with them:{lines}"))
            .hint("these stay as they were, and the records wait: mend the merger, its configuration or the data, and replay again"))
    }

    fn committer(&self, index: usize) -> Committer {
        repair::committer(self.opened, self.work.books, self.work.run, index)
    }
}

fn failed(error: CommitError) -> Failure {
    match error {
        CommitError::Failure(failure) => failure,
        CommitError::OverBudget(letters) => Failure::failed(format!(
            "{} groups that records have joined would be dead letters, more than `dead-letters-max` bears",
            letters.len()
        ))
        .hint("with a larger `dead-letters-max` the same command goes on"),
    }
}
