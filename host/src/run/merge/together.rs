//! What the members of a merged entity feed, put together.

use crate::plugin::Described;
use crate::plugin::Description;

/// Puts together what the members of a merged entity describe: its tables have the columns of all of them. The rows of
/// junctions are these' own business. `Err` says what the members disagree in.
pub fn together(members: &[&Description], junctions: &[&String]) -> Result<Description, String> {
    let mut all = Description { tables: Vec::new(), reads: Vec::new(), ignores: Vec::new() };
    for member in members {
        for table in member.tables.iter().filter(|table| !junctions.contains(&&table.name)) {
            match all.tables.iter_mut().find(|other| other.name == table.name) {
                None => all.tables.push(table.clone()),
                Some(other) => add(other, table)?,
            }
        }
    }
    Ok(all)
}

fn add(all: &mut Described, table: &Described) -> Result<(), String> {
    for (what, ours, theirs) in [
        ("key", all.key.join(", "), table.key.join(", ")),
        ("id column", all.id.clone().unwrap_or_default(), table.id.clone().unwrap_or_default()),
    ] {
        if ours != theirs {
            return Err(format!(
                "the {what} of `{}` is `{ours}` for one of them and `{theirs}` for another",
                table.name
            ));
        }
    }
    for column in &table.columns {
        let Some(known) = all.columns.iter_mut().find(|known| known.name == column.name) else {
            all.columns.push(column.clone());
            continue;
        };
        let more = |known: &[String], of: &[String]| -> Vec<String> {
            of.iter().filter(|name| !known.contains(name)).cloned().collect()
        };
        known.references.extend(more(&known.references, &column.references));
        known.sources.extend(more(&known.sources, &column.sources));
    }
    Ok(())
}
