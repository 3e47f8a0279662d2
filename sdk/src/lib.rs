//! Write whimbrel plugins in Rust: a transformer turns source documents into rows, a validator checks rows, a merger makes
//! one record of several.
//!
//! Implement one trait, export it with one macro, and build for `wasm32-wasip2` with `crate-type = ["cdylib", "rlib"]`.
//!
//! ```
//! use whimbrel_sdk::{Description, Empty, Outcome, Problem, Record, Row, Setup, Table, Transformer};
//!
//! struct Users;
//!
//! impl Transformer for Users {
//!     const SUMMARY: &'static str = "Users, with their e-mail address in lower case.";
//!     type Config = Empty;
//!     fn describe(_: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> {
//!         let users = Table::new("Users").id("id").column("email").reference("team", "teams");
//!         Ok(Description::new().table(users).reads(["_id", "email", "team"]))
//!     }
//!     fn new(_: &Setup, _: Empty) -> Result<Self, Vec<Problem>> {
//!         Ok(Self)
//!     }
//!     fn transform(&self, record: Record<'_>) -> Outcome {
//!         let mut row = Row::new(0);
//!         row.reference("id", "users", record.required("_id")?);
//!         row.text("email", &record.text("email")?.to_lowercase());
//!         row.optional_reference("team", "teams", record.get("team")?);
//!         Ok(row.into())
//!     }
//! }
//!
//! whimbrel_sdk::export_transformer!(Users);
//! ```
//!
//! The body behind the macro only exists on WebAssembly, so the same crate is tested natively: see [`testing`].
//!
//! A plugin reads no clock and no file, keeps nothing from one record to the next and invents no ids: a row holds
//! references (entity and source key), which the host resolves.

pub mod bson;
pub mod config;
pub mod decimal;
pub mod log;
mod merger;
mod outcome;
mod problem;
mod record;
mod row;
mod setup;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod transformer;
mod validator;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod wire;
#[cfg(feature = "zones")]
pub mod zone;

pub use config::Empty;
pub use decimal::Decimal;
pub use merger::Group;
pub use merger::Member;
pub use merger::Merger;
pub use merger::MergerSetup;
pub use outcome::Accepted;
pub use outcome::Outcome;
pub use outcome::Rejection;
pub use problem::Pointer;
pub use problem::Problem;
pub use record::Record;
pub use row::Elements;
pub use row::Row;
pub use setup::Column;
pub use setup::Description;
pub use setup::Setup;
pub use setup::Table;
pub use transformer::Transformer;
pub use validator::RowRef;
pub use validator::TargetColumn;
pub use validator::TargetTable;
pub use validator::Validator;
pub use validator::ValidatorSetup;
pub use validator::Violation;
