//! What a look at the target has found, and what a repair has done.

use std::fmt::Write as _;

use super::json;
use super::junction;
use super::print;
use super::seconds;
use super::table::counts;
use super::table::table;
use super::table::table_with_notes;
use crate::run::repair::RepairReport;
use crate::run::report::Mode;
use crate::run::verify::Counts;
use crate::run::verify::Part;
use crate::run::verify::Told;
use crate::run::verify::VerifyReport;

/// Prints what differs.
pub fn verified(report: &VerifyReport, limit: usize, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = String::new();
    let what = match report.status {
        "equal" => "the target is what the source and the components say",
        "different" => "the target differs",
        _ => "stopped; the same command goes on",
    };
    let _ = writeln!(text, "{}: {what}\n", report.migration);
    changes(&mut text, &report.changes);
    let rows = report.entities.iter().map(|Part { name, counts }| {
        let counts = [
            counts.records,
            counts.rows,
            counts.missing,
            counts.changed,
            counts.extra,
            counts.source_changed,
            counts.rejected,
            counts.failed,
        ];
        std::iter::once(name.clone()).chain(counts.map(|count| count.to_string())).collect()
    });
    let head = ["entity", "records", "rows", "missing", "changed", "extra", "source changed", "rejected", "failed"];
    counts(&mut text, &head, &["records", "rows", "missing", "changed", "extra"], rows.collect());
    if !report.tables.is_empty() {
        let _ = writeln!(text);
        let row = |Part { name, counts }: &Part<Counts>| {
            vec![name.clone(), counts.rows.to_string(), counts.extra.to_string()]
        };
        table(&mut text, &["table", "rows", "nobody wrote"], report.tables.iter().map(row).collect());
    }
    let all = report.entities.iter().chain(&report.tables).flat_map(|part| &part.counts.differences);
    differences(&mut text, all, report.differences, limit);
    let _ = writeln!(text, "\ntook {}", seconds(report.duration_ms));
    print(&text);
}

/// Prints what was repaired, or would be.
pub fn repaired(report: &RepairReport, limit: usize, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = String::new();
    let what = match (report.mode, report.status) {
        (_, "stopped") => "repair stopped; the same command goes on",
        (Mode::DryRun, _) => "dry run, nothing was written; this is what would be repaired",
        (Mode::Execute, _) => "repaired",
    };
    let _ = writeln!(text, "{}: {what}\nfrom {}\n", report.migration, report.from);
    changes(&mut text, &report.changes);
    let rows = report.entities.iter().map(|Part { name, counts }| {
        let counts = [
            counts.records,
            counts.inserted,
            counts.changed,
            counts.removed,
            counts.filled,
            counts.depended_on,
            counts.shared,
            counts.theirs,
            counts.source_changed,
            counts.rejected,
            counts.refused,
            counts.failed,
        ];
        std::iter::once(name.clone()).chain(counts.map(|count| count.to_string())).collect()
    });
    let head = [
        "entity",
        "records",
        "inserted",
        "changed",
        "removed",
        "references filled",
        "depended on",
        "shared",
        "theirs",
        "source changed",
        "rejected",
        "refused",
        "failed",
    ];
    counts(&mut text, &head, &["records", "inserted", "changed", "removed"], rows.collect());
    let all = report.entities.iter().flat_map(|part| &part.counts.differences);
    let total = report
        .entities
        .iter()
        .map(|Part { counts, .. }| counts.inserted + counts.changed + counts.removed + counts.left_alone());
    junction::changed(&mut text, &report.junctions);
    differences(&mut text, all, total.sum(), limit);
    let _ = writeln!(text, "\ntook {}", seconds(report.duration_ms));
    print(&text);
}

pub(super) fn changes(text: &mut String, changes: &[String]) {
    for change in changes {
        let _ = writeln!(text, "changed since the migration began: {change}");
    }
    if !changes.is_empty() {
        let _ = writeln!(text);
    }
}

fn differences<'a>(text: &mut String, all: impl Iterator<Item = &'a Told>, total: u64, limit: usize) {
    let mut rows = Vec::new();
    let mut shown = 0_u64;
    for told in all.take(limit) {
        shown += told.count();
        let place = told.entity.clone();
        let document = match (told.document, told.through) {
            (Some(first), Some(last)) => format!("{first}–{last}"),
            (Some(document), None) => document.to_string(),
            (None, _) => "-".to_owned(),
        };
        let row = match (&told.table, &told.key) {
            (Some(table), Some(key)) => format!("{table} {key}"),
            (None, Some(key)) => key.clone(),
            _ => "-".to_owned(),
        };
        let fields = told
            .fields
            .iter()
            .map(|field| format!("{}: expected `{}`, found `{}`", field.field, field.expected, field.found));
        let said = fields.chain(told.message.clone()).collect();
        rows.push((vec![told.what.clone(), place, document, row], said));
    }
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text);
    table_with_notes(text, &["what", "entity", "document", "row"], rows);
    if total > shown {
        let _ = writeln!(text, "… {} more; `--limit` or `--json` shows them", total - shown);
    }
}
