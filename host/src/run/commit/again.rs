//! Commits of records that were committed before: dead letters that are tried again, records that waited for a parent, rows
//! that are written again.
//!
//! They go the way of every batch, but for this: the position stays, fates move and none is added. A budget is judged only
//! of what was parked: that was no dead letter before.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use super::Committer;
use super::account::Outcome;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::record::Position;
use crate::record::Value;
use crate::run::bookkeeping::Attempt;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeadLetter;
use crate::run::bookkeeping::EntryKind;
use crate::run::bookkeeping::RecordPlace;
use crate::run::bookkeeping::Review;
use crate::run::bookkeeping::StoredLetter;
use crate::run::claimed::RowKey;
use crate::run::layout::Dead;
use crate::run::layout::Layout;
use crate::run::ledger;
use crate::run::ledger::Fate;
use crate::run::ledger::Packer;
use crate::run::ledger::RowFate;
use crate::run::parents::MISSING_PARENT;
use crate::run::parked;
use crate::run::report::Fates;
use crate::run::report::State;
use crate::run::report::add_rows;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;
use crate::run::resolve::Settled;
use crate::run::transform::Refused;

/// What a commit is of, where it is not of the source's next records.
#[derive(Debug, Clone, Default)]
pub enum Again {
    /// It is of these.
    #[default]
    No,
    /// Of dead letters: one a record, in order.
    Replay(Arc<Vec<StoredLetter>>),
    /// Of records that waited for a parent.
    Parked(Arc<Wave>),
    /// Of records whose rows are written again. One that the target refuses ends it.
    Repair(Arc<Rewrite>),
}

/// Records that waited for a parent.
#[derive(Debug)]
pub struct Wave {
    /// One a record, in order.
    pub letters: Vec<StoredLetter>,
    /// The wave in which what waits for these comes.
    pub number: i64,
    /// Nothing comes any more: a parent that is not there is missing, and this is why, by the record's number in the source.
    pub last: Option<HashMap<u64, String>>,
}

/// What may be done to rows that were written before.
#[derive(Debug, Default)]
pub struct Rewrite {
    /// How each record of the batch ended before, in order.
    pub before: Vec<Fate>,
    /// Why those of them were left out that were.
    pub skipped: Vec<String>,
    /// Rows whose values may be replaced.
    pub ours: HashSet<RowKey>,
    /// Rows that are left as they stand, with the digest that the ledger has of them.
    pub kept: HashMap<RowKey, u64>,
    /// Rows to be removed: index of the table in the entity's plan, and key.
    pub removed: Vec<(usize, Vec<Value>)>,
    /// Rows that come out of their record no more and stay all the same: the record, the table, the key, and the digest
    /// that the ledger has of them.
    pub stays: Vec<(usize, usize, Vec<u8>, u64)>,
    /// How far the repair has come with this commit, and of which entity.
    pub review: Option<(String, Review)>,
}

/// How one record that was committed again has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its fate now.
    pub fate: Fate,
    /// Why it is dead again.
    pub again: Option<DeadLetter>,
}

impl Again {
    pub(super) fn kind(&self) -> EntryKind {
        match self {
            Self::No => EntryKind::Batch,
            Self::Replay(_) | Self::Parked(_) => EntryKind::Replay,
            Self::Repair(_) => EntryKind::Repair,
        }
    }

    /// Returns why records of it were left out before.
    pub(super) fn skipped_before(&self) -> &[String] {
        match self {
            Self::Repair(rewrite) => &rewrite.skipped,
            // A letter was dead, or parked.
            Self::No | Self::Replay(_) | Self::Parked(_) => &[],
        }
    }

    /// Returns whether records may be left waiting for a parent.
    pub(super) fn parks(&self) -> bool {
        match self {
            Self::No => true,
            Self::Parked(wave) => wave.last.is_none(),
            Self::Replay(_) | Self::Repair(_) => false,
        }
    }

    /// Returns why a record is set aside; of one whose parent will never come, also why not.
    pub(super) fn message(&self, document: u64, refused: &Refused) -> String {
        let chain = match self {
            Self::Parked(wave) if refused.code == MISSING_PARENT => wave.last.as_ref(),
            _ => None,
        };
        match chain.and_then(|chain| chain.get(&document)) {
            Some(chain) => format!("{}{chain}", refused.message),
            None => refused.message.clone(),
        }
    }

    /// Returns the records that would be left out for want of a parent though their rows stand: these would stay.
    pub(super) fn lost(&self, layout: &Layout) -> Dead {
        let Self::Repair(rewrite) = self else { return Dead::new() };
        let stands = |record: usize| matches!(rewrite.before.get(record), Some(Fate::Written | Fate::Unchanged));
        let lost = layout.skipped.iter().filter(|(record, _)| stands(**record));
        lost.map(|(record, left_out)| (*record, left_out.refused.clone())).collect()
    }

    /// The checkpoint behind the commit: fates move from where they were, and nothing more was read.
    pub(super) fn moves(
        &self,
        entity: &EntityPlan,
        from: &Checkpoint,
        outcome: &Outcome,
    ) -> Result<Checkpoint, Failure> {
        let mut to = Checkpoint { batches: from.batches + 1, ..from.clone() };
        let gone = match self {
            Self::No => Fates::default(),
            Self::Replay(letters) => {
                add_rows(&mut to.rows, &outcome.rows);
                for (table, count) in letters.iter().flat_map(|stored| &stored.letter.refused) {
                    if let Some(rows) = to.rows.get_mut(table) {
                        rows.refused = rows.refused.saturating_sub(*count);
                    }
                }
                Fates { dead: letters.len() as u64, ..Fates::default() }
            }
            Self::Parked(wave) => {
                add_rows(&mut to.rows, &outcome.rows);
                for (table, count) in wave.letters.iter().flat_map(|stored| &stored.letter.refused) {
                    if let Some(rows) = to.rows.get_mut(table) {
                        rows.deferred = rows.deferred.saturating_sub(*count);
                    }
                }
                Fates { parked: wave.letters.len() as u64, ..Fates::default() }
            }
            Self::Repair(rewrite) => {
                for (table, counts) in &outcome.rows {
                    let rows = to.rows.entry(table.clone()).or_default();
                    rows.inserted += counts.inserted;
                    rows.deferred += counts.deferred;
                }
                for (table, _) in &rewrite.removed {
                    if let Some(rows) = to.rows.get_mut(&entity.tables[*table].schema.name) {
                        rows.inserted = rows.inserted.saturating_sub(1);
                    }
                }
                let mut gone = Fates::default();
                for before in &rewrite.before {
                    match before {
                        Fate::Written => gone.written += 1,
                        Fate::Unchanged => gone.unchanged += 1,
                        Fate::Skipped => gone.skipped += 1,
                        Fate::Dead => gone.dead += 1,
                        Fate::Parked => gone.parked += 1,
                        Fate::Merged => gone.merged += 1,
                    }
                }
                gone
            }
        };
        let moved = |total: u64, gone: u64, come: u64| (total + come).checked_sub(gone);
        let fates = &mut to.fates;
        let moves = [
            (&mut fates.written, gone.written, outcome.fates.written),
            (&mut fates.unchanged, gone.unchanged, outcome.fates.unchanged),
            (&mut fates.skipped, gone.skipped, outcome.fates.skipped),
            (&mut fates.dead, gone.dead, outcome.fates.dead),
            (&mut fates.parked, gone.parked, outcome.fates.parked),
            (&mut fates.merged, gone.merged, outcome.fates.merged),
        ];
        let mut is_sound = true;
        for (total, gone, come) in moves {
            let now = moved(*total, gone, come);
            is_sound &= now.is_some();
            *total = now.unwrap_or_default();
        }
        if !is_sound || to.fates.read != from.fates.read || to.fates.read != to.fates.sum() {
            return Err(Failure::bug(format!(
                "{} records were read before, and {} would have a fate behind this commit",
                from.fates.read,
                to.fates.sum()
            )));
        }
        Ok(to)
    }
}

impl Committer {
    /// Commits records that were committed before, from the checkpoint where the entity stands. The batch ends there.
    pub async fn commit_again(
        &mut self,
        from: &Checkpoint,
        resolved: &Resolved,
        again: Again,
    ) -> Result<(Checkpoint, Vec<Ended>), super::CommitError> {
        if resolved.batch.end != from.position {
            return Err(Failure::bug(format!("`{}`: records committed again would move it", self.entity().name)).into());
        }
        self.again = again;
        self.ended.clear();
        let committed = self.try_commit(from, resolved).await;
        self.again = Again::No;
        Ok((committed?, std::mem::take(&mut self.ended)))
    }

    /// As [`Self::commit_again`], of records that waited for a parent; returns which others may wait no more.
    pub async fn commit_wave(
        &mut self,
        from: &Checkpoint,
        resolved: &Resolved,
        wave: Arc<Wave>,
    ) -> Result<(Checkpoint, Vec<RecordPlace>), super::CommitError> {
        let (checkpoint, _) = self.commit_again(from, resolved, Again::Parked(wave)).await?;
        Ok((checkpoint, std::mem::take(&mut self.woken)))
    }

    /// Stores what became of dead letters and of what waits, or new ones.
    pub(super) async fn end_letters(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        outcome: &Outcome,
        letters: Vec<DeadLetter>,
    ) -> Result<Vec<Ended>, TargetError> {
        let name = &self.entity().name;
        let parked = self.parked_letters(resolved, layout);
        if matches!(self.again, Again::No) {
            self.books.forget_provisional(tx, name).await?;
            self.books.insert_dead_letters(tx, name, &self.run, false, &letters).await?;
            self.books.insert_parked_letters(tx, name, &self.run, &parked).await?;
            self.park(tx, resolved, layout).await?;
            return Ok(Vec::new());
        }
        let mut fates: Vec<(u64, Fate)> = Vec::with_capacity(resolved.records.len());
        let is_whole = ledger::records(&outcome.packed, &mut |record| fates.push((record.document, record.fate)));
        debug_assert!(is_whole.is_some(), "this entry has just been packed");
        let mut again: BTreeMap<u64, DeadLetter> =
            letters.into_iter().chain(parked).map(|letter| (letter.document, letter)).collect();
        let ended: Vec<Ended> =
            fates.into_iter().map(|(document, fate)| Ended { fate, again: again.remove(&document) }).collect();
        if let Again::Repair(rewrite) = &self.again
            && let Some((part, review)) = &rewrite.review
        {
            self.books.save_review(tx, "repair", part, review).await?;
        }
        let stored = match &self.again {
            Again::Replay(stored) => stored.as_slice(),
            Again::Parked(wave) => wave.letters.as_slice(),
            Again::No | Again::Repair(_) => &[],
        };
        let digest = resolved.plugin.digest.as_str();
        let attempts = stored.iter().zip(&ended).map(|(stored, ended)| Attempt {
            stored,
            fate: ended.fate.name(),
            digest,
            again: ended.again.as_ref(),
        });
        match &self.again {
            Again::Parked(wave) => {
                let kept: Vec<Attempt<'_>> = attempts.filter(|attempt| attempt.again.is_some()).collect();
                self.books.end_attempts(tx, name, &self.run, &kept).await?;
                let all = || wave.letters.iter().zip(&ended);
                let placed: Vec<&StoredLetter> =
                    all().filter(|(_, ended)| ended.again.is_none()).map(|(stored, _)| stored).collect();
                self.books.forget_parked_letters(tx, name, &placed).await?;
                // What a record waited for in vain tells others why they do.
                let is_in_vain = |ended: &Ended| {
                    wave.last.is_some() && ended.again.as_ref().is_some_and(|letter| letter.code == MISSING_PARENT)
                };
                let documents = all().filter(|(_, ended)| !is_in_vain(ended)).map(|(stored, _)| stored.letter.document);
                self.books.forget_parked(tx, name, &documents.collect::<Vec<_>>()).await?;
                self.park(tx, resolved, layout).await?;
            }
            _ => self.books.end_attempts(tx, name, &self.run, &attempts.collect::<Vec<_>>()).await?,
        }
        Ok(ended)
    }

    /// Stores what the records wait for that are parked, and by which keys others may wait for them.
    async fn park(&self, tx: &mut dyn Transaction, resolved: &Resolved, layout: &Layout) -> Result<(), TargetError> {
        let entity = self.entity();
        let (mut waits, mut gives) = (Vec::new(), Vec::new());
        for (&record, parked) in &layout.parked {
            let Settled::Rows(range) = &resolved.records[record] else { continue };
            let document = resolved.batch.records[record].document;
            waits.extend(parked.waits.iter().map(|key| (document, key.clone())));
            let values = |row: usize| resolved.rows[row].values.as_slice();
            let keys = parked::key::gives(&self.plan, entity, resolved, record, range.clone(), values);
            gives.extend(keys.into_iter().map(|key| (document, key)));
        }
        self.books.insert_parked(tx, &entity.name, &waits, &gives).await
    }

    /// Notes what has come with records that waited themselves; returns those that waited for it.
    pub(super) async fn wake(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        dead: &Dead,
    ) -> Result<Vec<RecordPlace>, TargetError> {
        let Again::Parked(wave) = &self.again else { return Ok(Vec::new()) };
        let mut come = Vec::new();
        for &record in layout.records.iter().filter(|record| !dead.contains_key(record)) {
            let Settled::Rows(range) = &resolved.records[record] else { continue };
            let values = |row: usize| layout.values(resolved, row);
            come.extend(parked::key::gives(&self.plan, self.entity(), resolved, record, range.clone(), values));
        }
        self.books.wake(tx, &come, wave.number).await
    }

    /// Forgets which references were NULL in rows that are written again.
    pub(super) async fn forget_nulled(
        &self,
        tx: &mut dyn Transaction,
        from: &Checkpoint,
        resolved: &Resolved,
        is_changed: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<(), TargetError> {
        if !matches!(self.again, Again::Repair(_)) {
            return Ok(());
        }
        let entity = self.entity();
        for (_, row) in resolved.rows.iter().enumerate().filter(|(row, _)| is_changed(*row)) {
            let table = &entity.tables[row.table];
            if !table.references.is_empty() {
                let waits = from.state != State::Completed;
                self.books.forget_nulled_of(tx, &entity.name, &table.schema.name, &row.key, waits).await?;
            }
        }
        Ok(())
    }

    /// Removes the rows that no longer come out of their records.
    pub(super) async fn remove(&self, tx: &mut dyn Transaction) -> Result<(), super::Attempt> {
        let Again::Repair(rewrite) = &self.again else { return Ok(()) };
        let mut by_table: BTreeMap<usize, Vec<Vec<Value>>> = BTreeMap::new();
        for (table, key) in &rewrite.removed {
            by_table.entry(*table).or_default().push(key.clone());
        }
        // Children before their parents.
        for (table, keys) in by_table.into_iter().rev() {
            let table = &self.entity().tables[table];
            tx.delete(&table.schema, &table.key, &keys).await?;
        }
        Ok(())
    }

    /// Returns the first of the records and where they end, as the ledger has it.
    pub(super) fn documents(&self, resolved: &Resolved, to: &Checkpoint) -> (u64, Position) {
        let documents = || resolved.batch.records.iter().map(|record| record.document);
        match self.again {
            Again::No => {
                let first = documents().next().unwrap_or(to.position.document);
                (first, to.position.clone())
            }
            Again::Replay(_) | Again::Parked(_) | Again::Repair(_) => {
                let document = documents().max().unwrap_or_default();
                (documents().min().unwrap_or_default(), Position { document, token: String::new() })
            }
        }
    }

    /// Adds to the ledger which rows of a record stay though they come out of it no more.
    pub(super) fn pack_staying(&self, packer: &mut Packer, record: usize) {
        let Again::Repair(rewrite) = &self.again else { return };
        for (_, table, key, digest) in rewrite.stays.iter().filter(|(of, ..)| *of == record) {
            packer.row(*table, &RowFate::Unchanged, key, *digest);
        }
    }

    /// Returns the ledger's digest of a row that is left as it stands.
    pub(super) fn kept_digest(&self, row: &ResolvedRow) -> Option<u64> {
        let Again::Repair(rewrite) = &self.again else { return None };
        if rewrite.kept.is_empty() {
            return None;
        }
        let name = self.entity().tables[row.table].schema.name.clone();
        rewrite.kept.get(&(name, row.key.clone())).copied()
    }

    /// Returns whether a row may be replaced; `None` where that is for `on-conflict` to say.
    pub(super) fn may_replace(&self, row: &ResolvedRow) -> Option<bool> {
        let Again::Repair(rewrite) = &self.again else { return None };
        let name = self.entity().tables[row.table].schema.name.clone();
        Some(rewrite.ours.contains(&(name, row.key.clone())))
    }

    /// Returns how a record ends whose rows stand there: one that was written before stays so.
    pub(super) fn fate_of(&self, record: usize, fate: Fate) -> Fate {
        match &self.again {
            Again::Repair(rewrite) if fate == Fate::Unchanged => match rewrite.before.get(record) {
                Some(Fate::Written) => Fate::Written,
                _ => fate,
            },
            _ => fate,
        }
    }
}
