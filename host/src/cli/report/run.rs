//! How a run is shown: what it did or would do, and what the whole migration has come to where the two differ.

use std::fmt::Write as _;

use super::PROVISIONAL;
use super::json;
use super::junction;
use super::nulled;
use super::print;
use super::reasons;
use super::refused;
use super::seconds;
use super::shown::shown;
use super::skipped;
use super::snapshots;
use super::state;
use super::table::counts;
use crate::connector::target::Advanced;
use crate::run::report::EntityReport;
use crate::run::report::Fates;
use crate::run::report::Mode;
use crate::run::report::Report;
use crate::run::report::RowCounts;
use crate::run::report::Rows;
use crate::run::report::Status;
use crate::run::report::add_rows;

/// Entities that the end of a report names as the slowest.
const SLOWEST: usize = 3;

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
        (Mode::Execute, Status::Limited) => "done, as far as it was asked for",
        (Mode::Execute, Status::Completed) if report.has_dead_letters() => "completed, with dead letters",
        (Mode::Execute, Status::Completed) => "completed",
        (Mode::Execute, Status::Stopped) => "stopped",
        (Mode::Execute, Status::Held) => "held",
        (Mode::Execute, _) => "failed",
    };
    let _ = writeln!(text, "{}: {what}", report.migration);
    let in_this_run: Part = (|entity| &entity.this_run, |entity| &entity.rows_this_run);
    let in_all: Part = (|entity| &entity.total, |entity| &entity.rows);
    if report.status == Status::NothingToDo {
        part(&mut text, report, "since the migration began", in_all, false);
    } else if report.is_resumed() {
        part(&mut text, report, "in this run", in_this_run, true);
        part(&mut text, report, "since the migration began", in_all, false);
    } else {
        part(&mut text, report, "", in_this_run, true);
    }
    let (stored, rolled_back) = match report.mode {
        Mode::DryRun => (
            "dead letters, as the run would store them",
            "dead letters of the batch that would be rolled back for them",
        ),
        Mode::Execute if report.is_resumed() => ("dead letters since the migration began", PROVISIONAL),
        Mode::Execute => ("dead letters", PROVISIONAL),
    };
    let lines = report
        .junctions
        .iter()
        .map(|junction| (junction.name.as_str(), junction.state, junction.total, junction.waits_for.as_slice()));
    junction::lines(&mut text, lines);
    if report.status != Status::NothingToDo {
        reasons(&mut text, stored, &report.dead_letters);
        reasons(&mut text, rolled_back, &report.provisional);
        skipped(&mut text, report.entities.iter().map(|entity| (entity.name.as_str(), &entity.skip_reasons)));
        nulled(&mut text, report.entities.iter().map(|entity| (entity.name.as_str(), entity.nulled_references)));
        refused(&mut text, report.entities.iter().map(|entity| (entity.name.as_str(), &entity.refused_references[..])));
    }
    junction::left_out(
        &mut text,
        report.junctions.iter().map(|junction| (junction.name.as_str(), &junction.left_out[..])),
    );
    snapshots(
        &mut text,
        report.consistent,
        report.entities.iter().map(|entity| (entity.name.as_str(), &entity.snapshots[..])),
    );
    for entity in &report.entities {
        for (table, why) in &entity.not_predicted {
            let _ = writeln!(text, "\nnot predicted: `{table}` has {}", why.join(", "));
        }
    }
    for moved in report.entities.iter().flat_map(|entity| &entity.advanced_sequences) {
        let Advanced { sequence, column, from, to } = moved;
        let _ = writeln!(
            text,
            "\nthe sequence `{sequence}` stood at {from}, and at {to} now: behind the ids in `{column}`"
        );
    }
    shown(&mut text, report);
    slowest(&mut text, report);
    let _ = writeln!(text, "\nconservation {}, took {}", report.conservation, seconds(report.duration_ms));
    print(&text);
}

/// Which counts of an entity are meant: of its records and of their rows.
type Part = (fn(&EntityReport) -> &Fates, fn(&EntityReport) -> &Rows);

/// Writes the tables of records and of rows.
fn part(text: &mut String, report: &Report, title: &str, (fates, rows): Part, has_speed: bool) {
    let _ = writeln!(text, "{}", if title.is_empty() { String::new() } else { format!("\n{title}:") });
    let line = |name: &str, state: String, fates: &Fates, speed: String| {
        let mut line = vec![name.to_owned(), state];
        let all = [fates.read, fates.written, fates.unchanged, fates.skipped, fates.dead, fates.parked, fates.merged];
        line.extend(all.map(|count| count.to_string()));
        line.extend(has_speed.then_some(speed));
        line
    };
    let mut sum = Fates::default();
    let mut lines = Vec::new();
    let mut by_table = Rows::new();
    for entity in &report.entities {
        sum.add(fates(entity));
        add_rows(&mut by_table, rows(entity));
        lines.push(line(
            &entity.name,
            state(&entity.state),
            fates(entity),
            format!("{:.0}", entity.records_per_second),
        ));
    }
    if lines.len() > 1 {
        lines.push(line("total", String::new(), &sum, String::new()));
    }
    let head = ["entity", "state", "read", "written", "unchanged", "skipped", "dead", "parked", "merged", "records/s"];
    let head = if has_speed { &head[..] } else { &head[..head.len() - 1] };
    counts(text, head, &["entity", "state", "read", "written", "dead", "records/s"], lines);
    if by_table.is_empty() {
        return;
    }
    let _ = writeln!(text);
    let lines = by_table.iter().map(|(table, rows)| {
        let RowCounts { inserted, updated, unchanged, skipped, collapsed, deferred, refused } = rows;
        let counts = [inserted, updated, unchanged, skipped, collapsed, deferred, refused];
        std::iter::once(table.clone()).chain(counts.map(ToString::to_string)).collect()
    });
    let head = ["table", "inserted", "updated", "unchanged", "skipped", "collapsed", "deferred", "refused"];
    counts(text, &head, &["table", "inserted"], lines.collect());
}

fn slowest(text: &mut String, report: &Report) {
    let mut slowest: Vec<_> = report.entities.iter().filter(|entity| entity.duration_ms > 0).collect();
    slowest.sort_by_key(|entity| std::cmp::Reverse(entity.duration_ms));
    if slowest.len() > 1 {
        let named = slowest.iter().take(SLOWEST);
        let names: Vec<String> =
            named.map(|entity| format!("{} ({})", entity.name, seconds(entity.duration_ms))).collect();
        let _ = writeln!(text, "\nslowest: {}", names.join(", "));
    }
}
