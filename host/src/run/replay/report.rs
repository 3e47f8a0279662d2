//! What became of dead letters, or would, in the form other tools read.

use serde::Serialize;

use crate::run::junction::JunctionReport;
use crate::run::report::Fates;
use crate::run::report::Mode;
use crate::run::report::Reason;
use crate::run::report::Status;

/// What a replay did, or would do.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// Its own id.
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
    /// In the order they run; those with letters, or with references that were filled in.
    pub entities: Vec<ReplayedEntity>,
    /// What has changed in junctions behind them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub junctions: Vec<JunctionReport>,
    /// The letters that were tried, by their number; of very many, the first.
    pub letters: Vec<ReplayedLetter>,
    /// How many more were tried, and are counted only.
    pub letters_untold: u64,
    /// Why the letters that were tried are dead still.
    pub dead_letters: Vec<Reason>,
    /// Letters that no component can make fit: the source is at fault.
    pub permanent: Vec<Reason>,
    /// Letters that were given up.
    pub discarded: Vec<Reason>,
    /// What has changed since the migration began: configuration, components, target tables.
    pub changes: Vec<String>,
}

/// One entity of a replay.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReplayedEntity {
    /// Its name.
    pub name: String,
    /// Letters that were tried.
    pub tried: u64,
    /// Of these, records some of whose rows were inserted or updated.
    pub written: u64,
    /// Of these, records whose rows stood there already.
    pub unchanged: u64,
    /// Of these, records that were left out.
    pub skipped: u64,
    /// Of these, records that are dead still.
    pub dead: u64,
    /// References of its rows that were NULL and are filled in.
    pub filled: u64,
    /// Since the migration began.
    pub total: Fates,
}

/// One letter of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayedLetter {
    /// Its number.
    pub number: i64,
    /// The entity.
    pub entity: String,
    /// Its number in the source.
    pub document: u64,
    /// Where it stands there.
    pub position: String,
    /// Its key.
    pub key: Option<String>,
    /// Why it was dead.
    pub was: String,
    /// `written`, `unchanged`, `skipped` or `dead`.
    pub outcome: &'static str,
    /// Where it was refused again.
    pub stage: Option<&'static str>,
    /// Why, in short.
    pub code: Option<String>,
    /// The field or column at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: Option<String>,
    /// The component that tried.
    pub digest: String,
}

impl ReplayReport {
    /// Returns whether letters are dead still.
    pub fn has_dead_letters(&self) -> bool {
        !self.dead_letters.is_empty() || !self.permanent.is_empty()
    }
}
