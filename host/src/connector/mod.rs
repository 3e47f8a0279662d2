//! Sources and targets behind two contracts; the only place that names a database library.
//!
//! Every connector folder has the same file names: `mod`, `source` or `target`, `types`. A missing file is a missing ability.

pub mod extended_json;
mod file;
mod folder;
pub mod mongodump;
pub mod postgres;
pub mod predicted;
pub mod source;
pub mod sqlite;
pub mod target;

pub use source::Source;
pub use source::SourceError;
pub use source::list_collections;
pub use source::open_source;
pub use target::Target;
pub use target::TargetError;
pub use target::Transaction;
