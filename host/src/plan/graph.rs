//! The plan as a graph: which entities run side by side, and the references that put them there. Pure; `cli` draws it.

use serde::Serialize;

use super::Later;
use super::OnMissing;
use super::Plan;

/// A plan's entities and the references between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// The migration's name.
    pub migration: String,
    /// What may run side by side, in order: each phase when the one before is complete, or earlier where nothing refers to
    /// that.
    pub phases: Vec<Vec<Group>>,
    /// Every reference, once for each entity that feeds the parent table.
    pub edges: Vec<Edge>,
}

/// Entities that run one after another and are completed together; one, where it is in no circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// In the order they run.
    pub entities: Vec<String>,
    /// The entities outside that are complete before.
    pub after: Vec<String>,
    /// Those of them whose records are merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<String>,
}

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The entity whose rows refer.
    pub from: String,
    /// The entity that they refer to; none where no entity feeds the table.
    pub to: Option<String>,
    /// The table that they refer to.
    pub table: String,
    /// The columns that refer, with their table.
    pub columns: String,
    /// What happens where there is no parent, and none can come any more.
    pub on_missing: OnMissing,
    /// What happens where there is no parent yet.
    pub later: Later,
    /// Whether the columns may be NULL.
    pub nullable: bool,
}

impl Graph {
    /// Makes the graph of a plan.
    pub fn new(plan: &Plan) -> Self {
        let name = |entity: usize| plan.entities[entity].name.clone();
        let mut phase_of: Vec<usize> = Vec::with_capacity(plan.entities.len());
        let mut phases: Vec<Vec<Group>> = Vec::new();
        for (index, entity) in plan.entities.iter().enumerate() {
            if entity.group.first().is_some_and(|first| *first != index) {
                // It stands with the first of its group.
                phase_of.push(phase_of[entity.group[0]]);
                continue;
            }
            let members = entity.group.iter().flat_map(|&member| &plan.entities[member].after).copied();
            let mut after: Vec<usize> = members.filter(|parent| !entity.group.contains(parent)).collect();
            after.sort_unstable();
            after.dedup();
            let phase = after.iter().map(|&parent| phase_of[parent] + 1).max().unwrap_or(0);
            phase_of.push(phase);
            if phases.len() <= phase {
                phases.resize(phase + 1, Vec::new());
            }
            phases[phase].push(Group {
                entities: entity.group.iter().map(|&member| name(member)).collect(),
                after: after.into_iter().map(name).collect(),
                merges: entity
                    .group
                    .iter()
                    .flat_map(|&member| &plan.entities[member].merges)
                    .map(|&merged| name(merged))
                    .collect(),
            });
        }
        Self { migration: plan.name.clone(), phases, edges: edges(plan) }
    }
}

fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (child, entity) in plan.entities.iter().enumerate() {
        // The rows of junctions come last of all, and add nothing to the order.
        for table in entity.tables.iter().filter(|table| !entity.leaves(table)) {
            for reference in &table.references {
                let feeds = |other: &usize| {
                    let other = &plan.entities[*other];
                    let mut fed = other.tables.iter().filter(|fed| !other.leaves(fed));
                    fed.any(|fed| fed.schema.name == reference.parent.name)
                };
                let mut parents: Vec<usize> = match reference.to_itself {
                    true => vec![child],
                    false => (0..plan.entities.len()).filter(feeds).collect(),
                };
                let writer = reference.entity.map(|parent| plan.entities[parent].merged_into.unwrap_or(parent));
                parents.extend(writer.filter(|parent| !parents.contains(parent)));
                let names: Vec<&str> = reference
                    .columns
                    .iter()
                    .map(|&column| table.schema.columns[table.columns[column]].name.as_str())
                    .collect();
                let edge = Edge {
                    from: entity.name.clone(),
                    to: None,
                    table: reference.parent.name.clone(),
                    columns: format!("{}.{}", table.schema.name, names.join(", ")),
                    on_missing: reference.on_missing,
                    later: reference.later,
                    nullable: reference.columns.iter().any(|&column| table.may_be_null(column)),
                };
                if parents.is_empty() {
                    edges.push(edge);
                    continue;
                }
                let to = |parent: usize| Edge { to: Some(plan.entities[parent].name.clone()), ..edge.clone() };
                for edge in parents.into_iter().map(to) {
                    // Members of one merged entity are one parent.
                    if !edges.contains(&edge) {
                        edges.push(edge);
                    }
                }
            }
        }
    }
    edges
}
