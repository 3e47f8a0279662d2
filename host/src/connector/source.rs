//! The contract of a source.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde::Serialize;

use super::extended_json;
use super::filter::Filter;
use super::firestore;
use super::masked;
use super::mongodump;
use super::postgres;
use super::sqlite;
use super::table::Shared;
use super::table::Snapshot;
use super::table::TableSource;
use super::target::TargetError;
use crate::record::Batch;
use crate::record::Position;

/// An old system: what the collections, or tables, of one URL are opened from.
pub struct System(Kind);

enum Kind {
    /// A `mongodump` folder.
    Dump(PathBuf),
    /// A folder of `mongoexport` files.
    Export(PathBuf),
    /// What was exported of a Firestore database.
    Firestore(firestore::Exported),
    /// A database as it stood when it was opened.
    Database(Arc<Shared>),
}

impl System {
    /// Opens the system of this URL. Relative paths start at `base`, the manifest's folder.
    pub async fn open(url: &str, base: &Path, on_corrupt: Option<OnCorrupt>) -> Result<Self, SourceError> {
        if on_corrupt.is_some() && !url.starts_with("firestore-export:") {
            return Err(SourceError::NoSkip);
        }
        let system = match url.split_once(':') {
            Some(("firestore-export", path)) => {
                Kind::Firestore(firestore::Exported::export(folder(base, path), on_corrupt.unwrap_or_default())?)
            }
            // Whether there is such a folder is a matter of the URL, not of the collections.
            Some(("mongodump", path)) => {
                let folder = folder(base, path);
                mongodump::list(&folder)?;
                Kind::Dump(folder)
            }
            Some(("mongoexport", path)) => {
                let folder = folder(base, path);
                extended_json::list(&folder)?;
                Kind::Export(folder)
            }
            Some(("firestore-json", path)) => Kind::Firestore(firestore::Exported::json(folder(base, path))?),
            Some(("firestore-rest", path)) => Kind::Firestore(firestore::Exported::rest(folder(base, path))?),
            Some(("sqlite", _)) => Kind::Database(shared(sqlite::SqliteSnapshot::open(url, base)?)),
            Some(("postgres" | "postgresql", _)) => {
                Kind::Database(shared(postgres::PostgresSnapshot::open(url).await?))
            }
            _ => return Err(SourceError::Unknown { url: masked::masked(url) }),
        };
        Ok(Self(system))
    }

    /// Returns whether nothing can be read from it any more, and it must be opened again.
    pub fn is_lost(&self) -> bool {
        match &self.0 {
            Kind::Dump(_) | Kind::Export(_) | Kind::Firestore(_) => false,
            Kind::Database(snapshot) => snapshot.is_lost(),
        }
    }

    /// Opens one collection. The records' keys are made of these dotted paths, or of these columns; only tables take a
    /// filter.
    pub async fn source(
        &self,
        collection: &str,
        key_fields: &[String],
        filter: Option<&Filter>,
    ) -> Result<Box<dyn Source>, SourceError> {
        match &self.0 {
            Kind::Dump(_) | Kind::Export(_) | Kind::Firestore(_) if filter.is_some() => Err(SourceError::NoFilter),
            Kind::Dump(folder) => mongodump::open(folder, collection, key_fields),
            Kind::Export(folder) => extended_json::open(folder, collection, key_fields),
            Kind::Firestore(exported) => exported.source(collection, key_fields),
            Kind::Database(snapshot) => {
                Ok(Box::new(TableSource::open(snapshot.clone(), collection, key_fields, filter).await?))
            }
        }
    }
}

fn shared(snapshot: impl Snapshot + 'static) -> Arc<Shared> {
    Arc::new(Shared::new(Box::new(snapshot)))
}

/// What becomes of bytes of a source that are not what was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnCorrupt {
    /// Reading ends there.
    #[default]
    Stop,
    /// What is lost becomes a dead letter of every entity that may have been in it, and reading goes on behind it.
    Skip,
}

/// What a database is read as: as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotId {
    /// The same only where the content is the same.
    pub id: String,
    /// When it was taken, RFC 3339.
    pub at: String,
}

impl SnapshotId {
    /// Says that a snapshot was taken just now; `id` is what the database calls its content, where it does.
    pub fn now(id: Option<String>) -> Self {
        let at = jiff::Timestamp::now().to_string();
        Self { id: id.unwrap_or_else(|| at.clone()), at }
    }
}

/// Returns what identifies a collection for the fingerprint: where it is, without secrets. Nothing is opened for it.
pub fn identity(url: &str, collection: &str) -> String {
    // The same folder is the same source, whether its path ends in a slash or not.
    format!("{}#{collection}", masked::masked(url.trim_end_matches('/')))
}

/// Returns a path as seen from the working folder, without `./` in the middle of it.
fn folder(base: &Path, path: &str) -> PathBuf {
    base.join(path).components().collect()
}

/// How much one read may return. The first record is returned even where it alone is over the bytes.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Records at most.
    pub records: usize,
    /// Bytes of bodies at most.
    pub bytes: usize,
}

/// One collection, table or file group, read for one entity.
///
/// A source is never written. It has one total order of its own, and positions only advance in it; keys need not.
#[async_trait]
pub trait Source: Send {
    /// Reads the records behind `after`, in order; `None` is the end. The same `after` gives the same records as
    /// long as the source is unchanged. Reading on from where the last call ended costs no seek.
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError>;

    /// Returns how many records there are, or `None` where that is not known without reading them all.
    fn count(&self) -> Option<u64>;

    /// Returns how far through the source a position lies, from 0 to 1, or `None` where that is not known.
    fn progress(&self, at: &Position) -> Option<f64>;

    /// Returns what tells cheaply that the content is another one than before, for people too. It is what was there when
    /// the source was opened; a change of the same length in the middle does not show.
    fn state(&self) -> &str;

    /// Returns the same of what was read, once `read` has come to the end: what was added while it was read belongs to it,
    /// and what is added behind that end does not.
    fn state_at_end(&mut self) -> String;

    /// Returns under which snapshot the records are read, where the source keeps one still.
    fn snapshot(&self) -> Option<&SnapshotId> {
        None
    }
}

/// Why a source cannot be opened or read further. A single bad record is a fault of that record instead.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL names no kind of source that exists.
    #[error("unknown source `{url}`")]
    Unknown {
        /// As the manifest has it, password masked.
        url: String,
    },
    /// There is no such folder.
    #[error("expected the folder `{}`, found {found}", path.display())]
    NoFolder {
        /// The folder's path.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// The folder has no such collection.
    #[error("there is no collection `{collection}` in `{}`", folder.display())]
    Missing {
        /// The folder's path.
        folder: PathBuf,
        /// What was looked for.
        collection: String,
        /// The names that do exist.
        found: Vec<String>,
    },
    /// Several files could be meant.
    #[error("{what} is there more than once: {}", .found.join(", "))]
    Ambiguous {
        /// What was looked for, with its path.
        what: String,
        /// The files that fit.
        found: Vec<String>,
    },
    /// A folder is no managed export of Firestore.
    #[error("expected a managed export, a folder with a file `….overall_export_metadata`, found {found} in `{}`", path.display())]
    NoExport {
        /// The folder's path.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// An export lists a file that is not there.
    #[error("`{metadata}` lists `{}`, and there is no such file", path.display())]
    NoShard {
        /// The file that lists it.
        metadata: String,
        /// The file's path.
        path: PathBuf,
    },
    /// What an export says of itself cannot be read.
    #[error("{file}: byte {offset}: {message}")]
    Metadata {
        /// The file's name.
        file: String,
        /// The offset of what is wrong.
        offset: u64,
        /// Expected, then found.
        message: String,
    },
    /// A log ends within a record, or some of its bytes are not what was written.
    #[error("{file}: block {block}, byte {offset}: {message}")]
    Log {
        /// The file's name, below the export's folder.
        file: String,
        /// The number of the block, from 1.
        block: u64,
        /// The offset of what is wrong.
        offset: u64,
        /// Expected, then found.
        message: String,
        /// Whether the file ends too early.
        is_cut: bool,
    },
    /// What an entity reads is no path of a collection.
    #[error("`{collection}`: {message}")]
    Pattern {
        /// As the manifest has it.
        collection: String,
        /// Expected, then found.
        message: String,
    },
    /// Only logs have blocks to go on at.
    #[error("only a source `firestore-export:` can go on behind corrupt bytes")]
    NoSkip,
    /// The bytes end or break where a document should be, and no later document can be found.
    #[error("{file}: byte {offset}, document {document}: {message}")]
    Malformed {
        /// The file's name.
        file: String,
        /// The uncompressed offset of the document that could not be read.
        offset: u64,
        /// Its number, from 1.
        document: u64,
        /// Expected, then found.
        message: String,
    },
    /// A position from an earlier run does not lie in this source: it has been replaced.
    #[error("{file}: the checkpoint stands at byte {offset}, but {message}")]
    Position {
        /// The file's name.
        file: String,
        /// The uncompressed offset.
        offset: u64,
        /// What is there instead.
        message: String,
    },
    /// The operating system refused.
    #[error("{path}: cannot read")]
    Io {
        /// The file's path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no such database, it does not answer, or it turns the account away.
    #[error("cannot reach the source `{url}`")]
    Unreachable {
        /// Password masked.
        url: String,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The session in which tables are read is gone, and its snapshot with it.
    #[error("the session that reads `{table}` was lost")]
    Lost {
        /// The table.
        table: String,
        /// The driver's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database refused something.
    #[error("{what} failed")]
    Database {
        /// What was to be done.
        what: String,
        /// The database's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has no such table.
    #[error("there is no table `{table}`")]
    NoTable {
        /// What was looked for.
        table: String,
        /// The names that do exist.
        found: Vec<String>,
    },
    /// What has this name is no table.
    #[error("`{name}` is {kind}, and only tables are read")]
    View {
        /// What was looked for.
        name: String,
        /// `a view`, `a materialized view`.
        kind: &'static str,
    },
    /// The table has no column of a key's name.
    #[error("the table `{table}` has no column `{column}` to make keys of")]
    NoKeyColumn {
        /// The table.
        table: String,
        /// What was looked for.
        column: String,
        /// The columns of the table's own key.
        key: Vec<String>,
    },
    /// The table has no key, and so no order to read it in.
    #[error("the table `{table}` has neither a primary key nor a unique one without NULL: its rows have no order")]
    NoOrder {
        /// The table.
        table: String,
    },
    /// SQLite lets a primary key be NULL.
    #[error("the table `{table}` has {rows} rows with NULL in the primary key: nothing tells them apart")]
    Keyless {
        /// The table.
        table: String,
        /// Their number.
        rows: u64,
    },
    /// The rows of tables that inherit are among those of a table, whose key does not hold for them.
    #[error(
        "several rows of `{table}` have the key ({columns}) = ({key}): those of {} are among them, and the key holds for none of these",
        .heirs.iter().map(|heir| format!("`{heir}`")).collect::<Vec<_>>().join(", ")
    )]
    SharedKey {
        /// The table.
        table: String,
        /// The columns of its key.
        columns: String,
        /// Their values.
        key: String,
        /// The tables that inherit from it.
        heirs: Vec<String>,
        /// A condition that only its own rows meet.
        own: String,
    },
    /// The database does not understand a filter.
    #[error("the condition on `{table}` cannot be used")]
    Filter {
        /// The table.
        table: String,
        /// The database's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Files have nobody who would judge a condition.
    #[error("only the tables of a database can be read under a condition")]
    NoFilter,
    /// A position from an earlier run does not fit the table's key.
    #[error(
        "the checkpoint behind row {row} of `{table}` is one in the order of `{before}`, and the order is `{now}` now"
    )]
    Place {
        /// The table.
        table: String,
        /// The row's number.
        row: u64,
        /// The columns that rows were ordered by, with their types.
        before: String,
        /// Those that they are ordered by.
        now: String,
    },
    /// Some rows were left out, or came twice.
    #[error("the table `{table}` has {rows} rows, and {read} were found in the order of `{order}`")]
    Unordered {
        /// The table.
        table: String,
        /// All its rows.
        rows: u64,
        /// Those that were found.
        read: u64,
        /// The columns that rows are ordered by, with their types.
        order: String,
    },
    /// Paths have dots between their names.
    #[error("the column `{column}` of `{table}` has a dot in its name, and no key can be made of it")]
    DottedKey {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
}

impl From<TargetError> for SourceError {
    /// What a database says is the same, whichever side of a migration it is on.
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unknown { url } => Self::Unknown { url },
            TargetError::Unreachable { url, source }
            | TargetError::NoDatabase { url, source, .. }
            | TargetError::TurnedAway { url, source } => Self::Unreachable { url, source },
            TargetError::Database { what, source } | TargetError::Permission { what, source } => {
                Self::Database { what, source }
            }
            TargetError::Transient { source } => Self::Database { what: "reading the source".to_owned(), source },
            other => Self::Database { what: "reading the source".to_owned(), source: other.into() },
        }
    }
}
