//! Records of a batch of which the target refuses many: it sifts them itself, where it can, instead of being asked again
//! and again by bisection. What stands is the same either way.

use std::collections::HashSet;

use super::Attempt;
use super::Committer;
use super::write::refused_row;
use crate::connector::Transaction;
use crate::connector::target::Records;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::record::Value;
use crate::record::value;
use crate::run::layout::Dead;
use crate::run::layout::Layout;
use crate::run::ledger::RowFate;
use crate::run::resolve::Resolved;
use crate::run::resolve::Settled;

/// Refusals of a batch from which on the rest of it is sifted; the next batch begins so.
const SIFT_FROM: usize = 4;
/// Records that are sifted at once.
const SIFTED_MAX: usize = 5_000;

/// Whether the rest of a batch is sifted.
pub(super) struct Sifting {
    is_open: bool,
    is_on: bool,
    /// Records with a row whose key stands in the target; looked for when the sifting begins.
    standing: Option<HashSet<usize>>,
}

/// What comes next of the records that are to be sifted.
pub(super) enum Next<'a> {
    /// These, of which no key stands in the target.
    New(&'a [usize]),
    /// These, of which each has a row whose key stands there: what becomes of it takes a closer look.
    Standing(&'a [usize]),
}

impl Sifting {
    /// `is_open` says whether a batch may be sifted at all, `is_on` whether it is from its first record on.
    pub(super) fn new(is_open: bool, is_on: bool) -> Self {
        Self { is_open, is_on: is_open && is_on, standing: None }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Notes how many records were refused so far.
    pub(super) fn refused(&mut self, records: usize) {
        self.is_on |= self.is_open && records >= SIFT_FROM;
    }

    /// Whether the next batch is likely to have as many.
    pub(super) fn is_worth_it(refused: usize) -> bool {
        refused >= SIFT_FROM
    }

    /// The target has no way to do it.
    pub(super) fn close(&mut self) {
        (self.is_open, self.is_on) = (false, false);
    }

    /// A row's key turned out to stand in the target.
    pub(super) fn stands(&mut self, record: usize) {
        self.standing.get_or_insert_default().insert(record);
    }

    /// Returns the records that come next, of one kind.
    pub(super) async fn next<'a>(
        &mut self,
        tx: &mut dyn Transaction,
        committer: &Committer,
        resolved: &Resolved,
        layout: &Layout,
        records: &'a [usize],
    ) -> Result<Next<'a>, Attempt> {
        if self.standing.is_none() {
            self.standing = Some(committer.standing(tx, resolved, layout, records).await?);
        }
        let standing = self.standing.as_ref().expect("set above");
        let is_standing = records.first().is_some_and(|record| standing.contains(record));
        let alike = records.iter().take_while(|record| standing.contains(record) == is_standing).count();
        Ok(if is_standing { Next::Standing(&records[..alike]) } else { Next::New(&records[..alike.min(SIFTED_MAX)]) })
    }
}

impl Committer {
    /// Returns the records with a row whose key stands in the target.
    async fn standing(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        records: &[usize],
    ) -> Result<HashSet<usize>, Attempt> {
        let mut standing = HashSet::new();
        let entity = self.entity();
        let own = entity.tables.iter().enumerate().filter(|(_, table)| !entity.leaves(table));
        for (index, table) in own {
            let rows: Vec<usize> = rows_of(resolved, records, index).map(|(_, row)| row).collect();
            let places: Vec<usize> =
                table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key)).collect();
            let key_of = |row: &usize| -> Vec<Value> {
                let values = layout.values(resolved, *row);
                places.iter().map(|&place| values[place].clone()).collect()
            };
            let keys: Vec<Vec<Value>> = rows.iter().map(key_of).collect();
            let found = tx.find(&table.schema, &table.key, &keys, &[]).await?;
            let found = rows.iter().zip(&keys).filter(|(_, key)| found.contains_key(&value::encode(key)));
            standing.extend(found.map(|(row, _)| resolved.rows[*row].record));
        }
        Ok(standing)
    }

    /// Lets the target sift records; returns how many are settled, from the front. `None` where it has no way.
    pub(super) async fn sift(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        records: &[usize],
        row_fates: &mut [Option<RowFate>],
        dead: &mut Dead,
    ) -> Result<Option<usize>, Attempt> {
        let all = &self.entity().tables;
        // The rows of a junction are for its final step to write.
        let own: Vec<usize> = (0..all.len()).filter(|&table| !self.entity().leaves(&all[table])).collect();
        let (mut rows, mut of): (Vec<Vec<usize>>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
        for &index in &own {
            let (numbers, of_table) = rows_of(resolved, records, index).unzip();
            rows.push(of_table);
            of.push(numbers);
        }
        let values: Vec<Vec<&[Value]>> =
            rows.iter().map(|rows| rows.iter().map(|&row| layout.values(resolved, row)).collect()).collect();
        let tables = own.iter().map(|&table| &all[table]);
        let calls: Vec<Rows<'_>> = tables
            .zip(&values)
            .map(|(table, rows)| Rows { table: &table.schema, columns: &table.columns, key: &table.key, rows })
            .collect();
        let call = Records { tables: &calls, of: &of, count: records.len() };
        let Some(sifted) = tx.sift(&call).await? else { return Ok(None) };
        let settled = sifted.iter().take_while(|answer| **answer != Sifted::Conflict).count();
        for (record, answer) in records.iter().zip(sifted) {
            match answer {
                Sifted::New => {
                    if let Settled::Rows(range) = &resolved.records[*record] {
                        for row in range.clone() {
                            let is_deferred = resolved.rows[row].is_deferred;
                            row_fates[row] = Some(if is_deferred { RowFate::Deferred } else { RowFate::Inserted });
                        }
                    }
                }
                Sifted::Refused(refusal) => drop(dead.insert(*record, refused_row(resolved, &refusal))),
                Sifted::Conflict => {}
            }
        }
        Ok(Some(settled))
    }
}

/// The rows of records for a table, each with its record's place among them.
pub(super) fn rows_of<'a>(
    resolved: &'a Resolved,
    records: &'a [usize],
    table: usize,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    records.iter().enumerate().flat_map(move |(place, &record)| {
        let range = match &resolved.records[record] {
            Settled::Rows(range) => range.clone(),
            _ => 0..0,
        };
        range.filter(move |&row| resolved.rows[row].table == table).map(move |row| (place, row))
    })
}
