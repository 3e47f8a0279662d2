//! Lines for the operator, beside the result and never part of it.
//!
//! The host limits their number and length per batch, and drops the rest: say what concerns the configuration or the
//! batch, and use a [`Rejection`](crate::Rejection) for what concerns a record. Natively, in tests, nothing is written.
//!
//! ```
//! use whimbrel_sdk::log;
//! log::warn(&format!("{} currencies have no rate", 3));
//! ```

/// Says what only a developer of the plugin wants to know.
pub fn debug(message: &str) {
    say(Level::Debug, message);
}

/// Says what went as it should.
pub fn info(message: &str) {
    say(Level::Info, message);
}

/// Says what somebody should look at.
pub fn warn(message: &str) {
    say(Level::Warn, message);
}

/// Says what went wrong.
pub fn error(message: &str) {
    say(Level::Error, message);
}

#[cfg(target_family = "wasm")]
use crate::wire::log::Level;
#[cfg(target_family = "wasm")]
use crate::wire::log::log as say;

#[cfg(not(target_family = "wasm"))]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(not(target_family = "wasm"))]
fn say(_: Level, _: &str) {}
