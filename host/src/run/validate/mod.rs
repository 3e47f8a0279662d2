//! Eight checks of a finished target, and the validators once more, over the rows that stand: nothing is written.
//!
//! Tables are paged through for what the database alone knows (`tables.rs`). Then the source is read afresh, once for all
//! checks that need it, and what comes out of it is held beside the rows (`walk.rs`). Comparing nothing is a failure.

mod cells;
mod columns;
mod components;
mod nodes;
mod references;
pub mod report;
mod tables;
mod tally;
mod times;
mod values;
mod walk;

use std::time::Instant;

use components::Examiner;
use report::CHECKS;
use report::COORDINATES;
use report::FILE_PATHS;
use report::JSON_FIELDS;
use report::Outcome;
use report::REFERENTIAL_INTEGRITY;
use report::ROW_COUNT;
use report::TIMESTAMPS;
pub use report::ValidateReport;
use tally::Tallies;
use walk::Walk;

use super::begun;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::check::Reads;
use super::open;
use super::open::Opened;
use super::progress::Progress;
use super::report::State;
use super::shutdown::Shutdown;
use crate::connector::TargetError;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::hint;
use crate::record::instant;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only these checks; all where it is empty.
    pub only: Vec<String>,
    /// Leave out the rows that nobody wrote: they stood there before.
    pub skip_extra: bool,
    /// Show bars.
    pub terminal: bool,
}

/// Runs the checks against the target of a migration that is complete.
pub async fn validate(manifest: Manifest, options: &Options, shutdown: &Shutdown) -> Result<ValidateReport, Failure> {
    let start = Instant::now();
    check_names(&manifest, &options.only)?;
    begun::has_begun(&manifest).await?;
    let mut opened = open::open(manifest, Mode::ReadOnly, Reads::Sources).await?;
    let changes = begun::changes(&opened)?;
    let (migration, target) = (opened.plan.name.clone(), opened.target.clone());
    if let Some(holder) = target.lock_holder(&migration).await? {
        return Err(TargetError::Locked { migration, holder }.into());
    }
    let books = Bookkeeping::new(&*target, &migration);
    let starts = super::checkpoints(&opened, &*target, &books).await?;
    super::selection::check_tables(&opened, &starts)?;
    let sources = std::mem::take(&mut opened.sources);
    let mut walk = Walk::new(&opened, &books, run_times(&opened, &books, &starts).await?, shutdown);
    walk.tallies = tallies(&opened, &walk, &options.only);
    tables::types(&opened, &mut walk.tallies, shutdown).await?;
    tables::foreign_keys(&opened, &mut walk.tallies, shutdown).await?;
    let progress = Progress::new(options.terminal, opened.plan.entities.len(), 0);
    if walk.reads() {
        for (index, source) in sources.into_iter().enumerate() {
            let mut bar = progress.entity(&opened.plan.entities[index].name, 0, Some(0.0));
            bar.begin();
            walk.entity(index, source, &starts[index], &bar).await?;
        }
        walk.end_declared();
    }
    tables::rows(&opened, &books, options.skip_extra, &mut walk.tallies, shutdown).await?;
    progress.end();
    let checks = walk.tallies.end(shutdown.is_asked());
    let has = |outcome| checks.iter().any(|check| check.outcome == outcome);
    let status = match () {
        () if shutdown.is_asked() => "stopped",
        () if has(Outcome::Failed) || !has(Outcome::Passed) => "failed",
        () => "passed",
    };
    Ok(ValidateReport { migration, status, duration_ms: super::milliseconds(start), checks, changes })
}

/// Refuses a name that is neither a check's nor a validator's.
fn check_names(manifest: &Manifest, only: &[String]) -> Result<(), Failure> {
    let mut known: Vec<String> = CHECKS.iter().map(|&check| check.to_owned()).collect();
    for entity in &manifest.tables.entity {
        let settings = entity.settings.or(&manifest.tables.defaults);
        known.extend(settings.validate.iter().flatten().map(|validator| validator.parts().0.to_owned()));
    }
    match only.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => {
            known.dedup();
            let known = hint::among(name, &known).unwrap_or_else(|| format!("there is {}", known.join(", ")));
            Err(Failure::usage(format!("there is no check `{name}`")).hint(known))
        }
    }
}

/// Sets up the checks that were asked for, and says which of them have something to look at.
fn tallies(opened: &Opened, walk: &Walk<'_>, only: &[String]) -> Tallies {
    let mut tallies = Tallies::default();
    let validators = walk.examiners.iter().flatten().map(Examiner::name);
    for check in CHECKS.into_iter().chain(validators) {
        let is_asked = only.iter().any(|name| name == check);
        if (only.is_empty() || is_asked) && !tallies.has(check) {
            tallies.add(check, is_asked);
        }
    }
    tallies.applies(ROW_COUNT);
    walk.examiners.iter().flatten().for_each(|examiner| tallies.applies(examiner.name()));
    let tables = || opened.plan.entities.iter().flat_map(|entity| &entity.tables);
    if tables().any(|table| !table.references.is_empty()) {
        tallies.applies(REFERENTIAL_INTEGRITY);
    }
    for check in [COORDINATES, TIMESTAMPS, FILE_PATHS, JSON_FIELDS] {
        if walk.columns.iter().any(|columns| columns.has(check)) {
            tallies.applies(check);
        }
    }
    tallies
}

/// Returns when the migration was running, and the time that its components are told, in microseconds since 1970. A run
/// that could not say when it ended is taken to have gone on to its last checkpoint, or to the next one.
async fn run_times(opened: &Opened, books: &Bookkeeping, starts: &[Checkpoint]) -> Result<Vec<(i64, i64)>, Failure> {
    let mut tx = opened.target.begin().await?;
    let runs = books.run_times(&mut *tx).await?;
    tx.rollback().await?;
    let us = |text: &str| instant::parse_instant(text);
    let saved = starts.iter().filter_map(|start| us(&start.updated_at)).max();
    let begun: Vec<Option<i64>> = runs.iter().map(|(begun, _)| us(begun)).collect();
    let windows = runs.iter().enumerate().filter_map(|(place, (_, ended))| {
        let next = begun.get(place + 1).copied().flatten();
        let ended = ended.as_deref().and_then(us).or(next).or(saved);
        Some((begun[place]?, ended?))
    });
    let pinned = opened.pins.now_us;
    Ok(windows.chain([(pinned, pinned)]).collect())
}

/// Returns whether an entity has been moved to its end.
fn is_complete(start: &Checkpoint) -> bool {
    start.state == State::Completed
}
