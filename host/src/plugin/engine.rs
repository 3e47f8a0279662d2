//! The WebAssembly engine that all plugins of a process share.

use std::hash::Hash;
use std::hash::Hasher;
use std::path::PathBuf;
use std::time::Duration;

use wasmtime::Config;
use wasmtime::Enabled;
use wasmtime::InstanceAllocationStrategy;
use wasmtime::PoolingAllocationConfig;
use wasmtime::component::HasSelf;
use wasmtime::component::Linker;

use super::cache;
use super::cache::Cache;
use super::error::PluginError;
use super::grants;
use super::limits;
use super::limits::Limits;
use super::store::State;
use super::wit::since_v0_1_0::transformer;

/// How often deadlines are looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Instances that may exist at once.
const INSTANCES_MAX: u32 = 64;
/// Memory of a slot that is wiped rather than given back to the system between two instances: enough for a batch of a
/// thousand usual documents, whose pages would otherwise be faulted in again for each.
const KEPT_BYTES: usize = 8 << 20;

/// Compiles and runs components. Cheap to clone; dropping the last one ends its clock thread.
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: wasmtime::Engine,
    pub(super) linker: Linker<State>,
    pub(super) cache: Option<Cache>,
    pub(super) stack_bytes: usize,
}

impl Engine {
    /// Starts an engine that keeps compiled components in `cache_dir`, or where that is `None` in
    /// `$XDG_CACHE_HOME/whimbrel` or `~/.cache/whimbrel`; with no such folder it compiles every time.
    pub fn new(cache_dir: Option<PathBuf>) -> Result<Self, PluginError> {
        Self::with_stack(cache_dir, Limits::default().stack_bytes)
    }

    /// As [`Self::new`]; the stack is one setting for all components, so it is the largest that any of them is given.
    pub fn with_stack(cache_dir: Option<PathBuf>, stack_bytes: usize) -> Result<Self, PluginError> {
        let stack_bytes = stack_bytes.min(limits::STACK_BYTES_MAX);
        let failed = |error: wasmtime::Error| PluginError::Engine { source: error.into_boxed_dyn_error() };
        // Pooled memory needs much address space, which a container may not give.
        let inner = match wasmtime::Engine::new(&config(true, stack_bytes)) {
            Ok(engine) => engine,
            Err(error) => {
                tracing::debug!("no pooled instances: {error:#}");
                wasmtime::Engine::new(&config(false, stack_bytes)).map_err(failed)?
            }
        };
        start_clock(&inner).map_err(|error| PluginError::Engine { source: error.into() })?;
        let mut linker = Linker::new(&inner);
        grants::link(&mut linker).map_err(failed)?;
        transformer::TransformerPlugin::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)
            .map_err(failed)?;
        let cache = cache_dir.or_else(default_cache_dir).map(|dir| Cache::new(dir, settings(&inner)));
        Ok(Self { inner, linker, cache, stack_bytes })
    }
}

fn config(is_pooled: bool, stack_bytes: usize) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true).parallel_compilation(true).max_wasm_stack(stack_bytes);
    if is_pooled {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES_MAX)
            .total_core_instances(INSTANCES_MAX * 4)
            .total_memories(INSTANCES_MAX)
            .total_tables(INSTANCES_MAX * 4)
            .max_memories_per_component(pool_size(limits::MEMORIES_MAX))
            .max_tables_per_component(pool_size(limits::TABLES_MAX))
            .max_core_instances_per_component(pool_size(limits::INSTANCES_MAX))
            .table_elements(limits::TABLE_ELEMENTS_MAX)
            .linear_memory_keep_resident(KEPT_BYTES)
            .table_keep_resident(16 << 10)
            .max_unused_warm_slots(8)
            // Wipes only what was touched, where the kernel can tell.
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

fn pool_size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Moves the engine's clock until the engine is gone.
fn start_clock(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("plugin-clock".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}

/// Returns what compiled code depends on besides the component: the engine's version and settings.
fn settings(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Returns the component with this digest, where an engine of this account has loaded it before and keeps it.
pub fn kept(digest: &str) -> Option<Vec<u8>> {
    cache::kept(&default_cache_dir()?, digest)
}

fn default_cache_dir() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("whimbrel"))
}
