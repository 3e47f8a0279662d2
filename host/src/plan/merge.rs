//! Entities whose records are merged into those of another one.
//!
//! The rows of such an entity are gathered, not written; the merged entity, which runs when all that feed it are complete,
//! makes one record of those that are the same thing, and everybody who refers to one of them refers to that.

use std::collections::HashMap;

use super::EntityPlan;
use super::IdStrategy;
use super::hint;
use super::schema::Finding;
use super::tables::Tables;

/// Finds what cannot be merged, by the manifest alone.
pub(super) fn check(tables: &Tables, found: &mut Vec<Finding>) {
    let names: Vec<&String> = tables.entity.iter().map(|entity| &entity.name).collect();
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for (index, entity) in tables.entity.iter().enumerate() {
        let at = format!("/entity/{index}");
        let Some(members) = entity.merged() else {
            if entity.merge.is_some() {
                let message = "expected `from` to name the entities whose records are merged, found a collection";
                let hint = "give each collection an entity of its own, and this one `from = [\"…\", \"…\"]`";
                found.push((format!("{at}/merge"), message.to_owned(), Some(hint.to_owned())));
            }
            continue;
        };
        if entity.merge.is_none() {
            let message = format!("nothing merges the records of `{}`", members.join("`, `"));
            found.push((
                format!("{at}/from"),
                message,
                Some("say `merge = \"user-dedup\"`, or another merger".to_owned()),
            ));
        }
        if entity.key.is_some() {
            let message =
                "a merged entity has no key of its own: its records are known by what the merger says".to_owned();
            found.push((format!("{at}/key"), message, None));
        }
        if entity.filter.is_some() {
            let message = "only the tables of a database can be read under a condition".to_owned();
            found.push((format!("{at}/where"), message, Some("say it of the entities that are merged".to_owned())));
        }
        if entity.settings.transform.is_some() {
            let message = "the rows of a merged entity are made by its merger".to_owned();
            found.push((
                format!("{at}/transform"),
                message,
                Some("say `transform` of the entities that are merged".to_owned()),
            ));
        }
        for (place, name) in members.iter().enumerate() {
            let at = format!("{at}/from/{place}");
            let Some(member) = tables.entity.iter().find(|other| other.name == *name) else {
                found.push((at, format!("there is no entity `{name}`"), hint::among(name, names.iter().copied())));
                continue;
            };
            if member.merged().is_some() {
                let message = format!("`{name}` is merged itself");
                found.push((at, message, Some("name the entities that it is merged from".to_owned())));
            } else if let Some(other) = taken.insert(name, &entity.name) {
                found.push((at, format!("the records of `{name}` are merged into those of `{other}` already"), None));
            }
        }
    }
}

/// Says of every entity whose records it merges, and into whose its own are; ids of these are stored.
pub(super) fn link(tables: &Tables, entities: &mut [EntityPlan], found: &mut Vec<Finding>) {
    let place = |name: &String| tables.entity.iter().position(|entity| entity.name == *name);
    for (index, table) in tables.entity.iter().enumerate() {
        let Some(members) = table.merged() else { continue };
        let members: Vec<usize> = members.iter().filter_map(place).collect();
        for &member in &members {
            entities[member].merged_into = Some(index);
            entities[member].id = IdStrategy::Merged;
            for column in tables.entity[member].references.keys() {
                let message = format!("the rows of `{}` are written by `{}`", entities[member].name, table.name);
                let hint = format!("say `references.{column}` of `{}`", table.name);
                found.push((format!("/entity/{member}/references/{column}"), message, Some(hint)));
            }
        }
        let merged = &mut entities[index];
        merged.merges = members;
        if !matches!(merged.id, IdStrategy::UuidV5 | IdStrategy::Keep) {
            let at =
                if table.settings.id.is_some() { format!("/entity/{index}/id") } else { "/defaults/id".to_owned() };
            let message =
                format!("the ids of `{}` are those of its survivors: expected `uuid-v5` or `keep`", merged.name);
            found.push((at, message, None));
        }
        if !merged.tables.is_empty() && merged.main_table().is_none() {
            let message = format!("none of what `{}` merges has an id column", merged.name);
            let hint = "make the id column of the record's key in each transformer's configuration: `columns.id = …`";
            found.push((format!("/entity/{index}/from"), message, Some(hint.to_owned())));
        }
    }
}
