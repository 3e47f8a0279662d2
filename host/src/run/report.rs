//! What a run found and did, in the form other tools read. Stable: keys are added, never renamed or removed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::bookkeeping::ReadUnder;
use super::bookkeeping::RefusedReferences;
use super::junction::JunctionReport;
use super::shown::Shown;
use super::stages::StageTimes;
use crate::connector::target::Advanced;
use crate::error::Failure;

/// How the records of an entity ended. `read` is the sum of all the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fates {
    /// Records read from the source.
    pub read: u64,
    /// Some row was inserted or updated.
    pub written: u64,
    /// Every row stood there already, equal.
    pub unchanged: u64,
    /// Left out by the transformer, by `on-conflict = "skip"`, or by `on-missing = "skip"`.
    pub skipped: u64,
    /// Set aside as a dead letter.
    pub dead: u64,
    /// Waiting for a parent.
    pub parked: u64,
    /// Made one with another record.
    pub merged: u64,
}

impl Fates {
    /// Returns the sum of all the places a record can end in.
    pub fn sum(&self) -> u64 {
        self.written + self.unchanged + self.skipped + self.dead + self.parked + self.merged
    }

    /// Adds what another batch brought.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.dead += other.dead;
        self.parked += other.parked;
        self.merged += other.merged;
    }

    /// Returns what has come to these since they were counted before.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
            unchanged: self.unchanged.saturating_sub(before.unchanged),
            skipped: self.skipped.saturating_sub(before.skipped),
            dead: self.dead.saturating_sub(before.dead),
            parked: self.parked.saturating_sub(before.parked),
            merged: self.merged.saturating_sub(before.merged),
        }
    }
}

/// How the rows that came out of the transformer ended, for one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowCounts {
    /// New in the table.
    pub inserted: u64,
    /// There already, and changed.
    pub updated: u64,
    /// There already, and equal.
    pub unchanged: u64,
    /// There already, different, and left alone.
    pub skipped: u64,
    /// Equal to another row of the same record.
    pub collapsed: u64,
    /// Left to a final step.
    pub deferred: u64,
    /// Rows of records that became dead letters.
    pub refused: u64,
}

impl RowCounts {
    /// Returns the sum of all the places a row can end in.
    pub fn sum(&self) -> u64 {
        self.standing() + self.collapsed + self.deferred + self.refused
    }

    /// Returns how many rows stand in the table because of these.
    pub fn standing(&self) -> u64 {
        self.inserted + self.updated + self.unchanged + self.skipped
    }

    /// Adds what another batch brought.
    pub fn add(&mut self, other: &Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.collapsed += other.collapsed;
        self.deferred += other.deferred;
        self.refused += other.refused;
    }

    /// Returns what has come to these since they were counted before.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            inserted: self.inserted.saturating_sub(before.inserted),
            updated: self.updated.saturating_sub(before.updated),
            unchanged: self.unchanged.saturating_sub(before.unchanged),
            skipped: self.skipped.saturating_sub(before.skipped),
            collapsed: self.collapsed.saturating_sub(before.collapsed),
            deferred: self.deferred.saturating_sub(before.deferred),
            refused: self.refused.saturating_sub(before.refused),
        }
    }
}

/// Counts of rows by table name.
pub type Rows = BTreeMap<String, RowCounts>;

/// Returns what has come to some rows since they were counted before.
pub fn rows_since(now: &Rows, before: &Rows) -> Rows {
    let since = |(table, now): (&String, &RowCounts)| {
        (table.clone(), now.since(&before.get(table).copied().unwrap_or_default()))
    };
    now.iter().map(since).collect()
}

/// Adds the rows of another batch.
pub fn add_rows(total: &mut Rows, other: &Rows) {
    for (table, counts) in other {
        total.entry(table.clone()).or_default().add(counts);
    }
}

/// Whether a run only predicted or wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing was written.
    DryRun,
    /// The target was written.
    Execute,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All that was asked for is done.
    Completed,
    /// Ended at its limit, with a checkpoint.
    Limited,
    /// Interrupted, with a checkpoint.
    Stopped,
    /// Waiting for a component.
    Held,
    /// Ended by an error, with a checkpoint.
    Failed,
    /// Everything had been done before.
    NothingToDo,
}

/// Where an entity stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not begun.
    #[default]
    Pending,
    /// Begun, and to be gone on with.
    Partial,
    /// Waiting for a component that can go on.
    Held,
    /// Ended by an error in the last run, at its checkpoint. Reports say so; a checkpoint stays `pending` or `partial`.
    Failed,
    /// Read to the end, and every final step done.
    Completed,
}

/// One entity of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntityReport {
    /// Its name.
    pub name: String,
    /// Where it stands now.
    pub state: State,
    /// Since the migration began.
    pub total: Fates,
    /// In this run alone.
    pub this_run: Fates,
    /// Since the migration began.
    pub rows: Rows,
    /// In this run alone.
    pub rows_this_run: Rows,
    /// Commits since the migration began.
    pub batches: u64,
    /// In this run.
    pub records_per_second: f64,
    /// Tables of which a dry run cannot foresee everything, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_predicted: BTreeMap<String, Vec<String>>,
    /// Time spent in this run, in milliseconds.
    pub duration_ms: u64,
    /// Where it went; the stages overlap.
    pub stages: StageTimes,
    /// As what its source was read, first to last; none where the source is not kept still while it is read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<ReadUnder>,
    /// References that found no parent and stay NULL, since the migration began.
    pub nulled_references: u64,
    /// References that stay NULL because the target refused their parents, since the migration began.
    pub refused_references: Vec<RefusedReferences>,
    /// Why records were left out, and how many for each reason, since the migration began.
    pub skip_reasons: SkipReasons,
    /// Single records, field by field, where a dry run was asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// Sequences that were behind the ids of its rows and were moved in this run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advanced_sequences: Vec<Advanced>,
    /// What ended it too early in this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
}

/// Reasons that are counted apart in one batch and in one entity; what comes behind them is counted as one.
pub const SKIP_REASONS_MAX: usize = 100;
/// Characters that are kept of a reason.
pub const SKIP_REASON_CHARS_MAX: usize = 200;
/// What stands for all reasons beyond these.
pub const OTHER_REASONS: &str = "other reasons";

/// Why records were left out, and how many for each reason.
pub type SkipReasons = BTreeMap<String, u64>;

/// Why an entity did not reach its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailureReport {
    /// One sentence.
    pub error: String,
    /// What lies below it, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&Failure> for FailureReport {
    fn from(failure: &Failure) -> Self {
        Self { error: failure.message.clone(), causes: failure.causes(), hint: failure.hint.clone() }
    }
}

/// One component that took part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PluginReport {
    /// Its name.
    pub name: String,
    /// Its sha-256, hexadecimal.
    pub digest: String,
    /// `transformer` or `validator`.
    pub world: String,
}

/// Dead letters of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The entity.
    pub entity: String,
    /// Where it was refused: `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: String,
    /// Why, in short.
    pub code: String,
    /// The field or column at fault.
    pub field: Option<String>,
    /// How many.
    pub count: u64,
    /// The first of them, in the report of a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// One dead letter that a run stored, or would store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where it stands in the source.
    pub position: String,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// One sentence.
    pub message: String,
}

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's own id.
    pub run: String,
    /// The migration's name.
    pub migration: String,
    /// Whether anything was written.
    pub mode: Mode,
    /// How it ended.
    pub status: Status,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From start to end.
    pub duration_ms: u64,
    /// In the order they run.
    pub entities: Vec<EntityReport>,
    /// What was written behind them, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<JunctionReport>,
    /// Each once.
    pub plugins: Vec<PluginReport>,
    /// Whether all entities were read as their source stood at one moment; absent where no source is kept still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistent: Option<bool>,
    /// `ok`: every record read has one fate, and every row out one place.
    pub conservation: String,
    /// Why the dead letters were set aside, most frequent first.
    pub dead_letters: Vec<Reason>,
    /// The same for a batch that was rolled back because there were too many.
    pub provisional: Vec<Reason>,
    /// What ended the run, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    /// Returns whether there are dead letters in the entities that ran.
    pub fn has_dead_letters(&self) -> bool {
        self.entities.iter().any(|entity| entity.total.dead > 0)
    }

    /// Returns whether an earlier run has begun what this one went on with.
    pub fn is_resumed(&self) -> bool {
        self.entities.iter().any(|entity| entity.total.read > entity.this_run.read)
    }
}
