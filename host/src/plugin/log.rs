//! Lines that a guest says to the operator: bounded, and never part of the result.

use super::limits::Limits;
use super::limits::bytes;
use super::store::State;
use super::wit::since_v0_1_0::transformer::whimbrel::plugin::log::Host;
use super::wit::since_v0_1_0::transformer::whimbrel::plugin::log::Level;

/// What is left of one call's log.
#[derive(Debug)]
pub(super) struct LogBudget {
    plugin: String,
    lines_left: usize,
    bytes_left: usize,
    lines_max: usize,
    bytes_max: usize,
    is_cut: bool,
}

impl LogBudget {
    pub(super) fn new(plugin: &str, limits: &Limits) -> Self {
        let (lines_max, bytes_max) = (limits.log_lines, limits.log_bytes);
        let plugin = plugin.to_owned();
        Self { plugin, lines_left: lines_max, bytes_left: bytes_max, lines_max, bytes_max, is_cut: false }
    }

    fn say(&mut self, level: Level, message: &str) {
        if self.lines_left == 0 || self.bytes_left == 0 {
            if !self.is_cut {
                self.is_cut = true;
                let (limit, value) = match self.lines_left {
                    0 => ("log-lines", self.lines_max.to_string()),
                    _ => ("log-bytes", bytes(self.bytes_max)),
                };
                tracing::warn!(
                    plugin = self.plugin,
                    "over the limit `{limit}` of {value}: the rest of this call's lines is left out"
                );
            }
            return;
        }
        let mut end = message.len().min(self.bytes_left);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.lines_left -= 1;
        self.bytes_left -= end;
        // Control characters could forge lines or drive a terminal.
        let message = message[..end].replace(|letter: char| letter.is_control(), " ");
        match level {
            Level::Debug => tracing::debug!(plugin = self.plugin, "{message}"),
            Level::Info => tracing::info!(plugin = self.plugin, "{message}"),
            Level::Warn => tracing::warn!(plugin = self.plugin, "{message}"),
            Level::Error => tracing::error!(plugin = self.plugin, "{message}"),
        }
    }
}

impl Host for State {
    fn log(&mut self, level: Level, message: String) {
        self.log.say(level, &message);
    }
}
