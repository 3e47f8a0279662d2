//! The run: the only module that knows plans, plugins and connectors alike.

pub mod ahead;
mod begun;
pub mod bookkeeping;
pub mod budget;
pub mod check;
pub mod choices;
pub mod claimed;
pub mod commit;
pub mod committed;
pub mod compare;
pub mod components;
mod conclude;
pub mod dead_letter;
pub mod dependents;
pub mod entity;
pub mod failure;
pub mod fill;
pub mod fingerprint;
pub mod finish;
pub mod given;
pub mod heal;
pub mod hold;
pub mod identify;
pub mod junction;
pub mod layout;
pub mod ledger;
pub mod locked;
mod merge;
pub mod merges;
pub mod numbering;
pub mod open;
pub mod origin;
mod originals;
pub mod parents;
pub mod parked;
pub mod permits;
pub mod progress;
pub mod repair;
pub mod replay;
pub mod report;
pub mod resolve;
pub mod retry;
pub mod rewritten;
pub mod schedule;
pub mod selection;
pub mod shown;
pub mod shutdown;
pub mod skips;
pub mod stages;
pub mod stand_in;
pub mod survey;
pub mod swap;
mod tables;
pub mod transform;
mod unclaimed;
pub mod validate;
pub mod verify;
pub mod version;
pub mod who;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use begun::check_fingerprint;
use bookkeeping::Bookkeeping;
use bookkeeping::Checkpoint;
use bookkeeping::MigrationRow;
use budget::RunBudget;
use check::Reads;
use junction::JunctionEnd;
use junction::JunctionReport;
use open::Opened;
use report::Fates;
use report::Mode;
use report::Report;
use report::State;
use report::Status;
use schedule::EntityEnd;
use selection::ChangedSource;
use shown::ShowRows;
use shutdown::Shutdown;
use swap::history::Announcement;
use who::run_id;
use who::who;

use crate::connector;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Draft;
use crate::plan::JunctionPlan;

/// Marks a place where a test can end the process as a power cut would.
#[macro_export]
macro_rules! stop_point {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        let _: Option<()> = fail::eval($name, |_| std::process::abort());
    };
}

/// What the user asked of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Write; otherwise only predict.
    pub execute: bool,
    /// Only these entities; all where it is empty.
    pub entities: Vec<String>,
    /// Records to read at most, for each entity.
    pub limit: Option<u64>,
    /// The time that the first run pins, in microseconds since 1970, where it is not the real one.
    pub now_us: Option<i64>,
    /// Go on although configuration, components or target tables have changed.
    pub accept_change: bool,
    /// Show bars.
    pub terminal: bool,
    /// Collects what is to be shown of single records.
    pub show_rows: Option<Arc<ShowRows>>,
}

/// How a run ended that has begun.
#[derive(Debug)]
pub struct Ended {
    /// What it did.
    pub report: Report,
    /// What ended it too early; what else failed is in there.
    pub failure: Option<Failure>,
}

/// Finds whether a run could begin, and returns the migration's name. Nothing is written, and no file is made.
pub async fn check_plan(draft: Draft, options: &Options) -> Result<String, Failure> {
    let mode = connector::target::Mode::ReadOnly;
    let opened = open::open_with(draft, mode, Reads::Sources, !options.accept_change, options.now_us).await?;
    check_beginning(&opened, options).await?;
    Ok(opened.plan.name.clone())
}

/// Asks everything that can be asked before anything is touched; returns which entities are meant, and which of them are
/// complete with what their sources were before.
async fn check_beginning(opened: &Opened, options: &Options) -> Result<(BTreeSet<usize>, Vec<ChangedSource>), Failure> {
    let selected = selection::selected(opened, &options.entities)?;
    check_fingerprint(opened, options)?;
    let standing = selection::standing(opened).await?;
    selection::check_tables(opened, &standing)?;
    selection::check_parents(opened, &selected, &standing, options)?;
    let changed = selection::changed_sources(&opened.sources, &selected, &standing);
    selection::check_sources(opened, &changed, options)?;
    junction::check_awaited(opened).await?;
    open::check_writable(opened, &selected).await?;
    Ok((selected, changed))
}

/// Runs a migration, or predicts what it would do. Fails where nothing was begun.
pub async fn run(draft: Draft, options: &Options, shutdown: &Shutdown) -> Result<Ended, Failure> {
    let begun = Instant::now();
    let started_at = bookkeeping::now();
    let run = run_id();
    let mode = if options.execute { connector::target::Mode::ReadWrite } else { connector::target::Mode::ReadOnly };
    let mut opened = open::open_with(draft, mode, Reads::Sources, !options.accept_change, options.now_us).await?;
    let (selected, changed) = check_beginning(&opened, options).await?;
    opened.tell_stand_ins();

    let (target, lock): (Arc<dyn Target>, _) = if options.execute {
        let lock = opened.target.lock(&opened.plan.name, &run, &who()).await?;
        (opened.target.clone(), Some(lock))
    } else {
        (connector::predict(opened.target.clone(), std::mem::take(&mut opened.missing)).await?, None)
    };
    let books = Bookkeeping::new(&*target, &opened.plan.name);
    if options.execute {
        prepare(&opened, &*target, &books, &changed).await?;
    } else {
        copy_bookkeeping(&opened, &*target, &books).await?;
    }
    let starts = checkpoints(&opened, &*target, &books).await?;
    let work = junction::Work { plan: &opened.plan.clone(), target: &*target, books: &books, run: &run };
    let concerned = junction::concerned(work.plan, &selected);
    let stands = junction::stands(work).await?;
    let is_left = |&index: &usize| {
        let waits_for = junction::waits_for(work.plan, index, &starts.iter().collect::<Vec<_>>());
        stands[index].is_open() && waits_for.is_empty()
    };
    let is_done =
        selected.iter().all(|&entity| starts[entity].state == State::Completed) && !concerned.iter().any(is_left);

    let spent = |count: fn(&Fates) -> u64| starts.iter().map(|start| count(&start.fates)).sum();
    let budget = RunBudget::new(opened.plan.budget, spent(|fates| fates.dead), spent(|fates| fates.read));
    let budget = Arc::new(if options.execute { budget.listed_for(&opened.manifest.file) } else { budget });
    let mut report = Report {
        run: run.clone(),
        migration: opened.plan.name.clone(),
        mode: if options.execute { Mode::Execute } else { Mode::DryRun },
        status: Status::NothingToDo,
        started_at,
        duration_ms: 0,
        entities: Vec::new(),
        junctions: Vec::new(),
        plugins: opened.plugins.clone(),
        consistent: None,
        conservation: "ok".to_owned(),
        dead_letters: Vec::new(),
        provisional: Vec::new(),
        error: None,
    };
    let mut ends: Vec<Option<EntityEnd>> = starts.iter().map(|_| None).collect();
    let mut junction_ends: Vec<Option<JunctionEnd>>;
    let plan = opened.plan.clone();
    let mut failures: Vec<Failure> = Vec::new();
    if options.execute {
        let mut tx = target.begin().await?;
        books.insert_run(&mut *tx, &run, "execute", &report.started_at).await?;
        tx.commit().await?;
        failures.extend(merge::waiting(&plan, &*target, &books).await?);
    }
    if !is_done {
        let all = async {
            let ends =
                schedule::run_entities(opened, &target, &books, &run, &budget, &selected, &starts, options, shutdown)
                    .await;
            let stand = now(&starts, &ends);
            let junctions = junction::run_steps(work, &concerned, stands, &stand, shutdown, options.terminal).await;
            (ends, junctions)
        };
        let lost;
        ((ends, junction_ends), lost) = locked::watched(lock.as_deref(), shutdown, all).await;
        failures.extend(lost);
        let is_completed = |entity: usize| {
            ends[entity].as_ref().map_or(starts[entity].state, |end| end.checkpoint.state) == State::Completed
        };
        let (all_completed, asked_completed) =
            ((0..starts.len()).all(is_completed), selected.iter().copied().all(is_completed));
        let has_failed = ends.iter().flatten().any(|end| end.failure.is_some())
            || junction_ends.iter().flatten().any(|end| end.failure.is_some());
        if !has_failed && (asked_completed || !shutdown.is_asked()) && budget.is_exceeded_by(0, 0, all_completed) {
            failures.push(dead_letter::run_over_budget(&budget));
        }
        report.status = if has_failed || !failures.is_empty() {
            Status::Failed
        } else if ends.iter().flatten().any(|end| end.checkpoint.state == State::Held) {
            Status::Held
        } else if asked_completed && junction_ends.iter().flatten().all(JunctionEnd::is_done) {
            Status::Completed
        } else if shutdown.is_asked() {
            Status::Stopped
        } else {
            Status::Limited
        };
    } else {
        let unchanged = |(index, stand): (usize, junction::Stand)| {
            concerned.contains(&index).then(|| JunctionEnd::unchanged(work.plan, index, stand, &now(&starts, &ends)))
        };
        junction_ends = stands.into_iter().enumerate().map(unchanged).collect();
    }
    for (index, entity) in plan.entities.iter().enumerate().filter(|(index, _)| selected.contains(index)) {
        let is_said = !options.execute && entity.merged_into.is_none();
        let not_predicted = entity.tables.iter().filter(|table| is_said && !table.not_predicted().is_empty());
        let mut entity = conclude::entity_report(&entity.name, &starts[index], ends[index].as_ref());
        entity.not_predicted = not_predicted.map(|table| (table.schema.name.clone(), table.not_predicted())).collect();
        entity.shown = options.show_rows.as_ref().and_then(|show_rows| show_rows.take(&entity.name));
        report.entities.push(entity);
        failures.extend(ends[index].as_mut().and_then(|end| end.failure.take()));
    }
    for (index, end) in junction_ends.iter_mut().enumerate() {
        let Some(end) = end else { continue };
        let not_predicted = plan.junctions[index].table.not_predicted();
        let mut junction = JunctionReport::new(&plan, index, end);
        junction.not_predicted = if options.execute { Vec::new() } else { not_predicted };
        if !junction.is_conserved(end) {
            report.conservation = "broken".to_owned();
        }
        report.junctions.push(junction);
        failures.extend(end.failure.take());
    }
    let reads = starts.iter().zip(&ends).flat_map(|(start, end)| match end {
        Some(end) => &end.checkpoint.snapshots,
        None => &start.snapshots,
    });
    report.consistent = bookkeeping::is_consistent(reads);
    // Several entities may have learned the same.
    failures.dedup_by(|failure, before| failure.message == before.message);
    if report.entities.iter().any(|entity| entity.total.read != entity.total.sum()) {
        report.conservation = "broken".to_owned();
    }
    report.error = failures.first().map(ToString::to_string);
    report.duration_ms = milliseconds(begun);
    let concluded = retry::retry(&run, async || conclude::conclude(&*target, &books, &mut report).await).await;
    // A target that is gone cannot take its report; why it is gone was said first.
    failures.extend(concluded.err().filter(|_| report.error.is_none()));
    let mut failures = failures.into_iter();
    let failure = failures.next().map(|first| first.and(failures.collect()));
    Ok(Ended { report, failure })
}

/// Where the entities stand by now, in the plan's order.
fn now<'a>(starts: &'a [Checkpoint], ends: &'a [Option<EntityEnd>]) -> Vec<&'a Checkpoint> {
    let now = |(start, end): (&'a Checkpoint, &'a Option<EntityEnd>)| end.as_ref().map_or(start, |end| &end.checkpoint);
    starts.iter().zip(ends).map(now).collect()
}

fn milliseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Makes what a first run needs: the schema, the migration's row.
async fn prepare(
    opened: &Opened,
    target: &dyn Target,
    books: &Bookkeeping,
    changed: &[ChangedSource],
) -> Result<(), Failure> {
    if let Some((sql, names)) = &opened.schema {
        tracing::info!(tables = names.join(", "), "creating the missing tables");
        target.apply_schema(sql).await?;
    }
    let stored = opened.stored.as_ref().and_then(|row| serde_json::from_str(&row.identity).ok());
    let row = MigrationRow {
        namespace: opened.plan.namespace.clone(),
        identity: opened.fingerprint.identity_with(stored.as_ref()).to_string(),
        output: opened.fingerprint.output.to_string(),
        pinned_at_us: opened.pins.now_us,
        seed: opened.pins.seed.cast_signed(),
    };
    let mut tx = target.begin().await?;
    // The lock is held: what was read before it was taken may be older than what another process has stored since.
    match (books.migration(&mut *tx).await?, &opened.stored) {
        (None, None) => books.insert_migration(&mut *tx, &row).await?,
        (now, before) if now == *before => books.update_migration(&mut *tx, &row).await?,
        _ => {
            tx.rollback().await?;
            return Err(Failure::failed(format!(
                "another process has just worked on the migration `{}`",
                opened.plan.name
            ))
            .hint("run the same command again"));
        }
    }
    // Who has come as far as this has accepted the change.
    for changed in changed {
        books.accept_source(&mut *tx, &opened.plan.entities[changed.entity].name, &changed.is).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Gives a dry run what was stored so far, in its scratch database.
async fn copy_bookkeeping(opened: &Opened, scratch: &dyn Target, books: &Bookkeeping) -> Result<(), Failure> {
    if !opened.target.has_own_tables().await? {
        return Ok(());
    }
    let stored = Bookkeeping::new(&*opened.target, &opened.plan.name);
    let mut from = opened.target.begin().await?;
    let mut to = scratch.begin().await?;
    let entities = opened.plan.entities.iter().map(|entity| entity.name.clone());
    for name in entities.chain(opened.plan.junctions.iter().map(JunctionPlan::ledger_name)) {
        stored.copy(&mut *from, books, &mut *to, &name).await?;
    }
    from.rollback().await?;
    to.commit().await?;
    Ok(())
}

/// Returns where every entity stands; a component that was not there before says so with its first batch.
async fn checkpoints(opened: &Opened, target: &dyn Target, books: &Bookkeeping) -> Result<Vec<Checkpoint>, Failure> {
    let mut tx = target.begin().await?;
    let mut checkpoints = Vec::new();
    for entity in &opened.plan.entities {
        checkpoints.push(books.checkpoint(&mut *tx, &entity.name).await?);
    }
    for (entity, mapper) in opened.plan.entities.iter().zip(&opened.mappers) {
        let last = books.last_digest(&mut *tx, &entity.name).await?;
        let active = mapper.versions.active();
        if last.as_deref() != Some(active.transformer.component().digest()) {
            mapper.versions.announce(Announcement::of_start(&entity.name, &active, last));
        }
    }
    tx.rollback().await?;
    Ok(checkpoints)
}
