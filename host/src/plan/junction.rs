//! Junctions: tables whose rows come out of the records of several entities. They add no edges to the order of the
//! entities; a final step of the plan writes them.

use serde::Deserialize;
use serde::Serialize;

use super::EntityPlan;
use super::Manifest;
use super::ReferencePlan;
use super::TablePlan;
use super::hint;
use super::resolve::Found;

/// One junction, resolved.
#[derive(Debug)]
pub struct JunctionPlan {
    /// The table with every column that some entity feeds, and every reference that one of them or the target has.
    pub table: TablePlan,
    /// Indexes of the entities that feed it, as the manifest has them.
    pub sides: Vec<usize>,
    /// Indexes of the entities that must be complete first: those that feed it and those that it refers to.
    pub after: Vec<usize>,
    /// What happens to a row that lacks a parent.
    pub on_missing: OnMissingParent,
    /// What happens to a row that differs from the first one of its key.
    pub on_difference: OnDifference,
    /// Whether it may stay without rows.
    pub allow_empty: bool,
}

impl JunctionPlan {
    /// Returns its name: the table's.
    pub fn name(&self) -> &str {
        &self.table.schema.name
    }

    /// Returns the name that its checkpoint and its ledger have in the place of an entity's.
    pub fn ledger_name(&self) -> String {
        ledger_name(self.name())
    }
}

/// Returns the name that the checkpoint and the ledger of a junction have in the place of an entity's.
pub fn ledger_name(table: &str) -> String {
    format!("junction:{table}")
}

/// What happens to a row of a junction that lacks a parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnMissingParent {
    /// It is left out, counted and listed.
    #[default]
    Drop,
    /// The run stops.
    Fail,
}

/// What happens to a row of a junction whose key another row has that came first, with other values in further columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDifference {
    /// The first one stands; the other is counted and listed.
    #[default]
    KeepFirst,
    /// The run stops.
    Fail,
}

/// Makes the junctions' plans, in the order of [`TablePlan::junction`], and finds what is wrong with them.
pub(super) fn plan(manifest: &Manifest, entities: &[EntityPlan], found: &mut Found) -> Vec<JunctionPlan> {
    let mut junctions = Vec::new();
    for (position, (name, written)) in manifest.tables.junction.iter().enumerate() {
        let at = format!("/junction/{}", name.replace('~', "~0").replace('/', "~1"));
        let feeds = |table: &&TablePlan| table.junction == Some(position);
        let mut sides: Vec<(usize, &TablePlan)> = Vec::new();
        for (index, entity) in entities.iter().enumerate() {
            sides.extend(entity.tables.iter().filter(feeds).map(|table| (index, table)));
        }
        let Some(((_, first), others)) = sides.split_first() else {
            // A table that the target lacks has been found before.
            let is_described = |entity: &EntityPlan| entity.described.contains(name);
            if !entities.iter().any(is_described) {
                let fed: Vec<String> = entities.iter().flat_map(|entity| entity.described.iter().cloned()).collect();
                found.push((at, format!("no entity feeds the table `{name}`"), hint::among(name, &fed)));
            }
            continue;
        };
        if let Some((other, table)) = others.iter().find(|(_, other)| other.key != first.key) {
            let message = format!(
                "the entities `{}` and `{}` tell the rows of the junction `{name}` apart by other columns, or in another order: {} and {}",
                entities[sides[0].0].name,
                entities[*other].name,
                names(first, &first.key),
                names(table, &table.key)
            );
            found.push((at.clone(), message, Some("give both the same `key`, in the same order".to_owned())));
        }
        if let Some(entity) = entities.iter().find(|entity| entity.name == ledger_name(name)) {
            let message =
                format!("the entity `{}` has the name under which the junction `{name}` is kept", entity.name);
            found.push((format!("/entity/{}/name", entity.index), message, Some("give it another name".to_owned())));
        }
        let table = union(&sides);
        check(&at, name, &sides, &table, entities, found);
        let mut after: Vec<usize> = sides.iter().map(|(entity, _)| *entity).collect();
        let mut sides = after.clone();
        sides.dedup();
        for reference in &table.references {
            let feeds = |entity: &EntityPlan| entity.tables.iter().any(|fed| fed.schema.name == reference.parent.name);
            after.extend(reference.entity);
            after.extend((0..entities.len()).filter(|&entity| feeds(&entities[entity])));
        }
        after.sort_unstable();
        after.dedup();
        junctions.push(JunctionPlan {
            table,
            sides,
            after,
            on_missing: written.on_missing,
            on_difference: written.on_difference,
            allow_empty: written.allow_empty,
        });
    }
    junctions
}

/// Lets every index follow the entities, which are in the order they run now.
pub(super) fn follow(junctions: &mut [JunctionPlan], ordered: &[usize]) {
    let now = |old: usize| ordered.iter().position(|&entity| entity == old).unwrap_or(old);
    for junction in junctions {
        let indexes = junction.sides.iter_mut().chain(&mut junction.after);
        let of_references = junction.table.references.iter_mut().filter_map(|reference| reference.entity.as_mut());
        indexes.chain(of_references).for_each(|entity| *entity = now(*entity));
        junction.after.sort_unstable();
    }
}

fn names(table: &TablePlan, columns: &[usize]) -> String {
    let names: Vec<String> = columns.iter().map(|&column| format!("`{}`", table.schema.columns[column].name)).collect();
    names.join(", ")
}

/// One plan for the rows of all sides: every column that one of them feeds, and every reference of one of them.
fn union(sides: &[(usize, &TablePlan)]) -> TablePlan {
    let (_, first) = sides[0];
    let is_fed = |column: &usize| sides.iter().any(|(_, side)| side.columns.contains(column));
    let columns: Vec<usize> = (0..first.schema.columns.len()).filter(is_fed).collect();
    let mut references: Vec<ReferencePlan> = Vec::new();
    for (_, side) in sides {
        for reference in &side.references {
            let own = reference.columns.iter().map(|&fed| side.columns[fed]);
            let places = own.filter_map(|column| columns.iter().position(|fed| *fed == column)).collect();
            let reference = ReferencePlan { columns: places, ..reference.clone() };
            let same = references.iter_mut().find(|known| {
                known.columns == reference.columns
                    && known.parent.name == reference.parent.name
                    && known.parent_columns == reference.parent_columns
            });
            match same {
                Some(known) => known.entity = known.entity.or(reference.entity),
                None => references.push(reference),
            }
        }
    }
    let mut schema = first.schema.clone();
    for words in sides.iter().flat_map(|(_, side)| &side.schema.not_predicted) {
        if !schema.not_predicted.contains(words) {
            schema.not_predicted.push(words.clone());
        }
    }
    TablePlan {
        schema,
        columns,
        key: first.key.clone(),
        id: None,
        references,
        junction: first.junction,
        unforeseen: Vec::new(),
    }
}

fn check(
    at: &str,
    name: &str,
    sides: &[(usize, &TablePlan)],
    table: &TablePlan,
    entities: &[EntityPlan],
    found: &mut Found,
) {
    for (entity, side) in sides {
        let entity = &entities[*entity];
        if let Some(id) = side.id {
            let column = &table.schema.columns[side.columns[id]].name;
            found.push((
                at.to_owned(),
                format!("`{name}` cannot be a junction: `{column}` is the id of the records of `{}`", entity.name),
                Some("a junction's rows are told apart by what they refer to alone".to_owned()),
            ));
            return;
        }
        if let Some(position) = entity.allow_empty.iter().position(|table| table == name) {
            found.push((
                format!("/entity/{}/allow-empty/{position}", entity.index),
                format!("`{name}` is a junction, which may be empty or not as a whole"),
                Some(format!("say `allow-empty = true` under `[junction.{name}]`")),
            ));
        }
    }
    for &column in &table.key {
        let is_reference =
            |reference: &ReferencePlan| reference.columns.iter().any(|&fed| table.columns[fed] == column);
        if !table.references.iter().any(is_reference) {
            found.push((
                at.to_owned(),
                format!(
                    "the column `{}` is part of the key of the junction `{name}` and refers to nothing",
                    table.schema.columns[column].name
                ),
                Some("name its `reference` in the mapping, or give it a foreign key".to_owned()),
            ));
        }
    }
    if let Some(choice) = table.references.iter().find(|reference| reference.choice.is_some()) {
        let columns: Vec<usize> = choice.columns.iter().map(|&fed| table.columns[fed]).collect();
        found.push((
            at.to_owned(),
            format!("{} of the junction `{name}` refers to one of several entities", names(table, &columns)),
            Some("make a junction for each of them".to_owned()),
        ));
    }
    let is_junction = |parent: &str| {
        entities.iter().flat_map(|entity| &entity.tables).any(|fed| fed.junction.is_some() && fed.schema.name == parent)
    };
    for reference in table.references.iter().filter(|reference| is_junction(&reference.parent.name)) {
        let columns: Vec<usize> = reference.columns.iter().map(|&fed| table.columns[fed]).collect();
        found.push((
            at.to_owned(),
            format!(
                "{} of the junction `{name}` refers to the junction `{}`, whose rows come last",
                names(table, &columns),
                reference.parent.name
            ),
            None,
        ));
    }
    for entity in entities {
        for child in entity.tables.iter().filter(|child| child.junction.is_none()) {
            if child.references.iter().any(|reference| reference.parent.name == name) {
                found.push((
                    at.to_owned(),
                    format!(
                        "`{name}` cannot be a junction: its rows come last, and `{}` of `{}` refers to it",
                        child.schema.name, entity.name
                    ),
                    None,
                ));
            }
        }
    }
}
