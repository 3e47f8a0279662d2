//! What became of dead letters, or would.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use super::json;
use super::junction;
use super::print;
use super::reasons;
use super::seconds;
use super::table::counts;
use super::table::table_with_notes;
use crate::run::replay::ReplayReport;
use crate::run::report::Mode;
use crate::run::report::Status;

/// Prints what a replay did or would do, and so many of the letters.
pub fn replay(report: &ReplayReport, limit: usize, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = String::new();
    let what = match (report.mode, report.status) {
        (_, Status::Stopped) => "replay stopped; the same command goes on",
        (Mode::DryRun, _) => "dry run, nothing was written; this is what would become of the dead letters",
        (Mode::Execute, _) if report.letters.is_empty() => "no dead letter to replay",
        (Mode::Execute, _) => "replayed",
    };
    let _ = writeln!(text, "{}: {what}\n", report.migration);
    for change in &report.changes {
        let _ = writeln!(text, "changed since the migration began: {change}");
    }
    if !report.changes.is_empty() {
        let _ = writeln!(text);
    }
    let rows = report.entities.iter().map(|entity| {
        let counts = [entity.tried, entity.written, entity.unchanged, entity.skipped, entity.dead, entity.filled];
        std::iter::once(entity.name.clone()).chain(counts.map(|count| count.to_string())).collect()
    });
    let head = ["entity", "tried", "written", "unchanged", "skipped", "dead again", "references filled"];
    counts(&mut text, &head, &["tried", "written", "dead again"], rows.collect());
    junction::changed(&mut text, &report.junctions);
    let shown = report.letters.iter().take(limit);
    let rows: Vec<_> = shown
        .map(|letter| {
            let row = vec![
                letter.number.to_string(),
                letter.entity.clone(),
                letter.was.clone(),
                letter.outcome.to_owned(),
                letter.key.clone().unwrap_or_else(|| "-".to_owned()),
            ];
            (row, letter.message.iter().cloned().collect())
        })
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(text);
        table_with_notes(&mut text, &["number", "entity", "was", "becomes", "key"], rows);
        let told = report.letters.len().saturating_sub(limit);
        if told > 0 {
            let _ = writeln!(text, "… {told} more; `--limit` or `--json` shows them");
        }
        if report.letters_untold > 0 {
            let _ = writeln!(text, "… {} more, which are counted only", report.letters_untold);
        }
    }
    reasons(&mut text, "dead again", &report.dead_letters);
    reasons(&mut text, "permanent (the source is at fault, no component can make them fit)", &report.permanent);
    reasons(&mut text, "discarded", &report.discarded);
    let _ = writeln!(text, "\ntook {}", seconds(report.duration_ms));
    print(&text);
}

/// Prints how many letters were given up, or would be.
pub fn discarded(migration: &str, executed: bool, count: u64, reason: &str, as_json: bool) {
    if as_json {
        return json(&json!({ "migration": migration, "executed": executed, "discarded": count, "reason": reason }));
    }
    if count == 0 {
        return print(&format!("{migration}: nothing is left to discard: no letter that is meant is dead any more\n"));
    }
    let what = if executed { "discarded" } else { "would be discarded; `--execute` does it" };
    print(&format!("{migration}: {count} dead letters {what}\n"));
}

/// Prints which files were written.
pub fn exported(folder: &Path, files: &[(PathBuf, u64)], left_out: &[i64], as_json: bool) {
    if as_json {
        let files: Vec<_> = files.iter().map(|(path, lines)| json!({ "file": path, "records": lines })).collect();
        return json(&json!({ "folder": folder, "files": files, "left_out": left_out }));
    }
    let mut text = String::new();
    for (path, lines) in files {
        let _ = writeln!(text, "{}: {lines} records", path.display());
    }
    if files.is_empty() {
        let _ = writeln!(text, "no dead letter to export");
    }
    if !left_out.is_empty() {
        let numbers: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "left out, as Extended JSON has no exact form of them: {}", numbers.join(", "));
    }
    print(&text);
}
