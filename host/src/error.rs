//! One failure of a whole run: what is said, what to do about it, and the exit code it leads to.
//!
//! Modules below have small error types of their own; this one is made where nobody can go on.

use std::fmt;

/// What kind of failure it is; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage or a wrong manifest: exit code 2, nothing was touched.
    Usage,
    /// The migration failed: exit code 1.
    Failed,
    /// A broken invariant of ours: exit code 255.
    Bug,
}

impl Kind {
    /// Returns the process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Bug => 255,
        }
    }
}

/// Why a command failed, to be printed once, at the edge.
#[derive(Debug)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// One sentence, without its cause.
    pub message: String,
    /// A command or a key to change.
    pub hint: Option<String>,
    /// What a run had done until then, as JSON.
    pub report: Option<Box<serde_json::Value>>,
    /// Whether the target gave up a transaction that may succeed when it is tried again.
    pub is_transient: bool,
    /// Whether the source was lost while it was read, and may be there again.
    pub is_of_lost_source: bool,
    /// The component to blame, where another version of it could go on.
    pub plugin: Option<String>,
    /// What else failed in the same run.
    pub also: Vec<Failure>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// Makes a failure of the migration.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failed,
            message: message.into(),
            hint: None,
            report: None,
            is_transient: false,
            is_of_lost_source: false,
            plugin: None,
            also: Vec::new(),
            source: None,
        }
    }

    /// Makes a failure of usage or manifest.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::failed(message) }
    }

    /// Makes a failure that only a fault in whimbrel explains.
    pub fn bug(message: impl Into<String>) -> Self {
        Self { kind: Kind::Bug, ..Self::failed(message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, where that is known.
    #[must_use]
    pub fn perhaps(self, hint: Option<String>) -> Self {
        Self { hint: hint.or(self.hint), ..self }
    }

    /// Adds what else failed.
    #[must_use]
    pub fn and(mut self, others: Vec<Self>) -> Self {
        self.also = others;
        self
    }

    /// Adds what a run had done until then.
    #[must_use]
    pub fn with_report(mut self, report: impl serde::Serialize) -> Self {
        self.report = serde_json::to_value(report).ok().map(Box::new);
        self
    }

    /// Returns what lies below it, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }

    /// Adds the cause.
    #[must_use]
    pub fn cause(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
