//! The last stage: one target transaction holds a batch's rows, dead letters, ledger entry and the new checkpoint.
//!
//! The only place that begins a target transaction for rows. A row that the target refuses makes its record a dead
//! letter while the rest of the batch is written.

mod account;
mod again;
mod defer;
mod gather;
mod sift;
mod write;

use std::collections::HashSet;
use std::sync::Arc;

pub(super) use account::STANDS;
use account::advance;
use account::conserve;
pub use again::Again;
pub use again::Ended;
pub use again::Rewrite;
pub use again::Wave;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::DeadLetter;
use super::bookkeeping::Entry;
use super::bookkeeping::RecordPlace;
use super::budget::Reserved;
use super::budget::RunBudget;
use super::claimed::Claimed;
use super::claimed::RowKey;
use super::layout::Layout;
use super::layout::LayoutError;
use super::layout::Place;
use super::ledger::RowFate;
use super::merge;
use super::numbering;
use super::numbering::Numbered;
use super::parents::Parents;
use super::resolve::Resolved;
use super::retry;
use super::retry::RETRIES_MAX;
use super::shown::Committed;
use super::shown::ShowRows;
use super::swap::history::Announcement;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::OnConflict;
use crate::plan::Plan;

/// Writes the batches of one entity.
pub struct Committer {
    plan: Arc<Plan>,
    entity: usize,
    target: Arc<dyn Target>,
    books: Bookkeeping,
    run: String,
    run_budget: Arc<RunBudget>,
    claimed: Claimed,
    /// Whether the target has refused many records of the batch before.
    refuses_many: bool,
    again: Again,
    ended: Vec<Ended>,
    /// Records that may wait no more.
    woken: Vec<RecordPlace>,
    /// What the batch at hand has to say of the component that made it.
    announcement: Option<Announcement>,
    /// Sees every batch that is committed.
    show_rows: Option<Arc<ShowRows>>,
}

/// Why a batch was not committed.
#[derive(Debug)]
pub enum CommitError {
    /// More dead letters than are borne; they are kept as provisional.
    OverBudget(Vec<DeadLetter>),
    /// Nothing to be done about it here.
    Failure(Failure),
}

impl CommitError {
    /// Returns whether another version of a component could go on.
    pub fn is_of_plugin(&self) -> bool {
        match self {
            Self::OverBudget(letters) => {
                letters.iter().any(|letter| letter.plugin.is_some() && letter.stage != "write")
            }
            Self::Failure(failure) => failure.plugin.is_some(),
        }
    }
}

impl<E: Into<Failure>> From<E> for CommitError {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// Why one attempt came to nothing.
enum Attempt {
    Target(TargetError),
    Commit(CommitError),
}

impl From<TargetError> for Attempt {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<LayoutError> for Attempt {
    fn from(error: LayoutError) -> Self {
        match error {
            LayoutError::Target(error) => Self::Target(error),
            LayoutError::Failure(failure) => failure.into(),
        }
    }
}

impl From<Failure> for Attempt {
    fn from(error: Failure) -> Self {
        Self::Commit(CommitError::Failure(error))
    }
}

impl Committer {
    /// Prepares the writing of one entity.
    pub fn new(
        plan: Arc<Plan>,
        entity: usize,
        target: Arc<dyn Target>,
        books: Bookkeeping,
        run: String,
        run_budget: Arc<RunBudget>,
    ) -> Self {
        Self {
            plan,
            entity,
            target,
            books,
            run,
            run_budget,
            claimed: Claimed::default(),
            refuses_many: false,
            again: Again::No,
            ended: Vec::new(),
            woken: Vec::new(),
            announcement: None,
            show_rows: None,
        }
    }

    /// Lets somebody see every batch that is committed.
    #[must_use]
    pub fn showing(self, show_rows: Option<Arc<ShowRows>>) -> Self {
        Self { show_rows, ..self }
    }

    /// Returns the entity's plan.
    pub fn entity(&self) -> &EntityPlan {
        self.entity_at(self.entity)
    }

    /// Returns another entity's plan.
    pub fn entity_at(&self, index: usize) -> &EntityPlan {
        &self.plan.entities[index]
    }

    /// Returns the plan of all entities.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the budget of all entities together.
    pub fn run_budget(&self) -> &RunBudget {
        &self.run_budget
    }

    /// Returns the target that is written.
    pub fn target(&self) -> &dyn Target {
        &*self.target
    }

    /// Returns the statements on whimbrel's own tables.
    pub fn books(&self) -> &Bookkeeping {
        &self.books
    }

    /// Commits a batch and returns the checkpoint behind it. What the target gave up is tried again with the same value.
    pub async fn commit(&mut self, from: &Checkpoint, resolved: &Resolved) -> Result<Checkpoint, CommitError> {
        if !resolved.batch.end.is_after(&from.position) {
            return Err(Failure::bug(format!(
                "the source of `{}` went from document {} to {}",
                self.entity().name,
                from.position.document,
                resolved.batch.end.document
            ))
            .into());
        }
        self.try_commit(from, resolved).await
    }

    async fn try_commit(&mut self, from: &Checkpoint, resolved: &Resolved) -> Result<Checkpoint, CommitError> {
        let budget = self.run_budget.clone();
        let mut tries = 0;
        loop {
            let mut reserved = None;
            let given_up = match self.attempt(from, resolved, &budget, &mut reserved).await {
                Ok((checkpoint, packed)) => {
                    reserved.into_iter().for_each(Reserved::spend);
                    self.claimed.add(&packed);
                    crate::stop_point!("commit-after");
                    return Ok(checkpoint);
                }
                Err(Attempt::Commit(CommitError::Failure(failure))) if failure.is_transient && tries < RETRIES_MAX => {
                    failure
                }
                Err(Attempt::Commit(error)) => return Err(error),
                Err(Attempt::Target(error)) if error.is_transient() && tries < RETRIES_MAX => error.into(),
                Err(Attempt::Target(error)) => return Err(CommitError::Failure(error.into())),
            };
            tries += 1;
            retry::pause(&self.entity().name, tries, &given_up).await;
            // The answer to a commit may be all that was lost. As long as nobody can say whether it was, nothing is repeated.
            let landed = retry::retry(&self.entity().name, async || self.landed(from, resolved).await).await?;
            if let Some(landed) = landed {
                reserved.into_iter().for_each(Reserved::spend);
                // What the batch has claimed went with the answer; the ledger has it.
                self.claimed = Claimed::default();
                return Ok(landed);
            }
        }
    }

    /// As [`Self::commit`]; the first batch of a version writes what there is to say of it in its own transaction.
    pub async fn commit_announcing(
        &mut self,
        from: &Checkpoint,
        resolved: &Resolved,
        announcement: Option<&Announcement>,
    ) -> Result<Checkpoint, CommitError> {
        self.announcement = announcement.cloned();
        let committed = self.commit(from, resolved).await;
        self.announcement = None;
        committed
    }

    /// Writes what there is to say of a version by itself.
    pub async fn announce(&self, announcement: &Announcement) -> Result<(), Failure> {
        retry::retry(&self.entity().name, async || {
            let mut tx = self.target.begin().await?;
            announcement.write(&mut *tx, &self.books, &self.run).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Returns the stored checkpoint where it says that the batch has landed after all.
    async fn landed(&self, from: &Checkpoint, resolved: &Resolved) -> Result<Option<Checkpoint>, Failure> {
        let mut tx = self.target.begin().await?;
        let stored = self.books.checkpoint(&mut *tx, &self.entity().name).await?;
        tx.rollback().await?;
        Ok((stored.position == resolved.batch.end && stored.batches == from.batches + 1).then_some(stored))
    }

    /// Commits once. What it reserves of the run's budget is given back by the caller, who knows whether it has landed.
    async fn attempt<'b>(
        &mut self,
        from: &Checkpoint,
        resolved: &Resolved,
        budget: &'b RunBudget,
        reserved: &mut Option<Reserved<'b>>,
    ) -> Result<(Checkpoint, Vec<u8>), Attempt> {
        let original = resolved;
        let plan = self.plan.clone();
        let books = self.books.clone();
        let place = Place { plan: &plan, entity: self.entity, books: &books, parks: self.again.parks() };
        let mut parents = Parents::default();
        numbering::reserve(place, &*self.target, resolved, &mut parents).await?;
        let mut tx = self.target.begin().await?;
        let mut numbered = Numbered::new(place, &*self.target, &mut *tx, resolved, &mut parents).await?;
        tx.savepoint("batch").await?;
        let mut refused = self.repeated_members(&mut *tx, resolved).await?;
        let mut foreign: HashSet<RowKey> = HashSet::new();
        let mut checks_each = false;
        let (mut layout, row_fates) = loop {
            self.remove(&mut *tx).await?;
            let mut layout = Layout::new(place, &mut *tx, numbered.batch(), &refused, &foreign, &mut parents).await?;
            while numbered.is_changed_by(&refused, &layout.aside())? {
                parents.forget_found();
                layout = Layout::new(place, &mut *tx, numbered.batch(), &refused, &foreign, &mut parents).await?;
            }
            let resolved = numbered.batch();
            let known = (refused.len(), foreign.len());
            let row_fates = self.write(&mut *tx, from, resolved, &layout, &mut refused, checks_each).await?;
            crate::stop_point!("commit-rows");
            let theirs = layout.repeated_rows().filter(|&row| row_fates[row] == Some(RowFate::Skipped));
            foreign.extend(theirs.map(|row| {
                (self.entity().tables[resolved.rows[row].table].schema.name.clone(), resolved.rows[row].key.clone())
            }));
            let is_settled = known == (refused.len(), foreign.len())
                || known.1 == foreign.len() && !layout.depends_on(&refused, |row| resolved.rows[row].record);
            match tx.check_constraints().await {
                Ok(()) if is_settled => break (layout, row_fates),
                Ok(()) => {}
                Err(TargetError::Refused(_)) if !checks_each => checks_each = true,
                Err(error) => return Err(error.into()),
            }
            tx.rollback_to("batch").await?;
        };
        let resolved = numbered.batch();
        let mut dead = refused;
        dead.extend(layout.set_aside.iter().map(|(record, refused)| (*record, refused.clone())));
        dead.extend(self.again.lost(&layout));
        dead.extend(self.ask_about_repeated(&mut *tx, from, resolved, &layout, &row_fates, checks_each).await?);
        let collided = merge::collided(place, &mut *tx, original, &parents, &mut dead).await?;
        layout.skipped.extend(collided);
        let outcome = self.account(resolved, &layout, &dead, &row_fates);
        let letters = self.letters(resolved, &dead);
        conserve(self.entity(), resolved, &outcome)?;
        let mut to = match &self.again {
            Again::No => advance(from, resolved, &outcome),
            again => again.moves(self.entity(), from, &outcome)?,
        };
        let is_over = if let Some(read) = self.newly_read(outcome.fates.read) {
            *reserved = budget.reserve(outcome.fates.dead, read);
            reserved.is_none() || self.is_over_its_budget(from, outcome.fates.dead, read)
        } else {
            self.is_over_budget(from, outcome.fates.dead, outcome.fates.read)
        };
        if is_over {
            tx.rollback().await?;
            return Err(Attempt::Commit(CommitError::OverBudget(letters)));
        }
        if to.fates.parked > from.fates.parked.max(self.entity().parked_max) {
            tx.rollback().await?;
            return Err(self.too_many_parked(&to).into());
        }
        let name = &self.entity().name;
        // A row that somebody else's row stands for is left alone at the entity's end too.
        let is_changed = |row: usize| match &row_fates[row] {
            Some(RowFate::Inserted | RowFate::Updated(_)) => !dead.contains_key(&resolved.rows[row].record),
            Some(RowFate::Unchanged | RowFate::Skipped | RowFate::Deferred) | None => false,
        };
        let is_written = |row: usize| {
            is_changed(row)
                || !matches!(self.again, Again::Repair(_))
                    && row_fates[row] == Some(RowFate::Unchanged)
                    && self.entity().on_conflict == OnConflict::Update
        };
        self.forget_deferred(&mut *tx, resolved, &mut to).await?;
        // First of all other bookkeeping: a process that has lost its lock learns it here, and not from a repeated ledger entry.
        if !self.books.move_checkpoint(&mut *tx, name, from, &to).await? {
            tx.rollback().await?;
            return Err(moved(name).into());
        }
        let ended = self.end_letters(&mut *tx, resolved, &layout, &outcome, letters).await?;
        let woken = self.wake(&mut *tx, resolved, &layout, &dead).await?;
        self.forget_nulled(&mut *tx, from, resolved, &is_changed).await?;
        self.books.insert_references(&mut *tx, name, false, &layout.nulled(is_written)).await?;
        self.books.insert_references(&mut *tx, name, true, &layout.deferred(is_changed)).await?;
        self.defer(&mut *tx, resolved, &dead).await?;
        self.gather(&mut *tx, resolved, &dead).await?;
        self.store_merges(&mut *tx, resolved, &layout, &dead).await?;
        self.books.insert_ids(&mut *tx, name, &layout.ids_of_living(self.entity(), resolved, &dead)).await?;
        let living = || layout.records.iter().copied().filter(|record| !dead.contains_key(record)).collect();
        let living: Option<HashSet<usize>> = (!matches!(self.again, Again::No)).then(living);
        numbered.save(place, &mut *tx, living.as_ref()).await?;
        let counts = serde_json::json!({
            "fates": outcome.fates,
            "rows": outcome.rows,
            "skips": outcome.skips.moved(self.again.skipped_before()),
            "skipped": outcome.skips,
        });
        let (first, end) = self.documents(resolved, &to);
        let entry = Entry {
            sequence: to.batches,
            kind: self.again.kind(),
            run: &self.run,
            first,
            end: &end,
            digest: &resolved.plugin.digest,
            counts: counts.to_string(),
            packed: outcome.packed.clone(),
        };
        self.books.insert_ledger(&mut *tx, name, entry).await?;
        if let Some(announcement) = &self.announcement {
            announcement.write(&mut *tx, &self.books, &self.run).await?;
        }
        crate::stop_point!("commit-before");
        // Before the commit: its answer may be lost, and it has landed all the same.
        (self.ended, self.woken) = (ended, woken);
        tx.commit().await?;
        if let Some(show_rows) = &self.show_rows {
            let committed = Committed { resolved, layout: &layout, dead: &dead, row_fates: &row_fates };
            show_rows.add(self.entity(), &committed);
        }
        Ok((to, outcome.packed))
    }

    /// Returns whether a batch with so many dead letters among so many records is more than is borne.
    fn is_over_budget(&self, from: &Checkpoint, dead: u64, read: u64) -> bool {
        match (&self.again, self.newly_read(read)) {
            (_, Some(read)) => {
                self.is_over_its_budget(from, dead, read) || self.run_budget.is_exceeded_by(dead, read, false)
            }
            (Again::Repair(_), None) => dead > 0,
            (_, None) => false,
        }
    }

    /// Returns how many of so many records are counted for the first time, where a budget is judged at all.
    fn newly_read(&self, read: u64) -> Option<u64> {
        match &self.again {
            Again::No => Some(read),
            Again::Parked(_) => Some(0),
            Again::Replay(_) | Again::Repair(_) => None,
        }
    }

    fn too_many_parked(&self, to: &Checkpoint) -> Failure {
        let EntityPlan { name, parked_max, .. } = self.entity();
        Failure::failed(format!(
            "{} records of `{name}` would wait for parents that have not come, its `parked-max` is {parked_max}",
            to.fates.parked
        ))
        .hint(
            "raise `parked-max` and run again: it goes on at the last checkpoint; or bring the source into an order in which \
             most parents come before their children",
        )
    }

    /// The same for the entity's own budget alone.
    fn is_over_its_budget(&self, from: &Checkpoint, dead: u64, read: u64) -> bool {
        self.entity().budget.is_exceeded(from.fates.dead + dead, from.fates.read + read, false)
    }
}

/// Says that a checkpoint stands elsewhere than this run has left it, though no other run has taken over.
pub fn moved(entity: &str) -> Failure {
    Failure::failed(format!("the checkpoint of `{entity}` is not where this run has left it"))
        .hint("somebody has changed whimbrel's own tables; nothing of this batch is written, and the same command goes on where the checkpoint stands")
}
