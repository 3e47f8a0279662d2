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
use super::schema::Finding;
use super::tables::EntityTable;

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
        for (name, all) in columns {
            let position = table.columns.iter().position(|&column| table.schema.columns[column].name == *name);
            let Some(column) = position else { continue };
            let merges = |entity: &String| entities[index].merges.iter().any(|&member| names[member] == *entity);
            let is_own_id =
                |referred: &String| table.id == Some(column) && (names[index] == *referred || merges(referred));
            if all.len() > 1 && all.iter().any(is_own_id) && !all.iter().all(is_own_id) {
                let message = format!("the id column `{}.{name}` refers to other entities too", table.schema.name);
                found.push((at.clone(), message, Some("a record's id is its own alone".to_owned())));
                continue;
            }
            let first = references.len();
            for referred in all {
                // A name that is no entity has been found before.
                let Some(parent) = names.iter().position(|name| name == referred) else { continue };
                // A record's own id proves itself.
                if is_own_id(referred) {
                    continue;
                }
                let is_in_key = table.key.contains(&table.columns[column]) && table.junction.is_none();
                if parent == index && entities[parent].id == IdStrategy::Column && is_in_key {
                    found.push(given_in_key(&at, table, name, referred));
                    continue;
                }
                let main_table = entities[parent].main_table().map(|(table, id)| (&table.schema, table.columns[id]));
                let Some((parent_table, id)) = main_table else {
                    let message =
                        format!("the column `{name}` refers to `{referred}`, whose transformer names no id column");
                    found.push((at.clone(), message, None));
                    continue;
                };
                references.push(ReferencePlan {
                    columns: vec![column],
                    choice: (all.len() > 1).then(|| referred.clone()),
                    entity: Some(parent),
                    to_itself: parent_table.name == table.schema.name,
                    parent_columns: vec![id],
                    parent: parent_table.clone(),
                    asked: None,
                    usual: None,
                    on_missing: OnMissing::DeadLetter,
                    later: Later::Never,
                });
            }
            if all.len() > 1 && references.len() > first {
                check_choice(&at, table, name, &references[first..], found);
            }
        }
        add_foreign_keys(table, entities, target, &mut references);
        linked.push(references);
    }
    for (table, references) in entities[index].tables.iter_mut().zip(linked) {
        table.references = references;
    }
}

fn given_in_key(at: &str, table: &TablePlan, column: &str, referred: &str) -> Finding {
    (
        at.to_owned(),
        format!(
            "the column `{}.{column}` is part of the key and refers to `{referred}`, whose ids (`id = \"column\"`) are \
             known only when its rows are written",
            table.schema.name
        ),
        Some("tell the rows apart by other columns, or choose `keep` or `uuid-v5` as that entity's `id`".to_owned()),
    )
}

/// A column with several parents has no foreign key that would refuse most of them.
fn check_choice(at: &str, table: &TablePlan, column: &str, references: &[ReferencePlan], found: &mut Found) {
    let position = table.schema.column(column);
    let keys =
        table.schema.foreign_keys.iter().filter(|key| position.is_some_and(|column| key.columns.contains(&column)));
    for key in keys {
        let Some(other) = references.iter().find(|reference| reference.parent.name != key.parent) else { continue };
        found.push((
            at.to_owned(),
            format!(
                "the column `{}.{column}` may refer to `{}`, and the foreign key `{}` takes rows of `{}` alone",
                table.schema.name, other.parent.name, key.name, key.parent
            ),
            Some("drop the foreign key, or give every entity a column of its own".to_owned()),
        ));
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
            choice: None,
            entity: entities.iter().position(|entity| {
                entity.merged_into.is_none() && entity.tables.iter().any(|fed| fed.schema.name == parent.name)
            }),
            to_itself: parent.name == table.schema.name,
            columns,
            parent: parent.clone(),
            parent_columns,
            asked: None,
            usual: None,
            on_missing: OnMissing::DeadLetter,
            later: Later::Never,
        });
    }
}

/// Notes what the manifest says of the references, and checks that it can be kept. `default` is for references that the
/// manifest does not name; what their columns do not allow stays as it is. A junction has a policy of its own.
pub(super) fn set_policies(entity: &EntityTable, default: Option<OnMissing>, plan: &mut EntityPlan, found: &mut Found) {
    let at = format!("/entity/{}", plan.index);
    let (mut used, mut known) = (Vec::new(), Vec::new());
    for table in plan.tables.iter_mut().filter(|table| table.junction.is_none()) {
        let may_be_null: Vec<bool> = (0..table.columns.len()).map(|fed| table.may_be_null(fed)).collect();
        let TablePlan { schema, columns, references, .. } = table;
        let column_of = |position: usize| &schema.columns[columns[position]];
        for reference in references {
            let names: Vec<&str> =
                reference.columns.iter().map(|&position| column_of(position).name.as_str()).collect();
            let nullable = reference.columns.iter().any(|&position| may_be_null[position]);
            known.extend(names.iter().map(|&name| name.to_owned()));
            reference.usual = default.filter(|policy| *policy != OnMissing::Null || nullable);
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
                        Some("use `dead-letter`, `skip`, `park` or `fail`".to_owned()),
                    ));
                }
            }
        }
    }
    for name in entity.references.keys().filter(|name| !used.contains(name)) {
        let junction = plan.tables.iter().filter(|table| table.junction.is_some()).find(|table| {
            let mut columns = table.columns.iter().map(|&column| &table.schema.columns[column].name);
            columns.any(|column| column == name || *name == format!("{}.{column}", table.schema.name))
        });
        let hint = match junction.map(|table| &table.schema.name) {
            Some(table) => {
                let key = if table.contains('.') { format!("\"{table}\"") } else { table.clone() };
                Some(format!("what becomes of the rows of a junction is said by `[junction.{key}] on-missing`"))
            }
            None => hint::among(name, &known),
        };
        found.push((format!("{at}/references/{name}"), format!("no reference has a column `{name}`"), hint));
    }
}
