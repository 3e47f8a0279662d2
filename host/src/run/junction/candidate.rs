//! One row of a junction on its way to its place.

use crate::connector::target::Refusal;
use crate::error::Failure;
use crate::plan::JunctionPlan;
use crate::plan::TablePlan;
use crate::plan::junction::OnDifference;
use crate::plan::junction::OnMissingParent;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::CONFLICTING;
use crate::run::bookkeeping::DROPPED;
use crate::run::bookkeeping::DeferredRow;
use crate::run::bookkeeping::LeftOutRow;
use crate::run::bookkeeping::REFUSED;

/// One row on the way.
pub(super) struct Candidate {
    /// As its record gave it.
    pub row: DeferredRow,
    /// Indexes of the schema's columns that it feeds.
    pub columns: Vec<usize>,
    /// Its compact key.
    pub key: Vec<u8>,
    /// Where it has ended.
    pub place: Option<Place>,
}

/// Where a row has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Inserted,
    /// It stood there before.
    Unchanged,
    /// It stood there because of another row of the migration.
    Collapsed,
    /// The reason, the columns at fault, and why in words.
    LeftOut(&'static str, String, String),
}

impl Candidate {
    /// Finds the columns of a row; fails where the table has them no more.
    pub(super) fn new(junction: &JunctionPlan, row: DeferredRow) -> Result<Self, Failure> {
        let table = &junction.table;
        let lacks = |column: &str| {
            Failure::failed(format!(
                "rows that wait for `{}` have the column `{column}`, and the table has none",
                row.table
            ))
            .hint("the table or the mapping has changed since they were read; put the column back")
        };
        let known = row.columns.iter().map(|name| table.schema.column(name).ok_or_else(|| lacks(name)));
        let columns: Vec<usize> = known.collect::<Result<_, _>>()?;
        let value_of = |&column: &usize| {
            let fed = columns.iter().position(|fed| *fed == column).and_then(|fed| row.values.get(fed));
            fed.cloned().ok_or_else(|| lacks(&table.schema.columns[column].name))
        };
        let key = table.key.iter().map(value_of).collect::<Result<Vec<Value>, _>>()?;
        Ok(Self { key: value::encode(&key), row, columns, place: None })
    }

    pub(super) fn key_values(&self) -> Vec<Value> {
        packed::decode(&self.key).unwrap_or_default()
    }

    /// Returns its key for people.
    pub(super) fn shown_key(&self, junction: &JunctionPlan) -> String {
        let names = junction.table.key.iter().map(|&column| &junction.table.schema.columns[column].name);
        let pairs = names.zip(self.key_values()).map(|(name, value)| {
            // Of what was never found, the key that it was looked for by.
            let shown = match (&value, self.row.source_key(name)) {
                (Value::Null, Some(key)) => format!("the id of `{key}`"),
                _ => packed::display(std::slice::from_ref(&value)),
            };
            format!("{name} = {shown}")
        });
        format!("({})", pairs.collect::<Vec<_>>().join(", "))
    }

    pub(super) fn value_at(&self, column: usize) -> Option<&Value> {
        self.row.values.get(self.columns.iter().position(|fed| *fed == column)?)
    }

    /// Says where it comes from, and what is wrong with it.
    fn failure(&self, junction: &JunctionPlan, why: &str) -> Failure {
        let DeferredRow { entity, document, record_key, table, .. } = &self.row;
        let row = self.shown_key(junction);
        Failure::failed(format!(
            "`{table}`: the row {row} of the record `{record_key}` (document {document} of `{entity}`): {why}"
        ))
    }

    /// Leaves it out for want of a parent.
    pub(super) fn drop(&mut self, column: String, why: String) {
        self.place = Some(Place::LeftOut(DROPPED, column, why));
    }

    /// Leaves it out because the target does not take it.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        let column = refusal.column.clone().or_else(|| refusal.constraint.clone()).unwrap_or_default();
        self.place = Some(Place::LeftOut(REFUSED, column, refusal.words()));
    }

    /// Leaves it out because of these values of the row that stands, unless they are its own.
    pub(super) fn compare(&mut self, junction: &JunctionPlan, standing: &[Value]) {
        let differs = self.differing(junction, standing);
        if differs.is_empty() {
            return;
        }
        let shown = |value: &Value| packed::display(std::slice::from_ref(value));
        let name = |fed: usize| junction.table.schema.columns[self.columns[fed]].name.clone();
        let column = differs.iter().map(|&fed| name(fed)).collect::<Vec<_>>().join(", ");
        let pairs = differs.iter().map(|&fed| {
            format!(
                "`{}` is {} in it and {} in the row that stands",
                name(fed),
                shown(&self.row.values[fed]),
                shown(&standing[fed])
            )
        });
        let why = pairs.collect::<Vec<_>>().join(", ");
        self.place = Some(Place::LeftOut(CONFLICTING, column, why));
    }

    /// Fails where the junction's policies do not let it be left out as it is.
    pub(super) fn check_policy(&self, junction: &JunctionPlan) -> Result<(), Failure> {
        let Some(Place::LeftOut(reason, _, why)) = &self.place else { return Ok(()) };
        let hint = if *reason == DROPPED && junction.on_missing == OnMissingParent::Fail {
            format!(
                "`[junction.{}] on-missing` says `fail`: put the missing row there and run the same command again, or say \
                 `drop` and run it with `--accept-change`, which leaves such rows out and lists them",
                junction.name()
            )
        } else if *reason == CONFLICTING && junction.on_difference == OnDifference::Fail {
            format!(
                "`[junction.{}] on-difference` says `fail`: mend the source or the mapping, or say `keep-first` and run \
                 the same command again with `--accept-change`",
                junction.name()
            )
        } else {
            return Ok(());
        };
        Err(self.failure(junction, why).hint(hint))
    }

    /// Returns which of its values are others than those that stand.
    fn differing(&self, junction: &JunctionPlan, standing: &[Value]) -> Vec<usize> {
        let kind = |fed: usize| &junction.table.schema.columns[self.columns[fed]].kind;
        let differs = |&fed: &usize| !value::same_in(kind(fed), &standing[fed], &self.row.values[fed]);
        (0..self.columns.len().min(standing.len())).filter(differs).collect()
    }

    /// Returns the compact key of the row that stands. A collation may find two spellings equal.
    pub(super) fn standing_key(&self, table: &TablePlan, standing: &[Value]) -> Vec<u8> {
        let fed = table.key.iter().filter_map(|key| self.columns.iter().position(|column| column == key));
        value::encode(&fed.filter_map(|fed| standing.get(fed).cloned()).collect::<Vec<Value>>())
    }

    /// Returns what is recorded of it where it is left out.
    pub(super) fn left_out(&self, junction: &JunctionPlan) -> Option<LeftOutRow> {
        let Some(Place::LeftOut(reason, column, why)) = &self.place else { return None };
        Some(LeftOutRow {
            row: self.row.clone(),
            reason,
            row_key: self.shown_key(junction),
            row_key_blob: self.key.clone(),
            column: column.clone(),
            why: why.clone(),
        })
    }
}
