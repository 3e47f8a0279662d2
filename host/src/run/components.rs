//! The components of a migration: found, loaded, and given their configurations. Every problem by its pointer.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::permits;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::Manifest;
use crate::plan::schema;
use crate::plan::schema::nearest;
use crate::plugin::Component;
use crate::plugin::Description;
use crate::plugin::Engine;
use crate::plugin::Limits;
use crate::plugin::OpenError;
use crate::plugin::Pins;
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
pub type Found = Vec<(String, String, Option<String>)>;

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
    let hint = nearest(&wanted, &names).map(|near| format!("did you mean `{near}`?")).or_else(|| {
        Some("build the plugins with `cargo xtask plugins`, or name their folder with `plugins = \"…\"`".to_owned())
    });
    Err((format!("there is no plugin `{name}` in `{}`", folder.display()), hint))
}

/// Loads every component that an entity names, once.
pub fn load_plugins(manifest: &Manifest, found: &mut Found) -> Result<BTreeMap<String, Loaded>, Failure> {
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (index, entity) in manifest.tables.entity.iter().enumerate() {
        let settings = entity.settings.or(&manifest.tables.defaults);
        let at = |own: bool, key: &str| if own { format!("/entity/{index}/{key}") } else { format!("/defaults/{key}") };
        match &settings.transform {
            Some(name) => wanted.push((name.clone(), at(entity.settings.transform.is_some(), "transform"))),
            None => found.push((
                format!("/entity/{index}"),
                format!("the entity `{}` has no transformer", entity.name),
                Some("say `transform = \"mongo-to-sql\"` here or under `[defaults]`".to_owned()),
            )),
        }
        for (position, validator) in settings.validate.iter().flatten().enumerate() {
            let own = entity.settings.validate.is_some();
            wanted.push((validator.parts().0.to_owned(), at(own, &format!("validate/{position}"))));
        }
    }
    let mut sound = Vec::new();
    let mut tried = BTreeSet::new();
    for (name, pointer) in wanted {
        if !tried.insert(name.clone()) {
            continue;
        }
        match plugin_path(manifest, &name) {
            Ok(path) => {
                let (limits, grants) =
                    (permits::limits(manifest, &name, found), permits::grants(manifest, &name, found));
                sound.push((name, path, limits, grants));
            }
            Err((message, hint)) => found.push((pointer, message, hint)),
        }
    }
    for name in manifest.tables.plugin.keys().filter(|name| !tried.contains(*name)) {
        found.push((format!("/plugin/{name}"), format!("no entity uses the plugin `{name}`"), None));
    }
    let stack_bytes = sound.iter().map(|(.., limits, _)| limits.stack_bytes).max();
    let engine = Engine::with_stack(None, stack_bytes.unwrap_or_else(|| Limits::default().stack_bytes))?;
    let mut loaded = BTreeMap::new();
    for (name, path, limits, (grants, inputs)) in sound {
        let component = Component::load_granted(&engine, &path, &name, &limits, grants)?;
        loaded.insert(name, Loaded { component, limits, inputs });
    }
    Ok(loaded)
}

impl Loaded {
    /// Returns the digests of what the component is granted, by name.
    pub fn inputs(&self) -> &BTreeMap<String, String> {
        &self.inputs
    }
}

/// Gives every entity's transformer its configuration, in the manifest's order.
pub fn open_transformers(
    manifest: &Manifest,
    components: &BTreeMap<String, Loaded>,
    pins: Pins,
    found: &mut Found,
) -> Result<Vec<(Transformer, Description)>, Failure> {
    let mut opened = Vec::new();
    for (index, entity) in manifest.tables.entity.iter().enumerate() {
        let settings = entity.settings.or(&manifest.tables.defaults);
        let Some(loaded) = settings.transform.as_ref().and_then(|name| components.get(name)) else { continue };
        let pointer = format!("/entity/{index}/config");
        let config = entity.config_text();
        // The configuration of a component in the wrong role would be judged by a schema that is not meant for it.
        let has_role = loaded.component.world() == World::Transformer;
        if has_role && !config_fits(&loaded.component, &config, &pointer, found)? {
            continue;
        }
        let setup = Setup {
            entity: entity.name.clone(),
            key: entity.key_fields(),
            into: entity.into.clone().unwrap_or_default(),
            config_json: config,
        };
        match Transformer::open(&loaded.component, setup, loaded.limits.clone(), pins) {
            Ok(transformer) => opened.push(transformer),
            Err(OpenError::Problems(problems)) => {
                found.extend(
                    problems
                        .into_iter()
                        .map(|problem| (format!("{pointer}{}", problem.pointer), problem.message, None)),
                );
            }
            Err(OpenError::Plugin(error)) => return Err(of_entity(error.into(), &entity.name)),
        }
    }
    Ok(opened)
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
    let own = &manifest.tables.entity[entity.index].settings;
    let settings = own.or(&manifest.tables.defaults);
    let mut opened = Vec::new();
    for (position, validator) in settings.validate.iter().flatten().enumerate() {
        let (name, config) = validator.parts();
        let Some(loaded) = components.get(name) else { continue };
        let place = if own.validate.is_some() { format!("/entity/{}", entity.index) } else { "/defaults".to_owned() };
        let pointer = format!("{place}/validate/{position}/config");
        let has_role = loaded.component.world() == World::Validator;
        if has_role && !config_fits(&loaded.component, &config, &pointer, found)? {
            continue;
        }
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
                found.extend(
                    problems
                        .into_iter()
                        .map(|problem| (format!("{pointer}{}", problem.pointer), problem.message, None)),
                );
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
