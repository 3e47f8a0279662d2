//! The components of a migration: found, loaded, and given their configurations. Every problem by its pointer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::failure::problem;
use super::merge;
use super::permits;
use super::stand_in::StandIn;
use crate::error::Failure;
use crate::error::Kind;
use crate::plan::EntityPlan;
use crate::plan::Manifest;
use crate::plan::hint;
use crate::plan::schema;
use crate::plan::schema::Finding;
use crate::plan::tables::EntityTable;
use crate::plan::tables::Settings;
use crate::plugin::Component;
use crate::plugin::Description;
use crate::plugin::Engine;
use crate::plugin::Limits;
use crate::plugin::Merger;
use crate::plugin::MergerSetup;
use crate::plugin::OpenError;
use crate::plugin::Pins;
use crate::plugin::PluginError;
use crate::plugin::Problem;
use crate::plugin::Setup;
use crate::plugin::Transformer;
use crate::plugin::Validator;
use crate::plugin::ValidatorSetup;
use crate::plugin::World;

/// One component with where the manifest names it.
pub struct Loaded {
    component: Component,
    limits: Limits,
    inputs: BTreeMap<String, String>,
}

/// Problems by pointer.
pub type Found = Vec<Finding>;

/// Returns where a component's file is: named in the manifest, or by its stem in the plugins folder.
pub(super) fn plugin_path(manifest: &Manifest, name: &str) -> Result<PathBuf, (String, Option<String>)> {
    if let Some(path) = manifest.tables.plugin.get(name).and_then(|plugin| plugin.path.as_deref()) {
        return Ok(manifest.path(path));
    }
    let folder = manifest.path(manifest.tables.plugins.as_deref().unwrap_or("plugins"));
    let mut stems: Vec<(String, PathBuf)> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.replace('_', "-"), path)))
        .collect();
    stems.sort();
    let wanted = name.replace('_', "-");
    if let Some((_, path)) = stems.iter().find(|(stem, _)| *stem == wanted) {
        return Ok(path.clone());
    }
    let names: Vec<String> = stems.into_iter().map(|(stem, _)| stem).collect();
    let hint = hint::nearest(&wanted, &names).map(|near| format!("did you mean `{near}`?")).or_else(|| {
        Some("build the plugins with `cargo xtask plugins`, or name their folder with `plugins = \"…\"`".to_owned())
    });
    Err((format!("there is no plugin `{name}` in `{}`", folder.display()), hint))
}

/// One place of the manifest that names a component.
struct Named {
    name: String,
    pointer: String,
    /// As what it is named there.
    world: World,
}

/// Finds every place that names a component.
fn names(manifest: &Manifest, found: &mut Found) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    for (index, entity) in manifest.tables.entity.iter().enumerate() {
        let settings = entity.settings.or(&manifest.tables.defaults);
        let at = |own: bool, key: &str| if own { format!("/entity/{index}/{key}") } else { format!("/defaults/{key}") };
        match &settings.transform {
            _ if entity.merged().is_some() => named.extend(entity.merge.as_ref().map(|name| Named {
                name: name.clone(),
                pointer: format!("/entity/{index}/merge"),
                world: World::Merger,
            })),
            Some(name) => named.push(Named {
                name: name.clone(),
                pointer: at(entity.settings.transform.is_some(), "transform"),
                world: World::Transformer,
            }),
            None => found.push((
                format!("/entity/{index}/transform"),
                format!("the entity `{}` has no transformer", entity.name),
                Some("say `transform = \"mongo-to-sql\"` here or under `[defaults]`".to_owned()),
            )),
        }
        for (position, validator) in settings.validate.iter().flatten().enumerate() {
            named.push(Named {
                name: validator.parts().0.to_owned(),
                pointer: at(entity.settings.validate.is_some(), &format!("validate/{position}")),
                world: World::Validator,
            });
        }
    }
    named
}

/// Loads every component that an entity names, once: its file, or what stands in for it. One that cannot be used is told
/// wherever it is named.
pub fn load_plugins(
    manifest: &Manifest,
    stand_ins: &[StandIn],
    found: &mut Found,
) -> Result<BTreeMap<String, Loaded>, Failure> {
    let named = names(manifest, found);
    let mut sound = Vec::new();
    let mut tried: Vec<String> = Vec::new();
    for Named { name, pointer, .. } in &named {
        match plugin_path(manifest, name) {
            Ok(_) if tried.contains(name) => {}
            Ok(path) => {
                let (limits, grants) = (permits::limits(manifest, name, found), permits::grants(manifest, name, found));
                sound.push((name, pointer, path, limits, grants));
            }
            Err((message, hint)) => found.push((pointer.clone(), message, hint)),
        }
        tried.push(name.clone());
    }
    for name in manifest.tables.plugin.keys().filter(|name| !tried.contains(*name)) {
        let message = format!("no entity uses the plugin `{name}`");
        found.push((format!("/plugin/{name}"), message, hint::among(name, &tried)));
    }
    let stack_bytes = sound.iter().map(|(.., limits, _)| limits.stack_bytes).max();
    let engine = Engine::with_stack(None, stack_bytes.unwrap_or_else(|| Limits::default().stack_bytes))?;
    let mut loaded = BTreeMap::new();
    for (name, pointer, path, limits, (grants, inputs)) in sound {
        let kept =
            stand_ins.iter().find(|stand_in| stand_in.plugin == *name).and_then(|stand_in| stand_in.kept.as_ref());
        let component = match kept {
            Some(bytes) => Component::granted(&engine, bytes, name, &limits, grants),
            None => Component::load_granted(&engine, &path, name, &limits, grants),
        };
        match component {
            Ok(component) => drop(loaded.insert(name.clone(), Loaded { component, limits, inputs })),
            Err(error) => {
                let has_path = manifest.tables.plugin.get(name).is_some_and(|plugin| plugin.path.is_some());
                let place = if has_path { format!("/plugin/{name}/path") } else { pointer.clone() };
                refuse(place, error, found)?;
            }
        }
    }
    for Named { name, pointer, world } in named {
        let Some(component) = loaded.get(&name).map(|loaded| &loaded.component) else { continue };
        if component.world() != world {
            refuse(pointer, component.wrong_role(world), found)?;
        }
    }
    Ok(loaded)
}

/// Takes for a problem of the manifest what is one.
fn refuse(pointer: String, error: PluginError, found: &mut Found) -> Result<(), Failure> {
    let failure = Failure::from(error);
    if failure.kind != Kind::Usage {
        return Err(failure);
    }
    found.push(problem(pointer, failure));
    Ok(())
}

impl Loaded {
    /// Returns the digests of what the component is granted, by name.
    pub fn inputs(&self) -> &BTreeMap<String, String> {
        &self.inputs
    }
}

/// Gives every entity's transformer its configuration, in the manifest's order. One that does not take it is missing.
pub fn open_transformers(
    manifest: &Manifest,
    components: &BTreeMap<String, Loaded>,
    pins: Pins,
    found: &mut Found,
) -> Result<Vec<Option<(Transformer, Description)>>, Failure> {
    let entities = || manifest.tables.entity.iter().enumerate();
    let is_merged = |entity: &EntityTable| entity.merged().is_some();
    let mut opened = Vec::new();
    for (index, entity) in entities() {
        opened.push(match is_merged(entity) {
            true => None,
            false => open_transformer(manifest, index, entity, components, pins, found)?,
        });
    }
    // What a merger works on is known with what its members describe.
    for (index, entity) in entities().filter(|(_, entity)| is_merged(entity)) {
        opened[index] = open_merger(manifest, index, entity, &opened, components, pins, found)?;
    }
    Ok(opened)
}

fn open_merger(
    manifest: &Manifest,
    index: usize,
    entity: &EntityTable,
    opened: &[Option<(Transformer, Description)>],
    components: &BTreeMap<String, Loaded>,
    pins: Pins,
    found: &mut Found,
) -> Result<Option<(Transformer, Description)>, Failure> {
    let pointer = format!("/entity/{index}/config");
    check_validators(index, entity, &entity.settings.or(&manifest.tables.defaults), components, found)?;
    let sources = entity.merged().unwrap_or_default();
    let place = |name: &String| manifest.tables.entity.iter().position(|entity| entity.name == *name);
    let members = sources.iter().map(|name| opened.get(place(name)?)?.as_ref().map(|(_, description)| description));
    let of_role = |loaded: &&Loaded| loaded.component.world() == World::Merger;
    let loaded = entity.merge.as_ref().and_then(|name| components.get(name)).filter(of_role);
    let (Some(loaded), Some(members)) = (loaded, members.collect::<Option<Vec<_>>>()) else { return Ok(None) };
    let junctions: Vec<&String> = manifest.tables.junction.keys().collect();
    let description = match merge::together(&members, &junctions) {
        Ok(description) => description,
        Err(message) => {
            found.push((format!("/entity/{index}/from"), message, None));
            return Ok(None);
        }
    };
    let config = entity.config_text();
    if !config_fits(&loaded.component, &config, &pointer, found)? {
        return Ok(None);
    }
    let setup = MergerSetup {
        entity: entity.name.clone(),
        sources: sources.to_vec(),
        tables: description.tables.clone(),
        config_json: config,
    };
    match Merger::open(&loaded.component, setup, loaded.limits.clone(), pins) {
        Ok(merger) => Ok(Some((Transformer::merging(Arc::new(merger), &description.tables), description))),
        Err(OpenError::Problems(problems)) => {
            found.extend(placed(&pointer, problems));
            Ok(None)
        }
        Err(OpenError::Plugin(error)) => Err(of_entity(error.into(), &entity.name)),
    }
}

fn open_transformer(
    manifest: &Manifest,
    index: usize,
    entity: &EntityTable,
    components: &BTreeMap<String, Loaded>,
    pins: Pins,
    found: &mut Found,
) -> Result<Option<(Transformer, Description)>, Failure> {
    let settings = entity.settings.or(&manifest.tables.defaults);
    let pointer = format!("/entity/{index}/config");
    check_validators(index, entity, &settings, components, found)?;
    // The configuration of a component in the wrong role would be judged by a schema that is not meant for it.
    let of_role = |loaded: &&Loaded| loaded.component.world() == World::Transformer;
    let Some(loaded) = settings.transform.as_ref().and_then(|name| components.get(name)).filter(of_role) else {
        return Ok(None);
    };
    let config = entity.config_text();
    if !config_fits(&loaded.component, &config, &pointer, found)? {
        return Ok(None);
    }
    let setup = Setup {
        entity: entity.name.clone(),
        key: entity.key_fields(manifest.tables.source_url(entity)),
        into: entity.into.clone().unwrap_or_default(),
        config_json: config,
    };
    match Transformer::open(&loaded.component, setup, loaded.limits.clone(), pins) {
        Ok(transformer) => Ok(Some(transformer)),
        Err(OpenError::Problems(problems)) => {
            found.extend(placed(&pointer, problems));
            Ok(None)
        }
        Err(OpenError::Plugin(error)) => Err(of_entity(error.into(), &entity.name)),
    }
}

/// Checks the configurations of an entity's validators as far as their schemas go; the rest is known with the tables.
fn check_validators(
    index: usize,
    entity: &EntityTable,
    settings: &Settings,
    components: &BTreeMap<String, Loaded>,
    found: &mut Found,
) -> Result<(), Failure> {
    for (position, validator) in settings.validate.iter().flatten().enumerate() {
        let (name, config) = validator.parts();
        let Some(loaded) = components.get(name) else { continue };
        if loaded.component.world() == World::Validator {
            config_fits(&loaded.component, &config, &validator_place(index, entity, position), found)?;
        }
    }
    Ok(())
}

/// Where the manifest configures a validator.
fn validator_place(index: usize, entity: &EntityTable, position: usize) -> String {
    let place = if entity.settings.validate.is_some() { format!("/entity/{index}") } else { "/defaults".to_owned() };
    format!("{place}/validate/{position}/config")
}

/// What a component says of its configuration, by pointers into the manifest.
fn placed(pointer: &str, problems: Vec<Problem>) -> impl Iterator<Item = Finding> {
    problems.into_iter().map(move |problem| (format!("{pointer}{}", problem.pointer), problem.message, None))
}

/// Checks a configuration against the schema that the component declares.
pub(super) fn config_fits(
    component: &Component,
    config: &str,
    pointer: &str,
    found: &mut Found,
) -> Result<bool, Failure> {
    let schema = &component.about().config_schema;
    if schema.is_empty() {
        return Ok(true);
    }
    let unusable = |error: String| {
        Failure::failed(format!("the plugin `{}` declares an unusable configuration schema", component.name()))
            .cause(error)
    };
    let schema = serde_json::from_str(schema).map_err(|error| unusable(error.to_string()))?;
    let config = serde_json::from_str(config).map_err(|error| unusable(error.to_string()))?;
    let problems = schema::check_against(&schema, &config).map_err(unusable)?;
    let fits = problems.is_empty();
    found.extend(problems.into_iter().map(|(below, message, hint)| (format!("{pointer}{below}"), message, hint)));
    Ok(fits)
}

/// Gives an entity's validators their configurations, in order; each with that configuration.
pub fn open_validators(
    manifest: &Manifest,
    entity: &EntityPlan,
    components: &BTreeMap<String, Loaded>,
    pins: Pins,
    found: &mut Found,
) -> Result<Vec<(Validator, String)>, Failure> {
    let table = &manifest.tables.entity[entity.index];
    let settings = table.settings.or(&manifest.tables.defaults);
    let mut opened = Vec::new();
    for (position, validator) in settings.validate.iter().flatten().enumerate() {
        let (name, config) = validator.parts();
        let Some(loaded) = components.get(name) else { continue };
        let tables = entity
            .table_order
            .iter()
            .map(|&table| {
                let table = &entity.tables[table];
                let columns = table.columns.iter().map(|&column| &table.schema.columns[column]);
                let columns = columns.map(|column| (column.name.clone(), column.declared.clone())).collect();
                (table.schema.name.clone(), columns)
            })
            .collect();
        let setup = ValidatorSetup { entity: entity.name.clone(), tables, config_json: config.clone() };
        match Validator::open(&loaded.component, setup, loaded.limits.clone(), pins) {
            Ok(validator) => opened.push((validator, config)),
            Err(OpenError::Problems(problems)) => {
                found.extend(placed(&validator_place(entity.index, table, position), problems));
            }
            Err(OpenError::Plugin(error)) => return Err(of_entity(error.into(), &entity.name)),
        }
    }
    Ok(opened)
}

/// Adds whose configuration a component was given when it failed.
fn of_entity(mut failure: Failure, entity: &str) -> Failure {
    failure.message.push_str(&format!(" (entity `{entity}`)"));
    failure
}
