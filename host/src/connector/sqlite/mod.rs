//! SQLite as a target: one file, one writer, whimbrel's own tables beside the user's; and as a source (`snapshot.rs`).
//!
//! The target opens its file in WAL mode with foreign keys on and `synchronous = FULL`. A checkpoint can never be ahead
//! of its rows even with `NORMAL`, since both are in one transaction and the WAL keeps transactions whole and in order;
//! but `NORMAL` may lose the last of them when the power fails, and a run that said it completed must stay completed.
//! At one sync for some 5,000 rows that costs little.
//!
//! Table names are the ones in `sqlite_schema`, exactly, with or without `main.` before them; other schemas do not exist.

mod audit;
mod clause;
mod clock;
mod fence;
mod file;
mod insert;
mod lock;
mod name;
mod numbers;
mod parents;
mod refusal;
mod schema;
mod script;
mod select;
mod sift;
mod snapshot;
mod target;
mod transaction;
mod types;
mod update;

pub(super) use snapshot::SqliteSnapshot;
pub use target::Mode;
pub use target::SqliteTarget;
pub(super) use transaction::SqliteTransaction;

/// The statements that create whimbrel's own tables.
pub(super) const BOOKKEEPING: &str = include_str!("bookkeeping.sql");

/// Runs something that waits for the disk without holding up the other futures of the runtime.
///
/// The closure may borrow, which `spawn_blocking` would not allow: rows are bound where they lie. A future in the same
/// task waits meanwhile, so whatever is to overlap with a write is a task of its own.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::Handle;
    use tokio::runtime::RuntimeFlavor;
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
