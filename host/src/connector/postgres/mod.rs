//! PostgreSQL 13 and later as a target: COPY BINARY for new rows, one key lookup before it, and the catalogs for schemas.
//!
//! It does not read sources.

mod arrays;
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
mod parameter;
mod script;
mod session;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod transaction;
mod types;
mod update;
mod writable;

pub use session::Mode;
pub use target::PostgresTarget;
