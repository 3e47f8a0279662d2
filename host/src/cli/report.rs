//! The only place that prints: results on stdout, everything else on stderr.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing is allowed")]

pub mod author;
mod dead_letters;
mod graph;
mod identity;
mod junction;
mod merges;
mod plan;
mod replay;
mod review;
mod run;
mod shown;
mod status;
mod swap;
mod table;
mod validate;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::json;
use table::table;
use table::table_with_notes;

use crate::error::Failure;
use crate::error::Kind;
use crate::run::bookkeeping::ReadUnder;
use crate::run::bookkeeping::RefusedReferences;
use crate::run::report::Mode;
use crate::run::report::Reason;
use crate::run::report::Report;
use crate::run::report::SkipReasons;
use crate::run::report::Status;

pub use dead_letters::dead_letter;
pub use dead_letters::dead_letters;
pub use graph::dot;
pub use graph::mermaid;
pub use identity::identity;
pub use merges::merge;
pub use merges::merges;
pub use plan::inspection;
pub use plan::plan;
pub use replay::discarded;
pub use replay::exported;
pub use replay::replay;
pub use review::repaired;
pub use review::verified;
pub use run::run;
pub use status::status;
pub use swap::answer;
pub use swap::history;
pub use validate::validated;

/// What is said of dead letters whose batch is not committed.
const PROVISIONAL: &str = "provisional dead letters (their batch was rolled back and will be read again)";

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).expect("reports are plain data");
    raw(format!("{text}\n").as_bytes());
}

/// What was asked for could not be written.
static IS_CUT: AtomicBool = AtomicBool::new(false);

/// Writes bytes to stdout. A reader that has gone away is no error of ours; a full disk is one.
pub fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            to_stderr(&format!("error: cannot write to stdout\ncaused by: {error}\n"));
            IS_CUT.store(true, Ordering::Relaxed);
        }
        _ => {}
    }
}

/// Returns whether something that was to go to stdout did not.
pub fn is_cut() -> bool {
    IS_CUT.load(Ordering::Relaxed)
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
pub fn stopped_before_writing(migration: &str, as_json: bool) {
    if as_json {
        json(&json!({ "migration": migration, "status": Status::Stopped, "entities": [] }));
    }
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
    if report.mode == Mode::DryRun && matches!(report.status, Status::Completed | Status::Limited) {
        to_stderr(&format!("`whimbrel run {manifest} --execute` writes\n"));
    } else if report.mode == Mode::Execute && report.has_dead_letters() {
        to_stderr(&format!("`whimbrel dead-letter list {manifest}` shows what was set aside, and why\n"));
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}

fn state(state: &impl Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Writes dead letters by reason, each with the first of them where it is known.
fn reasons(text: &mut String, title: &str, reasons: &[Reason]) {
    if reasons.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    let rows = reasons.iter().map(|reason| {
        let field = reason.field.clone().unwrap_or_default();
        let row =
            vec![reason.count.to_string(), reason.entity.clone(), reason.stage.clone(), reason.code.clone(), field];
        let example = reason.examples.first();
        let note = example.map(|example| format!("{}: {}", example.position, example.message));
        (row, note.into_iter().collect())
    });
    table_with_notes(text, &["count", "entity", "stage", "code", "field"], rows.collect());
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

/// Writes which entities were read as their source stood when, where that was not one moment.
fn snapshots<'a>(
    text: &mut String,
    consistent: Option<bool>,
    entities: impl Iterator<Item = (&'a str, &'a [ReadUnder])>,
) {
    if consistent != Some(false) {
        return;
    }
    // Source and time, and what was read then.
    let mut times: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (entity, reads) in entities {
        for read in reads {
            let what = match read.after {
                0 => entity.to_owned(),
                after => format!("{entity} behind record {after}"),
            };
            times.entry((&read.source, &read.snapshot.at)).or_default().push(what);
        }
    }
    let times = times.iter().map(|((source, at), what)| format!("`{source}` of {} ({})", when(at), what.join(", ")));
    let _ = writeln!(text, "\nnot consistent, read at several times: {}", times.collect::<Vec<_>>().join("; "));
}

/// Writes how many references the target refused to fill in.
fn refused<'a>(text: &mut String, entities: impl Iterator<Item = (&'a str, &'a [RefusedReferences])>) {
    let rows = entities.flat_map(|(entity, refused)| {
        let row = |of: &RefusedReferences| {
            (vec![of.count.to_string(), entity.to_owned(), of.column.clone()], vec![of.refusal.clone()])
        };
        refused.iter().map(row).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "\nreferences left NULL because the target refused them:");
        table_with_notes(text, &["count", "entity", "column, and a reason"], rows);
    }
}

/// Returns a stored time for people: to the second, in UTC.
fn when(at: &str) -> String {
    at.get(..19).map_or_else(|| at.to_owned(), |at| format!("{}Z", at.replace('T', " ")))
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
        let _ = writeln!(
            text,
            "the rows that were migrated stay in the target; what a new run does where it meets them is said by `on-conflict`: \
             `fail`, the default, sets its records aside, `skip` leaves the rows alone, `update` gives them the new values. Numbers that \
             the target has given (`id = \"sequence\"`) are kept: the same records have them again"
        );
        if !is_done {
            let _ = writeln!(text, "nothing was forgotten yet; `--execute` does it");
        }
    }
    print(&text);
}
