//! What is to be done about a batch whose rows differ: written again, removed, or left alone and listed.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use super::Repair;
use crate::error::Failure;
use crate::record::Value;
use crate::record::packed;
use crate::run::committed::Known;
use crate::run::compare;
use crate::run::compare::Compared;
use crate::run::compare::What;
use crate::run::report::State;
use crate::run::resolve::Resolved;
use crate::run::verify::SOURCE_CHANGED;
use crate::run::verify::Told;
use crate::run::verify::of_row;

/// What is to be done about a batch; records by their index in it.
#[derive(Default)]
pub(super) struct Decided {
    /// Records of which something is written.
    pub records: BTreeSet<usize>,
    pub ours: HashSet<(String, Vec<u8>)>,
    pub kept: HashMap<(String, Vec<u8>), u64>,
    pub removed: Vec<(usize, usize, Vec<Value>)>,
    pub stays: Vec<(usize, usize, Vec<u8>, u64)>,
    pub told: Vec<(usize, Told)>,
}

impl Repair<'_> {
    /// Compares a batch with what stands there, and says what is to be done about it.
    pub(super) async fn decide(&mut self, resolved: &Resolved, known: &[Option<&Known>]) -> Result<Decided, Failure> {
        let place = compare::Place {
            plan: &self.opened.plan,
            entity: self.index,
            books: self.committer.books(),
            waits: self.checkpoint.state != State::Completed,
        };
        let mut tx = self.opened.target.begin().await?;
        let Compared { differences, digests, .. } = compare::compare(place, &mut *tx, resolved, known).await?;
        let plan = &self.opened.plan.entities[self.index];
        let name = |table: usize| plan.tables[table].schema.name.clone();
        let mut decided = Decided::default();
        decided.ours.extend(digests.keys().map(|(table, key)| (name(*table), key.clone())));
        for difference in differences {
            let record = difference.record;
            let document = resolved.batch.records[record].document;
            let row = difference.row.as_ref();
            let of = |what| of_row(plan, document, row, what);
            let said = |what, message: &str| Told { message: Some(message.to_owned()), ..of(what) };
            let row_key = row.map(|(table, key)| (name(*table), key.clone()));
            let told = match (difference.what, row_key) {
                (What::New, _) => {
                    decided.records.insert(record);
                    of("inserted")
                }
                (What::Changed { fields, is_ours: true }, _) => {
                    decided.records.insert(record);
                    Told { fields, ..of("changed") }
                }
                (What::Changed { fields, is_ours: false }, Some(row_key)) => {
                    keep(&mut decided, row_key, row, &digests);
                    Told { fields, ..said("theirs", "somebody has changed it since it was written") }
                }
                (What::Missing, Some(row_key)) => {
                    keep(&mut decided, row_key, row, &digests);
                    said("theirs", "somebody has removed it since it was written")
                }
                (What::Taken(fields), _) => {
                    Told { fields, ..said("theirs", "a row that this migration did not write stands in its place") }
                }
                (What::Gone { is_ours, digest }, Some(_)) => {
                    let (table, key) = row.cloned().unwrap_or_default();
                    let values = packed::decode(&key).unwrap_or_default();
                    let depends = match is_ours {
                        true => self.dependents.of(&mut *tx, &plan.tables[table], &values).await?,
                        false => None,
                    };
                    let told = match (is_ours, depends) {
                        (true, None) => {
                            decided.records.insert(record);
                            decided.removed.push((record, table, values));
                            of("removed")
                        }
                        (true, Some(by)) => said("depended-on", &format!("rows of `{by}` refer to it")),
                        (false, _) => said("theirs", "it comes out no more, and somebody has changed it since"),
                    };
                    if told.what != "removed" {
                        decided.stays.push((record, table, key, digest));
                    }
                    told
                }
                (What::Shared, _) => {
                    said("shared", "it comes out of its record no more, and another record may give it")
                }
                (What::Rejected { code, message }, _) => said("rejected", &format!("{code}: {message}")),
                _ => of(SOURCE_CHANGED),
            };
            decided.told.push((record, told));
        }
        tx.rollback().await?;
        Ok(decided)
    }
}

/// Leaves a row as it stands, and the ledger's word on it.
fn keep(
    decided: &mut Decided,
    row_key: (String, Vec<u8>),
    row: Option<&(usize, Vec<u8>)>,
    digests: &HashMap<(usize, Vec<u8>), u64>,
) {
    decided.ours.remove(&row_key);
    let digest = row.and_then(|row| digests.get(row)).copied().unwrap_or_default();
    decided.kept.insert(row_key, digest);
}
