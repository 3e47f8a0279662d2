//! The only place that prints: results on stdout, everything else on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing is allowed")]

pub mod author;
mod dead_letters;
mod plan;
mod replay;
mod review;
mod swap;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::status::StatusReport;
use crate::error::Failure;
use crate::error::Kind;
use crate::run::report::Mode;
use crate::run::report::Reason;
use crate::run::report::Report;
use crate::run::report::Rows;
use crate::run::report::SkipReasons;
use crate::run::report::Status;

pub use dead_letters::dead_letter;
pub use dead_letters::dead_letters;
pub use plan::inspection;
pub use plan::plan;
pub use replay::discarded;
pub use replay::exported;
pub use replay::replay;
pub use review::repaired;
pub use review::verified;
pub use swap::answer;
pub use swap::history;

/// Entities that the end of a report names as the slowest.
const SLOWEST: usize = 3;

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("reports are plain data");
    raw(format!("{text}\n").as_bytes());
}

/// Writes bytes to stdout. A reader that has gone away is no error of ours.
pub fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn print(text: &str) {
    raw(text.as_bytes());
}

/// Prints why a command failed: heading, causes, hint.
pub fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let mut value = failure.report.as_deref().cloned().unwrap_or_else(|| json!({}));
        value["error"] = json!(failure.message);
        value["causes"] = json!(failure.causes());
        value["hint"] = json!(failure.hint);
        value["exit_code"] = json!(failure.kind.exit_code());
        json(&value);
    }
    let mut text = String::new();
    for failure in std::iter::once(failure).chain(&failure.also) {
        let _ = writeln!(text, "error: {}", failure.message);
        for cause in failure.causes() {
            let _ = writeln!(text, "caused by: {}", cause.replace('\n', "\n  "));
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
        if failure.kind == Kind::Bug {
            let _ = writeln!(text, "this is a fault in whimbrel; nothing of the batch at hand was written");
        }
    }
    to_stderr(&text);
}

/// Says that writing is about to begin: one line of a terminal, written over and over.
pub fn countdown(migration: &str, left: u64) {
    let line = match left {
        0 => "\n".to_owned(),
        left => format!("\r`{migration}` begins to write in {left} s; Ctrl-C stops it, --yes skips this "),
    };
    to_stderr(&line);
}

/// Says that a run ended before it began.
pub fn stopped_before_writing() {
    to_stderr("\nstopped; nothing was written\n");
}

/// A closed stream leaves nobody to tell, and is no reason to fail.
fn to_stderr(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says how to go on after a stop.
pub fn resume_hint(manifest: &Path) {
    to_stderr(&format!(
        "stopped with a checkpoint; `whimbrel run {} --execute` goes on from there\n",
        manifest.display()
    ));
}

/// Says what a user may want to do after a run.
pub fn what_next(report: &Report, manifest: &Path) {
    let manifest = manifest.display();
    if report.mode == Mode::DryRun && report.status == Status::Completed {
        to_stderr(&format!("`whimbrel run {manifest} --execute` writes\n"));
    } else if report.mode == Mode::Execute && report.has_dead_letters() {
        to_stderr(&format!("`whimbrel dead-letter list {manifest}` shows what was set aside, and why\n"));
    }
}

/// Prints what a run did or would do.
pub fn run(report: &Report, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = String::new();
    let what = match (report.mode, report.status) {
        (_, Status::NothingToDo) => "nothing to do: every entity is complete",
        (Mode::DryRun, Status::Failed) => "dry run, nothing was written; it would fail",
        (Mode::DryRun, _) => "dry run, nothing was written; this is what would happen",
        (Mode::Execute, Status::Completed) if report.has_dead_letters() => "completed, with dead letters",
        (Mode::Execute, Status::Completed) => "completed",
        (Mode::Execute, Status::Stopped) => "stopped",
        (Mode::Execute, Status::Held) => "held",
        (Mode::Execute, _) => "failed",
    };
    let _ = writeln!(text, "{}: {what}\n", report.migration);
    let rows = report.entities.iter().map(|entity| {
        let fates = if report.status == Status::NothingToDo { &entity.total } else { &entity.this_run };
        let mut row = vec![entity.name.clone(), state(&entity.state)];
        row.extend(
            [fates.read, fates.written, fates.unchanged, fates.skipped, fates.dead].map(|count| count.to_string()),
        );
        row.push(format!("{:.0}", entity.records_per_second));
        row
    });
    let head = ["entity", "state", "read", "written", "unchanged", "skipped", "dead", "records/s"];
    table(&mut text, &head, rows.collect());
    let _ = writeln!(text);
    let rows = report.entities.iter().flat_map(|entity| row_lines(&entity.rows));
    let head = ["table", "inserted", "updated", "unchanged", "skipped", "collapsed", "refused"];
    table(&mut text, &head, rows.collect());
    if report.status != Status::NothingToDo {
        reasons(&mut text, "dead letters", &report.dead_letters);
        skipped(&mut text, report.entities.iter().map(|entity| (entity.name.as_str(), &entity.skip_reasons)));
        nulled(&mut text, report.entities.iter().map(|entity| (entity.name.as_str(), entity.nulled_references)));
    }
    for entity in &report.entities {
        for (table, why) in &entity.not_predicted {
            let _ = writeln!(text, "\nnot predicted: `{table}` has {}", why.join(", "));
        }
    }
    let mut slowest: Vec<_> = report.entities.iter().filter(|entity| entity.duration_ms > 0).collect();
    slowest.sort_by_key(|entity| std::cmp::Reverse(entity.duration_ms));
    if slowest.len() > 1 {
        let names: Vec<String> = slowest
            .iter()
            .take(SLOWEST)
            .map(|entity| format!("{} ({})", entity.name, seconds(entity.duration_ms)))
            .collect();
        let _ = writeln!(text, "\nslowest: {}", names.join(", "));
    }
    let _ = writeln!(text, "\nconservation {}, took {}", report.conservation, seconds(report.duration_ms));
    print(&text);
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}

fn state(state: &impl Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default()
}

fn row_lines(rows: &Rows) -> Vec<Vec<String>> {
    rows.iter()
        .map(|(table, counts)| {
            let mut row = vec![table.clone()];
            let counts =
                [counts.inserted, counts.updated, counts.unchanged, counts.skipped, counts.collapsed, counts.refused];
            row.extend(counts.map(|count| count.to_string()));
            row
        })
        .collect()
}

fn reasons(text: &mut String, title: &str, reasons: &[Reason]) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    let rows = reasons.iter().map(|reason| {
        let field = reason.field.clone().unwrap_or_default();
        vec![reason.count.to_string(), reason.entity.clone(), reason.stage.clone(), reason.code.clone(), field]
    });
    table(text, &["count", "entity", "stage", "code", "field"], rows.collect());
}

/// Writes why records were left out.
fn skipped<'a>(text: &mut String, entities: impl Iterator<Item = (&'a str, &'a SkipReasons)>) {
    let rows = entities.flat_map(|(entity, reasons)| {
        reasons.iter().map(move |(reason, count)| vec![count.to_string(), entity.to_owned(), reason.clone()])
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "\nskipped:");
        table(text, &["count", "entity", "reason"], rows);
    }
}

/// Writes how many references found no parent.
fn nulled<'a>(text: &mut String, entities: impl Iterator<Item = (&'a str, u64)>) {
    let counts: Vec<String> =
        entities.filter(|(_, count)| *count > 0).map(|(entity, count)| format!("{entity} {count}")).collect();
    if !counts.is_empty() {
        let _ = writeln!(text, "\nreferences left NULL for want of a parent: {}", counts.join(", "));
    }
}

/// Writes lines in columns; numbers to the right.
fn table(text: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(&rows).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for line in &lines {
        let mut out = String::from(" ");
        for (column, cell) in line.iter().enumerate() {
            let is_number = rows.iter().all(|row| row[column].parse::<f64>().is_ok());
            let width = widths[column];
            let _ = if is_number { write!(out, " {cell:>width$}") } else { write!(out, " {cell:<width$}") };
        }
        let _ = writeln!(text, "{}", out.trim_end());
    }
}

/// Prints where a migration stands.
pub fn status(status: &StatusReport, as_json: bool) {
    if as_json {
        return json(status);
    }
    let mut text = format!("{} → {}\n\n", status.migration, status.target);
    let rows = status.entities.iter().map(|entity| {
        let fates = &entity.total;
        let mut row = vec![entity.name.clone(), state(&entity.state)];
        row.extend(
            [fates.read, fates.written, fates.unchanged, fates.skipped, fates.dead].map(|count| count.to_string()),
        );
        let position = if entity.position.is_empty() { "-".to_owned() } else { entity.position.clone() };
        row.extend([position, if entity.updated_at.is_empty() { "-".to_owned() } else { entity.updated_at.clone() }]);
        row
    });
    let head = ["entity", "state", "read", "written", "unchanged", "skipped", "dead", "position", "last checkpoint"];
    table(&mut text, &head, rows.collect());
    reasons(&mut text, "dead letters", &status.dead_letters);
    skipped(&mut text, status.entities.iter().map(|entity| (entity.name.as_str(), &entity.skip_reasons)));
    nulled(&mut text, status.entities.iter().map(|entity| (entity.name.as_str(), entity.nulled_references)));
    reasons(
        &mut text,
        "provisional dead letters (their batch was rolled back and will be read again)",
        &status.provisional,
    );
    swap::components(&mut text, status);
    print(&text);
}

/// Prints what `reset` forgot or would forget.
pub fn reset(migration: &str, is_done: bool, forgotten: &[(&'static str, u64)], as_json: bool) {
    if as_json {
        let counts: serde_json::Map<String, serde_json::Value> =
            forgotten.iter().map(|(table, count)| ((*table).to_owned(), json!(count))).collect();
        return json(&json!({ "migration": migration, "executed": is_done, "forgotten": counts, "rows_stay": true }));
    }
    let mut text = String::new();
    let total: u64 = forgotten.iter().map(|(_, count)| count).sum();
    if total == 0 {
        let _ = writeln!(text, "`{migration}` has no bookkeeping in the target: there is nothing to forget");
    } else {
        let verb = if is_done { "forgot" } else { "would forget" };
        let _ = writeln!(text, "{verb} what whimbrel keeps of `{migration}`:");
        table(
            &mut text,
            &["kind", "entries"],
            forgotten.iter().map(|(t, c)| vec![(*t).to_owned(), c.to_string()]).collect(),
        );
        let _ = writeln!(text, "the rows that were migrated stay in the target; a new run meets them as conflicts");
        if !is_done {
            let _ = writeln!(text, "nothing was forgotten yet; `--execute` does it");
        }
    }
    print(&text);
}
