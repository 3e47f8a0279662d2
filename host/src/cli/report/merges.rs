//! How it is shown which records have become one.

use std::fmt::Write as _;

use super::json;
use super::print;
use super::to_stderr;
use crate::run::bookkeeping::Named;
use crate::run::merges::MergesReport;
use crate::run::merges::ShownMerge;

/// Prints some merges, and how many there are.
pub fn merges(found: &MergesReport, as_json: bool) {
    if as_json {
        return json(found);
    }
    let mut text = String::new();
    for entity in &found.entities {
        let _ = writeln!(
            text,
            "{}: {} records are made of several, and {} have become others by that",
            entity.name, entity.groups, entity.merged
        );
        let shown = found.merges.iter().filter(|merge| merge.entity == entity.name);
        for merge in shown.clone() {
            let others = merge.members.iter().filter(|member| **member != merge.survivor).map(named);
            let others: Vec<String> = others.collect();
            let _ = writeln!(text, "  {}  {} ← {}", merge.identity, named(&merge.survivor), others.join(", "));
        }
        let left = entity.groups.saturating_sub(shown.count() as u64);
        if left > 0 {
            let _ = writeln!(text, "  … and {left} more: `--limit` shows more of them");
        }
    }
    if found.entities.is_empty() {
        text.push_str("no entity of the manifest is merged\n");
    }
    print(&text);
}

/// Prints one merge.
pub fn merge(found: Option<&ShownMerge>, entity: &str, key: &str, as_json: bool) {
    if as_json {
        return json(&found);
    }
    let Some(merge) = found else {
        to_stderr(&format!("`{entity}`: the record `{key}` was not merged with others\n"));
        return;
    };
    let mut text = format!("{}: {}, id {}\n", merge.entity, merge.identity, merge.id);
    for member in &merge.members {
        let survives = if *member == merge.survivor { "  survives" } else { "" };
        let _ = writeln!(text, "  {}{survives}", named(member));
    }
    text.push_str("\nvalues:\n");
    let width = merge.fields.keys().map(String::len).max().unwrap_or(0);
    for (column, from) in &merge.fields {
        let from = from.as_ref().map_or_else(|| "made by the merger".to_owned(), named);
        let _ = writeln!(text, "  {column:width$}  {from}");
    }
    print(&text);
}

fn named(record: &Named) -> String {
    format!("{} {}", record.entity, record.key)
}
