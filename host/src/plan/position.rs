//! From a JSON Pointer to the line of the manifest that wrote it.

use std::ops::Range;

use toml::de::DeTable;
use toml::de::DeValue;

use super::problem::Problem;

/// A manifest's text with the place of every value in it.
pub struct Places<'a> {
    text: &'a str,
    root: DeTable<'a>,
}

impl<'a> Places<'a> {
    /// Reads the text, or returns all that the reader stumbles over.
    pub fn parse(text: &'a str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { text, root: root.into_inner() });
        }
        let mut problems: Vec<Problem> = errors
            .into_iter()
            .map(|error| {
                let (line, column) = line_of(text, error.span().map_or(0, |span| span.start));
                let message = error.message().replace('\n', ", ");
                Problem { pointer: String::new(), line, column, message, hint: None }
            })
            .collect();
        // What follows on a line that is not understood is no problem of its own.
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup_by_key(|problem| problem.line);
        Err(problems)
    }

    /// Returns the 1-based line and column of the deepest part of the pointer that the text has.
    pub fn locate(&self, pointer: &str) -> (usize, usize) {
        let mut span: Range<usize> = 0..0;
        let mut parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
        let Some(first) = parts.next() else { return (1, 1) };
        let Some((key, mut value)) = self.root.get_key_value(first.as_str()) else { return (1, 1) };
        span = if key.span().is_empty() { span } else { key.span() };
        for part in parts {
            let next = match value.get_ref() {
                DeValue::Table(table) => table.get_key_value(part.as_str()).map(|(key, value)| (key.span(), value)),
                DeValue::Array(array) => {
                    part.parse::<usize>().ok().and_then(|index| array.get(index)).map(|value| (value.span(), value))
                }
                _ => None,
            };
            let Some((next_span, next_value)) = next else { break };
            span = next_span;
            value = next_value;
        }
        line_of(self.text, span.start)
    }
}

fn line_of(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
