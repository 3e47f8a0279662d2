//! How it is shown where a migration stands.

use std::fmt::Write as _;

use super::PROVISIONAL;
use super::json;
use super::junction;
use super::nulled;
use super::print;
use super::reasons;
use super::refused;
use super::skipped;
use super::snapshots;
use super::state;
use super::swap;
use super::table::counts;
use super::when;
use crate::cli::status::LastRun;
use crate::cli::status::StatusReport;

/// Prints where a migration stands.
pub fn status(status: &StatusReport, as_json: bool) {
    if as_json {
        return json(status);
    }
    let mut text = format!("{} → {}\n", status.migration, status.target);
    last_run(&mut text, status);
    let _ = writeln!(text);
    let rows = status.entities.iter().map(|entity| {
        let fates = &entity.total;
        let mut row = vec![entity.name.clone(), state(&entity.state)];
        let all = [fates.read, fates.written, fates.unchanged, fates.skipped, fates.dead, fates.parked, fates.merged];
        row.extend(all.map(|count| count.to_string()));
        row.push(if entity.updated_at.is_empty() { "-".to_owned() } else { when(&entity.updated_at) });
        row
    });
    let head =
        ["entity", "state", "read", "written", "unchanged", "skipped", "dead", "parked", "merged", "last checkpoint"];
    counts(&mut text, &head, &["read", "written", "dead"], rows.collect());
    let lines =
        status.junctions.iter().map(|junction| (junction.name.as_str(), junction.state, junction.total, &[][..]));
    junction::lines(&mut text, lines);
    reasons(&mut text, "dead letters", &status.dead_letters);
    reasons(&mut text, "parked until their parents have come", &status.parked);
    reasons(&mut text, "discarded dead letters", &status.discarded);
    reasons(&mut text, PROVISIONAL, &status.provisional);
    skipped(&mut text, status.entities.iter().map(|entity| (entity.name.as_str(), &entity.skip_reasons)));
    nulled(&mut text, status.entities.iter().map(|entity| (entity.name.as_str(), entity.nulled_references)));
    refused(&mut text, status.entities.iter().map(|entity| (entity.name.as_str(), &entity.refused_references[..])));
    junction::left_out(
        &mut text,
        status.junctions.iter().map(|junction| (junction.name.as_str(), &junction.left_out[..])),
    );
    snapshots(
        &mut text,
        status.consistent,
        status.entities.iter().map(|entity| (entity.name.as_str(), &entity.snapshots[..])),
    );
    swap::components(&mut text, status);
    print(&text);
}

/// Writes how the last run ended, or that it goes on, and what every entity failed with that has failed.
fn last_run(text: &mut String, status: &StatusReport) {
    let Some(LastRun { mode, status: how, started_at, ended_at, holder, error, .. }) = &status.last_run else {
        let _ = writeln!(text, "it has not been run yet");
        return;
    };
    let what = if mode == "execute" { "run" } else { mode };
    let began = when(started_at);
    let _ = match (how.as_str(), ended_at) {
        ("running", _) => {
            let by = holder.as_ref().map(|holder| format!(", by {holder}")).unwrap_or_default();
            writeln!(text, "the {what} of {began} goes on{by}")
        }
        ("interrupted", _) => {
            writeln!(text, "the {what} of {began} was interrupted: its process is gone; the same command goes on")
        }
        ("nothing-to-do", _) => writeln!(text, "the {what} of {began} had nothing to do"),
        ("limited", _) => writeln!(text, "the {what} of {began} ended at its `--limit`; there is more to move"),
        (how, Some(ended_at)) => writeln!(text, "the {what} of {began} ended as {how} at {}", when(ended_at)),
        (how, None) => writeln!(text, "the {what} of {began} ended as {how}"),
    };
    let failures: Vec<_> = status.entities.iter().filter_map(|entity| entity.failure.as_ref()).collect();
    if let Some(error) = error.as_ref().filter(|error| !failures.iter().any(|failure| failure.error == **error)) {
        let _ = writeln!(text, "  error: {error}");
    }
    for failure in failures {
        let _ = writeln!(text, "  error: {}", failure.error);
        for cause in &failure.causes {
            let _ = writeln!(text, "  caused by: {}", cause.replace('\n', "\n    "));
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
    }
}
