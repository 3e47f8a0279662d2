//! Sources and targets behind two contracts; the only place that names a database library.
//!
//! Every connector folder has the same file names: `mod`, `source` or `target`, `types`. A missing file is a missing ability.

pub mod audit;
pub mod extended_json;
mod fence;
mod file;
mod filter;
pub mod firestore;
mod folder;
mod masked;
pub mod mongodump;
pub mod postgres;
pub mod predicted;
pub mod rewritten;
pub mod source;
pub mod sqlite;
mod table;
pub mod target;

use std::path::Path;
use std::sync::Arc;

use target::Mode;

use crate::record::TableSchema;

pub use filter::Filter;
pub use source::Source;
pub use source::SourceError;
pub use source::System;
pub use target::Target;
pub use target::TargetError;
pub use target::Transaction;

/// Opens the target of this URL. Relative paths start at `base`, the manifest's folder.
pub async fn open_target(url: &str, base: &Path, mode: Mode) -> Result<Box<dyn Target>, TargetError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => {
            let mode = match mode {
                Mode::ReadOnly => sqlite::Mode::ReadOnly,
                Mode::ReadWrite => sqlite::Mode::ReadWriteCreate,
            };
            Ok(Box::new(sqlite::SqliteTarget::open(url, base, mode)?))
        }
        Some(("postgres" | "postgresql", _)) => {
            let mode = match mode {
                Mode::ReadOnly => postgres::Mode::ReadOnly,
                Mode::ReadWrite => postgres::Mode::ReadWrite,
            };
            Ok(Box::new(postgres::PostgresTarget::open(url, mode).await?))
        }
        _ => Err(TargetError::Unknown { url: masked::masked(url) }),
    }
}

/// Checks the URL of a target without opening it.
pub fn check_target(url: &str) -> Result<(), TargetError> {
    match url.split_once(':') {
        Some(("sqlite", _)) => sqlite::SqliteTarget::check(url),
        Some(("postgres" | "postgresql", _)) => postgres::PostgresTarget::check(url),
        _ => Err(TargetError::Unknown { url: masked::masked(url) }),
    }
}

/// Returns a target that only predicts: it reads the real one and keeps what would be written in a scratch database.
pub async fn predict(inner: Arc<dyn Target>, missing: Vec<TableSchema>) -> Result<Arc<dyn Target>, TargetError> {
    Ok(Arc::new(predicted::PredictedTarget::new(inner, missing).await?))
}
