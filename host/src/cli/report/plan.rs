//! How a plan and a component are shown.

use std::fmt::Write as _;

use super::json;
use super::print;
use super::state;
use super::table;
use crate::cli::plan::PlanReport;
use crate::cli::plugin::inspect::Inspection;

/// Prints a plan.
pub fn plan(report: &PlanReport, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = format!("{} → {}, ids in the namespace `{}`\n", report.migration, report.target, report.namespace);
    if !report.creates.is_empty() {
        let _ = writeln!(text, "creates the missing tables {}", report.creates.join(", "));
    }
    for (index, entity) in report.entities.iter().enumerate() {
        let _ = writeln!(
            text,
            "\n{}. {}: {} documents of {}",
            index + 1,
            entity.name,
            entity.source.documents,
            entity.from
        );
        let _ = writeln!(text, "   key {}, id {}, through {}", entity.key.join(", "), entity.id, entity.transform);
        if !entity.validate.is_empty() {
            let _ = writeln!(text, "   checked by {}", entity.validate.join(", "));
        }
        if !entity.after.is_empty() {
            let _ = writeln!(text, "   after {}", entity.after.join(", "));
        }
        for table in &entity.tables {
            let _ = writeln!(text, "   → {} ({})", table.name, table.columns.join(", "));
            for reference in &table.references {
                let _ = writeln!(
                    text,
                    "     {} → {}, without a parent: {}",
                    reference.columns,
                    reference.parent,
                    state(&reference.on_missing)
                );
            }
            if !table.unfed.is_empty() {
                let _ = writeln!(text, "     not fed: {}", table.unfed.join(", "));
            }
            if !table.not_predicted.is_empty() {
                let _ = writeln!(text, "     a dry run does not predict {}", table.not_predicted.join(", "));
            }
        }
        let source = &entity.source;
        let counted = |fields: &std::collections::BTreeMap<String, u64>| {
            fields.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
        };
        if !source.faults.is_empty() {
            let _ = writeln!(text, "   unreadable or without a key: {}", counted(&source.faults));
        }
        if !source.unmapped.is_empty() {
            let more = if source.is_cut { " and more" } else { "" };
            let _ = writeln!(text, "   unmapped source fields: {}{more}", counted(&source.unmapped));
        }
        if !source.never_present.is_empty() {
            let _ = writeln!(text, "   mapped, but never present: {}", source.never_present.join(", "));
        }
    }
    let _ = writeln!(text);
    let rows = report.plugins.iter().map(|p| vec![p.name.clone(), p.world.clone(), p.digest.clone()]).collect();
    table(&mut text, &["plugin", "world", "digest"], rows);
    print(&text);
}

/// Prints what a component is.
pub fn inspection(inspection: &Inspection, as_json: bool) {
    if as_json {
        return json(inspection);
    }
    let mut text = format!("{}: {}\n", inspection.name, inspection.summary);
    for (name, value) in [
        ("world", format!("{} {}", inspection.world, inspection.version)),
        ("digest", inspection.digest.clone()),
        ("size", format!("{} bytes", inspection.size)),
        ("bodies", inspection.payload.clone()),
    ] {
        let _ = writeln!(text, "  {name:<8} {value}");
    }
    let _ = writeln!(text, "  imports");
    for import in &inspection.imports {
        let functions = if import.functions.is_empty() { "types only".to_owned() } else { import.functions.join(", ") };
        let _ = writeln!(text, "    {}: {functions}", import.interface);
        if let Some(grant) = &import.grant {
            let _ = writeln!(text, "      empty unless granted: {grant}");
        }
    }
    if inspection.config_schema.is_null() {
        let _ = writeln!(text, "  configuration schema: none");
    } else {
        let _ = writeln!(text, "  configuration schema\n{:#}", inspection.config_schema);
    }
    print(&text);
}
