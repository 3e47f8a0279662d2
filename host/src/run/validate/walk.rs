//! One way through the source for all checks that need it: each committed batch again, beside the rows that stand.

use std::collections::HashMap;
use std::collections::HashSet;

use super::columns::EntityColumns;
use super::components;
use super::components::Examiner;
use super::is_complete;
use super::references;
use super::references::Differing;
use super::report::COORDINATES;
use super::report::FILE_PATHS;
use super::report::Failed;
use super::report::JSON_FIELDS;
use super::report::REFERENTIAL_INTEGRITY;
use super::report::ROW_COUNT;
use super::report::TIMESTAMPS;
use super::tally::Tallies;
use crate::connector::Source;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::record::Batch;
use crate::record::Value;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::Letters;
use crate::run::committed::Committed;
use crate::run::committed::Known;
use crate::run::committed::Reread;
use crate::run::compare;
use crate::run::compare::Difference;
use crate::run::compare::Place;
use crate::run::compare::What;
use crate::run::ledger::Fate;
use crate::run::open::Opened;
use crate::run::progress::EntityProgress;
use crate::run::resolve::Resolved;
use crate::run::shutdown::Shutdown;
use crate::run::unclaimed::row_hash;
use crate::run::verify::shown_key;

/// The checks that need what comes out of the source.
const OF_SOURCE: [&str; 6] = [ROW_COUNT, REFERENTIAL_INTEGRITY, COORDINATES, TIMESTAMPS, FILE_PATHS, JSON_FIELDS];

/// A row that stands where one is expected.
pub struct Seen {
    /// The record, by its index in the batch.
    pub record: usize,
    /// The table, by its index in the plan.
    pub table: usize,
    /// The row's compact key.
    pub key: Vec<u8>,
    /// What comes out of the record, one a fed column.
    pub expected: Vec<Value>,
    /// What stands there.
    pub found: Vec<Value>,
}

/// The way through all entities.
pub struct Walk<'a> {
    pub(super) opened: &'a Opened,
    books: &'a Bookkeeping,
    shutdown: &'a Shutdown,
    /// When the migration was running.
    pub(super) runs_us: Vec<(i64, i64)>,
    /// What is asked of each entity's columns.
    pub columns: Vec<EntityColumns>,
    /// The validators of each entity.
    pub examiners: Vec<Vec<Examiner>>,
    /// What was found.
    pub tallies: Tallies,
}

impl<'a> Walk<'a> {
    /// Prepares it.
    pub fn new(opened: &'a Opened, books: &'a Bookkeeping, runs_us: Vec<(i64, i64)>, shutdown: &'a Shutdown) -> Self {
        let tables = &opened.manifest.tables.entity;
        let columns = opened.plan.entities.iter().map(|plan| EntityColumns::new(plan, &tables[plan.index].check));
        let examiners = opened.mappers.iter().map(|mapper| {
            let validators = mapper.versions.active().validators.clone();
            validators.into_iter().map(Examiner::new).collect()
        });
        let (columns, examiners) = (columns.collect(), examiners.collect());
        Self { opened, books, shutdown, runs_us, columns, examiners, tallies: Tallies::default() }
    }

    /// Returns whether any of it is asked for.
    pub fn reads(&self) -> bool {
        self.maps() || self.tallies.seeks_owners()
    }

    fn maps(&self) -> bool {
        let validators = self.examiners.iter().flatten().any(|examiner| self.tallies.has(examiner.name()));
        validators || OF_SOURCE.iter().any(|check| self.tallies.has(check))
    }

    /// Says which names of the manifest have led to no value.
    pub fn end_declared(&mut self) {
        if self.shutdown.is_asked() {
            return;
        }
        for (plan, columns) in self.opened.plan.entities.iter().zip(&self.columns) {
            for declared in columns.declared.iter().filter(|declared| declared.values == 0) {
                let failed = Failed {
                    code: "nothing-compared".to_owned(),
                    entity: Some(plan.name.clone()),
                    field: Some(declared.named.clone()),
                    message: Some("it is declared, and no row has a value there".to_owned()),
                    ..Failed::default()
                };
                self.tallies.fail(declared.check, failed);
            }
        }
    }

    /// Goes through one entity.
    pub async fn entity(
        &mut self,
        index: usize,
        source: Box<dyn Source>,
        start: &Checkpoint,
        bar: &EntityProgress,
    ) -> Result<(), Failure> {
        let opened = self.opened;
        let (plan, target) = (&opened.plan.entities[index], &opened.target);
        let part = format!("entity {}", plan.name);
        let mut reread = Reread::new(&plan.name, source, &**target, self.books, 0);
        let mut fates: HashMap<&'static str, u64> = HashMap::new();
        let mut read = 0;
        while !self.shutdown.is_asked() {
            let Some(committed) = reread.next().await? else { break };
            let new = reread.new_records();
            read += committed.batch.records.len() as u64;
            self.new_records(plan, new, &mut read);
            for known in &committed.records {
                *fates.entry(known.fate.name()).or_default() += 1;
            }
            for gone in committed.gone() {
                let message = "the source does not have it any more";
                self.tallies.fail(ROW_COUNT, of_record(plan, gone.document, "source-changed", message));
            }
            let done = committed.batch.end.clone();
            self.batch(index, committed, !is_complete(start)).await?;
            let through = share(done.document, start.position.document);
            crate::stop_point!("validate-batch");
            bar.advance(&Checkpoint { position: done, ..Checkpoint::default() }, Some(through));
        }
        // What an entity that is not complete has yet to read is not new.
        while is_complete(start) && !self.shutdown.is_asked() {
            let rest = reread.rest().await?;
            if rest.is_empty() {
                break;
            }
            self.new_records(plan, rest, &mut read);
        }
        if self.shutdown.is_asked() {
            return Ok(());
        }
        self.tallies.compared(ROW_COUNT, &part, "records", read);
        for (word, count) in [Fate::Written, Fate::Unchanged, Fate::Skipped, Fate::Dead, Fate::Parked, Fate::Merged]
            .map(|fate| (fate.name(), fates.get(fate.name()).copied().unwrap_or(0)))
        {
            self.tallies.count(ROW_COUNT, &part, word, count);
        }
        self.judge_counts(plan, start, &fates, read).await
    }

    fn new_records(&mut self, plan: &EntityPlan, new: Vec<Option<String>>, read: &mut u64) {
        for key in new {
            *read += 1;
            let message = "the source has it, and it was not moved: it has come since";
            let failed = Failed { document: None, source_key: key, ..of_record(plan, 0, "source-changed", message) };
            self.tallies.fail(ROW_COUNT, failed);
        }
    }

    /// Holds what the ledger has against what the checkpoint and the dead letters say.
    async fn judge_counts(
        &mut self,
        plan: &EntityPlan,
        start: &Checkpoint,
        fates: &HashMap<&'static str, u64>,
        read: u64,
    ) -> Result<(), Failure> {
        if !self.tallies.has(ROW_COUNT) {
            return Ok(());
        }
        let of = |fate: Fate| fates.get(fate.name()).copied().unwrap_or(0);
        let mut tx = self.opened.target.begin().await?;
        let mut letters = 0;
        for state in ["dead", "discarded"] {
            let meant = Letters { entity: Some(&plan.name), state: Some(state), committed: true, ..Letters::default() };
            letters += self.books.count_letters(&mut *tx, &meant).await?;
        }
        tx.rollback().await?;
        let sum = fates.values().sum();
        for (what, expected, actual) in [
            ("records of the ledger, as the checkpoint has read them", start.fates.read, sum),
            ("written", start.fates.written, of(Fate::Written)),
            ("unchanged", start.fates.unchanged, of(Fate::Unchanged)),
            ("skipped", start.fates.skipped, of(Fate::Skipped)),
            ("parked", start.fates.parked, of(Fate::Parked)),
            ("merged", start.fates.merged, of(Fate::Merged)),
            ("dead letters of dead records", of(Fate::Dead), letters),
        ] {
            if expected != actual {
                let failed = Failed {
                    field: Some(what.to_owned()),
                    expected: Some(expected.to_string()),
                    actual: Some(actual.to_string()),
                    document: None,
                    ..of_record(plan, 0, "count", "whimbrel's own tables do not agree")
                };
                self.tallies.fail(ROW_COUNT, failed);
            }
        }
        if !is_complete(start) {
            let message = "the entity is not complete: what it has yet to read is not looked at";
            self.tallies.fail(ROW_COUNT, Failed { document: None, ..of_record(plan, 0, "not-complete", message) });
        } else if read == 0 && !plan.tables.iter().all(|table| plan.allow_empty.contains(&table.schema.name)) {
            let message =
                "the source has no record of it: there is nothing to compare. `allow-empty` says where that is right";
            self.tallies.fail(ROW_COUNT, Failed { document: None, ..of_record(plan, 0, "nothing-compared", message) });
        }
        Ok(())
    }

    /// Goes through one batch: maps it again, and has every check look at the rows that stand.
    async fn batch(&mut self, index: usize, committed: Committed, waits: bool) -> Result<(), Failure> {
        let opened = self.opened;
        let plan = &opened.plan.entities[index];
        self.own(plan, &committed);
        if !self.maps() {
            return Ok(());
        }
        let (mapper, batch) = (opened.mappers[index].clone(), committed.batch.clone());
        let mapped = tokio::task::spawn_blocking(move || mapper.map_unvalidated(batch)).await;
        let resolved = match mapped.map_err(|error| Failure::bug("mapping a batch panicked").cause(error))? {
            Ok(resolved) => resolved,
            Err(failure) => {
                let first = committed.records.first().map_or(0, |known| known.document);
                for check in OF_SOURCE.into_iter().filter(|check| self.tallies.is_applied(check)).collect::<Vec<_>>() {
                    self.tallies.fail(check, of_record(plan, first, "plugin-failed", &failure.to_string()));
                }
                return Ok(());
            }
        };
        let known: Vec<Option<&Known>> = committed.known();
        let place = Place { plan: &opened.plan, entity: index, books: self.books, waits };
        let mut rows: Vec<Seen> = Vec::new();
        let mut tx = opened.target.begin().await?;
        let compared = compare::compare_each(place, &mut *tx, &resolved, &known, &mut |pair| {
            rows.push(Seen {
                record: pair.record,
                table: pair.table,
                key: pair.key.to_vec(),
                expected: pair.expected.to_vec(),
                found: pair.found.to_vec(),
            });
        })
        .await?;
        let differing = Differing::new(plan, &compared.differences);
        references::look(plan, &mut *tx, &resolved.batch, &rows, &differing, &mut self.tallies).await?;
        tx.rollback().await?;
        self.count_rows(plan, &resolved, &rows, &compared.differences);
        let told = self.values(index, &resolved, &rows);
        if !self.examiners[index].is_empty() {
            let bodies = components::bodies(plan, &rows)?;
            for examiner in &mut self.examiners[index] {
                examiner.look(plan, &resolved.batch, &rows, &bodies, &told, &mut self.tallies).await?;
            }
        }
        // Thousands of rows take a while to drop: the target would wait.
        tokio::task::spawn_blocking(move || drop((resolved, rows)));
        Ok(())
    }

    /// Says whose rows those are that were found to be wrong without their records.
    fn own(&mut self, plan: &EntityPlan, committed: &Committed) {
        if !self.tallies.seeks_owners() {
            return;
        }
        let keys: HashMap<u64, &str> = committed
            .batch
            .records
            .iter()
            .filter_map(|record| Some((record.document, record.key.as_ref()?.as_str())))
            .collect();
        for known in committed.records.iter().filter(|known| !known.fate.is_kept_back()) {
            for row in &known.rows {
                let key = keys.get(&known.document).copied();
                self.tallies.own(row_hash(&row.table, &row.key), &plan.name, known.document, key);
            }
        }
    }

    fn count_rows(&mut self, plan: &EntityPlan, resolved: &Resolved, rows: &[Seen], differences: &[Difference]) {
        for (index, table) in plan.tables.iter().enumerate().filter(|(_, table)| table.junction.is_none()) {
            let count = rows.iter().filter(|seen| seen.table == index).count() as u64;
            self.tallies.compared(ROW_COUNT, &format!("table {}", table.schema.name), "rows", count);
        }
        // A row of a junction may come out of several records, and is missing once.
        let mut told: HashSet<(usize, &[u8])> = HashSet::new();
        for difference in differences {
            let record = &resolved.batch.records[difference.record];
            let (code, message) = match &difference.what {
                What::Missing | What::New => ("missing", "it does not stand in the target".to_owned()),
                What::Gone { .. } => ("extra", "its record does not give it any more".to_owned()),
                What::SourceChanged => {
                    ("source-changed", "the source has it otherwise: it was not compared".to_owned())
                }
                What::Rejected { code, message } => ("rejected", format!("{code}: {message}")),
                What::Taken(_) | What::Changed { .. } | What::Shared => continue,
            };
            let mut failed = of_record(plan, record.document, code, &message);
            failed.source_key = record.key.as_ref().map(|key| key.as_str().to_owned());
            if let Some((table, key)) = &difference.row {
                if !told.insert((*table, key)) {
                    continue;
                }
                let table = &plan.tables[*table];
                failed.table = Some(table.schema.name.clone());
                failed.row = Some(shown_key(table, key));
                self.tallies.count(ROW_COUNT, &format!("table {}", table.schema.name), code_word(code), 1);
            }
            self.tallies.fail(ROW_COUNT, failed);
        }
    }
}

fn code_word(code: &str) -> &'static str {
    if code == "missing" { "missing" } else { "extra" }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(done: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { done as f64 / all as f64 }
}

/// Begins a failure of a whole record.
fn of_record(plan: &EntityPlan, document: u64, code: &str, message: &str) -> Failed {
    Failed {
        code: code.to_owned(),
        entity: Some(plan.name.clone()),
        document: Some(document),
        message: Some(message.to_owned()),
        ..Failed::default()
    }
}

/// Begins a failure in fed columns of a row.
pub fn failed_in(plan: &EntityPlan, batch: &Batch, seen: &Seen, columns: &[usize], code: &str) -> Failed {
    let (table, record) = (&plan.tables[seen.table], &batch.records[seen.record]);
    let names = columns.iter().map(|&fed| table.schema.columns[table.columns[fed]].name.as_str());
    Failed {
        code: code.to_owned(),
        entity: Some(plan.name.clone()),
        document: Some(record.document),
        source_key: record.key.as_ref().map(|key| key.as_str().to_owned()),
        table: Some(table.schema.name.clone()),
        row: Some(shown_key(table, &seen.key)),
        field: (!columns.is_empty()).then(|| names.collect::<Vec<_>>().join(", ")),
        ..Failed::default()
    }
}
