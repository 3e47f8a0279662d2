//! How a component's successor takes over, and what happens to an entity whose component cannot go on.

use schemars::JsonSchema;
use serde::Deserialize;

use super::plugin_table::PluginTable;

/// What happens to an entity whose component rejects too much, misses its deadline or goes over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnPluginFailure {
    /// It waits for another version, and the others go on.
    Hold,
    /// The run stops, with a checkpoint.
    Fail,
}

/// Who promotes a candidate that came through its canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Promote {
    /// It takes over by itself if it refuses nothing that the active version accepts and makes the same rows.
    Auto,
    /// Only `whimbrel plugin promote` does.
    Manual,
}

/// How the successor of one component takes over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwapPolicy {
    /// Batches on which it is compared first.
    pub canary_batches: u64,
    /// Batches for which it is watched afterwards.
    pub watch_batches: u64,
    /// By so many in a hundred records the rate of rejections may rise while it is watched.
    pub watch_rise: f64,
    /// Who promotes.
    pub promote: Promote,
}

impl Default for SwapPolicy {
    fn default() -> Self {
        Self { canary_batches: 3, watch_batches: 10, watch_rise: 1.0, promote: Promote::Auto }
    }
}

impl SwapPolicy {
    /// Reads what a manifest says of a component; the schema has checked its form.
    pub fn of(table: Option<&PluginTable>) -> Self {
        let usual = Self::default();
        let Some(table) = table else { return usual };
        let rise =
            table.watch_rejections.as_deref().and_then(|text| text.trim().strip_suffix('%')?.trim().parse().ok());
        Self {
            canary_batches: table.canary_batches.unwrap_or(usual.canary_batches),
            watch_batches: table.watch_batches.unwrap_or(usual.watch_batches),
            watch_rise: rise.unwrap_or(usual.watch_rise),
            promote: table.promote.unwrap_or(usual.promote),
        }
    }

    /// Returns whether the version before is kept for a while.
    pub fn is_watched(&self) -> bool {
        self.watch_batches > 0
    }
}
