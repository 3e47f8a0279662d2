//! What is wrong with a manifest: every problem at once, each with its line.

use std::fmt;

/// One problem, placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer into the manifest.
    pub pointer: String,
    /// 1-based line of the manifest, where it is known.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// One sentence: expected, then found.
    pub message: String,
    /// A key or command to change.
    pub hint: Option<String>,
}

/// All the problems of one manifest, in file order.
#[derive(Debug)]
pub struct Problems {
    /// The manifest's path as the user gave it.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{}:{}:{}: {}", self.file, problem.line, problem.column, problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(formatter, "\n  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
