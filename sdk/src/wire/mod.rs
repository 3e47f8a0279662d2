//! Between the contract's generated types and the SDK's own. Used by the export macros only.

mod allocator;
pub mod log;
pub mod merger;
pub mod transformer;
pub mod validator;

pub use allocator::Allocator;
