//! What is wrong with a manifest: every problem at once, each with its line.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::error::Failure;

/// One problem, placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let report = json!({ "file": problems.file, "problems": problems.problems });
        Self::usage("the manifest cannot be used").with_report(report).cause(problems)
    }
}
