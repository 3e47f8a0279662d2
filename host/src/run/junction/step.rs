//! The final step of one junction: page by page, in the order of the keys, each page one transaction.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use super::JunctionCounts;
use super::Stand;
use super::Work;
use super::candidate::Candidate;
use super::candidate::Place;
use super::key::sort_key;
use super::page;
use super::progress::Progress;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::JunctionPlan;
use crate::record::Position;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeferredRow;
use crate::run::bookkeeping::Entry;
use crate::run::bookkeeping::EntryKind;
use crate::run::bookkeeping::LeftOutRow;
use crate::run::claimed::Claimed;
use crate::run::commit::moved;
use crate::run::ledger;
use crate::run::ledger::Fate;
use crate::run::ledger::Packer;
use crate::run::ledger::RowFate;
use crate::run::report::State;
use crate::run::retry::retry;
use crate::run::shutdown::Shutdown;

/// Bytes of rows that one transaction takes, behind the first row.
const PAGE_BYTES_MAX: u64 = 16 << 20;

/// The step of one junction.
pub(super) struct Step<'a> {
    work: Work<'a>,
    junction: &'a JunctionPlan,
    claimed: Claimed,
    /// Rows in one transaction at most.
    rows_max: usize,
}

impl<'a> Step<'a> {
    pub(super) fn new(work: Work<'a>, junction: usize) -> Self {
        let junction = &work.plan.junctions[junction];
        let rows = junction.sides.iter().map(|&entity| work.plan.entities[entity].transaction_rows);
        Self { work, junction, claimed: Claimed::default(), rows_max: rows.min().unwrap_or(1) }
    }

    /// Returns the junction's plan.
    pub(super) fn junction(&self) -> &'a JunctionPlan {
        self.junction
    }

    /// Returns how many rows one transaction takes.
    pub(super) fn rows_max(&self) -> usize {
        self.rows_max
    }

    /// Gives every row that waits its place, and completes the junction; stops behind a page where somebody asks.
    /// `read` is the number of records of all sides.
    pub(super) async fn run(
        &mut self,
        read: u64,
        waiting: u64,
        shutdown: &Shutdown,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let name = self.junction.name();
        let mut progress = progress.step(name, waiting);
        while retry(name, async || self.look_up().await).await? {
            crate::stop_point!("junction-page");
            if shutdown.is_asked() {
                return Ok(());
            }
        }
        while let Some(rows) = retry(name, async || self.page().await).await? {
            crate::stop_point!("junction-page");
            progress.advance(rows);
            if shutdown.is_asked() {
                return Ok(());
            }
        }
        retry(name, async || self.complete(read).await).await
    }

    /// Looks up the ids of some rows that wait for them; `false` where none does. One that is not there has no parent.
    async fn look_up(&mut self) -> Result<bool, Failure> {
        let Work { books, target, .. } = self.work;
        let (junction, name) = (self.junction, self.junction.name());
        let mut tx = target.begin().await?;
        let (rows, _) = books.deferred_rows(&mut *tx, name, true, self.rows_max, PAGE_BYTES_MAX).await?;
        let Some(last) = rows.last().cloned() else {
            tx.rollback().await?;
            return Ok(false);
        };
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for source in rows.iter().flat_map(|(_, row)| &row.sources) {
            if let Some(entity) = &source.waits_for {
                wanted.entry(entity).or_default().insert(&source.key);
            }
        }
        let mut known = HashMap::new();
        for (entity, keys) in wanted {
            let keys: Vec<&str> = keys.into_iter().collect();
            for (key, id) in books.ids(&mut *tx, entity, &keys).await? {
                let id = packed::decode(&id).and_then(|mut values| values.pop());
                known.insert((entity.to_owned(), key.to_owned()), id);
            }
        }
        let (mut found, mut left_out) = (Vec::new(), Vec::new());
        for (_, mut row) in rows {
            match self.fill_in(&mut row, &known) {
                None => {
                    let key = Candidate::new(junction, row.clone())?.key_values();
                    row.sources.iter_mut().for_each(|source| source.waits_for = None);
                    found.push(DeferredRow { sort_key: sort_key(&key), ..row });
                }
                Some((column, why)) => {
                    let mut candidate = Candidate::new(junction, row)?;
                    candidate.drop(column, why);
                    candidate.check_policy(junction)?;
                    left_out.extend(candidate.left_out(junction));
                }
            }
        }
        books.forget_deferred_rows(&mut *tx, true, &last).await?;
        books.insert_deferred_rows(&mut *tx, &found).await?;
        let from = books.checkpoint(&mut *tx, &junction.ledger_name()).await?;
        let to = Checkpoint { batches: from.batches + 1, ..from.clone() };
        self.end_page(tx, &from, &Checkpoint { state: State::Partial, ..to }, &left_out).await?;
        Ok(true)
    }

    /// Puts the ids into a row; returns the column and the words of the first one that is not there.
    fn fill_in(
        &self,
        row: &mut DeferredRow,
        known: &HashMap<(String, String), Option<Value>>,
    ) -> Option<(String, String)> {
        let schema = &self.junction.table.schema;
        let mut missing = None;
        for source in &row.sources {
            let Some(entity) = &source.waits_for else { continue };
            let place = (entity.clone(), source.key.clone());
            let fed = row.columns.iter().position(|column| *column == source.column);
            let column = schema.column(&source.column).map(|column| &schema.columns[column]);
            let id = known.get(&place).and_then(Option::clone);
            let fitting = id.zip(column).and_then(|(id, column)| convert::fit(id, column).ok());
            match (fitting, fed.and_then(|fed| row.values.get_mut(fed))) {
                (Some(id), Some(value)) => *value = id,
                _ if missing.is_none() => {
                    let why = format!("there is no row of `{entity}` with the key `{}`", source.key);
                    missing = Some((source.column.clone(), why));
                }
                _ => {}
            }
        }
        missing
    }

    /// Gives the next rows their places; returns how many, or `None` where no row is left.
    async fn page(&mut self) -> Result<Option<u64>, Failure> {
        let Work { plan, books, target, .. } = self.work;
        let (junction, name) = (self.junction, self.junction.name());
        let mut tx = target.begin().await?;
        let from = books.checkpoint(&mut *tx, &junction.ledger_name()).await?;
        let (mut rows, is_last) = books.deferred_rows(&mut *tx, name, false, self.rows_max, PAGE_BYTES_MAX).await?;
        if !is_last {
            leave_last_key(&mut rows);
        }
        let Some(last) = rows.last().cloned() else {
            tx.rollback().await?;
            return Ok(None);
        };
        let mut candidates = rows
            .into_iter()
            .map(|(_, row)| Candidate::new(junction, row))
            .collect::<Result<Vec<Candidate>, Failure>>()?;
        // What is known of the ledger is lost with an attempt that fails: it may have landed.
        let mut claimed = std::mem::take(&mut self.claimed);
        page::place(plan, junction, books, &mut claimed, &mut *tx, &mut candidates).await?;
        let mut to = Checkpoint { state: State::Partial, batches: from.batches + 1, ..from.clone() };
        let counts = to.rows.entry(name.to_owned()).or_default();
        let mut packer = Packer::new(std::iter::once(name));
        for candidate in &candidates {
            let fate = match &candidate.place {
                Some(Place::Inserted) => {
                    counts.inserted += 1;
                    RowFate::Inserted
                }
                Some(Place::Unchanged) => {
                    counts.unchanged += 1;
                    RowFate::Unchanged
                }
                Some(Place::Collapsed) => {
                    counts.collapsed += 1;
                    continue;
                }
                Some(Place::LeftOut(..)) => continue,
                None => return Err(Failure::bug(format!("`{name}`: a row has no place"))),
            };
            let of_record = if fate == RowFate::Inserted { Fate::Written } else { Fate::Unchanged };
            packer.record(of_record, candidate.row.document, &[]);
            packer.row(0, &fate, &candidate.key, ledger::digest(&candidate.row.values));
        }
        let left_out: Vec<LeftOutRow> =
            candidates.iter().filter_map(|candidate| candidate.left_out(junction)).collect();
        let forgotten = books.forget_deferred_rows(&mut *tx, false, &last).await?;
        if forgotten != candidates.len() as u64 {
            return Err(Failure::bug(format!(
                "`{name}`: {} rows have a place and {forgotten} were taken away",
                candidates.len()
            )));
        }
        let documents = || candidates.iter().map(|candidate| candidate.row.document);
        let end = Position { document: documents().max().unwrap_or_default(), token: String::new() };
        let entry = Entry {
            sequence: to.batches,
            kind: EntryKind::Junction,
            run: self.work.run,
            first: documents().min().unwrap_or_default(),
            end: &end,
            digest: "",
            counts: serde_json::json!({ "rows": to.rows }).to_string(),
            packed: packer.finish(),
        };
        let packed = entry.packed.clone();
        books.insert_ledger(&mut *tx, &junction.ledger_name(), entry).await?;
        self.end_page(tx, &from, &to, &left_out).await?;
        claimed.add(&packed);
        self.claimed = claimed;
        Ok(Some(forgotten))
    }

    /// Records what was left out and commits, with the step's own checkpoint.
    async fn end_page(
        &self,
        mut tx: Box<dyn Transaction>,
        from: &Checkpoint,
        to: &Checkpoint,
        left_out: &[LeftOutRow],
    ) -> Result<(), Failure> {
        let Work { books, .. } = self.work;
        books.insert_left_out(&mut *tx, left_out).await?;
        if !books.move_checkpoint(&mut *tx, &self.junction.ledger_name(), from, to).await? {
            tx.rollback().await?;
            return Err(moved(self.junction.name()));
        }
        crate::stop_point!("commit-junction");
        Ok(tx.commit().await?)
    }

    /// Judges whether the junction may be empty where it is, and says that it is complete.
    async fn complete(&mut self, read: u64) -> Result<(), Failure> {
        let Work { books, target, plan, .. } = self.work;
        let name = self.junction.name();
        let mut tx = target.begin().await?;
        let stand = Stand::of(&mut *tx, books, name).await?;
        let counts = JunctionCounts::of(name, &stand);
        if counts.standing() == 0 && read > 0 && !self.junction.allow_empty {
            tx.rollback().await?;
            let sides = self.junction.sides.iter().map(|&entity| format!("`{}`", plan.entities[entity].name));
            let sides = sides.collect::<Vec<_>>().join(" and ");
            let left_out = match counts.rows {
                0 => String::new(),
                rows => format!(": all {rows} that they gave were left out"),
            };
            return Err(Failure::failed(format!(
                "the junction `{name}` got no row from the {read} records of {sides}{left_out}"
            ))
            .hint(format!("mend the mapping, or say `allow-empty = true` under `[junction.{name}]` and run again")));
        }
        let from = stand.checkpoint;
        if from.state == State::Completed {
            tx.rollback().await?;
            return Ok(());
        }
        let to = Checkpoint { state: State::Completed, ..from.clone() };
        self.end_page(tx, &from, &to, &[]).await
    }
}

/// Leaves the rows of the last key to the next page: more of them may follow, and those of a key are judged together. Where
/// there is but one key, what stands by then tells the same.
fn leave_last_key(rows: &mut Vec<(i64, DeferredRow)>) {
    let last = rows.last().map(|(_, row)| row.sort_key.clone());
    if let Some(before) = rows.iter().rposition(|(_, row)| Some(&row.sort_key) != last.as_ref()) {
        rows.truncate(before + 1);
    }
}
