//! The run: the only module that knows plans, plugins and connectors alike.

pub mod ahead;
pub mod bookkeeping;
pub mod budget;
pub mod claimed;
pub mod commit;
pub mod committed;
pub mod compare;
pub mod components;
pub mod dead_letter;
pub mod dependents;
pub mod entity;
pub mod failure;
pub mod fingerprint;
pub mod finish;
pub mod given;
pub mod heal;
pub mod hold;
pub mod layout;
pub mod ledger;
pub mod open;
pub mod parents;
pub mod permits;
pub mod progress;
pub mod repair;
pub mod replay;
pub mod report;
pub mod reread;
pub mod resolve;
pub mod retry;
pub mod schedule;
pub mod shutdown;
pub mod survey;
pub mod swap;
pub mod transform;
pub mod verify;
pub mod version;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bookkeeping::Bookkeeping;
use bookkeeping::Checkpoint;
use bookkeeping::MigrationRow;
use budget::RunBudget;
use open::Opened;
use report::EntityReport;
use report::Fates;
use report::Mode;
use report::Report;
use report::State;
use report::Status;
use schedule::EntityEnd;
use shutdown::Shutdown;
use swap::history::Announcement;

use crate::connector;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::schema::nearest;

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
    /// Go on although configuration, components or target tables have changed.
    pub accept_change: bool,
    /// Show bars.
    pub terminal: bool,
}

/// How a run ended that has begun.
#[derive(Debug)]
pub struct Ended {
    /// What it did.
    pub report: Report,
    /// What ended it too early; what else failed is in there.
    pub failure: Option<Failure>,
}

/// Runs a migration, or predicts what it would do. Fails where nothing was begun.
pub async fn run(manifest: Manifest, options: &Options, shutdown: &Shutdown) -> Result<Ended, Failure> {
    let begun = Instant::now();
    let started_at = bookkeeping::now();
    let run = run_id();
    let mode = if options.execute { connector::target::Mode::ReadWrite } else { connector::target::Mode::ReadOnly };
    let mut opened = open::open(manifest, mode).await?;
    let selected = selected(&opened, &options.entities)?;
    check_fingerprint(&opened, options)?;

    let (target, _lock): (Arc<dyn Target>, _) = if options.execute {
        let lock = opened.target.lock(&opened.plan.name, &holder()).await?;
        (opened.target.clone(), Some(lock))
    } else {
        (connector::predict(opened.target.clone(), std::mem::take(&mut opened.missing)).await?, None)
    };
    let books = Bookkeeping::new(&*target, &opened.plan.name);
    if options.execute {
        prepare(&opened, &*target, &books).await?;
    } else {
        copy_bookkeeping(&opened, &*target, &books).await?;
    }
    let starts = checkpoints(&opened, &*target, &books).await?;
    let is_done = selected.iter().all(|&entity| starts[entity].state == State::Completed);

    let spent = |count: fn(&Fates) -> u64| starts.iter().map(|start| count(&start.fates)).sum();
    let budget = Arc::new(RunBudget::new(opened.plan.budget, spent(|fates| fates.dead), spent(|fates| fates.read)));
    let mut report = Report {
        run: run.clone(),
        migration: opened.plan.name.clone(),
        mode: if options.execute { Mode::Execute } else { Mode::DryRun },
        status: Status::NothingToDo,
        started_at,
        duration_ms: 0,
        entities: Vec::new(),
        plugins: opened.plugins.clone(),
        conservation: "ok".to_owned(),
        dead_letters: Vec::new(),
        error: None,
    };
    let mut ends: Vec<Option<EntityEnd>> = starts.iter().map(|_| None).collect();
    let plan = opened.plan.clone();
    let mut failures: Vec<Failure> = Vec::new();
    if !is_done {
        if options.execute {
            let mut tx = target.begin().await?;
            books.insert_run(&mut *tx, &run, "execute", &report.started_at).await?;
            tx.commit().await?;
        }
        ends =
            schedule::run_entities(opened, &target, &books, &run, &budget, &selected, &starts, options, shutdown).await;
        let all_completed = starts
            .iter()
            .zip(&ends)
            .all(|(start, end)| end.as_ref().map_or(start.state, |end| end.checkpoint.state) == State::Completed);
        let has_failed = ends.iter().flatten().any(|end| end.failure.is_some());
        if !has_failed && !shutdown.is_asked() && budget.is_exceeded_by(0, 0, all_completed) {
            failures.push(dead_letter::run_over_budget(&budget));
        }
        report.status = if has_failed || !failures.is_empty() {
            Status::Failed
        } else if ends.iter().flatten().any(|end| end.checkpoint.state == State::Held) {
            Status::Held
        } else if shutdown.is_asked() {
            Status::Stopped
        } else {
            Status::Completed
        };
    }
    for (index, entity) in plan.entities.iter().enumerate().filter(|(index, _)| selected.contains(index)) {
        let not_predicted =
            entity.tables.iter().filter(|table| !options.execute && !table.schema.not_predicted.is_empty());
        let mut entity = entity_report(&entity.name, &starts[index], ends[index].as_ref());
        entity.not_predicted =
            not_predicted.map(|table| (table.schema.name.clone(), table.schema.not_predicted.clone())).collect();
        report.entities.push(entity);
        failures.extend(ends[index].as_mut().and_then(|end| end.failure.take()));
    }
    if report.entities.iter().any(|entity| entity.total.read != entity.total.sum()) {
        report.conservation = "broken".to_owned();
    }
    report.error = failures.first().map(ToString::to_string);
    report.duration_ms = milliseconds(begun);
    let concluded = retry::retry(&run, async || conclude(&*target, &books, &mut report).await).await;
    // A target that is gone cannot take its report; why it is gone was said first.
    failures.extend(concluded.err().filter(|_| report.error.is_none()));
    let mut failures = failures.into_iter();
    let failure = failures.next().map(|first| first.and(failures.collect()));
    Ok(Ended { report, failure })
}

/// Completes the report with what is stored, and stores it.
async fn conclude(target: &dyn Target, books: &Bookkeeping, report: &mut Report) -> Result<(), Failure> {
    let mut tx = target.begin().await?;
    report.dead_letters = books.reasons(&mut *tx, false).await?;
    let names: BTreeSet<&String> = report.entities.iter().map(|entity| &entity.name).collect();
    report.dead_letters.retain(|reason| names.contains(&reason.entity));
    let mut nulled = books.nulled_references(&mut *tx).await?;
    for entity in &mut report.entities {
        entity.nulled_references = nulled.remove(&entity.name).unwrap_or(0);
        entity.skip_reasons = books.skip_reasons(&mut *tx, &entity.name).await?;
    }
    if report.mode == Mode::DryRun || report.status == Status::NothingToDo {
        tx.rollback().await?;
        return Ok(());
    }
    let json = serde_json::to_string(&report).map_err(|error| Failure::bug("the report is no JSON").cause(error))?;
    let status = serde_json::to_value(report.status).ok().and_then(|status| status.as_str().map(str::to_owned));
    books.end_run(&mut *tx, &report.run, &status.unwrap_or_default(), &json).await?;
    tx.commit().await?;
    Ok(())
}

/// Returns a new run's id: its start and the process, so that runs sort by time.
pub fn run_id() -> String {
    format!("{}-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6f"), std::process::id())
}

/// Returns who is running, for the process that finds the lock taken.
fn holder() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned());
    format!("{user}@{} (process {})", gethostname::gethostname().to_string_lossy(), std::process::id())
}

fn milliseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Returns the indexes of the entities that were asked for.
fn selected(opened: &Opened, names: &[String]) -> Result<BTreeSet<usize>, Failure> {
    let entities = &opened.plan.entities;
    if names.is_empty() {
        return Ok((0..entities.len()).collect());
    }
    let known: Vec<String> = entities.iter().map(|entity| entity.name.clone()).collect();
    names
        .iter()
        .map(|name| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                let hint = nearest(name, &known)
                    .map_or_else(|| format!("there is {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
                Failure::usage(format!("there is no entity `{name}`")).hint(hint)
            })
        })
        .collect()
}

/// A resume under another identity is refused; one with another output needs consent.
fn check_fingerprint(opened: &Opened, options: &Options) -> Result<(), Failure> {
    if opened.stored.is_none() {
        return Ok(());
    }
    let output = changes(opened)?;
    if !output.is_empty() && !options.accept_change {
        return Err(Failure::usage(format!(
            "the migration `{}` has begun with other output:\n  {}",
            opened.plan.name,
            output.join("\n  ")
        ))
        .hint("`--accept-change` goes on with the new one for the records that are left"));
    }
    Ok(())
}

/// Fails where the migration has not begun; a missing SQLite file is then not made either.
async fn has_begun(manifest: &Manifest) -> Result<(), Failure> {
    let (url, mode) = (&manifest.tables.target.url, connector::target::Mode::ReadOnly);
    let target = connector::open_target(url, &manifest.folder, mode).await?;
    if target.has_own_tables().await? {
        return Ok(());
    }
    Err(not_begun(&manifest.tables.name))
}

fn not_begun(migration: &str) -> Failure {
    Failure::usage(format!("the migration `{migration}` has not begun"))
        .hint("`whimbrel run <manifest> --execute` begins it")
}

/// Returns what has changed in the output since the migration began; fails where it has not begun, or where its
/// identity is another.
fn changes(opened: &Opened) -> Result<Vec<String>, Failure> {
    let Some(stored) = &opened.stored else {
        return Err(not_begun(&opened.plan.name));
    };
    let read = |json: &str| {
        serde_json::from_str(json).map_err(|error| Failure::failed("the stored fingerprint is unreadable").cause(error))
    };
    let identity = opened.fingerprint.identity_changes(&read(&stored.identity)?);
    if !identity.is_empty() {
        return Err(Failure::usage(format!(
            "the migration `{}` has begun under another identity:\n  {}",
            opened.plan.name,
            identity.join("\n  ")
        ))
        .hint("put it back, give the migration another name, or forget what was done with `whimbrel reset`"));
    }
    Ok(opened.fingerprint.output_changes(&read(&stored.output)?))
}

/// Makes what a first run needs: the schema, whimbrel's own tables, the migration's row.
async fn prepare(opened: &Opened, target: &dyn Target, books: &Bookkeeping) -> Result<(), Failure> {
    if let Some((sql, names)) = &opened.schema {
        tracing::info!(tables = names.join(", "), "creating the missing tables");
        target.apply_schema(sql).await?;
    }
    target.create_own_tables().await?;
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
    tx.commit().await?;
    Ok(())
}

/// Gives a dry run what was stored so far, in its scratch database.
async fn copy_bookkeeping(opened: &Opened, scratch: &dyn Target, books: &Bookkeeping) -> Result<(), Failure> {
    scratch.create_own_tables().await?;
    if !opened.target.has_own_tables().await? {
        return Ok(());
    }
    let stored = Bookkeeping::new(&*opened.target, &opened.plan.name);
    let mut from = opened.target.begin().await?;
    let mut to = scratch.begin().await?;
    for entity in &opened.plan.entities {
        stored.copy(&mut *from, books, &mut *to, &entity.name).await?;
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

fn entity_report(name: &str, start: &Checkpoint, end: Option<&EntityEnd>) -> EntityReport {
    let now = end.map_or(start, |end| &end.checkpoint);
    let this_run = Fates {
        read: now.fates.read - start.fates.read,
        written: now.fates.written - start.fates.written,
        unchanged: now.fates.unchanged - start.fates.unchanged,
        skipped: now.fates.skipped - start.fates.skipped,
        dead: now.fates.dead - start.fates.dead,
        parked: now.fates.parked - start.fates.parked,
        merged: now.fates.merged - start.fates.merged,
    };
    let duration_ms = end.map_or(0, |end| end.duration_ms);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let records_per_second =
        if duration_ms == 0 { 0.0 } else { (this_run.read as f64 * 1000.0 / duration_ms as f64).round() };
    EntityReport {
        name: name.to_owned(),
        state: now.state,
        total: now.fates,
        this_run,
        rows: now.rows.clone(),
        batches: now.batches,
        records_per_second,
        duration_ms,
        failure: end.and_then(|end| end.failure.as_ref()).map(Into::into),
        ..EntityReport::default()
    }
}
