//! Between the contract's generated types and the SDK's own. Used by the export macros only.

pub mod transformer;
pub mod validator;
