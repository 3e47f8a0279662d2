//! What was repaired, or would be, in the form other tools read.

use serde::Deserialize;
use serde::Serialize;

use crate::run::junction::JunctionReport;
use crate::run::report::Mode;
use crate::run::verify::Part;
use crate::run::verify::SOURCE_CHANGED;
use crate::run::verify::Told;
use crate::run::verify::tell;

/// What was compared, and what became of it or would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Records of that version.
    pub records: u64,
    /// Rows that did not come out then.
    pub inserted: u64,
    /// Rows with other values.
    pub changed: u64,
    /// Rows that come out no more.
    pub removed: u64,
    /// References of its rows that were NULL and are filled in.
    pub filled: u64,
    /// Rows that come out no more, and that others depend on: left alone.
    pub depended_on: u64,
    /// Rows of junctions that come out of their records no more, and that others may give: left alone.
    pub shared: u64,
    /// Rows that somebody else has touched since: left alone.
    pub theirs: u64,
    /// Records that the source has otherwise, or no more: left alone.
    pub source_changed: u64,
    /// Records that the active version sets aside: left alone.
    pub rejected: u64,
    /// Records whose rows the target refused: left alone.
    pub refused: u64,
    /// Batches on which the active version failed.
    pub failed: u64,
    /// The first of these, one by one.
    pub differences: Vec<Told>,
}

/// A repair of a whole migration.
#[derive(Debug, Clone, Serialize)]
pub struct RepairReport {
    /// Its own id.
    pub run: String,
    /// The migration's name.
    pub migration: String,
    /// Whether anything was written.
    pub mode: Mode,
    /// `done` or `stopped`.
    pub status: &'static str,
    /// The digest of the version whose rows were looked at.
    pub from: String,
    /// From start to end, without what an earlier call has done.
    pub duration_ms: u64,
    /// By entity, in the order they run.
    pub entities: Vec<Part<Counts>>,
    /// What has changed in junctions behind them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<JunctionReport>,
    /// What has changed since the migration began: configuration, components, target tables.
    pub changes: Vec<String>,
}

impl Counts {
    /// Returns how many rows and records were left alone though they differ.
    pub fn left_alone(&self) -> u64 {
        self.depended_on + self.shared + self.theirs + self.source_changed + self.rejected + self.refused + self.failed
    }

    pub(super) fn tell(&mut self, told: Told) {
        *match told.what.as_str() {
            "inserted" => &mut self.inserted,
            "changed" => &mut self.changed,
            "removed" => &mut self.removed,
            "depended-on" => &mut self.depended_on,
            "shared" => &mut self.shared,
            "theirs" => &mut self.theirs,
            SOURCE_CHANGED => &mut self.source_changed,
            "rejected" => &mut self.rejected,
            "refused" => &mut self.refused,
            _ => &mut self.failed,
        } += 1;
        tell(&mut self.differences, told);
    }
}
