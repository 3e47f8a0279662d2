//! What a batch came to: one fate a record and one place a row, counted, packed for the ledger, and made up into dead letters.

use std::collections::BTreeMap;

use super::Committer;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeadLetter;
use crate::run::layout::Dead;
use crate::run::layout::Layout;
use crate::run::ledger::Fate;
use crate::run::ledger::Packer;
use crate::run::ledger::RowFate;
use crate::run::report::Fates;
use crate::run::report::RowCounts;
use crate::run::report::Rows as RowTotals;
use crate::run::report::State;
use crate::run::report::add_rows;
use crate::run::resolve::Resolved;
use crate::run::resolve::Settled;
use crate::run::skips::Skips;
use crate::run::transform::Refused;

/// Why `on-conflict = "skip"` leaves a record out.
pub const STANDS: &str = "its row stands in the target with other values, and `on-conflict` says `skip`";

/// What a batch came to.
pub(super) struct Outcome {
    pub fates: Fates,
    pub rows: RowTotals,
    pub packed: Vec<u8>,
    /// Why records were left out.
    pub skips: Skips,
}

impl Committer {
    /// Makes up dead letters of the records that are dead.
    pub(super) fn letters(&self, resolved: &Resolved, dead: &Dead) -> Vec<DeadLetter> {
        self.letters_of(resolved, |index| match &resolved.records[index] {
            Settled::Dead(refused) => Some(refused),
            _ => dead.get(&index),
        })
    }

    /// The same of the records that wait for a parent.
    pub(super) fn parked_letters(&self, resolved: &Resolved, layout: &Layout) -> Vec<DeadLetter> {
        self.letters_of(resolved, |index| layout.parked.get(&index).map(|parked| &parked.refused))
    }

    fn letters_of<'r>(&self, resolved: &Resolved, why: impl Fn(usize) -> Option<&'r Box<Refused>>) -> Vec<DeadLetter> {
        (0..resolved.records.len())
            .filter_map(|index| {
                let refused = why(index)?;
                let record = &resolved.batch.records[index];
                Some(DeadLetter {
                    document: record.document,
                    position: format!("{}:{}", resolved.batch.origin_of(record), record.offset),
                    key: record.key.as_ref().map(|key| key.as_str().to_owned()),
                    stage: refused.stage,
                    code: refused.code.clone(),
                    field: refused.field.clone(),
                    message: self.again.message(record.document, refused),
                    plugin: refused.plugin.as_ref().map(|plugin| plugin.name.clone()),
                    digest: refused.plugin.as_ref().map(|plugin| plugin.digest.clone()),
                    is_bson: record.fault.as_ref().is_none_or(|fault| fault.is_bson),
                    original: resolved.batch.body(record).to_vec(),
                    refused: self.refused_rows(resolved, index),
                })
            })
            .collect()
    }

    /// Counts the rows of a record that died, by table.
    fn refused_rows(&self, resolved: &Resolved, record: usize) -> BTreeMap<String, u64> {
        let tables: Vec<usize> = match &resolved.records[record] {
            Settled::Rows(range) => resolved.rows[range.clone()].iter().map(|row| row.table).collect(),
            _ => resolved.rows_of_dead.get(&record).cloned().unwrap_or_default(),
        };
        let mut refused = BTreeMap::new();
        for table in tables {
            *refused.entry(self.entity().tables[table].schema.name.clone()).or_default() += 1;
        }
        refused
    }

    /// Counts what became of every record and row, and packs it for the ledger.
    pub(super) fn account(
        &self,
        resolved: &Resolved,
        layout: &Layout,
        dead: &Dead,
        row_fates: &[Option<RowFate>],
    ) -> Outcome {
        let tables = &self.entity().tables;
        let mut fates = Fates { read: resolved.batch.records.len() as u64, ..Fates::default() };
        let mut counts = vec![RowCounts::default(); tables.len()];
        for (index, counts) in counts.iter_mut().enumerate() {
            counts.collapsed += resolved.rows_collapsed[index];
            counts.refused += resolved.rows_refused[index];
        }
        let mut skips = Skips::default();
        let mut packer = Packer::new(tables.iter().map(|table| table.schema.name.as_str()));
        for (index, settled) in resolved.records.iter().enumerate() {
            let record = &resolved.batch.records[index];
            let (document, source) = (record.document, resolved.batch.body(record));
            let range = match settled {
                Settled::Rows(range) if layout.parked.contains_key(&index) && !dead.contains_key(&index) => {
                    for row in &resolved.rows[range.clone()] {
                        counts[row.table].deferred += 1;
                    }
                    fates.parked += 1;
                    packer.record(Fate::Parked, document, source);
                    continue;
                }
                Settled::Rows(range) if !dead.contains_key(&index) => range.clone(),
                Settled::Rows(range) => {
                    for row in &resolved.rows[range.clone()] {
                        counts[row.table].refused += 1;
                    }
                    fates.dead += 1;
                    packer.record(Fate::Dead, document, source);
                    continue;
                }
                Settled::Dead(_) => {
                    fates.dead += 1;
                    packer.record(Fate::Dead, document, source);
                    continue;
                }
                Settled::Skip(reason) => {
                    fates.skipped += 1;
                    skips.add(reason);
                    packer.record(Fate::Skipped, document, source);
                    continue;
                }
            };
            let left_out = layout.skipped.get(&index);
            let fate_of_row = |row: usize| match left_out {
                Some(_) => Some(&RowFate::Skipped),
                None => row_fates[row].as_ref(),
            };
            let of_record = || range.clone().filter_map(|row| fate_of_row(row).map(|fate| (row, fate)));
            // A record with nothing but rows of junctions has handed them over.
            let is_handed_over = !range.is_empty() && of_record().all(|(_, fate)| *fate == RowFate::Deferred);
            let is_written = |fate: &RowFate| matches!(fate, RowFate::Inserted | RowFate::Updated(_));
            let fate = if is_handed_over && resolved.gathered.get(index).is_some_and(Option::is_some) {
                Fate::Merged
            } else if is_handed_over || of_record().any(|(_, fate)| is_written(fate)) {
                Fate::Written
            } else if of_record().any(|(_, fate)| *fate == RowFate::Skipped) {
                Fate::Skipped
            } else {
                Fate::Unchanged
            };
            let fate = self.fate_of(index, fate);
            match fate {
                Fate::Written => fates.written += 1,
                Fate::Skipped => {
                    fates.skipped += 1;
                    skips.add(left_out.map_or(STANDS, |left_out| &left_out.reason));
                }
                Fate::Unchanged => fates.unchanged += 1,
                Fate::Dead => fates.dead += 1,
                Fate::Parked => fates.parked += 1,
                Fate::Merged => fates.merged += 1,
            }
            packer.record(fate, document, source);
            for (row, fate) in of_record() {
                let resolved_row = &resolved.rows[row];
                let counts = &mut counts[resolved_row.table];
                match fate {
                    RowFate::Inserted => counts.inserted += 1,
                    RowFate::Updated(_) => counts.updated += 1,
                    RowFate::Unchanged => counts.unchanged += 1,
                    RowFate::Skipped => counts.skipped += 1,
                    RowFate::Deferred => counts.deferred += 1,
                }
                let digest = self.kept_digest(resolved_row).unwrap_or_else(|| layout.digest(resolved, row));
                packer.row(resolved_row.table, fate, &resolved_row.key, digest);
            }
            self.pack_staying(&mut packer, index);
        }
        let mut rows = RowTotals::new();
        for (table, counts) in tables.iter().zip(counts) {
            rows.entry(table.schema.name.clone()).or_default().add(&counts);
        }
        Outcome { fates, rows, packed: packer.finish(), skips }
    }
}

/// The checkpoint behind a batch.
pub(super) fn advance(from: &Checkpoint, resolved: &Resolved, outcome: &Outcome) -> Checkpoint {
    let mut to = Checkpoint { state: State::Partial, position: resolved.batch.end.clone(), ..from.clone() };
    to.batches += 1;
    to.fates.add(&outcome.fates);
    add_rows(&mut to.rows, &outcome.rows);
    to
}

/// Every record read has one fate and every row out one place, or the run stops before the commit.
pub(super) fn conserve(entity: &EntityPlan, resolved: &Resolved, outcome: &Outcome) -> Result<(), Failure> {
    let fates = &outcome.fates;
    if fates.read != fates.sum() {
        return Err(Failure::bug(format!(
            "`{}`: {} records were read and {} have a fate",
            entity.name,
            fates.read,
            fates.sum()
        )));
    }
    for (index, table) in entity.tables.iter().enumerate() {
        let counted = outcome.rows.get(&table.schema.name).map_or(0, RowCounts::sum);
        let feeding = |other: usize| entity.tables[other].schema.name == table.schema.name;
        let out: u64 =
            (0..entity.tables.len()).filter(|&other| feeding(other)).map(|other| resolved.rows_out[other]).sum();
        if counted != out {
            return Err(Failure::bug(format!(
                "`{}`: {out} rows came out for `{}` and {counted} have a place",
                entity.name, entity.tables[index].schema.name
            )));
        }
    }
    Ok(())
}
