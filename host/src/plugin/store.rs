//! One instance's state, and what its errors mean.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use wasmtime::Store;
use wasmtime::Trap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::WasiView;

use super::engine::Engine;
use super::engine::TICK;
use super::error::PluginError;
use super::grants::Grants;
use super::grants::Pinned;
use super::grants::Pins;
use super::limits::Exceeded;
use super::limits::Limits;
use super::limits::Meter;
use super::limits::bytes;
use super::log::LogBudget;
use super::stderr::LastWords;

/// What errors call the making of an instance, which is no function of the guest.
pub(super) const INSTANTIATE: &str = "instantiate";

/// What the host keeps beside one instance.
pub(super) struct State {
    pub(super) resources: ResourceTable,
    pub(super) pinned: Pinned,
    pub(super) log: LogBudget,
    /// The guest looked at an environment in which nothing is granted.
    pub(super) lacks_environment: bool,
    /// The variables it is granted.
    pub(super) variables: Vec<(String, String)>,
    stack_bytes: usize,
    wasi: WasiCtx,
    meter: Meter,
    last_words: LastWords,
}

impl State {
    /// Says once that a guest looked at an environment in which nothing is granted.
    pub(super) fn say_what_lacks(&self, plugin: &str, has_said: &AtomicBool) {
        if self.lacks_environment && !has_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                plugin,
                "looked at its environment, which is empty: `grant.env = [\"NAME\"]` under `[plugin.{plugin}]` grants a variable"
            );
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

/// Makes the store for one fresh instance; its deadline runs from now.
pub(super) fn open(
    engine: &Engine,
    plugin: &str,
    limits: &Limits,
    grants: &Grants,
    pins: Pins,
) -> Result<Store<State>, PluginError> {
    let last_words = LastWords::default();
    let mut wasi = WasiCtxBuilder::new();
    // Reading a granted file is as much of the call as computing is.
    wasi.stderr(last_words.clone()).allow_blocking_current_thread(true);
    for folder in &grants.folders {
        let opened = wasi.preopened_dir(&folder.path, &folder.guest_path, FsPerms::ReadOnly);
        opened.map_err(|source| PluginError::Folder {
            plugin: plugin.to_owned(),
            path: folder.path.clone(),
            source: source.into_boxed_dyn_error(),
        })?;
    }
    let state = State {
        resources: ResourceTable::new(),
        pinned: Pinned::new(pins),
        log: LogBudget::new(plugin, limits),
        lacks_environment: false,
        variables: grants.variables.clone(),
        stack_bytes: engine.stack_bytes,
        wasi: wasi.build(),
        meter: Meter::new(limits),
        last_words,
    };
    let mut store = Store::new(&engine.inner, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.output_bytes);
    // One more, because the current tick is already under way.
    let ticks = limits.deadline.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2));
    Ok(store)
}

/// Runs a call that may take its whole deadline where an async caller has left it to us.
///
/// The streams of WASI wait for the runtime, which they cannot on a thread that drives it.
pub(super) fn off_the_loop<T>(call: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(call)
}

/// Says what it means that a call failed.
pub(super) fn fault(
    plugin: &str,
    limits: &Limits,
    call: &'static str,
    store: &Store<State>,
    error: wasmtime::Error,
) -> PluginError {
    let plugin = plugin.to_owned();
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return PluginError::Limit { plugin, call, name: exceeded.name, value: exceeded.value.clone() };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return PluginError::Deadline { plugin, call, deadline: limits.deadline },
        Some(Trap::StackOverflow) => {
            return PluginError::Limit { plugin, call, name: "stack", value: bytes(store.data().stack_bytes) };
        }
        _ => {}
    }
    // The engine's types for these are private; its words are not.
    let words = format!("{error:#}");
    for (said, name, value) in [
        ("fuel allocated for hostcalls", "output-bytes", bytes(limits.output_bytes)),
        ("table count too high", "tables", limits.tables.to_string()),
        ("instance count too high", "instances", limits.instances.to_string()),
    ] {
        if words.contains(said) {
            return PluginError::Limit { plugin, call, name, value };
        }
    }
    if call == INSTANTIATE && !error.is::<Trap>() {
        return PluginError::Instantiate { plugin, source: error.into_boxed_dyn_error() };
    }
    let cause = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    };
    let last_words = store.data().last_words.text();
    let mut reason = if last_words.is_empty() { cause } else { format!("{cause}: {last_words}") };
    // Every panic looks for `RUST_BACKTRACE`: only one about a variable has to do with the environment.
    if store.data().lacks_environment
        && ["NotPresent", "environment variable"].iter().any(|word| last_words.contains(word))
    {
        reason
            .push_str(&format!("; it lacks a variable: `grant.env = [\"NAME\"]` under `[plugin.{plugin}]` grants one"));
    }
    PluginError::Trap { plugin, call, reason }
}
