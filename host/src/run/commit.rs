//! The last stage: one target transaction holds a batch's rows, dead letters, ledger entry and the new checkpoint.
//!
//! The only place that begins a target transaction for rows. A row that the target refuses makes its record a dead
//! letter while the rest of the batch is written.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::DeadLetter;
use super::budget::RunBudget;
use super::claimed::Claimed;
use super::claimed::RowKey;
use super::claimed::claimed_by;
use super::layout::Dead;
use super::layout::Layout;
use super::layout::LayoutError;
use super::layout::Parents;
use super::layout::Place;
use super::layout::display_key;
use super::layout::repeated_key;
use super::ledger::Fate;
use super::ledger::Packer;
use super::ledger::RowFate;
use super::report::Fates;
use super::report::RowCounts;
use super::report::Rows as RowTotals;
use super::report::State;
use super::report::add_rows;
use super::resolve::Resolved;
use super::resolve::Settled;
use super::retry;
use super::retry::RETRIES_MAX;
use super::transform::Refused;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::OnConflict;
use crate::plan::Plan;
use crate::record::Value;
use crate::record::value;

/// How many savepoints the search for refused rows may set in one batch.
const SAVEPOINTS_MAX: usize = 20_000;

/// Writes the batches of one entity.
pub struct Committer {
    plan: Arc<Plan>,
    entity: usize,
    target: Arc<dyn Target>,
    books: Bookkeeping,
    run: String,
    run_budget: Arc<RunBudget>,
    /// The transformer's name and digest.
    plugin: (String, String),
    claimed: Claimed,
}

/// Why a batch was not committed.
#[derive(Debug)]
pub enum CommitError {
    /// More dead letters than are borne; they are kept as provisional.
    OverBudget(Vec<DeadLetter>),
    /// Nothing to be done about it here.
    Failure(Failure),
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
        plugin: (String, String),
    ) -> Self {
        Self { plan, entity, target, books, run, run_budget, plugin, claimed: Claimed::default() }
    }

    /// Returns the entity's plan.
    pub fn entity(&self) -> &EntityPlan {
        self.entity_at(self.entity)
    }

    /// Returns another entity's plan.
    pub fn entity_at(&self, index: usize) -> &EntityPlan {
        &self.plan.entities[index]
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
        let mut tries = 0;
        loop {
            let transient = match self.attempt(from, resolved).await {
                Ok((checkpoint, packed)) => {
                    self.claimed.add(&packed);
                    let fates = &checkpoint.fates;
                    self.run_budget.spend(fates.dead - from.fates.dead, fates.read - from.fates.read);
                    crate::stop_point!("commit-after");
                    return Ok(checkpoint);
                }
                Err(Attempt::Commit(error)) => return Err(error),
                Err(Attempt::Target(error @ TargetError::Transient { .. })) if tries < RETRIES_MAX => error,
                Err(Attempt::Target(error)) => return Err(CommitError::Failure(error.into())),
            };
            tries += 1;
            retry::pause(&self.entity().name, tries, &transient).await;
            // The answer to a commit may be all that was lost.
            if let Some(landed) = self.landed(from, resolved).await? {
                // What the batch has claimed went with the answer; the ledger has it.
                self.claimed = Claimed::default();
                self.run_budget.spend(landed.fates.dead - from.fates.dead, landed.fates.read - from.fates.read);
                return Ok(landed);
            }
        }
    }

    /// Returns the stored checkpoint where it says that the batch has landed after all.
    async fn landed(&self, from: &Checkpoint, resolved: &Resolved) -> Result<Option<Checkpoint>, Failure> {
        let mut tx = match self.target.begin().await {
            Ok(tx) => tx,
            Err(TargetError::Transient { .. } | TargetError::Unreachable { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stored = match self.books.checkpoint(&mut *tx, &self.entity().name).await {
            Err(failure) if failure.is_transient => return Ok(None),
            stored => stored?,
        };
        tx.rollback().await?;
        Ok((stored.position == resolved.batch.end && stored.batches == from.batches + 1).then_some(stored))
    }

    async fn attempt(&mut self, from: &Checkpoint, resolved: &Resolved) -> Result<(Checkpoint, Vec<u8>), Attempt> {
        let mut tx = self.target.begin().await?;
        tx.savepoint("batch").await?;
        let mut refused = Dead::new();
        let mut foreign: HashSet<RowKey> = HashSet::new();
        let mut parents = Parents::default();
        let mut checks_each = false;
        let (layout, row_fates) = loop {
            let place = Place { plan: &self.plan, entity: self.entity, books: &self.books, plugin: &self.plugin };
            let layout = Layout::new(place, &mut *tx, resolved, &refused, &foreign, &mut parents).await?;
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
        let mut dead = refused;
        dead.extend(layout.set_aside.iter().map(|(record, refused)| (*record, refused.clone())));
        let outcome = self.account(resolved, &layout, &dead, &row_fates);
        let letters = self.letters(resolved, &dead);
        let to = advance(from, resolved, &outcome);
        conserve(self.entity(), resolved, &outcome)?;
        if self.is_over_budget(from, outcome.fates.dead, outcome.fates.read) {
            tx.rollback().await?;
            return Err(Attempt::Commit(CommitError::OverBudget(letters)));
        }
        let name = &self.entity().name;
        // A row that somebody else's row stands for is left alone at the entity's end too.
        let is_written = |row: usize| match &row_fates[row] {
            Some(RowFate::Inserted | RowFate::Updated(_)) => !dead.contains_key(&resolved.rows[row].record),
            Some(RowFate::Unchanged) => self.entity().on_conflict == OnConflict::Update,
            Some(RowFate::Skipped) | None => false,
        };
        // First of all bookkeeping: a process that has lost its lock learns it here, and not from a repeated ledger entry.
        if !self.books.move_checkpoint(&mut *tx, name, from, &to).await? {
            tx.rollback().await?;
            return Err(moved(name).into());
        }
        self.books.forget_provisional(&mut *tx, name).await?;
        self.books.insert_dead_letters(&mut *tx, name, &self.run, false, &letters).await?;
        self.books.insert_references(&mut *tx, name, false, &layout.nulled(is_written)).await?;
        self.books.insert_references(&mut *tx, name, true, &layout.deferred(is_written)).await?;
        self.books.insert_ids(&mut *tx, name, &layout.ids_of_living(self.entity(), resolved, &dead)).await?;
        let counts = serde_json::json!({ "fates": outcome.fates, "rows": outcome.rows }).to_string();
        let first = resolved.batch.records.first().map_or(to.position.document, |record| record.document);
        self.books
            .insert_ledger(
                &mut *tx,
                name,
                to.batches,
                first,
                &to.position,
                &self.plugin.1,
                &counts,
                outcome.packed.clone(),
            )
            .await?;
        crate::stop_point!("commit-before");
        tx.commit().await?;
        Ok((to, outcome.packed))
    }

    /// Returns whether a batch with so many dead letters among so many records is more than is borne.
    fn is_over_budget(&self, from: &Checkpoint, dead: u64, read: u64) -> bool {
        self.entity().budget.is_exceeded(from.fates.dead + dead, from.fates.read + read, false)
            || self.run_budget.is_exceeded_by(dead, read, false)
    }

    /// Writes the rows of the living records and returns what became of each row. A refused record joins the dead.
    async fn write(
        &mut self,
        tx: &mut dyn Transaction,
        from: &Checkpoint,
        resolved: &Resolved,
        layout: &Layout,
        dead: &mut Dead,
        checks_each: bool,
    ) -> Result<Vec<Option<RowFate>>, Attempt> {
        let mut row_fates: Vec<Option<RowFate>> = vec![None; resolved.rows.len()];
        let mut waiting = vec![layout.records.as_slice()];
        let mut savepoints = 0;
        while let Some(records) = waiting.pop() {
            if records.is_empty() {
                continue;
            }
            savepoints += 1;
            if savepoints > SAVEPOINTS_MAX {
                return Err(Failure::failed(format!(
                    "the target refused rows of `{}` beyond {SAVEPOINTS_MAX} savepoints",
                    self.entity().name
                ))
                .into());
            }
            tx.savepoint("part").await?;
            let written = self.write_part(tx, resolved, layout, records, &row_fates, checks_each).await?;
            let refused = match written {
                Part::Written(fates) => {
                    tx.release("part").await?;
                    for (row, fate) in fates {
                        row_fates[row] = Some(fate);
                    }
                    continue;
                }
                Part::Refused(refused) => refused,
            };
            tx.rollback_to("part").await?;
            tx.release("part").await?;
            match refused {
                // Several at once, by their keys: the others get another try together.
                Refusing::Records(refused) => {
                    dead.extend(refused);
                    waiting.extend(records.split(|record| dead.contains_key(record)).rev());
                }
                Refusing::Somebody(refusal) => match records {
                    [record] => {
                        dead.insert(*record, self.refused(&refusal));
                    }
                    _ => {
                        let (left, right) = records.split_at(records.len() / 2);
                        waiting.extend([right, left]);
                    }
                },
            }
            if layout.depends_on(dead, |row| resolved.rows[row].record) {
                // Others were judged by it: they must be judged again before the target does.
                return Ok(row_fates);
            }
            let dead_before = resolved.records.iter().filter(|settled| matches!(settled, Settled::Dead(_))).count();
            let dead_now = dead_before + dead.len() + layout.set_aside.len();
            if self.is_over_budget(from, dead_now as u64, resolved.records.len() as u64) {
                dead.extend(layout.set_aside.iter().map(|(record, refused)| (*record, refused.clone())));
                return Err(Attempt::Commit(CommitError::OverBudget(self.letters(resolved, dead))));
            }
        }
        Ok(row_fates)
    }

    async fn write_part(
        &mut self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        records: &[usize],
        earlier: &[Option<RowFate>],
        checks_each: bool,
    ) -> Result<Part, Attempt> {
        let plan = self.plan.clone();
        let entity = &plan.entities[self.entity];
        let mut fates: Vec<(usize, RowFate)> = Vec::new();
        for (table_index, table) in entity.tables.iter().enumerate() {
            let rows: Vec<usize> = records
                .iter()
                .filter_map(|&record| match &resolved.records[record] {
                    Settled::Rows(range) => Some(range.clone()),
                    _ => None,
                })
                .flatten()
                .filter(|&row| resolved.rows[row].table == table_index)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let values: Vec<&[Value]> = rows.iter().map(|&row| layout.values(resolved, row)).collect();
            let call = Rows { table: &table.schema, columns: &table.columns, key: &table.key, rows: &values };
            let inserted = match tx.insert(call).await {
                Ok(inserted) => inserted,
                Err(TargetError::Refused(refusal)) => return Ok(self.part_refused(resolved, &rows, refusal)),
                Err(error) => return Err(error.into()),
            };
            let conflicts: Vec<(usize, Vec<Value>)> = rows
                .iter()
                .zip(inserted)
                .filter_map(|(&row, inserted)| match inserted {
                    Inserted::New => {
                        fates.push((row, RowFate::Inserted));
                        None
                    }
                    Inserted::Conflict(standing) => Some((row, standing)),
                })
                .collect();
            if conflicts.is_empty() {
                continue;
            }
            let now = fates.iter().filter(|(_, fate)| *fate != RowFate::Skipped).map(|(row, _)| *row);
            let before =
                earlier.iter().enumerate().filter(|(_, fate)| fate.as_ref().is_some_and(|f| *f != RowFate::Skipped));
            let written: Vec<usize> = now.chain(before.map(|(row, _)| row)).collect();
            let refused = self.duplicates(tx, resolved, &conflicts, written.into_iter()).await?;
            if !refused.is_empty() {
                return Ok(Part::Refused(Refusing::Records(refused)));
            }
            let mut updates: Vec<usize> = Vec::new();
            for (row, standing) in conflicts {
                let is_equal = table
                    .columns
                    .iter()
                    .zip(standing.iter().zip(layout.values(resolved, row)))
                    .all(|(&column, (old, new))| value::same_in(&table.schema.columns[column].kind, old, new));
                let fate = match (is_equal, entity.on_conflict) {
                    (true, _) => RowFate::Unchanged,
                    (false, OnConflict::Update) => {
                        updates.push(row);
                        RowFate::Updated(standing)
                    }
                    (false, OnConflict::Skip | OnConflict::Fail) => RowFate::Skipped,
                };
                fates.push((row, fate));
            }
            if !updates.is_empty() {
                let values: Vec<&[Value]> = updates.iter().map(|&row| layout.values(resolved, row)).collect();
                let call = Rows { rows: &values, ..call };
                match tx.update(call).await {
                    Ok(()) => {}
                    Err(TargetError::Refused(refusal)) => return Ok(self.part_refused(resolved, &updates, refusal)),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if checks_each {
            match tx.check_constraints().await {
                Ok(()) => {}
                Err(TargetError::Refused(refusal)) => return Ok(Part::Refused(Refusing::Somebody(refusal))),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Part::Written(fates))
    }

    fn part_refused(&self, resolved: &Resolved, rows: &[usize], refusal: Refusal) -> Part {
        match refusal.row.and_then(|row| rows.get(row)) {
            Some(&row) => {
                let record = resolved.rows[row].record;
                Part::Refused(Refusing::Records(BTreeMap::from([(record, self.refused(&refusal))])))
            }
            None => Part::Refused(Refusing::Somebody(refusal)),
        }
    }

    /// Conflicts with rows that this migration wrote itself are no conflicts but duplicate keys in the source.
    ///
    /// What stands in the target is asked, not what was to be written: a collation may find two spellings equal.
    /// `written` are rows of this transaction.
    async fn duplicates(
        &mut self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        conflicts: &[(usize, Vec<Value>)],
        written: impl Iterator<Item = usize>,
    ) -> Result<Dead, Failure> {
        let plan = self.plan.clone();
        let entity = &plan.entities[self.entity];
        let table_of = |row: usize| &entity.tables[resolved.rows[row].table];
        let standing_key = |(row, standing): &(usize, Vec<Value>)| -> RowKey {
            let table = table_of(*row);
            let positions = table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key));
            let key: Vec<Value> = positions.map(|position| standing[position].clone()).collect();
            (table.schema.name.clone(), value::encode(&key))
        };
        let keys: HashSet<RowKey> = conflicts.iter().map(standing_key).collect();
        let mut claimed = self.claimed.among(tx, &self.books, &entity.name, &keys).await?;
        let own = written.map(|row| (table_of(row).schema.name.clone(), resolved.rows[row].key.clone()));
        claimed.extend(own.filter(|key| keys.contains(key)));
        // Another entity may feed the same table.
        for other in plan.entities.iter().filter(|other| other.name != entity.name) {
            if other.tables.iter().any(|table| keys.iter().any(|(name, _)| *name == table.schema.name)) {
                claimed.extend(claimed_by(tx, &self.books, &other.name, &keys).await?);
            }
        }
        let mut dead = Dead::new();
        for conflict in conflicts {
            let resolved_row = &resolved.rows[conflict.0];
            let table = table_of(conflict.0);
            let refused = if claimed.contains(&standing_key(conflict)) {
                repeated_key(table, resolved_row, &self.plugin)
            } else if entity.on_conflict == OnConflict::Fail {
                let key = display_key(table, resolved_row);
                let message =
                    format!("`{}`: the row with the key {key} stands in the target already", table.schema.name);
                self.write_refusal("conflict", None, message)
            } else {
                continue;
            };
            dead.insert(resolved_row.record, refused);
        }
        Ok(dead)
    }

    fn refused(&self, refusal: &Refusal) -> Box<Refused> {
        let constraint = refusal.constraint.as_ref().map(|name| format!(" (constraint `{name}`)")).unwrap_or_default();
        let message = format!("`{}`: {}{constraint}", refusal.table, refusal.message);
        self.write_refusal(refusal.code, refusal.column.clone().or_else(|| refusal.constraint.clone()), message)
    }

    fn write_refusal(&self, code: &str, field: Option<String>, message: String) -> Box<Refused> {
        Box::new(Refused { stage: "write", code: code.to_owned(), field, message, plugin: Some(self.plugin.clone()) })
    }

    fn letters(&self, resolved: &Resolved, dead: &Dead) -> Vec<DeadLetter> {
        resolved
            .records
            .iter()
            .enumerate()
            .filter_map(|(index, settled)| {
                let refused = match settled {
                    Settled::Dead(refused) => refused,
                    _ => dead.get(&index)?,
                };
                let record = &resolved.batch.records[index];
                Some(DeadLetter {
                    document: record.document,
                    position: format!("{}:{}", resolved.batch.origin, record.offset),
                    key: record.key.as_ref().map(|key| key.as_str().to_owned()),
                    stage: refused.stage,
                    code: refused.code.clone(),
                    field: refused.field.clone(),
                    message: refused.message.clone(),
                    plugin: refused.plugin.as_ref().map(|(name, _)| name.clone()),
                    digest: refused.plugin.as_ref().map(|(_, digest)| digest.clone()),
                    is_bson: record.fault.as_ref().is_none_or(|fault| fault.is_bson),
                    original: resolved.batch.body(record).to_vec(),
                })
            })
            .collect()
    }

    /// Counts what became of every record and row, and packs it for the ledger.
    fn account(&self, resolved: &Resolved, layout: &Layout, dead: &Dead, row_fates: &[Option<RowFate>]) -> Outcome {
        let tables = &self.entity().tables;
        let mut fates = Fates { read: resolved.batch.records.len() as u64, ..Fates::default() };
        let mut counts = vec![RowCounts::default(); tables.len()];
        for (index, counts) in counts.iter_mut().enumerate() {
            counts.collapsed += resolved.rows_collapsed[index];
            counts.refused += resolved.rows_refused[index];
        }
        let mut packer = Packer::new(tables.iter().map(|table| table.schema.name.as_str()));
        for (index, settled) in resolved.records.iter().enumerate() {
            let source = resolved.batch.body(&resolved.batch.records[index]);
            let range = match settled {
                Settled::Rows(range) if !dead.contains_key(&index) => range.clone(),
                Settled::Rows(range) => {
                    for row in &resolved.rows[range.clone()] {
                        counts[row.table].refused += 1;
                    }
                    fates.dead += 1;
                    packer.record(Fate::Dead, source);
                    continue;
                }
                Settled::Dead(_) => {
                    fates.dead += 1;
                    packer.record(Fate::Dead, source);
                    continue;
                }
                Settled::Skip => {
                    fates.skipped += 1;
                    packer.record(Fate::Skipped, source);
                    continue;
                }
            };
            let of_record = || range.clone().filter_map(|row| row_fates[row].as_ref().map(|fate| (row, fate)));
            let fate = if of_record().any(|(_, fate)| matches!(fate, RowFate::Inserted | RowFate::Updated(_))) {
                fates.written += 1;
                Fate::Written
            } else if of_record().any(|(_, fate)| *fate == RowFate::Skipped) {
                fates.skipped += 1;
                Fate::Skipped
            } else {
                fates.unchanged += 1;
                Fate::Unchanged
            };
            packer.record(fate, source);
            for (row, fate) in of_record() {
                let resolved_row = &resolved.rows[row];
                let counts = &mut counts[resolved_row.table];
                match fate {
                    RowFate::Inserted => counts.inserted += 1,
                    RowFate::Updated(_) => counts.updated += 1,
                    RowFate::Unchanged => counts.unchanged += 1,
                    RowFate::Skipped => counts.skipped += 1,
                }
                packer.row(resolved_row.table, fate, &resolved_row.key, layout.digest(resolved, row));
            }
        }
        let mut rows = RowTotals::new();
        for (table, counts) in tables.iter().zip(counts) {
            rows.entry(table.schema.name.clone()).or_default().add(&counts);
        }
        Outcome { fates, rows, packed: packer.finish() }
    }
}

/// What a batch came to.
struct Outcome {
    fates: Fates,
    rows: RowTotals,
    packed: Vec<u8>,
}

/// What became of the rows of some records, tried together.
enum Part {
    Written(Vec<(usize, RowFate)>),
    Refused(Refusing),
}

enum Refusing {
    /// These records, for these reasons.
    Records(Dead),
    /// One of them, and the target does not say which.
    Somebody(Refusal),
}

/// Says that a checkpoint stands elsewhere than this process has left it.
pub fn moved(entity: &str) -> Failure {
    Failure::failed(format!("another process has moved the checkpoint of `{entity}`"))
        .hint("this process had lost its lock and has written nothing since; `whimbrel status` shows where the other one stands")
}

/// The checkpoint behind a batch.
fn advance(from: &Checkpoint, resolved: &Resolved, outcome: &Outcome) -> Checkpoint {
    let mut to = Checkpoint { state: State::Partial, position: resolved.batch.end.clone(), ..from.clone() };
    to.batches += 1;
    to.fates.add(&outcome.fates);
    add_rows(&mut to.rows, &outcome.rows);
    to
}

/// Every record read has one fate and every row out one place, or the run stops before the commit.
fn conserve(entity: &EntityPlan, resolved: &Resolved, outcome: &Outcome) -> Result<(), Failure> {
    let fates = &outcome.fates;
    if fates.read != fates.sum() {
        return Err(Failure::bug(format!(
            "`{}`: {} records were read and {} have a fate",
            entity.name,
            fates.read,
            fates.sum()
        )));
    }
    for (index, table) in entity.tables.iter().enumerate() {
        let counted = outcome.rows.get(&table.schema.name).map_or(0, super::report::RowCounts::sum);
        let feeding = |other: usize| entity.tables[other].schema.name == table.schema.name;
        let out: u64 =
            (0..entity.tables.len()).filter(|&other| feeding(other)).map(|other| resolved.rows_out[other]).sum();
        if counted != out {
            return Err(Failure::bug(format!(
                "`{}`: {out} rows came out for `{}` and {counted} have a place",
                entity.name, entity.tables[index].schema.name
            )));
        }
    }
    Ok(())
}
