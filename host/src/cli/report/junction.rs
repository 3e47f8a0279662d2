//! How junctions are shown: what is planned for them, what became of their rows, and which were left out.

use std::fmt::Write as _;

use super::state;
use super::table::counts;
use super::table::list;
use super::table::table_with_notes;
use crate::cli::plan::PlannedJunction;
use crate::run::bookkeeping::LeftOut;
use crate::run::junction::JunctionCounts;
use crate::run::junction::JunctionReport;
use crate::run::report::State;

/// Writes the last phase of a plan.
pub(super) fn planned(text: &mut String, junctions: &[PlannedJunction]) {
    if junctions.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nat the end, the junctions:");
    for junction in junctions {
        let _ = writeln!(text, "\n   {}: key {}", junction.name, junction.key.join(", "));
        list(text, "   fed by", &junction.sides);
        list(text, "   after", &junction.after);
        list(text, "   columns", &junction.columns);
        for reference in &junction.references {
            let policy = state(&junction.on_missing);
            let _ = writeln!(text, "     {} → {}, without a parent: {policy}", reference.columns, reference.parent);
        }
        let _ = writeln!(text, "   rows of one key that differ: {}", state(&junction.on_difference));
        if !junction.not_predicted.is_empty() {
            list(text, "     a dry run does not predict", &junction.not_predicted);
        }
    }
}

/// A junction as a table of counts has it: name, state, counts, and the entities that it waits for.
pub(super) type Line<'a> = (&'a str, State, JunctionCounts, &'a [String]);

/// Writes what became of the rows of junctions.
pub(super) fn lines<'a>(text: &mut String, lines: impl Iterator<Item = Line<'a>>) {
    let lines: Vec<Line<'_>> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text);
    let rows = lines.iter().map(|(name, at, of, _)| {
        let all =
            [of.rows, of.inserted, of.unchanged, of.collapsed, of.dropped, of.conflicting, of.refused, of.waiting];
        [(*name).to_owned(), state(at)].into_iter().chain(all.map(|count| count.to_string())).collect()
    });
    let head = [
        "junction",
        "state",
        "rows",
        "inserted",
        "unchanged",
        "collapsed",
        "dropped",
        "conflicting",
        "refused",
        "waiting",
    ];
    counts(text, &head, &["junction", "state", "rows", "inserted"], rows.collect());
    for (name, _, _, waits_for) in lines.iter().filter(|(.., waits_for)| !waits_for.is_empty()) {
        let _ = writeln!(text, "  {name} waits until these are complete: {}", waits_for.join(", "));
    }
}

/// Writes what a replay or a repair has changed in junctions.
pub(super) fn changed(text: &mut String, junctions: &[JunctionReport]) {
    let all = junctions.iter();
    lines(text, all.map(|junction| (junction.name.as_str(), junction.state, junction.total, &[][..])));
}

/// Writes which rows of junctions were left out, each kind with the first of them.
pub(super) fn left_out<'a>(text: &mut String, junctions: impl Iterator<Item = (&'a str, &'a [LeftOut])>) {
    let rows: Vec<_> = junctions
        .flat_map(|(name, left_out)| {
            left_out.iter().map(move |of| {
                let count = of.count.to_string();
                let row = vec![count, name.to_owned(), of.entity.clone(), of.reason.clone(), of.column.clone()];
                let example = of.examples.first();
                let note = example
                    .map(|first| format!("document {} ({}): {}: {}", first.document, first.key, first.row, first.why));
                (row, note.into_iter().collect())
            })
        })
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "\nrows left out of junctions:");
        table_with_notes(text, &["count", "junction", "entity", "reason", "column"], rows);
    }
}
