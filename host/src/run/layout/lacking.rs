//! References of a batch's rows that have no parent, or none yet: each falls under its column's policy.

use super::Layout;
use super::LayoutError;
use super::column_names;
use super::display_key;
use crate::plan::Later;
use crate::plan::OnMissing;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Key;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::NulledReference;
use crate::run::bookkeeping::ParkedKey;
use crate::run::choices;
use crate::run::parents::LeftOut;
use crate::run::parents::missing_parent;
use crate::run::parents::no_parent;
use crate::run::parked;
use crate::run::resolve::Choice;
use crate::run::resolve::Resolved;
use crate::run::transform::Refused;

/// A reference of a row without a parent.
#[derive(Clone, Copy)]
pub(super) struct Lacking<'a> {
    pub plan: &'a Plan,
    pub table: &'a TablePlan,
    pub reference: &'a ReferencePlan,
    pub resolved: &'a Resolved,
    pub row: usize,
    /// What the row's columns hold.
    pub values: &'a [Value],
    /// Whether the ids that it refers to are known.
    pub is_known: bool,
    /// The key, where none of several entities has its record.
    pub choice: Option<&'a Choice>,
}

impl Lacking<'_> {
    /// The record's index in the batch.
    fn record(&self) -> usize {
        self.resolved.rows[self.row].record
    }

    /// Says what is missing.
    fn refused(&self) -> Box<Refused> {
        match self.choice {
            Some(choice) => choices::nobody(self.plan, self.table, choice),
            None => missing_parent(self.plan, self.table, self.reference, &self.resolved.rows[self.row], self.values),
        }
    }

    fn left_out(&self) -> LeftOut {
        let Self { plan, table, reference, .. } = *self;
        match self.choice {
            Some(choice) => LeftOut::of_choice(plan, table, reference, choice),
            None => LeftOut::new(plan, table, reference, &self.resolved.rows[self.row], self.values),
        }
    }

    /// What the record waits for.
    fn waits_for(&self) -> ParkedKey {
        let Self { plan, table, reference, .. } = *self;
        match self.choice {
            Some(choice) => parked::key::waits_for_one(plan, table, reference, choice),
            None => {
                let row = &self.resolved.rows[self.row];
                parked::key::waits(plan, table, reference, row, self.values, !self.is_known)
            }
        }
    }
}

impl Layout {
    /// Does what is to be done about a reference without a parent; returns what the record waits for, where it does:
    /// `parks` says whether it may.
    pub(super) fn lack(
        &mut self,
        lacking: &Lacking<'_>,
        parks: bool,
    ) -> Result<Option<(Box<Refused>, ParkedKey)>, LayoutError> {
        match (lacking.reference.later, lacking.reference.on_missing) {
            (Later::FilledIn, _) => self.null(lacking, true),
            (Later::Parked, _) if parks => return Ok(Some((lacking.refused(), lacking.waits_for()))),
            (_, OnMissing::Null) => self.null(lacking, false),
            (_, OnMissing::DeadLetter | OnMissing::Park) => {
                self.set_aside.entry(lacking.record()).or_insert_with(|| lacking.refused());
            }
            (_, OnMissing::Skip) => {
                self.skipped.entry(lacking.record()).or_insert_with(|| lacking.left_out());
            }
            (_, OnMissing::Fail) => {
                return Err(no_parent(lacking.resolved, lacking.record(), &lacking.refused()).into());
            }
        }
        Ok(None)
    }

    /// Returns the references written NULL for good, of the rows that were written.
    pub fn nulled(&self, is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
        of_rows(&self.nulled, is_written)
    }

    /// Returns the references written NULL until the group's end, of the rows that were written.
    pub fn deferred(&self, is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
        of_rows(&self.deferred, is_written)
    }

    /// Writes a reference NULL: until the group's end, or for good.
    fn null(&mut self, lacking: &Lacking<'_>, deferred: bool) {
        let Lacking { plan, table, reference, resolved, row, values, choice, .. } = *lacking;
        // What waits for an id that is stored is the source key: the id is looked up when all are known.
        let pending = &resolved.rows[row].pending;
        let waiting = |column: usize| match pending.iter().find(|(waits, ..)| deferred && *waits == column) {
            Some((_, _, key)) => Value::Text(key.as_str().into()),
            None => values[column].clone(),
        };
        let key: Vec<Value> = reference.columns.iter().map(|&column| waiting(column)).collect();
        let patched = self.patched.entry(row).or_insert_with(|| values.to_vec());
        if deferred {
            self.wanted.entry(row).or_insert_with(|| patched.clone());
        }
        for &column in &reference.columns {
            if table.may_be_null(column) {
                patched[column] = Value::Null;
                if let Some(wanted) = self.wanted.get_mut(&row).filter(|_| !deferred) {
                    wanted[column] = Value::Null;
                }
            }
        }
        let record = &resolved.batch.records[resolved.rows[row].record];
        let of_parent = |(of, key): &(usize, Key)| reference.columns.contains(of).then(|| key.as_str().to_owned());
        let nulled = NulledReference {
            table: table.schema.name.clone(),
            row_key: display_key(table, &resolved.rows[row]),
            row_key_blob: resolved.rows[row].key.clone(),
            column: column_names(table, reference),
            parent: match (&reference.choice, choice) {
                (_, Some(_)) => choices::names(table, reference),
                (Some(entity), None) => entity.clone(),
                (None, None) => reference.parent.name.clone(),
            },
            parent_key: choice.map_or_else(|| packed::display(&key), choices::shown),
            value: choice.map_or_else(|| value::encode(&key), |choice| choices::recorded(plan, choice)),
            document: record.document,
            record_key: record.key.as_ref().map_or_else(String::new, |key| key.as_str().to_owned()),
            parent_record_key: resolved.rows[row].referred.iter().find_map(of_parent),
            refusal: None,
        };
        let list = if deferred { &mut self.deferred } else { &mut self.nulled };
        list.push((row, nulled));
    }
}

fn of_rows(list: &[(usize, NulledReference)], is_written: impl Fn(usize) -> bool) -> Vec<NulledReference> {
    list.iter().filter(|(row, _)| is_written(*row)).map(|(_, reference)| reference.clone()).collect()
}
