//! What became of the rows of junctions, in the form other tools read.

use serde::Serialize;

use super::JunctionEnd;
use super::Stand;
use crate::plan::Plan;
use crate::run::bookkeeping::CONFLICTING;
use crate::run::bookkeeping::DROPPED;
use crate::run::bookkeeping::LeftOut;
use crate::run::bookkeeping::REFUSED;
use crate::run::report::FailureReport;
use crate::run::report::RowCounts;
use crate::run::report::State;

/// The places in which the rows that records gave to a junction have ended. `rows` is the sum of all the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JunctionCounts {
    /// Rows that records of all sides gave.
    pub rows: u64,
    /// New in the table.
    pub inserted: u64,
    /// There already before the migration, and equal.
    pub unchanged: u64,
    /// Equal to a row of this migration: of the other side, mostly.
    pub collapsed: u64,
    /// Left out for want of a parent.
    pub dropped: u64,
    /// Different from the row of the same key that came first, which stands.
    pub conflicting: u64,
    /// Refused by the target.
    pub refused: u64,
    /// Still to be written.
    pub waiting: u64,
}

impl JunctionCounts {
    /// Counts what became of the rows of a junction.
    pub fn of(name: &str, stand: &Stand) -> Self {
        let RowCounts { inserted, unchanged, collapsed, .. } =
            stand.checkpoint.rows.get(name).copied().unwrap_or_default();
        let left_out = |reason: &str| -> u64 {
            stand.left_out.iter().filter(|left_out| left_out.reason == reason).map(|left_out| left_out.count).sum()
        };
        let mut counts = Self {
            rows: 0,
            inserted,
            unchanged,
            collapsed,
            dropped: left_out(DROPPED),
            conflicting: left_out(CONFLICTING),
            refused: left_out(REFUSED),
            waiting: stand.waiting,
        };
        counts.rows = counts.sum();
        counts
    }

    fn sum(&self) -> u64 {
        self.standing() + self.dropped + self.refused + self.waiting
    }

    /// Returns how many rows have their key in the table.
    pub fn standing(&self) -> u64 {
        self.inserted + self.unchanged + self.collapsed + self.conflicting
    }

    /// Returns what has come to these since they were counted before; rows that wait are counted as they are.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut since = Self {
            rows: 0,
            inserted: self.inserted.saturating_sub(before.inserted),
            unchanged: self.unchanged.saturating_sub(before.unchanged),
            collapsed: self.collapsed.saturating_sub(before.collapsed),
            dropped: self.dropped.saturating_sub(before.dropped),
            conflicting: self.conflicting.saturating_sub(before.conflicting),
            refused: self.refused.saturating_sub(before.refused),
            waiting: self.waiting,
        };
        since.rows = since.sum();
        since
    }
}

/// One junction of a run.
#[derive(Debug, Clone, Serialize)]
pub struct JunctionReport {
    /// Its name: the table's.
    pub name: String,
    /// Where its step stands now.
    pub state: State,
    /// The entities that feed it.
    pub sides: Vec<String>,
    /// The entities that must be complete before it can be written.
    pub waits_for: Vec<String>,
    /// Since the migration began.
    pub total: JunctionCounts,
    /// In this run alone.
    pub this_run: JunctionCounts,
    /// The rows that were left out, with some of them, since the migration began.
    pub left_out: Vec<LeftOut>,
    /// What a dry run cannot foresee of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_predicted: Vec<String>,
    /// Time spent in this run, in milliseconds.
    pub duration_ms: u64,
    /// What ended it too early in this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

impl JunctionReport {
    /// Reports how a junction's step ended.
    pub fn new(plan: &Plan, junction: usize, end: &JunctionEnd) -> Self {
        let junction = &plan.junctions[junction];
        let name = junction.name().to_owned();
        let total = JunctionCounts::of(&name, &end.now);
        Self {
            state: if end.failure.is_some() { State::Failed } else { end.now.state() },
            sides: junction.sides.iter().map(|&entity| plan.entities[entity].name.clone()).collect(),
            waits_for: if end.now.is_open() { end.waits_for.clone() } else { Vec::new() },
            this_run: total.since(&JunctionCounts::of(&name, &end.start)),
            total,
            left_out: end.now.left_out.clone(),
            not_predicted: Vec::new(),
            duration_ms: end.duration_ms,
            failure: end.failure.as_ref().map(Into::into),
            name,
        }
    }

    /// Returns whether every row that the records gave has one place.
    pub fn is_conserved(&self, end: &JunctionEnd) -> bool {
        end.now.given == self.total.rows
    }
}
