//! Which id a record has, or which record has an id: what was asked for alone on stdout, the rest on stderr.

use super::json;
use super::print;
use super::to_stderr;
use crate::run::identify::Identity;
use crate::run::identify::quoted;

/// Prints an id, or where `back` a key.
pub fn identity(found: &Identity, back: bool, as_json: bool) {
    if as_json {
        return json(found);
    }
    let Identity { entity, strategy, key, id, column, stands, unknown, records, .. } = found;
    let (asked, answer) = if back { (id, key) } else { (key, id) };
    if let Some(answer) = answer {
        print(&format!("{answer}\n"));
    }
    let asked = quoted(asked.as_deref().unwrap_or_default());
    let answer = answer.as_deref().map(quoted);
    let mut said = match (answer, back) {
        (Some(answer), false) => format!("`{entity}`: the key {asked} has the id {answer} ({strategy})"),
        (Some(answer), true) => format!("`{entity}`: the id {asked} is of the key {answer} ({strategy})"),
        (None, false) => format!("`{entity}`: the key {asked} has no id ({strategy})"),
        (None, true) => format!("`{entity}`: no record has the id {asked} ({strategy})"),
    };
    if let Some(records) = records {
        said.push_str(&format!("; {records} records of the source were looked at"));
    }
    let column = column.as_deref().unwrap_or_default();
    match (stands, unknown) {
        (Some(true), _) => said.push_str(&format!("; its row stands: `{column}`")),
        (Some(false), _) if id.is_some() => said.push_str(&format!("; no row has it: `{column}`")),
        (None, Some(why)) => said.push_str(&format!("; whether its row stands is not known: {why}")),
        _ => {}
    }
    if !found.other_keys.is_empty() {
        said.push_str(&format!("; it may also mean the key `{}`", found.other_keys.join("`, `")));
    }
    to_stderr(&format!("{said}\n"));
}
