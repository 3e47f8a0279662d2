//! Which entities run when: parents first, independent ones side by side, as many as the target takes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures::FutureExt;
use futures::StreamExt;
use futures::future::LocalBoxFuture;
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
use super::entity::Ended;
use super::entity::EntityRun;
use super::entity::Member;
use super::finish;
use super::hold::Hold;
use super::open::Opened;
use super::progress::Progress;
use super::report::State;
use super::shutdown::Shutdown;
use super::stages::Stage;
use super::stages::StageTimes;
use super::stand_in::Verdict;
use super::swap::Message;
use super::swap::Swaps;
use super::swap::keeper::Keeper;
use super::swap::kept::Kept;
use crate::connector::Target;
use crate::connector::target::Advanced;
use crate::error::Failure;
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
    /// And where it went.
    pub stages: StageTimes,
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
        ready.push(is_wanted.then(|| {
            EntityRun {
                member: Member {
                    index,
                    mapper,
                    committer: Committer::new(
                        plan.clone(),
                        index,
                        target.clone(),
                        books.clone(),
                        run.to_owned(),
                        budget.clone(),
                    )
                    .showing(options.show_rows.clone()),
                    checkpoint: starts[index].clone(),
                    read: None,
                    advanced: Vec::new(),
                    progress: progress.entity(
                        &plan.entities[index].name,
                        starts[index].position.document,
                        throughs[index],
                    ),
                },
                // What a prediction gathers is not where it was opened.
                source: Some(source).filter(|_| !origin.is_gathered()),
                origin: origin.within(target, books),
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
            }
        }));
    }
    let mut ends: Vec<Option<EntityEnd>> = ready.iter().map(|_| None).collect();
    let mut running: FuturesUnordered<LocalBoxFuture<'_, Vec<Stretch>>> = FuturesUnordered::new();
    let mut open: BTreeSet<usize> = BTreeSet::new();
    // Members of a circle that wait for the others to be read to their ends.
    let mut read_out: BTreeMap<usize, Stretch> = BTreeMap::new();
    loop {
        while open.iter().filter(|&&entity| !holds[entity].is_held()).count() < ENTITIES_OPEN_MAX
            && !shutdown.is_asked()
        {
            // An entity that is not selected is complete, or nobody that is refers to it: `selection` has seen to that. One
            // that a limit has cut short keeps its children waiting: they would take its unread records for missing
            // parents.
            let is_cut =
                |entity: usize| ends[entity].as_ref().is_some_and(|end| end.checkpoint.state != State::Completed);
            let is_waiting = |entity: usize, parent: usize| {
                let is_own = plan.entities[entity].group.contains(&parent);
                let is_open = ready[parent].is_some() || open.contains(&parent) || is_cut(parent);
                is_open || !is_own && read_out.contains_key(&parent)
            };
            let next = (0..ready.len()).find(|&entity| {
                let mut after = plan.entities[entity].after.iter();
                ready[entity].is_some() && !after.any(|&parent| is_waiting(entity, parent))
            });
            let Some(entity) = next.and_then(|index| ready[index].take().map(|entity| (index, entity))) else { break };
            let (index, entity) = entity;
            open.insert(index);
            running.push(read(entity).boxed_local());
        }
        let stretches = tokio::select! {
            stretches = running.next() => stretches,
            () = somebody_waits.notified() => continue,
        };
        let Some(stretches) = stretches else { break };
        for stretch in stretches {
            let index = stretch.member.index;
            open.remove(&index);
            if stretch.is_read_out {
                let group = &plan.entities[index].group;
                read_out.insert(index, stretch);
                let is_missing =
                    |&member: &usize| !read_out.contains_key(&member) && starts[member].state != State::Completed;
                if !group.iter().any(is_missing) {
                    let members: Vec<Stretch> = group.iter().filter_map(|member| read_out.remove(member)).collect();
                    open.extend(members.iter().map(|stretch| stretch.member.index));
                    running.push(complete(members, shutdown).boxed_local());
                }
                continue;
            }
            let end = stretch.end(run, budget, options).await;
            if end.failure.is_some() {
                // The others save what they have; nobody starts any more.
                shutdown.ask();
            }
            ends[index] = Some(end);
        }
    }
    for (index, stretch) in read_out {
        ends[index] = Some(stretch.end(run, budget, options).await);
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

/// What became of an entity in one go.
struct Stretch {
    member: Member,
    duration_ms: u64,
    /// Whether it is yet to be completed with the others of its group.
    is_read_out: bool,
    error: Option<CommitError>,
}

impl Stretch {
    /// Returns how the entity ended; dead letters that were too many are kept as provisional ones.
    async fn end(self, run: &str, budget: &Arc<RunBudget>, options: &Options) -> EntityEnd {
        let stages = self.member.mapper.stages.times();
        let Member { committer, checkpoint, advanced, .. } = self.member;
        let failure = match self.error {
            None => None,
            Some(CommitError::Failure(failure)) => Some(failure),
            Some(CommitError::OverBudget(letters)) => {
                if let Some(show_rows) = &options.show_rows {
                    show_rows.add_letters(&committer.entity().name, &letters);
                }
                Some(dead_letter::over_budget(&committer, budget, run, &checkpoint, &letters).await)
            }
        };
        EntityEnd { checkpoint, advanced, duration_ms: self.duration_ms, stages, failure }
    }
}

/// Reads an entity; one that is in no circle is complete then.
async fn read(entity: EntityRun) -> Vec<Stretch> {
    let begun = Instant::now();
    let Ended { member, is_read_out, error } = entity.run().await;
    vec![Stretch { member, duration_ms: super::milliseconds(begun), is_read_out, error }]
}

/// Completes the members of a circle.
async fn complete(stretches: Vec<Stretch>, shutdown: &Shutdown) -> Vec<Stretch> {
    let begun = Instant::now();
    let durations: Vec<u64> = stretches.iter().map(|stretch| stretch.duration_ms).collect();
    let mut members: Vec<Member> = stretches.into_iter().map(|stretch| stretch.member).collect();
    let (place, mut error) = match finish::finish(&mut members, shutdown).await {
        Ok(_) => (0, None),
        Err((place, error)) => (place, Some(error)),
    };
    if let Some(first) = members.first() {
        first.mapper.stages.add(Stage::Finish, begun);
    }
    let took = super::milliseconds(begun);
    let stretches = members.into_iter().zip(durations).enumerate().map(|(index, (member, duration_ms))| Stretch {
        member,
        duration_ms: duration_ms + took,
        is_read_out: false,
        error: error.take_if(|_| index == place),
    });
    stretches.collect()
}
