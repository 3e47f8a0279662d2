//! From the manifest a user wrote to a plan that is checked and ordered. Pure: nothing is connected, run or written here.

pub mod checks;
mod circle;
mod draft;
pub mod graph;
pub mod hint;
pub mod junction;
mod link;
pub mod manifest;
mod mend;
pub mod merge;
pub mod order;
pub mod plugin_table;
pub mod position;
pub mod problem;
pub mod resolve;
pub mod schema;
pub mod swap;
pub mod tables;
mod unpredicted;

use std::collections::BTreeMap;

use crate::record::TableSchema;

pub use draft::Draft;
pub use junction::JunctionPlan;
pub use manifest::Manifest;
pub use problem::Problem;
pub use problem::Problems;

/// A checked migration, its entities in the order they run.
#[derive(Debug)]
pub struct Plan {
    /// The migration's identity in the target.
    pub name: String,
    /// What every computed id hangs on, beside entity and key.
    pub namespace: String,
    /// How many dead letters all entities together may have.
    pub budget: Option<Budget>,
    /// Parents before children.
    pub entities: Vec<EntityPlan>,
    /// What is written behind them, in the order of their names.
    pub junctions: Vec<JunctionPlan>,
}

/// One entity, resolved.
#[derive(Debug)]
pub struct EntityPlan {
    /// Its name.
    pub name: String,
    /// Index of its table in the manifest.
    pub index: usize,
    /// The manifest's name of its source.
    pub source: String,
    /// What is read there.
    pub collection: String,
    /// The fields that make its key.
    pub key: Vec<String>,
    /// How references to it resolve.
    pub id: IdStrategy,
    /// The tables it feeds, parents before children.
    pub tables: Vec<TablePlan>,
    /// The names of the tables that the component describes.
    pub described: Vec<String>,
    /// For each table of the component's description, its index in `tables`.
    pub table_order: Vec<usize>,
    /// The transformer's name, or the merger's.
    pub transform: String,
    /// The entity whose records its own are merged into: its rows are gathered for that, and not written.
    pub merged_into: Option<usize>,
    /// The entities whose records are merged into its own, in the manifest's order.
    pub merges: Vec<usize>,
    /// Records in one plugin call.
    pub batch_records: usize,
    /// Rows in one commit, about.
    pub transaction_rows: usize,
    /// What happens to a row whose key is there already.
    pub on_conflict: OnConflict,
    /// What happens to a row that a merge has made the same as another one.
    pub on_collision: OnCollision,
    /// How many dead letters are borne.
    pub budget: Budget,
    /// What happens where its components cannot go on; the run decides where the manifest does not.
    pub on_plugin_failure: Option<swap::OnPluginFailure>,
    /// Tables that may stay without rows.
    pub allow_empty: Vec<String>,
    /// Indexes of the entities that must be done first, or, where they are of its own group, read to their ends.
    pub after: Vec<usize>,
    /// Indexes of the entities that refer to one another in a circle with this one, in the order they run; itself among
    /// them, and alone where there is no circle. They are completed together.
    pub group: Vec<usize>,
    /// How many of its records may wait for a parent at a time.
    pub parked_max: u64,
    /// The source fields that columns are made of, as far as the transformer says.
    pub sources: Sources,
    /// Source fields the transformer reads.
    pub reads: Vec<String>,
    /// Source fields it leaves out on purpose.
    pub ignores: Vec<String>,
}

impl EntityPlan {
    /// Returns the table whose id column references to the entity resolve to, and which of its fed columns that is.
    pub fn main_table(&self) -> Option<(&TablePlan, usize)> {
        self.tables.iter().find_map(|table| Some((table, table.id?)))
    }

    /// Returns whether both feed some table; a junction is nobody's.
    pub fn shares_table(&self, other: &Self) -> bool {
        let feeds = |name: &str| other.tables.iter().any(|table| table.schema.name == name);
        let is_written = self.merged_into.is_none() && other.merged_into.is_none();
        is_written && self.tables.iter().any(|table| table.junction.is_none() && feeds(&table.schema.name))
    }

    /// Returns whether its rows of a table are left to somebody else: to a junction's step, or to a merged entity.
    pub fn leaves(&self, table: &TablePlan) -> bool {
        table.junction.is_some() || self.merged_into.is_some()
    }
}

/// Source fields by the table and the column that are made of them.
pub type Sources = BTreeMap<(String, String), Vec<String>>;

/// One table that an entity feeds.
#[derive(Debug)]
pub struct TablePlan {
    /// As the target describes it.
    pub schema: TableSchema,
    /// Indexes of the schema's columns that are fed, in the order of the description.
    pub columns: Vec<usize>,
    /// Indexes of the schema's columns that tell rows apart.
    pub key: Vec<usize>,
    /// Which fed column holds the record's own id.
    pub id: Option<usize>,
    /// Every reference of its rows, declared by the component or by a foreign key.
    pub references: Vec<ReferencePlan>,
    /// Its index among the junctions of the plan, where it is one: its rows wait for a final step.
    pub junction: Option<usize>,
    /// What a dry run cannot foresee of it because of other tables or of the schema file; what it says itself is in the
    /// schema. The identity of a migration does not hang on it.
    pub unforeseen: Vec<String>,
}

impl TablePlan {
    /// Returns all that a dry run cannot foresee of it.
    pub fn not_predicted(&self) -> Vec<String> {
        self.schema.not_predicted.iter().chain(&self.unforeseen).cloned().collect()
    }

    /// Whether a reference may leave a fed column NULL. A key without a value would tell no rows apart, though SQLite
    /// lets it be NULL.
    pub fn may_be_null(&self, fed: usize) -> bool {
        let column = self.columns[fed];
        self.schema.columns[column].nullable && !self.key.contains(&column)
    }
}

/// Columns of a row that must find a parent.
#[derive(Debug, Clone)]
pub struct ReferencePlan {
    /// Indexes into the fed columns.
    pub columns: Vec<usize>,
    /// The parent entity's index in the plan, where an entity of this migration feeds it.
    pub entity: Option<usize>,
    /// The parent table.
    pub parent: TableSchema,
    /// Indexes of the parent's columns, in the order of `columns`.
    pub parent_columns: Vec<usize>,
    /// What the manifest says of this reference happens where there is no parent.
    pub asked: Option<OnMissing>,
    /// What it says of all references that it does not name, where this one allows it.
    pub usual: Option<OnMissing>,
    /// What happens where there is no parent, and none can come any more.
    pub on_missing: OnMissing,
    /// The entity's name, where the column may refer to others as well: each row means one of them.
    pub choice: Option<String>,
    /// Whether the parent is the same table.
    pub to_itself: bool,
    /// What happens where there is no parent yet.
    pub later: Later,
}

/// What happens to a reference whose parent may still come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Later {
    /// All parents come before: one that is not there is missing.
    #[default]
    Never,
    /// The column is NULL until the group's end, and filled in then.
    FilledIn,
    /// The record waits, and is written behind its parent.
    Parked,
}

/// How references to an entity resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdStrategy {
    /// Computed from namespace, entity and key.
    UuidV5,
    /// The key itself.
    Keep,
    /// The value that the transformer gives in the id column.
    Column,
    /// A number that the target gives, as it does to rows without an id.
    Sequence,
    /// That of the record which its own is merged into; no manifest says so.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    Merged,
}

impl IdStrategy {
    /// Returns whether ids are kept by source key, as nobody could compute them.
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Column | Self::Sequence | Self::Merged)
    }

    /// Returns the manifest's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UuidV5 => "uuid-v5",
            Self::Keep => "keep",
            Self::Column => "column",
            Self::Sequence => "sequence",
            Self::Merged => "merged",
        }
    }
}

/// What happens to a row whose key stands in the target already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnConflict {
    /// The record becomes a dead letter.
    Fail,
    /// The standing row stays.
    Skip,
    /// The standing row gets the new values.
    Update,
}

/// What happens to a row that a merge has made the same as another one: its key, or what is unique of it, holds the id of
/// what two records have become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnCollision {
    /// Its record becomes a dead letter.
    DeadLetter,
    /// The first one stands; of one record the other row, of two the other record is left out, and counted.
    KeepFirst,
}

/// What happens to a reference without a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnMissing {
    /// The run stops.
    Fail,
    /// The record becomes a dead letter.
    DeadLetter,
    /// The column becomes NULL, which is recorded.
    Null,
    /// The record is left out, which is counted under its reason.
    Skip,
    /// The record waits until its entity is read to its end, and becomes a dead letter where the parent has not come.
    Park,
}

/// How many dead letters are borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// So many.
    Count(u64),
    /// So many in a hundred records, judged from 1,000 records on and at the end.
    Percent(f64),
}

impl std::fmt::Display for Budget {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(max) => write!(formatter, "{max}"),
            Self::Percent(max) => write!(formatter, "{max}%"),
        }
    }
}

impl Budget {
    /// Records before a percentage is judged.
    pub const JUDGED_FROM: u64 = 1_000;

    /// Reads `12` or `0.1%`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().ok()?;
                (0.0..=100.0).contains(&percent).then_some(Self::Percent(percent))
            }
            None => text.trim().parse().ok().map(Self::Count),
        }
    }

    /// Returns whether so many dead letters among so many records are too many.
    #[expect(clippy::cast_precision_loss, reason = "a percentage of fewer than 2^53 records is exact enough")]
    pub fn is_exceeded(self, dead: u64, read: u64, at_end: bool) -> bool {
        match self {
            Self::Count(max) => dead > max,
            Self::Percent(max) => {
                (at_end || read >= Self::JUDGED_FROM) && dead > 0 && dead as f64 * 100.0 > max * read as f64
            }
        }
    }
}
