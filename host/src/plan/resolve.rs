//! From a manifest, what its components describe and what the target has, to a [`Plan`]; every problem at once.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::EntityPlan;
use super::IdStrategy;
use super::Manifest;
use super::OnCollision;
use super::OnConflict;
use super::Plan;
use super::Sources;
use super::TablePlan;
use super::circle;
use super::hint;
use super::junction;
use super::link;
use super::merge;
use super::order;
use super::schema::Finding;
use super::tables::DeadLettersMax;
use super::tables::EntityTable;
use super::unpredicted;
use crate::error::Failure;
use crate::record::ColumnType;
use crate::record::TableSchema;

/// Records of an entity that may wait for a parent at a time, where the manifest does not say.
const PARKED_MAX: u64 = 100_000;

/// What a transformer does with one entity's configuration.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// The tables it feeds.
    pub tables: Vec<DescribedTable>,
    /// The source fields that columns are made of, by table and column, as far as it says.
    pub sources: Sources,
    /// Source fields it reads.
    pub reads: Vec<String>,
    /// Source fields it leaves out on purpose.
    pub ignores: Vec<String>,
}

/// One table that a transformer feeds.
#[derive(Debug, Clone)]
pub struct DescribedTable {
    /// Its name.
    pub name: String,
    /// Column names and the entities they refer to: each row to one of them.
    pub columns: Vec<(String, Vec<String>)>,
    /// The columns that tell rows apart; empty is the primary key.
    pub key: Vec<String>,
    /// The column with the record's own id.
    pub id: Option<String>,
}

/// The tables that the target has, or would have; a name that is not there is missing.
pub type TargetTables = BTreeMap<String, TableSchema>;

/// Problems by pointer, before they are placed.
pub(super) type Found = Vec<Finding>;

/// Makes the plan. `described` has one entry for each entity of the manifest, in order; into the tables of these names the
/// schema file puts rows.
pub fn resolve(
    manifest: &Manifest,
    described: &[Described],
    target: &TargetTables,
    filled: &BTreeSet<String>,
) -> Result<Plan, Failure> {
    let mut found = Found::new();
    let tables = &manifest.tables;
    let mut entities: Vec<EntityPlan> = Vec::new();
    for (index, (entity, description)) in tables.entity.iter().zip(described).enumerate() {
        entities.push(entity_plan(manifest, index, entity, description, target, &mut found));
    }
    merge::link(tables, &mut entities, &mut found);
    for index in 0..entities.len() {
        link::link(index, &described[index], &mut entities, target, &mut found);
        let entity = &tables.entity[index];
        let default = entity.settings.or(&tables.defaults).on_missing;
        link::set_policies(entity, default, &mut entities[index], &mut found);
    }
    unpredicted::add_parents(&mut entities);
    let mut junctions = junction::plan(manifest, &entities, &mut found);
    let of_entities = entities.iter_mut().flat_map(|entity| &mut entity.tables);
    let of_junctions = junctions.iter_mut().map(|junction| &mut junction.table);
    unpredicted::spread(of_entities.chain(of_junctions).collect(), filled);
    if !found.is_empty() {
        return Err(manifest.refused(found));
    }
    let references = circle::edges(&entities);
    let groups = order::order(entities.len(), &references);
    circle::settle(&mut entities, &groups);
    let edges = waits(&groups, &references, &entities);
    junction::follow(&mut junctions, &groups.concat());
    Ok(Plan {
        name: tables.name.clone(),
        namespace: tables.namespace.clone().unwrap_or_else(|| tables.name.clone()),
        budget: tables.dead_letters_max.as_ref().and_then(DeadLettersMax::budget),
        entities: reordered(entities, &groups, &edges),
        junctions,
    })
}

/// Finds names that a transformer's description shows to be wrong; the target is not asked.
pub fn check_described(manifest: &Manifest, index: usize, description: &Described) -> Vec<Finding> {
    let entity = &manifest.tables.entity[index];
    let mut found = Vec::new();
    let fed: Vec<String> = description.tables.iter().map(|table| table.name.clone()).collect();
    let into = entity.into.iter().flatten().enumerate().map(|(position, name)| ("into", position, name));
    let empty = entity.allow_empty.iter().enumerate().map(|(position, name)| ("allow-empty", position, name));
    for (key, position, name) in into.chain(empty).filter(|(.., name)| !fed.contains(name)) {
        found.push((
            format!("/entity/{index}/{key}/{position}"),
            format!("the transformer feeds no table `{name}`"),
            hint::among(name, &fed),
        ));
    }
    found.extend(entity.check.problems(index, &description.tables));
    let entities: Vec<String> = manifest.tables.entity.iter().map(|entity| entity.name.clone()).collect();
    for (column, all) in description.tables.iter().flat_map(|table| &table.columns) {
        for (place, referred) in all.iter().enumerate() {
            if all[..place].contains(referred) {
                let message = format!("the column `{column}` refers to `{referred}` twice");
                found.push((entity.place_of(index, column), message, None));
            }
            if entities.contains(referred) {
                continue;
            }
            found.push((
                entity.place_of(index, column),
                format!("the column `{column}` refers to `{referred}`, which is no entity"),
                hint::among(referred, &entities),
            ));
        }
    }
    found
}

/// Who waits for whom, (parent, child): for parents outside the own group, within it for the one before, and for entities
/// that feed the same table, each with those behind it: side by side, chance would decide whose rows come first.
fn waits(groups: &[Vec<usize>], references: &[order::Edge], entities: &[EntityPlan]) -> Vec<(usize, usize)> {
    let together = |one: usize, other: usize| groups.iter().any(|group| group.contains(&one) && group.contains(&other));
    let outside = references.iter().map(|edge| (edge.parent, edge.child));
    let mut edges: Vec<(usize, usize)> = outside.filter(|&(parent, child)| !together(parent, child)).collect();
    edges.extend(groups.iter().flat_map(|group| group.windows(2)).map(|pair| (pair[0], pair[1])));
    let ordered: Vec<usize> = groups.iter().flatten().copied().collect();
    for (place, &first) in ordered.iter().enumerate() {
        let behind = ordered[place + 1..].iter().filter(|&&other| entities[other].shares_table(&entities[first]));
        edges.extend(behind.map(|&other| (first, other)));
    }
    edges
}

/// Puts the entities in order and lets every index follow.
fn reordered(entities: Vec<EntityPlan>, groups: &[Vec<usize>], edges: &[(usize, usize)]) -> Vec<EntityPlan> {
    let mut new_index = vec![0; entities.len()];
    for (new, &old) in groups.iter().flatten().enumerate() {
        new_index[old] = new;
    }
    let mut slots: Vec<Option<EntityPlan>> = entities.into_iter().map(Some).collect();
    let in_order = groups.iter().flat_map(|group| group.iter().map(move |&old| (group, old)));
    in_order
        .filter_map(|(group, old)| slots[old].take().map(|entity| (group, old, entity)))
        .map(|(group, old, mut entity)| {
            entity.group = group.iter().map(|&member| new_index[member]).collect();
            entity.after =
                edges.iter().filter(|(_, child)| *child == old).map(|(parent, _)| new_index[*parent]).collect();
            entity.merged_into = entity.merged_into.map(|merged| new_index[merged]);
            entity.merges.iter_mut().for_each(|member| *member = new_index[*member]);
            entity.after.sort_unstable();
            entity.after.dedup();
            for table in &mut entity.tables {
                for reference in &mut table.references {
                    reference.entity = reference.entity.map(|entity| new_index[entity]);
                }
            }
            entity
        })
        .collect()
}

fn entity_plan(
    manifest: &Manifest,
    index: usize,
    entity: &EntityTable,
    description: &Described,
    target: &TargetTables,
    found: &mut Found,
) -> EntityPlan {
    let settings = entity.settings.or(&manifest.tables.defaults);
    let (source, collection) = entity.source_and_collection();
    let mut planned: Vec<(usize, TablePlan)> = Vec::new();
    for (position, table) in description.tables.iter().enumerate() {
        if let Some(mut planned_table) = table_plan(&|name| entity.place_of(index, name), table, target, found) {
            planned_table.junction = manifest.tables.junction.keys().position(|name| *name == table.name);
            planned.push((position, planned_table));
        }
    }
    let (tables, table_order) = parents_first(planned, description.tables.len());
    let entity_plan = EntityPlan {
        name: entity.name.clone(),
        index,
        source: source.to_owned(),
        collection: collection.to_owned(),
        key: entity.key_fields(manifest.tables.source_url(entity)),
        id: settings.id.unwrap_or(IdStrategy::UuidV5),
        tables,
        described: description.tables.iter().map(|table| table.name.clone()).collect(),
        table_order,
        transform: entity.merge.clone().or_else(|| settings.transform.clone()).unwrap_or_default(),
        merged_into: None,
        merges: Vec::new(),
        batch_records: settings.batch_records.unwrap_or(1_000),
        transaction_rows: settings.transaction_rows.unwrap_or(5_000),
        on_conflict: settings.on_conflict.unwrap_or(OnConflict::Fail),
        on_collision: settings.on_collision.unwrap_or(OnCollision::DeadLetter),
        budget: settings.budget(),
        on_plugin_failure: settings.on_plugin_failure,
        allow_empty: entity.allow_empty.clone(),
        after: Vec::new(),
        group: Vec::new(),
        parked_max: settings.parked_max.unwrap_or(PARKED_MAX),
        sources: description.sources.clone(),
        reads: description.reads.clone(),
        ignores: description.ignores.clone(),
    };
    check_numbered(entity, &entity_plan, found);
    entity_plan
}

/// Finds an id column that nothing numbers.
fn check_numbered(entity: &EntityTable, plan: &EntityPlan, found: &mut Found) {
    if plan.id != IdStrategy::Sequence || plan.tables.is_empty() {
        return;
    }
    let own = format!("/entity/{}/id", plan.index);
    let at = if entity.settings.id.is_some() { own } else { "/defaults/id".to_owned() };
    let Some((table, id)) = plan.main_table() else {
        let message =
            format!("the ids of `{}` are numbers of the target, and its transformer names no id column", plan.name);
        let key = plan.key.iter().map(|field| format!("\"{field}\"")).collect::<Vec<_>>().join(", ");
        let made = if plan.key.len() > 1 { format!("{{ from = [{key}] }}") } else { key };
        let hint =
            format!("make the id column of the record's key in the transformer's configuration: `columns.id = {made}`");
        found.push((at, message, Some(hint)));
        return;
    };
    let column = &table.schema.columns[table.columns[id]];
    if column.sequence.is_none() || !matches!(column.kind, ColumnType::Integer { .. }) {
        let message = format!(
            "the column `{}.{}` has {} and no numbering of its own",
            table.schema.name,
            column.name,
            column.type_words()
        );
        let hint = "make it an identity column or `serial` in PostgreSQL, `INTEGER PRIMARY KEY` in SQLite, or choose \
                    another `id`";
        found.push((at, message, Some(hint.to_owned())));
    }
}

/// Within one record rows are written table by table: a table comes after those it points to.
fn parents_first(planned: Vec<(usize, TablePlan)>, described: usize) -> (Vec<TablePlan>, Vec<usize>) {
    let mut edges = Vec::new();
    for (child, (_, table)) in planned.iter().enumerate() {
        for key in &table.schema.foreign_keys {
            if let Some(parent) = planned.iter().position(|(_, parent)| parent.schema.name == key.parent) {
                edges.push(order::Edge { parent, child, is_required: true });
            }
        }
    }
    let groups = order::order(planned.len(), &edges);
    // In a circle of tables nothing is better than what the component says.
    let ordered = groups.into_iter().flat_map(|mut group| {
        group.sort_unstable();
        group
    });
    let mut table_order = vec![0; described];
    let mut slots: Vec<Option<(usize, TablePlan)>> = planned.into_iter().map(Some).collect();
    let mut tables = Vec::new();
    for old in ordered {
        if let Some((position, table)) = slots[old].take() {
            table_order[position] = tables.len();
            tables.push(table);
        }
    }
    (tables, table_order)
}

fn table_plan(
    place_of: &dyn Fn(&str) -> String,
    described: &DescribedTable,
    target: &TargetTables,
    found: &mut Found,
) -> Option<TablePlan> {
    let at = place_of(&described.name);
    let Some(schema) = target.get(&described.name) else {
        let hint = hint::nearest(&described.name, target.keys())
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(|| Some("create the table, or name a file that does under `[target] schema`".to_owned()));
        found.push((at, format!("the target has no table `{}`", described.name), hint));
        return None;
    };
    let names: Vec<String> = schema.columns.iter().map(|column| column.name.clone()).collect();
    let mut columns = Vec::new();
    for (name, _) in &described.columns {
        let Some(index) = schema.column(name) else {
            let hint = hint::among(name, &names);
            found.push((place_of(name), format!("the table `{}` has no column `{name}`", schema.name), hint));
            continue;
        };
        let column = &schema.columns[index];
        if column.generated {
            found.push((
                place_of(name),
                format!("the column `{}.{name}` is computed by the target and cannot be written", schema.name),
                None,
            ));
        } else if column.kind == ColumnType::Other {
            found.push((
                place_of(name),
                format!("the column `{}.{name}` has {}, which cannot be written", schema.name, column.type_words()),
                Some("declare it as `TEXT`, or as `JSON` for arrays".to_owned()),
            ));
        }
        columns.push(index);
    }
    for (index, column) in schema.columns.iter().enumerate() {
        if !column.nullable && !column.has_default && !column.generated && !columns.contains(&index) {
            found.push((
                at.clone(),
                format!("the column `{}.{}` is required and nothing feeds it", schema.name, column.name),
                Some(format!("map a field to `{}`", column.name)),
            ));
        }
    }
    let key: Vec<usize> = if described.key.is_empty() {
        schema.primary_key.clone()
    } else {
        described.key.iter().filter_map(|name| schema.column(name)).collect()
    };
    check_key(&at, schema, &columns, &key, found);
    let id = described.id.as_ref().and_then(|id| {
        let position =
            described.columns.iter().filter(|(name, _)| schema.column(name).is_some()).position(|(name, _)| name == id);
        if position.is_none() {
            found.push((
                place_of(id),
                format!("the id column `{}.{id}` is not among the columns that are fed", schema.name),
                None,
            ));
        }
        position
    });
    let mut schema = schema.clone();
    schema.not_predicted.extend(unpredicted::unpredicted(&schema, &columns));
    Some(TablePlan { schema, columns, key, id, references: Vec::new(), junction: None, unforeseen: Vec::new() })
}

fn check_key(at: &str, schema: &TableSchema, columns: &[usize], key: &[usize], found: &mut Found) {
    let same = |other: &[usize]| other.len() == key.len() && other.iter().all(|column| key.contains(column));
    if key.is_empty() {
        found.push((
            at.to_owned(),
            format!("the table `{}` has no primary key, and its rows cannot be told apart", schema.name),
            Some(
                "give the table a primary key; in `mongo-to-sql` a table of `children` may instead name the columns of a \
                 unique constraint as its `key`"
                    .to_owned(),
            ),
        ));
    } else if !same(&schema.primary_key) && !schema.uniques.iter().any(|unique| same(&unique.columns)) {
        let names: Vec<&str> = key.iter().map(|&column| schema.columns[column].name.as_str()).collect();
        found.push((
            at.to_owned(),
            format!(
                "the key ({}) of the table `{}` is neither its primary key nor unique",
                names.join(", "),
                schema.name
            ),
            None,
        ));
    } else if let Some(&missing) = key.iter().find(|column| !columns.contains(column)) {
        found.push((
            at.to_owned(),
            format!(
                "the column `{}.{}` is part of the key and nothing feeds it",
                schema.name, schema.columns[missing].name
            ),
            Some("without it a repeated run could not find its own rows".to_owned()),
        ));
    }
}
