//! whimbrel moves a team's data from an old system to a new one through sandboxed WASM components.
//!
//! Imports point downward only: `cli → run → { plan · plugin · connector } → record`.

pub mod connector;
pub mod plugin;
pub mod record;
