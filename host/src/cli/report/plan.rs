//! How a plan and a component are shown.

use std::fmt::Write as _;

use super::graph::phases;
use super::json;
use super::junction;
use super::print;
use super::state;
use super::swap::short;
use super::table::list;
use super::table::table;
use crate::cli::plan::PlanReport;
use crate::cli::plugin::inspect::Inspection;

/// Prints a plan.
pub fn plan(report: &PlanReport, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = format!("{} → {}, ids in the namespace `{}`\n", report.migration, report.target, report.namespace);
    if !report.creates.is_empty() {
        list(&mut text, "creates the missing tables", &report.creates);
    }
    phases(&mut text, &report.graph);
    for (index, entity) in report.entities.iter().enumerate() {
        let (name, from, place) = (&entity.name, &entity.from, index + 1);
        let _ = match entity.merges.is_empty() {
            true => writeln!(text, "\n{place}. {name}: {} documents of {from}", entity.source.documents),
            false => writeln!(text, "\n{place}. {name}: the records of {from}, those that are one thing merged"),
        };
        let _ = match (&entity.merged_into, entity.merges.is_empty()) {
            (Some(merged), _) => {
                let (key, transform) = (entity.key.join(", "), &entity.transform);
                writeln!(
                    text,
                    "   key {key}, through {transform}; merged into the records of {merged}, whose ids it has"
                )
            }
            (None, true) => {
                writeln!(text, "   key {}, id {}, through {}", entity.key.join(", "), entity.id, entity.transform)
            }
            (None, false) => writeln!(text, "   id of the survivor ({}), through {}", entity.id, entity.transform),
        };
        if !entity.validate.is_empty() {
            list(&mut text, "   checked by", &entity.validate);
        }
        if !entity.after.is_empty() {
            list(&mut text, "   after", &entity.after);
        }
        for table in &entity.tables {
            let junction = if table.is_junction { " (a junction, at the end)" } else { "" };
            list(&mut text, &format!("   → {}{junction}:", table.name), &table.columns);
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
                list(&mut text, "     not fed:", &table.unfed);
            }
            if !table.not_predicted.is_empty() && !table.is_junction {
                list(&mut text, "     a dry run does not predict", &table.not_predicted);
            }
        }
        if !entity.left_out.is_empty() {
            list(&mut text, "   left out on purpose:", &entity.left_out);
        }
        if let Some(changed) = &entity.source_changed {
            let _ = writeln!(text, "   the source has changed since the entity was completed: {changed}");
        }
        let source = &entity.source;
        let counted = |fields: &std::collections::BTreeMap<String, u64>| {
            fields.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>()
        };
        if !source.faults.is_empty() {
            list(&mut text, "   unreadable or without a key:", &counted(&source.faults));
        }
        if !source.unmapped.is_empty() {
            let mut unmapped = counted(&source.unmapped);
            unmapped.extend(source.is_cut.then(|| "and more".to_owned()));
            list(&mut text, "   unmapped source fields:", &unmapped);
        }
        if !source.never_present.is_empty() {
            list(&mut text, "   mapped, but never present:", &source.never_present);
        }
    }
    junction::planned(&mut text, &report.junctions);
    let _ = writeln!(text);
    let rows = report.plugins.iter().map(|p| vec![p.name.clone(), p.world.clone(), short(&p.digest)]).collect();
    table(&mut text, &["plugin", "world", "digest"], rows);
    print(&text);
}

/// Prints what a component is.
pub fn inspection(inspection: &Inspection, as_json: bool) {
    if as_json {
        return json(inspection);
    }
    let loaded = inspection.loaded.as_ref();
    let summary = loaded.map_or("it cannot be loaded", |loaded| loaded.summary.as_str());
    let mut text = format!("{}: {summary}\n", inspection.name);
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<8} {value}\n"));
    if let Some(loaded) = loaded {
        line("world", &format!("{} {}", loaded.world, loaded.version));
    }
    line("digest", &inspection.digest);
    line("size", &format!("{} bytes", inspection.size));
    if let Some(loaded) = loaded {
        line("bodies", &loaded.payload);
    }
    if !inspection.exports.is_empty() {
        line("exports", &inspection.exports.join(", "));
    }
    let _ = writeln!(text, "  imports{}", if inspection.imports.is_empty() { ": none" } else { "" });
    for import in &inspection.imports {
        let functions = if import.functions.is_empty() { "types only".to_owned() } else { import.functions.join(", ") };
        let _ = writeln!(text, "    {}: {functions}", import.interface);
        let grant = import.grant.as_deref().unwrap_or_default();
        let _ = match import.given {
            "empty" => writeln!(text, "      empty unless granted: {grant}"),
            "granted" => writeln!(text, "      refused unless granted: {grant}"),
            "never" => writeln!(text, "      refused: no host gives it"),
            _ => Ok(()),
        };
    }
    if let Some(loaded) = loaded {
        let schema = &loaded.config_schema;
        let _ = match schema.is_null() {
            true => writeln!(text, "  configuration schema: none"),
            false => writeln!(text, "  configuration schema\n{schema:#}"),
        };
    }
    print(&text);
}
