//! What can be known of a migration before its target is opened: every problem of its manifest in one go.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::components;
use super::components::Loaded;
use super::failure;
use super::failure::problem;
use super::open::described;
use super::origin::Origins;
use super::stand_in::StandIn;
use crate::connector;
use crate::connector::Source;
use crate::connector::SourceError;
use crate::error::Failure;
use crate::plan::Draft;
use crate::plan::Manifest;
use crate::plan::resolve;
use crate::plan::schema::Finding;
use crate::plugin::Description;
use crate::plugin::Pins;
use crate::plugin::Transformer;

/// What a command takes from the old system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Records: every source must be there.
    Sources,
    /// Nothing: what is kept in the target will do.
    Nothing,
}

/// A manifest whose files are all there and whose components take their configurations.
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// Where entities are read.
    pub origins: Origins,
    /// One an entity, in the manifest's order, but for merged ones; none where nothing is read.
    pub sources: Vec<Option<Box<dyn Source>>>,
    /// Every component that an entity names.
    pub loaded: BTreeMap<String, Loaded>,
    /// One an entity, in the manifest's order.
    pub transformers: Vec<(Transformer, Description)>,
    /// The text of the schema file.
    pub script: Option<String>,
}

/// Why a manifest is refused.
pub enum Refused {
    /// For its components alone.
    Components(Failure),
    /// For something else, perhaps among other things.
    More(Failure),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Components(failure) | Refused::More(failure) => failure,
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::More(failure)
    }
}

/// Looks at everything but the target, and refuses a manifest with all that is wrong with it. `stand_ins` are taken for
/// components whose files are others.
pub async fn check(mut draft: Draft, pins: Pins, reads: Reads, stand_ins: &[StandIn]) -> Result<Checked, Refused> {
    let mut found = Vec::new();
    let manifest = draft.manifest();
    if let Err(error) = connector::check_target(&manifest.tables.target.url) {
        found.push(problem("/target/url".to_owned(), error.into()));
    }
    let script = script(manifest, &mut found);
    let origins = Origins::new(manifest);
    let sources = match reads {
        Reads::Sources => open_sources(manifest, &origins, pins, &mut found).await,
        Reads::Nothing => Vec::new(),
    };
    let is_sound = found.is_empty() && draft.is_sound();
    let loaded = components::load_plugins(manifest, stand_ins, &mut found)?;
    let transformers = components::open_transformers(manifest, &loaded, pins, &mut found)?;
    for (index, transformer) in transformers.iter().enumerate() {
        if let Some((_, description)) = transformer {
            found.extend(resolve::check_described(manifest, index, &described(description)));
        }
    }
    draft.add(found);
    let manifest = draft.finish().map_err(if is_sound { Refused::Components } else { Refused::More })?;
    let all_there = "what is not there is a problem that was found";
    Ok(Checked {
        manifest,
        origins,
        sources,
        loaded,
        transformers: transformers.into_iter().map(|transformer| transformer.expect(all_there)).collect(),
        script,
    })
}

/// Reads the schema file.
fn script(manifest: &Manifest, found: &mut Vec<Finding>) -> Option<String> {
    let (file, place) = manifest.tables.target.schema_file()?;
    let path = manifest.path(file);
    match std::fs::read_to_string(&path) {
        Ok(sql) => Some(sql),
        Err(error) => {
            let failure = Failure::usage(format!("cannot read the schema file `{}`", path.display()));
            let failure = failure.cause(error).hint(failure::PATHS).perhaps(failure::beside(&path));
            found.push(problem(place.to_owned(), failure));
            None
        }
    }
}

/// Opens what every entity reads, as far as it is there.
async fn open_sources(
    manifest: &Manifest,
    origins: &Origins,
    pins: Pins,
    found: &mut Vec<Finding>,
) -> Vec<Option<Box<dyn Source>>> {
    let (mut sources, mut broken) = (Vec::new(), BTreeSet::new());
    for name in manifest.tables.source.keys() {
        if let Err(error) = origins.try_out(name).await {
            let place = if matches!(error, SourceError::NoSkip) { "on-corrupt" } else { "url" };
            found.push(problem(format!("/source/{name}/{place}"), error.into()));
            broken.insert(name.as_str());
        }
    }
    for (index, entity) in manifest.tables.entity.iter().enumerate() {
        if entity.merged().is_some() {
            sources.push(None);
            continue;
        }
        if broken.contains(entity.source_and_collection().0) {
            continue;
        }
        let Some(origin) = origins.of(entity, pins.now_us) else { continue };
        match origin.open().await {
            Ok(source) => sources.push(Some(source)),
            Err(error @ (SourceError::NoKeyColumn { .. } | SourceError::DottedKey { .. })) => {
                let place = if entity.key.is_some() { "key" } else { "from" };
                found.push(problem(format!("/entity/{index}/{place}"), error.into()));
            }
            Err(error @ (SourceError::Filter { .. } | SourceError::NoFilter)) => {
                found.push(problem(format!("/entity/{index}/where"), error.into()));
            }
            Err(error) => found.push(problem(format!("/entity/{index}/from"), error.into())),
        }
    }
    sources
}
