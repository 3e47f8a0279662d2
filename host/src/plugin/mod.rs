//! The plugin host: the only place that names wasmtime.
//!
//! A component is loaded once and called on fresh instances: nothing a call leaves behind reaches the next one.
//! Every call is synchronous and may run for its whole deadline, so an async caller makes it in `spawn_blocking`.

mod bisect;
mod cache;
mod component;
pub mod deterministic;
mod engine;
mod error;
mod extended_json;
pub mod golden;
mod grants;
mod limits;
mod log;
mod merger;
mod outline;
mod row;
mod signature;
mod stderr;
mod store;
mod transformer;
mod validator;
mod wit;

pub use component::About;
pub use component::Component;
pub use component::Payload;
pub use component::PluginId;
pub use component::World;
pub use engine::Engine;
pub use engine::kept;
pub use error::OpenError;
pub use error::PluginError;
pub use error::Problem;
pub use grants::Folder;
pub use grants::Given;
pub use grants::Grants;
pub use grants::Pins;
pub use grants::digest_of_folder;
pub use grants::digest_of_variable;
pub use limits::Limits;
pub use limits::MEMORY_BYTES_MAX;
pub use limits::STACK_BYTES_MAX;
pub use limits::bytes;
pub use merger::IDENTITY_BYTES_MAX;
pub use merger::Merger;
pub use merger::MergerSetup;
pub use outline::Import;
pub use outline::Outline;
pub use outline::digest;
pub use row::PluginRow;
pub use row::RecordFault;
pub use transformer::Described;
pub use transformer::DescribedColumn;
pub use transformer::Description;
pub use transformer::Documents;
pub use transformer::Outcome;
pub use transformer::Setup;
pub use transformer::Transformer;
pub use validator::Validator;
pub use validator::ValidatorSetup;
pub use validator::Violation;

#[cfg(test)]
mod tests;
