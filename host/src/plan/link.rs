//! Where the references of an entity's rows point, and what happens where there is no parent.

use super::EntityPlan;
use super::IdStrategy;
use super::Later;
use super::OnMissing;
use super::ReferencePlan;
use super::TablePlan;
use super::hint;
use super::resolve::Described;
use super::resolve::Found;
use super::resolve::TargetTables;
use super::tables::EntityTable;
use crate::record::TableSchema;

/// Finds where every reference of an entity points.
pub(super) fn link(
    index: usize,
    described: &Described,
    entities: &mut [EntityPlan],
    target: &TargetTables,
    found: &mut Found,
) {
    let at = format!("/entity/{index}/config");
    let names: Vec<String> = entities.iter().map(|entity| entity.name.clone()).collect();
    let mut linked: Vec<Vec<ReferencePlan>> = Vec::new();
    for table in &entities[index].tables {
        let mut references = Vec::new();
        let columns =
            described.tables.iter().filter(|other| other.name == table.schema.name).flat_map(|table| &table.columns);
        for (name, referred) in columns {
            let position = table.columns.iter().position(|&column| table.schema.columns[column].name == *name);
            let (Some(column), Some(referred)) = (position, referred) else { continue };
            // A name that is no entity has been found before.
            let Some(parent) = names.iter().position(|name| name == referred) else { continue };
            // A record's own id proves itself.
            if parent == index && table.id == Some(column) {
                continue;
            }
            if entities[parent].id == IdStrategy::Column && table.key.contains(&table.columns[column]) {
                found.push((
                    at.clone(),
                    format!(
                        "the column `{}.{name}` is part of the key and refers to `{referred}`, whose ids \
                         (`id = \"column\"`) are known only when its rows are written",
                        table.schema.name
                    ),
                    Some(
                        "tell the rows apart by other columns, or choose `keep` or `uuid-v5` as that entity's `id`"
                            .to_owned(),
                    ),
                ));
                continue;
            }
            let Some((parent_table, id)) = main_table(&entities[parent]) else {
                let message =
                    format!("the column `{name}` refers to `{referred}`, whose transformer names no id column");
                found.push((at.clone(), message, None));
                continue;
            };
            references.push(ReferencePlan {
                columns: vec![column],
                entity: Some(parent),
                to_itself: parent_table.name == table.schema.name,
                parent_columns: vec![id],
                parent: parent_table.clone(),
                asked: None,
                on_missing: OnMissing::DeadLetter,
                later: Later::Never,
            });
        }
        add_foreign_keys(table, entities, target, &mut references);
        linked.push(references);
    }
    for (table, references) in entities[index].tables.iter_mut().zip(linked) {
        table.references = references;
    }
}

/// Foreign keys of the target hold too, whether the component calls the column a reference or not.
fn add_foreign_keys(
    table: &TablePlan,
    entities: &[EntityPlan],
    target: &TargetTables,
    references: &mut Vec<ReferencePlan>,
) {
    for key in &table.schema.foreign_keys {
        let columns: Option<Vec<usize>> =
            key.columns.iter().map(|column| table.columns.iter().position(|fed| fed == column)).collect();
        let (Some(columns), Some(parent)) = (columns, target.get(&key.parent)) else { continue };
        let parent_columns: Vec<usize> = key.parent_columns.iter().filter_map(|name| parent.column(name)).collect();
        let same = |reference: &ReferencePlan| {
            reference.columns == columns
                && reference.parent.name == parent.name
                && reference.parent_columns == parent_columns
        };
        if parent_columns.len() != columns.len() || references.iter().any(same) {
            continue;
        }
        references.push(ReferencePlan {
            entity: entities.iter().position(|entity| entity.tables.iter().any(|fed| fed.schema.name == parent.name)),
            to_itself: parent.name == table.schema.name,
            columns,
            parent: parent.clone(),
            parent_columns,
            asked: None,
            on_missing: OnMissing::DeadLetter,
            later: Later::Never,
        });
    }
}

/// The table whose id column references to the entity resolve to, and that column.
fn main_table(entity: &EntityPlan) -> Option<(&TableSchema, usize)> {
    entity.tables.iter().find_map(|table| table.id.map(|id| (&table.schema, table.columns[id])))
}

/// Notes what the manifest says of the references, and checks that it can be kept.
pub(super) fn set_policies(entity: &EntityTable, plan: &mut EntityPlan, found: &mut Found) {
    let at = format!("/entity/{}", plan.index);
    let (mut used, mut known) = (Vec::new(), Vec::new());
    for table in &mut plan.tables {
        let may_be_null: Vec<bool> = (0..table.columns.len()).map(|fed| table.may_be_null(fed)).collect();
        let TablePlan { schema, columns, references, .. } = table;
        let column_of = |position: usize| &schema.columns[columns[position]];
        for reference in references {
            let names: Vec<&str> =
                reference.columns.iter().map(|&position| column_of(position).name.as_str()).collect();
            let nullable = reference.columns.iter().any(|&position| may_be_null[position]);
            known.extend(names.iter().map(|&name| name.to_owned()));
            let policy = entity.references.iter().find(|(name, _)| {
                names.iter().any(|column| *name == column || **name == format!("{}.{column}", schema.name))
            });
            if let Some((name, policy)) = policy {
                used.push(name.clone());
                reference.asked = Some(policy.on_missing);
                if policy.on_missing == OnMissing::Null && !nullable {
                    found.push((
                        format!("{at}/references/{name}/on-missing"),
                        format!("the column `{}.{}` cannot be NULL", schema.name, names.join(", ")),
                        Some("use `dead-letter`, `park` or `fail`".to_owned()),
                    ));
                }
            }
        }
    }
    for name in entity.references.keys().filter(|name| !used.contains(name)) {
        let hint = hint::among(name, &known);
        found.push((format!("{at}/references/{name}"), format!("no reference has a column `{name}`"), hint));
    }
}
