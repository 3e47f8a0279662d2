//! Rows that one version of a component wrote, made right by the active one.
//!
//! Exactly the records of that version are read and mapped again. What differs is written through the commit path, in
//! batch transactions; what somebody else has touched since is listed and left alone. The ledger then says which version
//! made a record's rows, so that the same command again has nothing left to do.

mod decide;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;

use decide::Decided;
pub use report::Counts;
pub use report::RepairReport;

use super::begun;
use super::bookkeeping;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::Review;
use super::budget::RunBudget;
use super::check::Reads;
use super::commit::Again;
use super::commit::CommitError;
use super::commit::Committer;
use super::commit::Rewrite;
use super::committed::Committed;
use super::committed::Known;
use super::committed::Reread;
use super::dependents::Dependents;
use super::finish;
use super::heal;
use super::junction;
use super::junction::Work;
use super::ledger::Fate;
use super::locked::watched_to_success;
use super::open;
use super::open::Opened;
use super::report::Mode;
use super::report::State;
use super::resolve::Resolved;
use super::retry::retry;
use super::shutdown::Shutdown;
use super::verify::Part;
use super::verify::Told;
use super::verify::map;
use super::verify::of_record;
use super::who::run_id;
use super::who::who;
use crate::connector;
use crate::connector::Source;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::Manifest;
use crate::record::Batch;

const KIND: &str = "repair";

/// What is asked of a repair.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How the digest of the wrong version begins.
    pub from: String,
    /// Write; otherwise only compare.
    pub execute: bool,
    /// Only these entities; all where it is empty.
    pub entities: Vec<String>,
}

/// Repairs, or says what would be repaired.
pub async fn repair(manifest: Manifest, options: &Options, shutdown: &Shutdown) -> Result<RepairReport, Failure> {
    let start = Instant::now();
    begun::has_begun(&manifest).await?;
    let mode = if options.execute { connector::target::Mode::ReadWrite } else { connector::target::Mode::ReadOnly };
    let mut opened = open::open(manifest, mode, Reads::Sources).await?;
    let selected = super::selection::selected(&opened, &options.entities)?;
    let changes = begun::changes(&opened)?;
    open::check_writable(&opened, &selected).await?;
    let run = run_id();
    let lock = match options.execute {
        true => Some(opened.target.lock(&opened.plan.name, &run, &who()).await?),
        false => None,
    };
    let books = Bookkeeping::new(&*opened.target, &opened.plan.name);
    let from = digest(&opened, &books, &options.from).await?;
    let started_at = bookkeeping::now();
    if options.execute {
        let mut tx = opened.target.begin().await?;
        books.insert_run(&mut *tx, &run, KIND, &started_at).await?;
        tx.commit().await?;
    }
    let starts = super::checkpoints(&opened, &*opened.target, &books).await?;
    let mut report = RepairReport {
        run: run.clone(),
        migration: opened.plan.name.clone(),
        mode: if options.execute { Mode::Execute } else { Mode::DryRun },
        status: "done",
        from: from.clone(),
        duration_ms: 0,
        entities: Vec::new(),
        junctions: Vec::new(),
        changes,
    };
    let sources = std::mem::take(&mut opened.sources);
    let work = every_entity(
        &opened,
        sources.into_iter().zip(starts).collect(),
        &books,
        options,
        &selected,
        &mut report,
        shutdown,
    );
    let ended = watched_to_success(lock.as_deref(), shutdown, work).await;
    report.duration_ms = super::milliseconds(start);
    report.status = if shutdown.is_asked() { "stopped" } else { report.status };
    if options.execute {
        let mut tx = opened.target.begin().await?;
        let status = match &ended {
            Err(_) => "failed",
            Ok(()) if shutdown.is_asked() => "stopped",
            Ok(()) => {
                books.forget_reviews(&mut *tx, KIND).await?;
                "completed"
            }
        };
        let mut json = serde_json::json!(report);
        json["error"] = ended.as_ref().err().map(ToString::to_string).into();
        books.end_run(&mut *tx, &run, status, &json.to_string()).await?;
        tx.commit().await?;
    }
    match ended {
        Ok(()) => Ok(report),
        Err(failure) => Err(failure.with_report(report)),
    }
}

/// Repairs the entities one after another, each with its source and where it stands, and then fills in what waited for
/// their rows.
async fn every_entity(
    opened: &Opened,
    parts: Vec<(Box<dyn Source>, Checkpoint)>,
    books: &Bookkeeping,
    options: &Options,
    selected: &BTreeSet<usize>,
    report: &mut RepairReport,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let (run, from) = (report.run.clone(), report.from.clone());
    let mut stands: Vec<Checkpoint> = parts.iter().map(|(_, start)| start.clone()).collect();
    for (index, (source, start)) in parts.into_iter().enumerate() {
        let group = &opened.plan.entities[index].group;
        if !selected.contains(&index) {
            continue;
        }
        let mut entity = Repair {
            opened,
            index,
            from: &from,
            execute: options.execute,
            committer: committer(opened, books, &run, index),
            checkpoint: start,
            dependents: Dependents::new(opened.target.clone(), opened.plan.clone()),
            // With another component or mapping active, it is another repair.
            review: Review {
                digest: format!("{from} {:016x}", xxh3_64(opened.fingerprint.output.to_string().as_bytes())),
                ..Review::default()
            },
            is_whole: true,
            counts: Counts::default(),
        };
        let ended = entity.run(source, shutdown).await;
        stands[index] = entity.checkpoint;
        let name = opened.plan.entities[index].name.clone();
        report.entities.push(Part { name, counts: entity.counts });
        ended?;
        // In a circle, what one of them waits for may come with the last.
        if options.execute && group.iter().rfind(|member| selected.contains(member)) == Some(&index) {
            let is_complete =
                |member: &&usize| selected.contains(*member) && stands[**member].state == State::Completed;
            for &member in group.iter().filter(is_complete) {
                let committer = committer(opened, books, &run, member);
                while retry(&committer.entity().name, async || finish::fill(&committer).await).await? {}
                finish::advance_again(&committer).await?;
            }
        }
    }
    if options.execute && !shutdown.is_asked() {
        // Rows that are there now may be the parents of others that went without.
        for index in 0..opened.plan.entities.len() {
            let filled = heal::heal(&committer(opened, books, &run, index)).await?;
            let name = &opened.plan.entities[index].name;
            if let Some(part) = report.entities.iter_mut().find(|part| part.name == *name) {
                part.counts.filled += filled;
            }
        }
        let work = Work { plan: &opened.plan, target: &*opened.target, books, run: &run };
        report.junctions = junction::again(work, &stands.iter().collect::<Vec<_>>(), shutdown).await?;
    }
    Ok(())
}

/// Returns a committer of an entity that no budget of dead letters stops.
pub(super) fn committer(opened: &Opened, books: &Bookkeeping, run: &str, entity: usize) -> Committer {
    let (plan, target) = (opened.plan.clone(), opened.target.clone());
    Committer::new(plan, entity, target, books.clone(), run.to_owned(), Arc::new(RunBudget::new(None, 0, 0)))
}

/// Returns the one digest of the ledger that begins so.
async fn digest(opened: &Opened, books: &Bookkeeping, prefix: &str) -> Result<String, Failure> {
    let mut tx = opened.target.begin().await?;
    let digests = books.digests(&mut *tx).await?;
    tx.rollback().await?;
    let all: Vec<String> = digests.into_iter().map(|(digest, _)| digest).collect();
    let found: Vec<&String> = all.iter().filter(|digest| digest.starts_with(prefix)).collect();
    match found.as_slice() {
        _ if prefix.is_empty() => Err(Failure::usage("expected how a component's digest begins, found nothing")
            .hint(format!("the ledger has {}", all.join(", ")))),
        [digest] => Ok((*digest).clone()),
        [] => Err(Failure::usage(format!("no component whose digest begins with `{prefix}` has written anything"))
            .hint(format!("the ledger has {}", all.join(", ")))),
        several => Err(Failure::usage(format!("{} digests begin with `{prefix}`", several.len()))
            .hint(several.iter().map(|digest| digest.as_str()).collect::<Vec<_>>().join(", "))),
    }
}

/// The repair of one entity.
struct Repair<'a> {
    opened: &'a Opened,
    index: usize,
    from: &'a str,
    execute: bool,
    committer: Committer,
    checkpoint: Checkpoint,
    dependents: Dependents,
    review: Review,
    /// Whether it is of all records of the entity, and says how far it has come.
    is_whole: bool,
    counts: Counts,
}

/// Writes one record of an entity again, as it comes out now; returns where the entity stands then, and why it is left as it
/// was, where it is.
pub(super) async fn rewrite(
    opened: &Opened,
    committer: Committer,
    index: usize,
    checkpoint: Checkpoint,
    batch: Batch,
    known: &Known,
) -> Result<(Checkpoint, Option<String>), Failure> {
    let dependents = Dependents::new(opened.target.clone(), opened.plan.clone());
    let mut repair = Repair {
        opened,
        index,
        from: &known.plugin,
        execute: true,
        committer,
        checkpoint,
        dependents,
        review: Review::default(),
        is_whole: false,
        counts: Counts::default(),
    };
    let resolved = map(&opened.mappers[index], batch).await?;
    let known = [Some(known)];
    let mut decided = repair.decide(&resolved, &known).await?;
    let left = |told: &Told| match told.what.as_str() {
        "inserted" | "changed" | "removed" => None,
        what => Some(told.message.clone().unwrap_or_else(|| what.to_owned())),
    };
    if let Some(why) = decided.told.iter().find_map(|(_, told)| left(told)) {
        return Ok((repair.checkpoint, Some(why)));
    }
    // Though its rows may be the same, the ledger is to have the record as it is now.
    decided.records.insert(0);
    repair.write(&resolved, &known, decided).await?;
    let why = repair.counts.differences.iter().find_map(left);
    Ok((repair.checkpoint, why))
}

impl Repair<'_> {
    fn plan(&self) -> &EntityPlan {
        &self.opened.plan.entities[self.index]
    }

    async fn run(&mut self, source: Box<dyn connector::Source>, shutdown: &Shutdown) -> Result<(), Failure> {
        let name = self.plan().name.clone();
        if self.execute {
            let mut tx = self.opened.target.begin().await?;
            let stored = self.committer.books().review(&mut *tx, KIND, &name, &self.review.digest).await?;
            tx.rollback().await?;
            if let Some(stored) = stored {
                self.counts = serde_json::from_str(&stored.counts).unwrap_or_default();
                self.review = stored;
            }
        }
        let (target, books) = (self.opened.target.clone(), self.committer.books().clone());
        let mut reread = Reread::new(&name, source, &*target, &books, self.review.sequence);
        while !self.review.is_done && !shutdown.is_asked() {
            match reread.next().await? {
                Some(committed) => self.batch(&committed).await?,
                None => {
                    self.review.is_done = true;
                    self.save().await?;
                }
            }
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), Failure> {
        if !self.execute || !self.is_whole {
            return Ok(());
        }
        self.review.counts = json(&self.counts);
        let mut tx = self.opened.target.begin().await?;
        self.committer.books().save_review(&mut *tx, KIND, &self.plan().name, &self.review).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn batch(&mut self, committed: &Committed) -> Result<(), Failure> {
        self.review.sequence = committed.sequence;
        let is_meant = |known: &Known| known.plugin == self.from && !known.fate.is_kept_back();
        let gone: Vec<u64> = committed.gone().filter(|known| is_meant(known)).map(|known| known.document).collect();
        for document in gone {
            let told = Told::gone(self.plan(), document);
            self.counts.tell(told);
        }
        let known = committed.known();
        let meant: Vec<usize> = (0..known.len()).filter(|&record| known[record].is_some_and(is_meant)).collect();
        if meant.is_empty() {
            return Ok(());
        }
        self.counts.records += meant.len() as u64;
        let known: Vec<Option<&Known>> = meant.iter().map(|&record| known[record]).collect();
        let batch = some_of(&committed.batch, &meant);
        let resolved = match map(&self.opened.mappers[self.index], batch).await {
            Ok(resolved) => resolved,
            Err(failure) => {
                let first = known.first().copied().flatten().map_or(0, |known| known.document);
                let told = Told { message: Some(failure.to_string()), ..of_record(self.plan(), first, "failed") };
                self.counts.tell(told);
                return self.save().await;
            }
        };
        let decided = self.decide(&resolved, &known).await?;
        if !self.execute || decided.records.is_empty() {
            decided.told.into_iter().for_each(|(_, told)| self.counts.tell(told));
            return self.save().await;
        }
        self.write(&resolved, &known, decided).await
    }

    /// Writes what was decided. A record that the target refuses is left out, and the others are tried again.
    async fn write(&mut self, resolved: &Resolved, known: &[Option<&Known>], decided: Decided) -> Result<(), Failure> {
        let mut left: Vec<usize> = decided.records.iter().copied().collect();
        let mut refused: Vec<(usize, Told)> = Vec::new();
        loop {
            let mut counts = self.counts.clone();
            let is_refused = |record: usize| refused.iter().any(|(refused, _)| *refused == record);
            let told = decided.told.iter().filter(|(record, _)| !is_refused(*record)).chain(&refused);
            told.for_each(|(_, told)| counts.tell(told.clone()));
            if left.is_empty() {
                self.counts = counts;
                return self.save().await;
            }
            let mut batch = some_of(&resolved.batch, &left);
            batch.end = self.checkpoint.position.clone();
            let documents: Vec<u64> = batch.records.iter().map(|record| record.document).collect();
            let mapped = map(&self.opened.mappers[self.index], batch).await?;
            let at = |record: usize| left.iter().position(|left| *left == record);
            let review = Review { counts: json(&counts), ..self.review.clone() };
            let rewrite = Rewrite {
                before: left.iter().map(|&record| known[record].map_or(Fate::Written, |known| known.fate)).collect(),
                skipped: left.iter().filter_map(|&record| known[record]?.skipped.clone()).collect(),
                ours: decided.ours.clone(),
                kept: decided.kept.clone(),
                removed: decided
                    .removed
                    .iter()
                    .filter(|(record, ..)| at(*record).is_some())
                    .map(|(_, table, key)| (*table, key.clone()))
                    .collect(),
                stays: decided
                    .stays
                    .iter()
                    .filter_map(|(record, table, key, digest)| Some((at(*record)?, *table, key.clone(), *digest)))
                    .collect(),
                review: self.is_whole.then(|| (self.plan().name.clone(), review)),
            };
            let again = Again::Repair(Arc::new(rewrite));
            match self.committer.commit_again(&self.checkpoint, &mapped, again).await {
                Ok((checkpoint, _)) => {
                    crate::stop_point!("repair-batch");
                    self.checkpoint = checkpoint;
                    self.counts = counts;
                    return Ok(());
                }
                Err(CommitError::OverBudget(letters)) => {
                    for letter in letters {
                        let place = documents.iter().position(|document| *document == letter.document);
                        let Some(record) = place.map(|place| left[place]) else { continue };
                        let message = Some(format!("{}: {}", letter.code, letter.message));
                        refused.push((record, Told { message, ..of_record(self.plan(), letter.document, "refused") }));
                    }
                    let before = left.len();
                    left.retain(|record| !refused.iter().any(|(refused, _)| refused == record));
                    if left.len() == before {
                        return Err(Failure::bug(format!("`{}`: a refusal names no record", self.plan().name)));
                    }
                }
                Err(CommitError::Failure(failure)) => return Err(failure),
            }
        }
    }
}

/// Returns a batch of some of the records.
fn some_of(batch: &Batch, records: &[usize]) -> Batch {
    let records = records.iter().map(|&record| batch.records[record].clone()).collect();
    Batch { records, ..batch.clone() }
}

fn json(counts: &Counts) -> String {
    serde_json::to_string(counts).expect("counts are plain data")
}
