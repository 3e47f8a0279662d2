//! Every committed record once more, compared with what stands in the target; then every row that nobody wrote.
//!
//! Nothing but how far it has come is written, together with what was found until there, so that a look that was ended
//! goes on. Memory holds one batch, or the hashes of so many keys, and of the rows in the place of a record's.

mod report;

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;
use xxhash_rust::xxh3::xxh3_128;

pub use report::Counts;
pub use report::Part;
pub use report::SOURCE_CHANGED;
pub use report::Told;
pub use report::VerifyReport;
pub use report::of_record;
pub use report::of_row;
pub use report::shown_key;
pub use report::tell;
use report::told;

use super::begun;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::Review;
use super::check::Reads;
use super::committed::Reread;
use super::compare;
use super::compare::What;
use super::entity::Mapper;
use super::locked::watched_to_success;
use super::open;
use super::open::Opened;
use super::report::State;
use super::shutdown::Shutdown;
use super::unclaimed;
use super::unclaimed::row_hash;
use super::who::run_id;
use super::who::who;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::TablePlan;

const KIND: &str = "verify";

/// What is asked of a look.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only these entities; all where it is empty.
    pub entities: Vec<String>,
    /// Leave out the rows that nobody wrote.
    pub skip_extra: bool,
    /// Begin anew, whatever an earlier look has come to.
    pub restart: bool,
}

/// Compares what stands in the target with what comes out of the source now.
pub async fn verify(manifest: Manifest, options: &Options, shutdown: &Shutdown) -> Result<VerifyReport, Failure> {
    let start = Instant::now();
    begun::has_begun(&manifest).await?;
    let mut opened = open::open(manifest, Mode::ReadWrite, Reads::Sources).await?;
    let selected = super::selection::selected(&opened, &options.entities)?;
    let changes = begun::changes(&opened)?;
    let lock = opened.target.lock(&opened.plan.name, &run_id(), &who()).await?;
    let books = Bookkeeping::new(&*opened.target, &opened.plan.name);
    if options.restart {
        let mut tx = opened.target.begin().await?;
        books.forget_reviews(&mut *tx, KIND).await?;
        tx.commit().await?;
    }
    let starts = super::checkpoints(&opened, &*opened.target, &books).await?;
    // Another component, mapping or table makes another comparison.
    let digest = format!("{:016x}", xxh3_64(opened.fingerprint.output.to_string().as_bytes()));
    let mut report = VerifyReport {
        migration: opened.plan.name.clone(),
        status: "stopped",
        duration_ms: 0,
        entities: Vec::new(),
        tables: Vec::new(),
        differences: 0,
        changes,
    };
    let sources = std::mem::take(&mut opened.sources);
    let look = Look { opened: &opened, books: &books, digest: &digest, shutdown };
    let mut told = HashSet::new();
    let all_parts = async {
        for (index, source) in sources.into_iter().enumerate().filter(|(index, _)| selected.contains(index)) {
            let counts = look.entity(index, source, &starts[index], &mut told).await?;
            report.entities.push(Part { name: opened.plan.entities[index].name.clone(), counts });
        }
        for (name, table) in tables(&opened, &selected).into_iter().filter(|_| !options.skip_extra) {
            report.tables.push(Part { name, counts: look.table(table, &told).await? });
        }
        Ok(())
    };
    watched_to_success(Some(&*lock), shutdown, all_parts).await?;
    report.duration_ms = super::milliseconds(start);
    let all = || report.entities.iter().chain(&report.tables).map(|part| &part.counts);
    report.differences = all().map(Counts::differences).sum();
    if shutdown.is_asked() {
        return Ok(report);
    }
    report.status = if report.differences == 0 { "equal" } else { "different" };
    let rows: u64 = all().map(|counts| counts.rows).sum();
    let mut tx = opened.target.begin().await?;
    books.forget_reviews(&mut *tx, KIND).await?;
    tx.commit().await?;
    if rows == 0 && report.differences == 0 {
        return Err(Failure::failed("nothing was compared: no record of these entities has a row in the target")
            .hint("`whimbrel status` shows what was moved"));
    }
    Ok(report)
}

/// The tables that the selected entities feed, each once. Rows without a key cannot be told apart.
fn tables<'a>(opened: &'a Opened, selected: &BTreeSet<usize>) -> Vec<(String, &'a TablePlan)> {
    let mut names = HashSet::new();
    let fed = selected.iter().flat_map(|&entity| &opened.plan.entities[entity].tables);
    fed.filter(|table| !table.key.is_empty() && names.insert(&table.schema.name))
        .map(|table| (table.schema.name.clone(), table))
        .collect()
}

struct Look<'a> {
    opened: &'a Opened,
    books: &'a Bookkeeping,
    digest: &'a str,
    shutdown: &'a Shutdown,
}

impl Look<'_> {
    async fn begin(&self, part: &str) -> Result<Review, Failure> {
        let mut tx = self.opened.target.begin().await?;
        let review = self.books.review(&mut *tx, KIND, part, self.digest).await?;
        tx.rollback().await?;
        Ok(review.unwrap_or_else(|| Review { digest: self.digest.to_owned(), ..Review::default() }))
    }

    /// Compares the batches of an entity; adds the rows that it tells and that no ledger may have.
    async fn entity(
        &self,
        index: usize,
        source: Box<dyn crate::connector::Source>,
        start: &Checkpoint,
        rows_told: &mut HashSet<u128>,
    ) -> Result<Counts, Failure> {
        let plan = &self.opened.plan.entities[index];
        let mut review = self.begin(&plan.name).await?;
        let mut counts = Counts::read(&review.counts);
        rows_told
            .extend(review.place.chunks_exact(16).map(|hash| u128::from_le_bytes(hash.try_into().unwrap_or_default())));
        if review.is_done {
            return Ok(counts);
        }
        let mut reread = Reread::new(&plan.name, source, &*self.opened.target, self.books, review.sequence);
        let place = compare::Place {
            plan: &self.opened.plan,
            entity: index,
            books: self.books,
            waits: start.state != State::Completed,
        };
        while !self.shutdown.is_asked() {
            let Some(committed) = reread.next().await? else {
                // What an entity that is not complete has yet to read is not new.
                let is_complete = start.state == State::Completed;
                loop {
                    let rest = if is_complete { reread.rest().await? } else { Vec::new() };
                    if rest.is_empty() {
                        break;
                    }
                    rest.into_iter().for_each(|key| counts.tell(Told::new(plan, key)));
                }
                review.counts = counts.json();
                review.is_done = true;
                break;
            };
            reread.new_records().into_iter().for_each(|key| counts.tell(Told::new(plan, key)));
            counts.batches += 1;
            counts.records += committed.records.len() as u64;
            for gone in committed.gone().filter(|known| !known.fate.is_kept_back()) {
                counts.tell(Told::gone(plan, gone.document));
            }
            let mapped = map(&self.opened.mappers[index], committed.batch.clone()).await;
            let mut tx = self.opened.target.begin().await?;
            match mapped {
                Ok(resolved) => {
                    let known = committed.known();
                    let compared = compare::compare(place, &mut *tx, &resolved, &known).await?;
                    counts.rows += compared.rows;
                    for difference in compared.differences {
                        let document = resolved.batch.records[difference.record].document;
                        if let (What::Taken(_), Some((table, key))) = (&difference.what, &difference.row) {
                            let hash = row_hash(&plan.tables[*table].schema.name, key);
                            if rows_told.insert(hash) {
                                review.place.extend(hash.to_le_bytes());
                            }
                        }
                        if let Some(told) = told(plan, document, difference.row.as_ref(), difference.what) {
                            counts.tell(told);
                        }
                    }
                }
                Err(failure) => {
                    let first = committed.records.first().map_or(0, |known| known.document);
                    let message = Some(failure.to_string());
                    counts.tell(Told { message, ..of_record(plan, first, "failed") });
                }
            }
            review.sequence = committed.sequence;
            review.counts = counts.json();
            self.books.save_review(&mut *tx, KIND, &plan.name, &review).await?;
            tx.commit().await?;
            crate::stop_point!("verify-batch");
        }
        if review.is_done {
            self.save(&plan.name, &review).await?;
        }
        Ok(counts)
    }

    async fn save(&self, part: &str, review: &Review) -> Result<(), Failure> {
        let mut tx = self.opened.target.begin().await?;
        self.books.save_review(&mut *tx, KIND, part, review).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Looks for rows of a table that no ledger has: of this migration or of another one in the same target.
    async fn table(&self, table: &TablePlan, rows_told: &HashSet<u128>) -> Result<Counts, Failure> {
        let part = format!("table:{}", table.schema.name);
        let mut review = self.begin(&part).await?;
        let mut counts = Counts::read(&review.counts);
        let target = &self.opened.target;
        while !review.is_done && !self.shutdown.is_asked() {
            let mut unclaimed: HashSet<u128> = HashSet::new();
            let mut count = 0;
            let last = unclaimed::keys(&**target, table, &review.place, &mut |key| {
                count += 1;
                // One row is one difference.
                if rows_told.is_empty() || !rows_told.contains(&row_hash(&table.schema.name, key)) {
                    unclaimed.insert(xxh3_128(key));
                }
            })
            .await?;
            let Some(last) = last else {
                review.is_done = true;
                self.save(&part, &review).await?;
                break;
            };
            counts.rows += count;
            unclaimed::strike_claimed(&**target, self.books, &table.schema.name, &mut unclaimed).await?;
            if !unclaimed.is_empty() {
                let told = &mut counts;
                unclaimed::keys(&**target, table, &review.place, &mut |key| {
                    if unclaimed.contains(&xxh3_128(key)) {
                        told.tell(Told {
                            entity: String::new(),
                            document: None,
                            through: None,
                            table: Some(table.schema.name.clone()),
                            key: Some(shown_key(table, key)),
                            what: "extra".to_owned(),
                            fields: Vec::new(),
                            message: Some("no ledger of this target has it".to_owned()),
                        });
                    }
                })
                .await?;
            }
            review.place = last;
            review.sequence += 1;
            review.counts = counts.json();
            self.save(&part, &review).await?;
        }
        Ok(counts)
    }
}

/// Takes a batch through the component again.
pub(super) async fn map(
    mapper: &Arc<Mapper>,
    batch: crate::record::Batch,
) -> Result<super::resolve::Resolved, Failure> {
    let mapper = mapper.clone();
    let mapped = tokio::task::spawn_blocking(move || mapper.map(batch)).await;
    mapped.map_err(|error| Failure::bug("mapping a batch panicked").cause(error))?
}
