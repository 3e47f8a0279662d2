//! PostgreSQL 13 and later as a target: COPY BINARY for new rows, one key lookup before it, and the catalogs for schemas.
//!
//! As a source (`snapshot.rs`) it gives pages behind a key, in one read-only transaction.

mod append;
mod arrays;
mod audit;
mod bookkeeping;
mod copy;
#[doc(hidden)]
pub mod delay;
mod error;
mod fence;
mod insert;
mod introspect;
mod lock;
mod lookup;
mod name;
mod numbers;
mod parameter;
mod script;
mod session;
mod sift;
mod snapshot;
mod spelling;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod transaction;
mod triggers;
mod types;
mod update;
mod writable;

pub use session::Mode;
pub(super) use snapshot::PostgresSnapshot;
pub use target::PostgresTarget;
