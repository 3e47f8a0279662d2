//! What a component's file shows without being run: what it imports and exports, whether or not it could be loaded.

use sha2::Digest;
use sha2::Sha256;
use wasmtime::component::Component;
use wasmtime::component::types;

use super::component::PACKAGE;
use super::engine::Engine;
use super::error::PluginError;
use super::grants::Given;
use super::grants::given;
use super::wit::since_v0_1_0::VERSION;

/// One interface that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its name with its version.
    pub interface: String,
    /// The functions that the component really imports of it; none where it only needs its types.
    pub functions: Vec<String>,
    /// What the host answers it with.
    pub given: Given,
}

/// What a file shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The sha-256 of the file.
    pub digest: String,
    /// Its size in bytes.
    pub size: usize,
    /// The interfaces that it imports; none where it is no component.
    pub imports: Vec<Import>,
    /// The interfaces that it exports; none where it is no component.
    pub exports: Vec<String>,
}

impl Outline {
    /// Looks at a file, whatever it is.
    pub fn of(engine: &Engine, bytes: &[u8]) -> Self {
        let digest = digest(bytes);
        let compiled = compile(engine, bytes, &digest, "").ok();
        Self::new(engine, bytes, digest, compiled.map(|compiled| compiled.component_type()).as_ref())
    }

    pub(super) fn new(engine: &Engine, bytes: &[u8], digest: String, kind: Option<&types::Component>) -> Self {
        Self {
            digest,
            size: bytes.len(),
            imports: kind.map(|kind| imports(engine, kind)).unwrap_or_default(),
            exports: kind.map(|kind| exports(engine, kind)).unwrap_or_default(),
        }
    }
}

/// Returns what a file is known by.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compiles a component, or takes it from the cache.
pub(super) fn compile(engine: &Engine, bytes: &[u8], digest: &str, name: &str) -> Result<Component, PluginError> {
    if let Some(found) = not_a_component(bytes) {
        return Err(PluginError::NotAComponent { plugin: name.to_owned(), found });
    }
    if let Some(compiled) = engine.cache.as_ref().and_then(|cache| cache.load(&engine.inner, digest)) {
        return Ok(compiled);
    }
    let compiled = Component::from_binary(&engine.inner, bytes).map_err(|error| invalid(name, error))?;
    if let Some(cache) = &engine.cache {
        cache.store(digest, &compiled);
    }
    Ok(compiled)
}

/// Says what the bytes are if they are no component.
fn not_a_component(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [] => Some("an empty file"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Some("a core module"),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => None,
        [0, b'a', b's', b'm', ..] => Some("WebAssembly of an unknown layer"),
        _ => Some("a file that is not WebAssembly"),
    }
}

fn exports(engine: &Engine, kind: &types::Component) -> Vec<String> {
    kind.exports(&engine.inner).map(|(export, _)| export.to_owned()).collect()
}

fn imports(engine: &Engine, kind: &types::Component) -> Vec<Import> {
    let imports = kind.imports(&engine.inner).map(|(interface, import)| {
        let functions = match &import.ty {
            types::ComponentItem::ComponentInstance(instance) => instance
                .exports(&engine.inner)
                .filter(|(_, item)| matches!(item.ty, types::ComponentItem::ComponentFunc(_)))
                .map(|(function, _)| function.to_owned())
                .collect(),
            _ => Vec::new(),
        };
        Import { interface: interface.to_owned(), functions, given: given_to(interface) }
    });
    imports.collect()
}

fn given_to(import: &str) -> Given {
    let Some((interface, version)) = import.split_once('@') else { return Given::Never };
    match interface.strip_prefix(PACKAGE) {
        Some("types" | "log") if version == VERSION => Given::Always,
        Some(_) => Given::Never,
        None if version.starts_with("0.2.") => given(interface),
        None => Given::Never,
    }
}

/// Returns the error for what does not compile.
pub(super) fn invalid(name: &str, error: wasmtime::Error) -> PluginError {
    PluginError::Invalid { plugin: name.to_owned(), source: error.into_boxed_dyn_error() }
}
