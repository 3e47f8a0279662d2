//! whimbrel moves a team's data from an old system to a new one through sandboxed WASM components.
//!
//! Imports point downward only: `cli → run → { plan · plugin · connector } → record → error`.

pub mod cli;
pub mod connector;
pub mod error;
pub mod plan;
pub mod plugin;
pub mod record;
pub mod run;
pub mod telemetry;
