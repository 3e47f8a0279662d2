//! A component file: read, checked against the contract, compiled.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::engine::Engine;
use super::error::PluginError;
use super::grants::Given;
use super::grants::Grants;
use super::grants::Pins;
use super::limits::Limits;
use super::outline;
use super::outline::Import;
use super::outline::Outline;
use super::signature;
use super::store;
use super::store::State;
use super::wit::since_v0_1_0::VERSION;
use super::wit::since_v0_1_0::merger::MergerPluginPre;
use super::wit::since_v0_1_0::transformer::TransformerPluginPre;
use super::wit::since_v0_1_0::validator::ValidatorPluginPre;

/// The package of every interface of the contract.
pub(super) const PACKAGE: &str = "whimbrel:plugin/";

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Turns records into rows.
    Transformer,
    /// Checks rows.
    Validator,
    /// Makes one record of several.
    Merger,
}

impl World {
    /// Returns the world's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Validator => "validator",
            Self::Merger => "merger",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How a component wants document bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// BSON bytes.
    Bson,
    /// Canonical Extended JSON text.
    ExtendedJson,
}

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// One sentence.
    pub summary: String,
    /// How it wants document bodies.
    pub payload: Payload,
    /// JSON Schema of its configuration; empty where it accepts any object.
    pub config_schema: String,
}

/// Which component something came from: what messages call it, and the sha-256 of its file in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginId {
    /// What messages call it.
    pub name: String,
    /// The sha-256 of the file.
    pub digest: String,
}

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    engine: Engine,
    id: Arc<PluginId>,
    outline: Outline,
    grants: Grants,
    about: About,
    pre: Pre,
}

/// A component ready to be instantiated.
#[derive(Clone)]
pub(super) enum Pre {
    Transformer(TransformerPluginPre<State>),
    Validator(ValidatorPluginPre<State>),
    Merger(MergerPluginPre<State>),
}

impl Component {
    /// Reads and compiles a component, or takes it from the cache, and asks it what it is.
    ///
    /// `name` is what every message calls it. Nothing is granted, and limits are those that nobody has changed.
    pub fn load(engine: &Engine, path: &Path, name: &str) -> Result<Self, PluginError> {
        Self::load_granted(engine, path, name, &Limits::default(), Grants::default())
    }

    /// As [`Self::load`], with what a manifest says of it.
    pub fn load_granted(
        engine: &Engine,
        path: &Path,
        name: &str,
        limits: &Limits,
        grants: Grants,
    ) -> Result<Self, PluginError> {
        let bytes = std::fs::read(path).map_err(|source| PluginError::Read {
            plugin: name.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        Self::granted(engine, &bytes, name, limits, grants)
    }

    /// As [`Self::load`], from the bytes of a component.
    pub fn from_bytes(engine: &Engine, bytes: &[u8], name: &str) -> Result<Self, PluginError> {
        Self::granted(engine, bytes, name, &Limits::default(), Grants::default())
    }

    /// As [`Self::load_granted`], from the bytes of a component.
    pub fn granted(
        engine: &Engine,
        bytes: &[u8],
        name: &str,
        limits: &Limits,
        grants: Grants,
    ) -> Result<Self, PluginError> {
        let digest = outline::digest(bytes);
        let compiled = outline::compile(engine, bytes, &digest, name)?;
        let kind = compiled.component_type();
        let outline = Outline::new(engine, bytes, digest, Some(&kind));
        let world = world(name, &outline.exports)?;
        check_imports(name, &outline.imports, &grants)?;
        signature::check(engine, &kind, name, world)?;
        let pre = prepare(engine, &compiled, world).map_err(|error| outline::invalid(name, error))?;
        let about = store::off_the_loop(|| ask_about(engine, name, limits, &grants, &pre))?;
        if let Some(cache) = &engine.cache {
            cache.keep(&outline.digest, bytes);
        }
        let id = Arc::new(PluginId { name: name.to_owned(), digest: outline.digest.clone() });
        let inner = Inner { engine: engine.clone(), id, outline, grants, about, pre };
        Ok(Self(Arc::new(inner)))
    }

    /// Returns the name that messages use.
    pub fn name(&self) -> &str {
        &self.0.id.name
    }

    /// Returns the sha-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.id.digest
    }

    /// Returns its name and digest.
    pub fn id(&self) -> &Arc<PluginId> {
        &self.0.id
    }

    /// Returns what the component does.
    pub fn world(&self) -> World {
        match self.0.pre {
            Pre::Transformer(_) => World::Transformer,
            Pre::Validator(_) => World::Validator,
            Pre::Merger(_) => World::Merger,
        }
    }

    /// Returns the version of the contract that it was built for.
    pub fn version(&self) -> &'static str {
        VERSION
    }

    /// Returns what its file shows.
    pub fn outline(&self) -> &Outline {
        &self.0.outline
    }

    /// Returns what it is granted.
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Returns what it says of itself.
    pub fn about(&self) -> &About {
        &self.0.about
    }

    /// Returns the engine that runs it.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn pre(&self) -> &Pre {
        &self.0.pre
    }

    /// Returns the error for a component that is used as what it is not.
    pub fn wrong_role(&self, expected: World) -> PluginError {
        PluginError::Role { plugin: self.name().to_owned(), expected: expected.name(), found: self.world().name() }
    }

    /// Returns the error for a broken rule of the contract.
    pub(super) fn contract(&self, call: &'static str, message: String) -> PluginError {
        PluginError::Contract { plugin: self.name().to_owned(), call, message }
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Component").field("id", &self.0.id).finish()
    }
}

/// Reads world and version from the names of the exports, before anything is instantiated.
fn world(name: &str, exports: &[String]) -> Result<World, PluginError> {
    let expected =
        format!("`{PACKAGE}transformer@{VERSION}`, `{PACKAGE}validator@{VERSION}` or `{PACKAGE}merger@{VERSION}`");
    let ours: Vec<_> = exports
        .iter()
        .filter_map(|export| {
            let (interface, version) = export.strip_prefix(PACKAGE)?.split_once('@')?;
            let world = match interface {
                "transformer" => World::Transformer,
                "validator" => World::Validator,
                "merger" => World::Merger,
                _ => return None,
            };
            Some((export, world, version))
        })
        .collect();
    match ours.as_slice() {
        [(_, world, VERSION)] => Ok(*world),
        [(export, _, version)] => Err(PluginError::Version {
            plugin: name.to_owned(),
            expected,
            found: (*export).clone(),
            is_newer: number(version) > number(VERSION),
        }),
        _ => {
            let found = match exports {
                [] => "no export".to_owned(),
                exports => exports.iter().map(|export| format!("`{export}`")).collect::<Vec<_>>().join(", "),
            };
            Err(PluginError::World { plugin: name.to_owned(), expected, found })
        }
    }
}

/// Makes versions comparable; what is no number counts as 0.
fn number(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).take(3).map(|part| part.parse().unwrap_or(0)).collect()
}

/// Refuses what is not granted, before anything is instantiated.
fn check_imports(name: &str, imports: &[Import], grants: &Grants) -> Result<(), PluginError> {
    let refused = imports.iter().filter_map(|import| match import.given {
        Given::Never => Some((import, None)),
        Given::Granted(line) if !grants.has_files => Some((import, Some(line))),
        _ => None,
    });
    // One that is called says more than one of which only types are needed.
    let refused = refused.min_by_key(|(import, _)| import.functions.is_empty());
    match refused {
        Some((import, grant)) => Err(PluginError::Import {
            plugin: name.to_owned(),
            interface: import.interface.clone(),
            function: import.functions.join("`, `"),
            grant,
        }),
        None => Ok(()),
    }
}

fn prepare(engine: &Engine, compiled: &wasmtime::component::Component, world: World) -> wasmtime::Result<Pre> {
    let pre = engine.linker.instantiate_pre(compiled)?;
    Ok(match world {
        World::Transformer => Pre::Transformer(TransformerPluginPre::new(pre)?),
        World::Validator => Pre::Validator(ValidatorPluginPre::new(pre)?),
        World::Merger => Pre::Merger(MergerPluginPre::new(pre)?),
    })
}

/// Asks a component what it is.
fn ask_about(engine: &Engine, name: &str, limits: &Limits, grants: &Grants, pre: &Pre) -> Result<About, PluginError> {
    let mut store = store::open(engine, name, limits, grants, Pins { now_us: 0, seed: 0 })?;
    let fault = |call, store: &_, error| store::fault(name, limits, call, store, error);
    let about = match pre {
        Pre::Transformer(pre) => {
            let instance = pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
            instance.whimbrel_plugin_transformer().call_about(&mut store)
        }
        Pre::Validator(pre) => {
            let instance = pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
            instance.whimbrel_plugin_validator().call_about(&mut store)
        }
        Pre::Merger(pre) => {
            let instance = pre.instantiate(&mut store).map_err(|error| fault(store::INSTANTIATE, &store, error))?;
            instance.whimbrel_plugin_merger().call_about(&mut store)
        }
    };
    about.map(About::from).map_err(|error| fault("about", &store, error))
}
