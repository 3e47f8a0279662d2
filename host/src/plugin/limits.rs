//! How much one call of a guest may take.

use std::time::Duration;

/// The limits of one plugin; each is named in the error it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `memory`: bytes of all linear memories of one instance.
    pub memory_bytes: usize,
    /// `deadline`: wall time of one call, instance creation and `configure` included.
    pub deadline: Duration,
    /// `output-bytes`: what one call may hand back, counted as the host keeps it.
    pub output_bytes: usize,
    /// `output-rows`: rows of one call.
    pub output_rows: usize,
    /// `table-elements`: entries of one table of functions.
    pub table_elements: usize,
    /// `log-lines`: log lines of one call; the rest is left out.
    pub log_lines: usize,
    /// `log-bytes`: bytes of log lines of one call; the rest is left out.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            deadline: Duration::from_secs(10),
            output_bytes: 256 << 20,
            output_rows: 1_000_000,
            table_elements: 100_000,
            log_lines: 100,
            log_bytes: 64 << 10,
        }
    }
}

/// The limit that a guest ran into; carried through the engine as the cause of its trap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("over the limit `{name}` of {value}")]
pub(super) struct Exceeded {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// Counts what one instance takes while it grows.
#[derive(Debug)]
pub(super) struct Meter {
    memory_bytes: usize,
    memory_bytes_max: usize,
    table_elements_max: usize,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { memory_bytes: 0, memory_bytes_max: limits.memory_bytes, table_elements_max: limits.table_elements }
    }
}

/// Growing beyond a limit ends the call at once: a guest that is told "no" mostly aborts with less to say.
impl wasmtime::ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_bytes_max {
            return Err(Exceeded { name: "memory", value: bytes(self.memory_bytes_max) }.into());
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max {
            let value = self.table_elements_max.to_string();
            return Err(Exceeded { name: "table-elements", value }.into());
        }
        Ok(true)
    }
}

/// Writes a number of bytes as a manifest would have it.
pub(super) fn bytes(count: usize) -> String {
    const MIB: usize = 1 << 20;
    const KIB: usize = 1 << 10;
    if count >= MIB && count.is_multiple_of(MIB) {
        format!("{} MiB", count / MIB)
    } else if count >= KIB && count.is_multiple_of(KIB) {
        format!("{} KiB", count / KIB)
    } else {
        format!("{count} bytes")
    }
}
