//! What the checks of a finished target have found, in the form other tools read.

use indexmap::IndexMap;
use serde::Serialize;

use crate::run::verify::Part;

/// Failures of one check that are told one by one; all are counted.
pub const TOLD_MAX: usize = 1_000;

/// The source read afresh, the ledger's fates and the rows that stand.
pub const ROW_COUNT: &str = "row-count";
/// Every reference has its parent, and the one that the source means.
pub const REFERENTIAL_INTEGRITY: &str = "referential-integrity";
/// Every value has its column's type, in the one form of it.
pub const DATA_TYPES: &str = "data-types";
/// Declared columns, bit for bit.
pub const COORDINATES: &str = "coordinates";
/// Instants: their form, their range, and the source's.
pub const TIMESTAMPS: &str = "timestamps";
/// Declared columns: prefixes, patterns, and the source's.
pub const FILE_PATHS: &str = "file-paths";
/// JSON: valid, with what it must have, and the source's.
pub const JSON_FIELDS: &str = "json-fields";
/// Every foreign key, by the target itself.
pub const FOREIGN_KEYS: &str = "foreign-keys";

/// The checks, in the order they are told.
pub const CHECKS: [&str; 8] =
    [ROW_COUNT, REFERENTIAL_INTEGRITY, DATA_TYPES, COORDINATES, TIMESTAMPS, FILE_PATHS, JSON_FIELDS, FOREIGN_KEYS];

/// What was compared, by word.
pub type Counts = IndexMap<&'static str, u64>;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Something was compared, and nothing is wrong.
    Passed,
    /// Something is wrong, or nothing was compared.
    Failed,
    /// There is nothing that it could look at. It has not passed.
    NothingDeclared,
    /// It was ended before it was through.
    Stopped,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Failed {
    /// Short and stable.
    pub code: String,
    /// The entity, where it is known whose row it is.
    pub entity: Option<String>,
    /// The record's number in the source.
    pub document: Option<u64>,
    /// The record's key in the source.
    pub source_key: Option<String>,
    /// The table, where a row is meant.
    pub table: Option<String>,
    /// The row's key.
    pub row: Option<String>,
    /// The column, with the place in its JSON.
    pub field: Option<String>,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub actual: Option<String>,
    /// In words, where there is more to say.
    pub message: Option<String>,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub check: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How many things were compared: records and rows, or values.
    pub compared: u64,
    /// How many failures there are.
    pub failures: u64,
    /// What was compared where: by entity or by table.
    pub parts: Vec<Part<Counts>>,
    /// The first of the failures.
    pub failed: Vec<Failed>,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
}

/// All checks of a migration.
#[derive(Debug, Clone, Serialize)]
pub struct ValidateReport {
    /// The migration's name.
    pub migration: String,
    /// `passed`, `failed` or `stopped`.
    pub status: &'static str,
    /// From start to end.
    pub duration_ms: u64,
    /// In their order; components that are no check's namesake last.
    pub checks: Vec<CheckReport>,
    /// What has changed since the migration began: configuration, components, target tables.
    pub changes: Vec<String>,
}
