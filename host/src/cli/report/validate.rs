//! What the checks of a finished target have found.

use std::fmt::Write as _;

use super::json;
use super::print;
use super::review::changes;
use super::seconds;
use super::state;
use super::table::table;
use super::table::table_with_notes;
use crate::run::validate::ValidateReport;
use crate::run::validate::report::CheckReport;
use crate::run::validate::report::Failed;

/// Prints every check, and the first failures of each.
pub fn validated(report: &ValidateReport, limit: usize, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = String::new();
    let what = match report.status {
        "passed" => "every check that has something to look at has passed",
        "failed" => "checks have failed",
        _ => "stopped",
    };
    let _ = writeln!(text, "{}: {what}\n", report.migration);
    changes(&mut text, &report.changes);
    let line = |check: &CheckReport| {
        let outcome = state(&check.outcome).replace('-', " ");
        vec![check.check.clone(), outcome, check.compared.to_string(), check.failures.to_string()]
    };
    table(&mut text, &["check", "outcome", "compared", "failures"], report.checks.iter().map(line).collect());
    for check in &report.checks {
        told(&mut text, check, limit);
    }
    let _ = writeln!(text, "\ntook {}", seconds(report.duration_ms));
    print(&text);
}

fn told(text: &mut String, check: &CheckReport, limit: usize) {
    if check.parts.is_empty() && check.failed.is_empty() && check.notes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}:", check.check);
    for part in &check.parts {
        let counts = part.counts.iter().filter(|(_, count)| **count > 0);
        let counts: Vec<String> = counts.map(|(word, count)| format!("{count} {word}")).collect();
        let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        let _ = writeln!(text, "  {}: {counts}", part.name);
    }
    for note in &check.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    let rows: Vec<_> = check.failed.iter().take(limit).map(line).collect();
    let shown = rows.len() as u64;
    if !rows.is_empty() {
        let _ = writeln!(text);
        table_with_notes(text, &["what", "entity", "key", "row", "field"], rows);
    }
    if check.failures > shown {
        let _ = writeln!(text, "… {} more; `--limit` or `--json` shows them", check.failures - shown);
    }
}

fn line(failed: &Failed) -> (Vec<String>, Vec<String>) {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let key = failed.source_key.clone().or_else(|| failed.document.map(|document| format!("record {document}")));
    let row = match (&failed.table, &failed.row) {
        (Some(table), Some(row)) => format!("{table} {row}"),
        (table, _) => or_dash(table),
    };
    let values = failed.expected.as_ref().zip(failed.actual.as_ref());
    // What has a literal in it is a sentence of its own.
    let quoted = |text: &str| if text.contains('`') { text.to_owned() } else { format!("`{text}`") };
    let values = values.map(|(expected, actual)| format!("expected {}, found {}", quoted(expected), quoted(actual)));
    let notes = values.into_iter().chain(failed.message.clone()).collect();
    (vec![failed.code.clone(), or_dash(&failed.entity), or_dash(&key), row, or_dash(&failed.field)], notes)
}
