//! How much one call of a guest may take.

use std::time::Duration;

/// All that 32 bits can address: beyond it a guest would be told "no" by the engine, and nobody would name the limit.
pub const MEMORY_BYTES_MAX: usize = 4 << 30;
/// The native stack that threads can spare beside what the host's own calls take.
pub const STACK_BYTES_MAX: usize = 1 << 20;
/// Bounds of what the pool of instances keeps room for.
pub(super) const TABLE_ELEMENTS_MAX: usize = 100_000;
/// As [`TABLE_ELEMENTS_MAX`], for the tables of one component.
pub(super) const TABLES_MAX: usize = 32;
/// As [`TABLE_ELEMENTS_MAX`], for the core instances of one component.
pub(super) const INSTANCES_MAX: usize = 32;
/// As [`TABLE_ELEMENTS_MAX`], for the linear memories of one component; their sum is what `memory` limits.
pub(super) const MEMORIES_MAX: usize = 8;

/// The limits of one plugin; each is named in the error it leads to, as the manifest names it.
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
    /// `stack`: bytes of native stack. The engine has one such setting, so what is enforced is the engine's.
    pub stack_bytes: usize,
    /// `table-elements`: entries of one table of functions.
    pub table_elements: usize,
    /// `tables`: tables of functions of one component.
    pub tables: usize,
    /// `instances`: core instances that one component is made of.
    pub instances: usize,
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
            // Twice the largest document; what is lifted is the host's memory, and a batch that gives more is split.
            output_bytes: 32 << 20,
            output_rows: 1_000_000,
            stack_bytes: 512 << 10,
            table_elements: TABLE_ELEMENTS_MAX,
            tables: TABLES_MAX,
            instances: INSTANCES_MAX,
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
    tables_max: usize,
    instances_max: usize,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            table_elements_max: limits.table_elements,
            tables_max: limits.tables,
            instances_max: limits.instances,
        }
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

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

/// Writes a number of bytes as a manifest would have it.
pub fn bytes(count: usize) -> String {
    const GIB: usize = 1 << 30;
    const MIB: usize = 1 << 20;
    const KIB: usize = 1 << 10;
    if count >= GIB && count.is_multiple_of(GIB) {
        format!("{} GiB", count / GIB)
    } else if count >= MIB && count.is_multiple_of(MIB) {
        format!("{} MiB", count / MIB)
    } else if count >= KIB && count.is_multiple_of(KIB) {
        format!("{} KiB", count / KIB)
    } else {
        format!("{count} bytes")
    }
}
