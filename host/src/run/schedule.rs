//! Which entities run when: parents first, independent ones side by side, as many as the target takes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Options;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::budget::RunBudget;
use super::commit::CommitError;
use super::commit::Committer;
use super::dead_letter;
use super::entity::EntityRun;
use super::hold::Hold;
use super::open::Opened;
use super::progress::Progress;
use super::report::State;
use super::shutdown::Shutdown;
use super::stand_in::Verdict;
use super::swap::Message;
use super::swap::Swaps;
use super::swap::keeper::Keeper;
use super::swap::kept::Kept;
use crate::connector::Target;
use crate::connector::target::Advanced;
use crate::error::Failure;
use crate::plan::Plan;
use crate::plan::swap::OnPluginFailure;

/// Entities that run side by side at most; each holds a few batches in memory.
const ENTITIES_OPEN_MAX: usize = 4;

/// How one entity ended in this run.
#[derive(Debug)]
pub struct EntityEnd {
    /// Where it stands.
    pub checkpoint: Checkpoint,
    /// Sequences that its completion has moved.
    pub advanced: Vec<Advanced>,
    /// Time it took in this run.
    pub duration_ms: u64,
    /// What ended it too early.
    pub failure: Option<Failure>,
}

/// Runs the selected entities; one entry an entity of the plan, `None` for those that did not run.
#[expect(clippy::too_many_arguments, reason = "one call, each argument another thing")]
pub async fn run_entities(
    opened: Opened,
    target: &Arc<dyn Target>,
    books: &Bookkeeping,
    run: &str,
    budget: &Arc<RunBudget>,
    selected: &BTreeSet<usize>,
    starts: &[Checkpoint],
    options: &Options,
    shutdown: &Shutdown,
) -> Vec<Option<EntityEnd>> {
    let plan = opened.plan.clone();
    let somebody_waits = Arc::new(Notify::new());
    let manifest = Arc::new(opened.manifest);
    let done = selected.iter().filter(|&&entity| starts[entity].state == State::Completed).count();
    let progress = Progress::new(options.terminal, selected.len(), done);
    // How far each entity stands in its source before this run.
    let throughs: Vec<Option<f64>> =
        opened.sources.iter().zip(starts).map(|(source, start)| source.progress(&start.position)).collect();
    let holds: Vec<Hold> = starts.iter().map(|_| Hold::new(run, budget, &manifest.file, &somebody_waits)).collect();
    let kept = (0..starts.len()).map(|index| {
        Arc::new(Kept {
            index,
            name: plan.entities[index].name.clone(),
            mapper: opened.mappers[index].clone(),
            origin: opened.origins[index].clone(),
            hold: holds[index].clone(),
            is_ended: AtomicBool::new(!selected.contains(&index) || starts[index].state == State::Completed),
        })
    });
    let keeper = |told| Keeper {
        manifest: manifest.clone(),
        plan: plan.clone(),
        target: target.clone(),
        books: books.clone(),
        run: run.to_owned(),
        entities: kept.collect(),
        told,
        offered: BTreeMap::new(),
        seen: BTreeMap::new(),
        looks: BTreeMap::new(),
        compared: Vec::new(),
        tasks: JoinSet::new(),
    };
    // A prediction has nobody to be swapped for.
    let swaps = if options.execute { Some(Swaps::start(keeper).await) } else { None };
    if let Some(swaps) = &swaps {
        let undecided = opened.stand_ins.iter().filter(|stand_in| stand_in.verdict == Verdict::Undecided);
        for stand_in in undecided.filter(|stand_in| stand_in.kept.is_some()) {
            let (plugin, file) = (stand_in.plugin.clone(), stand_in.file.clone());
            // As if it had just been dropped there.
            let _ = swaps.told.send(Message::Dropped { plugin, file });
        }
    }
    let usual = if options.execute && options.terminal { OnPluginFailure::Hold } else { OnPluginFailure::Fail };
    let mut ready: Vec<Option<EntityRun>> = Vec::new();
    let entities = opened.sources.into_iter().zip(opened.origins).zip(opened.mappers);
    for (index, ((source, origin), mapper)) in entities.enumerate() {
        let is_wanted = selected.contains(&index) && starts[index].state != State::Completed;
        ready.push(is_wanted.then(|| EntityRun {
            index,
            source: Some(source),
            origin,
            read: None,
            advanced: Vec::new(),
            committer: committer(&plan, index, target, books, run, budget).showing(options.show_rows.clone()),
            mapper,
            checkpoint: starts[index].clone(),
            limit: options.limit,
            on_plugin_failure: match plan.entities[index].on_plugin_failure {
                Some(asked) if options.execute => asked,
                // A prediction says what would happen, and waits for nobody.
                Some(_) => OnPluginFailure::Fail,
                None => usual,
            },
            hold: holds[index].clone(),
            told: swaps.as_ref().map(|swaps| swaps.told.clone()),
            shutdown: shutdown.clone(),
            progress: progress.entity(&plan.entities[index].name, starts[index].position.document, throughs[index]),
        }));
    }
    let mut ends: Vec<Option<EntityEnd>> = ready.iter().map(|_| None).collect();
    let mut running = FuturesUnordered::new();
    let mut open: BTreeSet<usize> = BTreeSet::new();
    loop {
        while open.iter().filter(|&&entity| !holds[entity].is_held()).count() < ENTITIES_OPEN_MAX
            && !shutdown.is_asked()
        {
            // An entity that is not selected is complete, or nobody that is refers to it: `selection` has seen to that. One
            // that a limit has cut short keeps its children waiting: they would take its unread records for missing
            // parents.
            let is_cut =
                |entity: usize| ends[entity].as_ref().is_some_and(|end| end.checkpoint.state != State::Completed);
            let is_waiting = |entity: usize| ready[entity].is_some() || open.contains(&entity) || is_cut(entity);
            let next = (0..ready.len()).find(|&entity| {
                ready[entity].is_some() && !plan.entities[entity].after.iter().any(|&parent| is_waiting(parent))
            });
            let Some(entity) = next.and_then(|index| ready[index].take().map(|entity| (index, entity))) else { break };
            let (index, entity) = entity;
            open.insert(index);
            running.push(async move {
                let begun = Instant::now();
                (index, begun, entity.run().await)
            });
        }
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = somebody_waits.notified() => continue,
        };
        let Some((index, begun, ended)) = ended else { break };
        open.remove(&index);
        let failure = match ended.error {
            None => None,
            Some(CommitError::Failure(failure)) => Some(failure),
            Some(CommitError::OverBudget(letters)) => {
                if let Some(show_rows) = &options.show_rows {
                    show_rows.add_letters(&plan.entities[index].name, &letters);
                }
                let committer = committer(&plan, index, target, books, run, budget);
                Some(dead_letter::over_budget(&committer, budget, run, &ended.checkpoint, &letters).await)
            }
        };
        if failure.is_some() {
            // The others save what they have; nobody starts any more.
            shutdown.ask();
        }
        ends[index] = Some(EntityEnd {
            checkpoint: ended.checkpoint,
            advanced: ended.advanced,
            duration_ms: super::milliseconds(begun),
            failure,
        });
    }
    if let Some(swaps) = swaps {
        swaps.end().await;
    }
    progress.end();
    let has_failed = ends.iter().flatten().any(|end| end.failure.is_some());
    for index in (0..ready.len()).filter(|&index| ready[index].is_some() && !has_failed && !shutdown.is_asked()) {
        tracing::warn!(entity = plan.entities[index].name, "not begun: `--limit` has cut short an entity it refers to");
    }
    ends
}

fn committer(
    plan: &Arc<Plan>,
    entity: usize,
    target: &Arc<dyn Target>,
    books: &Bookkeeping,
    run: &str,
    budget: &Arc<RunBudget>,
) -> Committer {
    Committer::new(plan.clone(), entity, target.clone(), books.clone(), run.to_owned(), budget.clone())
}
