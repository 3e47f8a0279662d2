//! What can go wrong with a plugin, each with the plugin's name.

use std::path::PathBuf;
use std::time::Duration;

/// Why a plugin cannot be loaded, or a call of it gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine cannot start")]
    Engine {
        /// The engine's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file cannot be read.
    #[error("plugin `{plugin}`: cannot read {}", path.display())]
    Read {
        /// The plugin's name.
        plugin: String,
        /// The component's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no WebAssembly component at all.
    #[error("plugin `{plugin}`: expected a WebAssembly component, found {found}")]
    NotAComponent {
        /// The plugin's name.
        plugin: String,
        /// What the file is.
        found: &'static str,
    },
    /// The component does not compile.
    #[error("plugin `{plugin}`: the component is not valid")]
    Invalid {
        /// The plugin's name.
        plugin: String,
        /// The compiler's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The component exports none of our interfaces, or more than one.
    #[error("plugin `{plugin}`: expected an export of {expected}, found {found}")]
    World {
        /// The plugin's name.
        plugin: String,
        /// The interfaces this host speaks.
        expected: String,
        /// What the component exports.
        found: String,
    },
    /// The component was built for another version of the contract.
    #[error("plugin `{plugin}`: expected {expected}, found `{found}`, which is {}", if *.is_newer { "newer than this host" } else { "no longer spoken" })]
    Version {
        /// The plugin's name.
        plugin: String,
        /// The versions this host speaks.
        expected: String,
        /// The interface that the component exports.
        found: String,
        /// Whether a newer host is needed.
        is_newer: bool,
    },
    /// The component wants something that is not granted, or that no host gives.
    #[error("plugin `{plugin}`: expected imports that are granted, found {}`{interface}`", function_of(.function))]
    Import {
        /// The plugin's name.
        plugin: String,
        /// The interface.
        interface: String,
        /// The function, or the functions, that it imports of it.
        function: String,
        /// The line of the manifest that would grant it; `None` where nothing does.
        grant: Option<&'static str>,
    },
    /// A function of the contract has other types than the contract.
    #[error("plugin `{plugin}`: `{interface}`: expected `{function}: {expected}`, found {found}")]
    Signature {
        /// The plugin's name.
        plugin: String,
        /// The interface.
        interface: String,
        /// The function.
        function: String,
        /// Its type in the contract.
        expected: String,
        /// Its type in the component, in backticks, or none.
        found: String,
    },
    /// A granted folder cannot be opened.
    #[error("plugin `{plugin}`: cannot open the granted folder `{}`", path.display())]
    Folder {
        /// The plugin's name.
        plugin: String,
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A transformer stands where a validator is wanted, or the other way round.
    #[error("plugin `{plugin}`: expected a {expected}, found a {found}")]
    Role {
        /// The plugin's name.
        plugin: String,
        /// The wanted world.
        expected: &'static str,
        /// The component's world.
        found: &'static str,
    },
    /// No instance could be made. This says nothing about the records.
    #[error("plugin `{plugin}`: expected an instance, found none")]
    Instantiate {
        /// The plugin's name.
        plugin: String,
        /// The engine's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The guest gave up.
    #[error("plugin `{plugin}`: trapped in `{call}`: {reason}")]
    Trap {
        /// The plugin's name.
        plugin: String,
        /// The function that was called.
        call: &'static str,
        /// The trap and the guest's last words.
        reason: String,
    },
    /// The guest took too long. This says nothing about the records: it holds the entity.
    #[error("plugin `{plugin}`: `{call}` missed its deadline of {deadline:?}")]
    Deadline {
        /// The plugin's name.
        plugin: String,
        /// The function that was called.
        call: &'static str,
        /// The limit.
        deadline: Duration,
    },
    /// The guest went over a limit.
    #[error("plugin `{plugin}`: `{call}` went over the limit `{name}` of {value}")]
    Limit {
        /// The plugin's name.
        plugin: String,
        /// The function that was called.
        call: &'static str,
        /// The limit's name.
        name: &'static str,
        /// The limit's value, with its unit.
        value: String,
    },
    /// Rows that cannot be told apart: lengths or counts that do not fit together.
    #[error("plugin `{plugin}`: `{call}`: {message}")]
    Rows {
        /// The plugin's name.
        plugin: String,
        /// The function that was called.
        call: &'static str,
        /// Expected, then found.
        message: String,
    },
    /// There must be one outcome a record.
    #[error("plugin `{plugin}`: expected {expected} outcomes, found {found}")]
    OutcomeCount {
        /// The plugin's name.
        plugin: String,
        /// The records of the batch.
        expected: usize,
        /// The outcomes that came back.
        found: usize,
    },
    /// The component broke another rule of the contract.
    #[error("plugin `{plugin}`: `{call}`: {message}")]
    Contract {
        /// The plugin's name.
        plugin: String,
        /// The function that was called.
        call: &'static str,
        /// Expected, then found.
        message: String,
    },
}

fn function_of(function: &str) -> String {
    if function.is_empty() { String::new() } else { format!("`{function}` of ") }
}

impl PluginError {
    /// Returns whether single records may be to blame, so that smaller batches can tell which.
    pub fn is_record_fault(&self) -> bool {
        // Before the records are handed over, no record can be to blame.
        match self {
            Self::Trap { call, .. } | Self::Limit { call, .. } => matches!(*call, "transform" | "validate"),
            Self::Rows { .. } => true,
            _ => false,
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer into the configuration; empty for the whole.
    pub pointer: String,
    /// One sentence.
    pub message: String,
}

/// Why a component does not take an entity.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The component refuses its configuration. At least one problem.
    #[error("the configuration has {} problems", .0.len())]
    Problems(Vec<Problem>),
    /// The component itself is at fault.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}
