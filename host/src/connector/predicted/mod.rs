//! What a dry run writes to: it answers as the target would, and leaves the target alone.
//!
//! Rows, keys and whimbrel's own tables go into a scratch SQLite file that is removed with the target; a row that is in
//! neither the scratch nor the real target is new. What a table's [`TableSchema::not_predicted`] names is not foreseen.
//! The scratch's own tables start empty: whoever wants the real checkpoints reads them from the real target first.
//! Foreign keys are judged row by row, as SQLite does, also where the target would wait for the commit.
//!
//! [`TableSchema::not_predicted`]: crate::record::TableSchema::not_predicted

mod scratch;
mod target;
mod transaction;

pub use target::PredictedTarget;
