//! What is wrong with a configuration, and where.

use std::fmt;
use std::fmt::Write as _;

/// One thing wrong with a configuration. The host shows it with the manifest's file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer (RFC 6901) into the configuration; the empty string is the whole.
    pub pointer: String,
    /// One sentence: expected first, then found; lower case, no full stop.
    pub message: String,
}

impl Problem {
    /// Makes a problem at this place.
    ///
    /// ```
    /// use whimbrel_sdk::{Pointer, Problem};
    /// let problem = Problem::new(Pointer::root().key("columns").key("a/b"), "expected a path, found nothing");
    /// assert_eq!(problem.pointer, "/columns/a~1b");
    /// ```
    pub fn new(pointer: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_string(), message: message.into() }
    }
}

/// Builds a JSON Pointer, escaping what needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// Points at the whole configuration.
    pub fn root() -> Self {
        Self::default()
    }

    /// Steps into the member of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        Self(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    /// Steps into the element of this index, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut pointer = self.0.clone();
        // Writing to a string cannot fail.
        let _ = write!(pointer, "/{index}");
        Self(pointer)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
