//! How swaps are shown: a run's answer, and the history of its components.

use std::fmt::Write as _;

use super::json;
use super::print;
use super::table::table;
use super::table::table_with_notes;
use super::when;
use crate::cli::plugin::history::History;
use crate::cli::status::StatusReport;
use crate::run::bookkeeping::VersionWork;
use crate::run::swap::control::Answer;
use crate::run::swap::control::Candidate;
use crate::run::swap::control::Standing;

/// Characters of a digest that people tell versions apart by.
const SHORT: usize = 12;

/// Prints what a run answered.
pub fn answer(answer: &Answer, as_json: bool) {
    if as_json {
        return json(answer);
    }
    let mut text = format!("{}\n", answer.message);
    standings(&mut text, &answer.entities);
    print(&text);
}

/// Prints every version that ran, and everything that happened.
pub fn history(history: &History, as_json: bool) {
    if as_json {
        return json(history);
    }
    if history.events.is_empty() && history.versions.is_empty() {
        return print(&format!("`{}` has run no component yet\n", history.migration));
    }
    let mut text = format!("{}: versions that ran\n", history.migration);
    let rows = history.versions.iter().map(|version| {
        let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let work = version.work.as_ref();
        let count = |of: fn(&VersionWork) -> u64| or_none(work.map(|work| of(work).to_string()).unwrap_or_default());
        let batches = work.filter(|work| work.batches > 0);
        vec![
            version.entity.clone(),
            version.plugin.clone(),
            short(&version.digest),
            when(&version.since),
            or_none(batches.map(|work| format!("{}–{}", work.first_batch, work.last_batch)).unwrap_or_default()),
            count(|work| work.batches),
            count(|work| work.records),
            count(|work| work.replays),
            count(|work| work.repairs),
            or_none(version.left.clone()),
        ]
    });
    table(
        &mut text,
        &["entity", "plugin", "digest", "since", "batches from–to", "batches", "records", "replays", "repairs", "left"],
        rows.collect(),
    );
    let _ = writeln!(text, "\nwhat happened:");
    let rows = history.events.iter().map(|event| {
        let (entity, plugin, what) = (event.entity.clone(), event.plugin.clone(), event.event.clone());
        let row = vec![when(&event.at), entity, plugin, what, short(&event.digest)];
        (row, event.reason.iter().cloned().collect())
    });
    table_with_notes(&mut text, &["at", "entity", "plugin", "event", "digest"], rows.collect());
    print(&text);
}

/// Writes what a status says of components.
pub(super) fn components(text: &mut String, status: &StatusReport) {
    for held in &status.held {
        let why = held.reason.clone().unwrap_or_default();
        let _ = writeln!(
            text,
            "\nheld since {}: `{}` waits for another `{}`: {why}",
            when(&held.at),
            held.entity,
            held.plugin
        );
    }
    if !status.versions.is_empty() {
        let _ = writeln!(text, "\nlast batches by:");
        let rows = status.versions.iter().map(|(entity, digest)| vec![entity.clone(), short(digest)]);
        table(text, &["entity", "digest"], rows.collect());
    }
    if let Some(swap) = &status.last_swap {
        let why = swap.reason.clone().unwrap_or_default();
        let _ =
            writeln!(text, "\nlast swap: {} {} {} `{}`: {why}", swap.at, swap.event, short(&swap.digest), swap.plugin);
    }
    if let Some(standing) = &status.running {
        let _ = writeln!(text, "\na run is going on:");
        standings(text, standing);
    }
}

fn standings(text: &mut String, entities: &[Standing]) {
    if entities.is_empty() {
        return;
    }
    let rows = entities.iter().map(|entity| {
        let active = entity.active.iter().map(|(name, digest)| format!("{name} {}", short(digest)));
        let candidate = entity.candidate.as_ref().map(|candidate| {
            let left = match candidate.batches_left {
                0 => String::new(),
                left => format!(", {left} batches to compare"),
            };
            format!("{} {}: {}{left}", candidate.plugin, short(&candidate.digest), candidate.state)
        });
        let watched = if entity.is_watched { "yes" } else { "no" };
        vec![
            entity.entity.clone(),
            entity.state.clone(),
            active.collect::<Vec<_>>().join(", "),
            candidate.unwrap_or_else(|| "-".to_owned()),
            watched.to_owned(),
        ]
    });
    table(text, &["entity", "state", "active", "candidate", "watched"], rows.collect());
    // One that is probed has been compared with nothing.
    let is_compared = |candidate: &&Candidate| !candidate.comparison.is_null();
    for candidate in entities.iter().filter_map(|entity| entity.candidate.as_ref()).filter(is_compared) {
        let found = &candidate.comparison;
        let count = |name: &str| found[name].as_u64().unwrap_or(0);
        let _ = writeln!(
            text,
            "\n{} {}: {} records in {} batches, {} newly refused, {} mended, {} with other rows",
            candidate.plugin,
            short(&candidate.digest),
            count("records"),
            count("batches"),
            count("newly_refused"),
            count("mended"),
            count("other_rows"),
        );
        for (column, count) in found["other_values"].as_object().into_iter().flatten() {
            let _ = writeln!(text, "  {column}: {count} other values");
        }
        let rows = found["examples"].as_array().into_iter().flatten().map(|example| {
            let cell = |name: &str| match &example[name] {
                serde_json::Value::String(cell) => cell.clone(),
                serde_json::Value::Null => String::new(),
                other => other.to_string(),
            };
            ["document", "field", "key", "active", "candidate"].map(cell).to_vec()
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            table(text, &["document", "field", "key", "active", "candidate"], rows);
        }
    }
}

pub(super) fn short(digest: &str) -> String {
    digest.chars().take(SHORT).collect()
}
