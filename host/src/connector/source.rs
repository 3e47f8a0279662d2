//! The contract of a source.

use std::path::Path;
use std::path::PathBuf;

use async_trait::async_trait;

use super::extended_json;
use super::masked;
use super::mongodump;
use crate::record::Batch;
use crate::record::Position;

/// Opens one collection of a source. Relative paths start at `base`, the manifest's folder; the records' keys are
/// made of these dotted paths.
pub fn open_source(
    url: &str,
    base: &Path,
    collection: &str,
    key_fields: &[String],
) -> Result<Box<dyn Source>, SourceError> {
    match url.split_once(':') {
        Some(("mongodump", path)) => mongodump::open(&folder(base, path), collection, key_fields),
        Some(("mongoexport", path)) => extended_json::open(&folder(base, path), collection, key_fields),
        _ => Err(SourceError::Unknown { url: masked::masked(url) }),
    }
}

/// Returns what identifies a collection for the fingerprint: where it is, without secrets. Nothing is opened for it.
pub fn identity(url: &str, collection: &str) -> String {
    // The same folder is the same source, whether its path ends in a slash or not.
    format!("{}#{collection}", masked::masked(url.trim_end_matches('/')))
}

/// Returns the names of a source's collections, in order.
pub fn list_collections(url: &str, base: &Path) -> Result<Vec<String>, SourceError> {
    match url.split_once(':') {
        Some(("mongodump", path)) => mongodump::list(&folder(base, path)),
        Some(("mongoexport", path)) => extended_json::list(&folder(base, path)),
        _ => Err(SourceError::Unknown { url: masked::masked(url) }),
    }
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
}
