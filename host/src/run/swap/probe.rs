//! Whether a file can take the place of a component: world, description, configuration, golden cases, the last batch.
//!
//! Nothing here has an effect; every "no" says why.

use std::path::Path;
use std::sync::Arc;

use super::description;
use super::kept::Kept;
use super::sentence;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::Plan;
use crate::plugin::Component;
use crate::plugin::Limits;
use crate::plugin::OpenError;
use crate::plugin::PluginId;
use crate::plugin::Validator;
use crate::plugin::World;
use crate::plugin::golden;
use crate::plugin::golden::Case;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::committed::reread;
use crate::run::components;
use crate::run::resolve::Settled;
use crate::run::version::Version;

/// Differences between a golden case and what came that a refusal names.
const DIFFERENCES_MAX: usize = 3;

/// A file that may take the place of a component.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The component's name.
    pub plugin: String,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Where they were read; golden cases lie beside it.
    pub file: Arc<Path>,
}

/// What one entity would be mapped by.
pub struct Probed {
    /// The entity's index.
    pub entity: usize,
    /// What was active when the candidate was put into it.
    pub base: Arc<Version>,
    /// The candidate.
    pub plugin: Arc<PluginId>,
    /// What it would take the place of.
    pub previous: Arc<PluginId>,
    /// The active version with the candidate in it.
    pub version: Arc<Version>,
}

/// Goes through every step for these entities; the first that fails says why.
pub async fn probe(
    offer: &Offer,
    manifest: &Arc<Manifest>,
    plan: &Arc<Plan>,
    entities: &[Arc<Kept>],
    target: &dyn Target,
    books: &Bookkeeping,
) -> Result<Vec<Probed>, String> {
    let opened = {
        let (offer, manifest, plan, entities) = (offer.clone(), manifest.clone(), plan.clone(), entities.to_vec());
        tokio::task::spawn_blocking(move || open(&offer, &manifest, &plan, &entities)).await
    };
    let probed = opened.map_err(|error| format!("the probe panicked: {error}"))??;
    for (probed, entity) in probed.iter().zip(entities) {
        last_batch(probed, entity, target, books).await.map_err(|reason| format!("`{}`: {reason}", entity.name))?;
    }
    Ok(probed)
}

fn open(offer: &Offer, manifest: &Manifest, plan: &Plan, entities: &[Arc<Kept>]) -> Result<Vec<Probed>, String> {
    crate::stop_point!("swap-probe");
    let Some((active, limits)) = entities.iter().find_map(|entity| active(entity, &offer.plugin)) else {
        return Err(format!("no entity uses `{}`", offer.plugin));
    };
    let loaded = Component::granted(active.engine(), &offer.bytes, &offer.plugin, &limits, active.grants().clone());
    let component = loaded.map_err(|error| {
        let failure = Failure::from(error);
        let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}{hint}", sentence(&failure))
    })?;
    if component.world() != active.world() {
        return Err(format!("expected a {}, found a {}", active.world(), component.world()));
    }
    let mut probed = Vec::new();
    for entity in entities {
        let base = entity.mapper.versions.active();
        let Some(previous) = base.plugin(&offer.plugin).cloned() else { continue };
        let version = version(entity, &base, &component, manifest, plan);
        let version = version.map_err(|why| format!("`{}`: {why}", entity.name))?;
        probed.push(Probed {
            entity: entity.index,
            base,
            plugin: component.id().clone(),
            previous,
            version: Arc::new(version),
        });
    }
    golden_cases(&offer.file, &component, &limits)?;
    Ok(probed)
}

fn active(entity: &Kept, plugin: &str) -> Option<(Component, Limits)> {
    let version = entity.mapper.versions.active();
    let transformer = Some(&version.transformer).filter(|found| found.component().name() == plugin);
    let validator = version.validators.iter().find(|found| found.component().name() == plugin);
    transformer
        .map(|found| (found.component().clone(), found.limits().clone()))
        .or_else(|| validator.map(|found| (found.component().clone(), found.limits().clone())))
}

/// Puts a component into the place of the one of its name.
fn version(
    entity: &Kept,
    active: &Version,
    component: &Component,
    manifest: &Manifest,
    plan: &Plan,
) -> Result<Version, String> {
    let name = component.name();
    if component.world() == World::Merger {
        // What is known by one version and merged by another would fall apart.
        return Err("a merger is not swapped while it is at work: `whimbrel reset`, and run again with it".to_owned());
    }
    let mut version = Version {
        transformer: active.transformer.clone(),
        description: active.description.clone(),
        validators: active.validators.clone(),
        gathering: active.gathering.clone(),
    };
    let table = &manifest.tables.entity[plan.entities[entity.index].index];
    if active.transformer.component().name() == name {
        fits(component, &table.config_text())?;
        let (transformer, described) = active.transformer.beside(component, None).map_err(|error| refused(&error))?;
        let differences = description::differences(&active.description, &described);
        if !differences.is_empty() {
            return Err(format!("it describes other tables than the plan was made for: {}", differences.join("; ")));
        }
        version.transformer = Arc::new(transformer);
        version.description = Arc::new(described);
    }
    let settings = table.settings.or(&manifest.tables.defaults);
    let configured = settings.validate.iter().flatten().zip(&mut version.validators);
    for (said, validator) in configured.filter(|(said, _)| said.parts().0 == name) {
        fits(component, &said.parts().1)?;
        let beside: Validator = validator.beside(component, None).map_err(|error| refused(&error))?;
        *validator = Arc::new(beside);
    }
    Ok(version)
}

fn fits(component: &Component, config: &str) -> Result<(), String> {
    let mut found = Vec::new();
    match components::config_fits(component, config, "", &mut found) {
        Err(failure) => Err(sentence(&failure)),
        Ok(true) => Ok(()),
        Ok(false) => {
            let problems: Vec<String> =
                found.into_iter().map(|(pointer, message, _)| format!("`{pointer}`: {message}")).collect();
            Err(format!("it refuses the configuration: {}", problems.join("; ")))
        }
    }
}

fn refused(error: &OpenError) -> String {
    match error {
        OpenError::Problems(problems) => {
            let problems: Vec<String> =
                problems.iter().map(|problem| format!("`{}`: {}", problem.pointer, problem.message)).collect();
            format!("it refuses the configuration: {}", problems.join("; "))
        }
        OpenError::Plugin(error) => sentence(error),
    }
}

/// Runs the cases in `<stem>.cases/` beside the file, where there are any.
fn golden_cases(file: &Path, component: &Component, limits: &Limits) -> Result<(), String> {
    let folder = file.with_extension("cases");
    if !folder.is_dir() {
        return Ok(());
    }
    let failed = |name: &str, why: String| format!("the golden case `{name}` fails: {why}");
    for case in Case::read_all(&folder).map_err(|error| sentence(&error))? {
        let Some(expected) = case.expected().map_err(|error| failed(&case.name, sentence(&error)))? else { continue };
        let opened = case.open(component, limits).map_err(|error| failed(&case.name, sentence(&error)))?;
        let found = opened.found().map_err(|error| failed(&case.name, sentence(&error)))?;
        let differences = golden::differences(&expected, &found);
        if differences.is_empty() {
            continue;
        }
        let or_nothing =
            |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        let first: Vec<String> = differences
            .iter()
            .take(DIFFERENCES_MAX)
            .map(|one| {
                format!("{}: expected {}, found {}", one.pointer, or_nothing(&one.expected), or_nothing(&one.found))
            })
            .collect();
        return Err(failed(&case.name, first.join("; ")));
    }
    Ok(())
}

/// Maps the last committed batch once more: a candidate must not trap on it, miss its deadline or go over a limit.
async fn last_batch(
    probed: &Probed,
    entity: &Arc<Kept>,
    target: &dyn Target,
    books: &Bookkeeping,
) -> Result<(), String> {
    let said = |failure: Failure| sentence(&failure);
    let Some(committed) = entity.committed(target, books, 1).await.map_err(said)?.pop() else { return Ok(()) };
    let mut source = entity.origin.open().await.map_err(|error| sentence(&error))?;
    let Some(batch) = reread(&mut *source, &committed).await.map_err(said)? else { return Ok(()) };
    let (entity, version) = (entity.clone(), probed.version.clone());
    let mapped = tokio::task::spawn_blocking(move || {
        let candidate = entity.mapper.map_only(&version, batch.clone())?;
        let is_faulty = |settled: &Settled| match settled {
            Settled::Dead(refused) => matches!(refused.code.as_str(), "plugin-trap" | "plugin-limit"),
            _ => false,
        };
        let faulty: Vec<usize> = (0..candidate.records.len()).filter(|&at| is_faulty(&candidate.records[at])).collect();
        if faulty.is_empty() {
            return Ok(None);
        }
        let active = entity.mapper.map_only(&entity.mapper.versions.active(), batch)?;
        let newly = faulty.into_iter().find(|&at| !is_faulty(&active.records[at]));
        Ok(newly.map(|at| (candidate.batch.records[at].document, candidate.records[at].clone())))
    });
    match mapped.await.map_err(|error| format!("the last committed batch: {error}"))? {
        Err(failure) => Err(format!("the last committed batch: {}", said(failure))),
        Ok(Some((document, Settled::Dead(refused)))) => {
            Err(format!("the last committed batch, document {document}: {}", refused.message))
        }
        Ok(_) => Ok(()),
    }
}
