//! The final steps of a plan: the rows of junctions, which records of several entities gave, are written when all of these
//! entities and all that the rows refer to are complete.

mod again;
mod candidate;
mod compare;
mod key;
mod page;
mod progress;
mod report;
mod step;
mod write;

use std::collections::BTreeSet;
use std::time::Instant;

pub use again::again;
pub use compare::compare;
use futures::StreamExt;
pub use key::sort_key;
use progress::Progress;
pub use report::JunctionCounts;
pub use report::JunctionReport;
use step::Step;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::LeftOut;
use super::open::Opened;
use super::report::State;
use super::retry::retry;
use super::shutdown::Shutdown;
use crate::connector::Target;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::Plan;

/// Steps that are taken side by side at most; each holds a page of rows in memory.
const STEPS_OPEN_MAX: usize = 4;
/// Rows left out of a junction that a report shows for each reason.
const EXAMPLES_MAX: u64 = 3;

/// What the steps work on.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The target, or a prediction of it.
    pub target: &'a dyn Target,
    /// The statements on whimbrel's own tables.
    pub books: &'a Bookkeeping,
    /// The run.
    pub run: &'a str,
}

/// Where a junction stands.
#[derive(Debug, Clone, Default)]
pub struct Stand {
    /// The checkpoint of its step.
    pub checkpoint: Checkpoint,
    /// The rows that were left out.
    pub left_out: Vec<LeftOut>,
    /// The rows that wait.
    pub waiting: u64,
    /// The rows that records gave.
    pub given: u64,
}

impl Stand {
    /// Looks where a junction stands.
    pub async fn of(tx: &mut dyn Transaction, books: &Bookkeeping, name: &str) -> Result<Self, Failure> {
        Ok(Self {
            checkpoint: books.checkpoint(tx, &crate::plan::junction::ledger_name(name)).await?,
            left_out: books.left_out(tx, name, EXAMPLES_MAX).await?,
            waiting: books.count_deferred_rows(tx, name).await?,
            given: books.rows_given(tx, name).await?,
        })
    }

    /// Returns where the step stands: it goes on where rows have come since it was done.
    pub fn state(&self) -> State {
        match self.checkpoint.state {
            State::Completed if self.is_open() => State::Partial,
            state => state,
        }
    }

    /// Returns whether something is left to do: rows may have come since the step was done.
    pub fn is_open(&self) -> bool {
        self.checkpoint.state != State::Completed || self.waiting > 0
    }
}

/// How the step of a junction ended in this run.
#[derive(Debug)]
pub struct JunctionEnd {
    /// Where it stood before.
    pub start: Stand,
    /// Where it stands.
    pub now: Stand,
    /// The entities that it waits for.
    pub waits_for: Vec<String>,
    /// Time it took in this run.
    pub duration_ms: u64,
    /// What ended it too early.
    pub failure: Option<Failure>,
}

impl JunctionEnd {
    /// Says that nothing was done about a junction.
    pub fn unchanged(plan: &Plan, junction: usize, stand: Stand, entities: &[&Checkpoint]) -> Self {
        let waits_for = waits_for(plan, junction, entities);
        Self { start: stand.clone(), now: stand, waits_for, duration_ms: 0, failure: None }
    }

    /// Returns whether this run has nothing left to do for it.
    pub fn is_done(&self) -> bool {
        !self.now.is_open() || !self.waits_for.is_empty()
    }
}

/// Fails where rows wait for a table that is no junction any more: nobody would write them.
pub async fn check_awaited(opened: &Opened) -> Result<(), Failure> {
    if !opened.target.has_own_tables().await? {
        return Ok(());
    }
    let mut tx = opened.target.begin().await?;
    let awaited = Bookkeeping::new(&*opened.target, &opened.plan.name).awaited_tables(&mut *tx).await?;
    tx.rollback().await?;
    let is_junction = |table: &String| opened.plan.junctions.iter().any(|junction| junction.name() == table);
    match awaited.iter().find(|table| !is_junction(table)) {
        None => Ok(()),
        Some(table) => Err(Failure::failed(format!("rows wait for the junction `{table}`, and the manifest has none"))
            .hint(format!("put `[junction.{table}]` back; once its rows are written it may go"))),
    }
}

/// Returns where every junction stands, in the plan's order.
pub async fn stands(work: Work<'_>) -> Result<Vec<Stand>, Failure> {
    let mut tx = work.target.begin().await?;
    let mut stands = Vec::new();
    for junction in &work.plan.junctions {
        stands.push(Stand::of(&mut *tx, work.books, junction.name()).await?);
    }
    tx.rollback().await?;
    Ok(stands)
}

/// Returns the indexes of the junctions that hang on some of these entities.
pub fn concerned(plan: &Plan, entities: &BTreeSet<usize>) -> BTreeSet<usize> {
    let is_meant = |&junction: &usize| plan.junctions[junction].after.iter().any(|entity| entities.contains(entity));
    (0..plan.junctions.len()).filter(is_meant).collect()
}

/// Returns the names of the entities that a junction waits for.
pub fn waits_for(plan: &Plan, junction: usize, entities: &[&Checkpoint]) -> Vec<String> {
    let after = plan.junctions[junction].after.iter();
    let waits = after.filter(|&&entity| entities[entity].state != State::Completed);
    waits.map(|&entity| plan.entities[entity].name.clone()).collect()
}

/// Takes the steps of the junctions concerned, as many side by side as the target takes: no two write the same table. One
/// entry a junction of the plan, `None` for those that are not concerned.
pub async fn run_steps(
    work: Work<'_>,
    concerned: &BTreeSet<usize>,
    starts: Vec<Stand>,
    entities: &[&Checkpoint],
    shutdown: &Shutdown,
    terminal: bool,
) -> Vec<Option<JunctionEnd>> {
    let side_by_side = work.target.writers_max().clamp(1, STEPS_OPEN_MAX);
    let progress = Progress::new(terminal);
    let steps = starts.into_iter().enumerate().map(|(index, start)| {
        let progress = &progress;
        async move {
            if !concerned.contains(&index) {
                return None;
            }
            let end = JunctionEnd::unchanged(work.plan, index, start, entities);
            let end = run_step(work, index, end, entities, shutdown, progress).await;
            if end.failure.is_some() {
                // Nobody starts any more.
                shutdown.ask();
            }
            Some(end)
        }
    });
    futures::stream::iter(steps).buffered(side_by_side).collect().await
}

/// Takes the step of one junction, where it is its turn.
async fn run_step(
    work: Work<'_>,
    index: usize,
    mut end: JunctionEnd,
    entities: &[&Checkpoint],
    shutdown: &Shutdown,
    progress: &Progress,
) -> JunctionEnd {
    let begun = Instant::now();
    let name = work.plan.junctions[index].name();
    // Rows may have come in this run.
    match stand(work, name).await {
        Ok(now) => end.now = now,
        Err(failure) => end.failure = Some(failure),
    }
    if end.failure.is_some() || !end.now.is_open() || shutdown.is_asked() {
        return end;
    }
    if !end.waits_for.is_empty() {
        let entities = end.waits_for.join(", ");
        tracing::warn!(junction = name, entities, rows = end.now.waiting, "not written: it waits for these entities");
        return end;
    }
    let read = records_read(work.plan, index, entities);
    let ended = Step::new(work, index).run(read, end.now.waiting, shutdown, progress).await;
    match stand(work, name).await {
        Ok(now) => end.now = now,
        Err(failure) => end.failure = Some(failure),
    }
    end.failure = ended.err().or(end.failure);
    end.duration_ms = super::milliseconds(begun);
    end
}

async fn stand(work: Work<'_>, name: &str) -> Result<Stand, Failure> {
    retry(name, async || {
        let mut tx = work.target.begin().await?;
        let stand = Stand::of(&mut *tx, work.books, name).await?;
        tx.rollback().await?;
        Ok(stand)
    })
    .await
}

/// Returns how many records the entities have that feed a junction.
fn records_read(plan: &Plan, junction: usize, entities: &[&Checkpoint]) -> u64 {
    plan.junctions[junction].sides.iter().map(|&entity| entities[entity].fates.read).sum()
}
