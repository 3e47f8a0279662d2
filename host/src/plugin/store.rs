//! One instance's state, and what its errors mean.

use wasmtime::Store;
use wasmtime::Trap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::WasiCtxView;
use wasmtime_wasi::WasiView;

use super::engine::Engine;
use super::engine::TICK;
use super::error::PluginError;
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
    wasi: WasiCtx,
    meter: Meter,
    last_words: LastWords,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

/// Makes the store for one fresh instance; its deadline runs from now.
pub(super) fn open(engine: &Engine, plugin: &str, limits: &Limits, pins: Pins) -> Store<State> {
    let last_words = LastWords::default();
    let state = State {
        resources: ResourceTable::new(),
        pinned: Pinned::new(pins),
        log: LogBudget::new(plugin, limits),
        wasi: WasiCtxBuilder::new().stderr(last_words.clone()).build(),
        meter: Meter::new(limits),
        last_words,
    };
    let mut store = Store::new(&engine.inner, state);
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.output_bytes);
    // One more, because the current tick is already under way.
    let ticks = limits.deadline.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2));
    store
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
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return PluginError::Deadline { plugin, call, deadline: limits.deadline };
    }
    if call == INSTANTIATE && !error.is::<Trap>() {
        return PluginError::Instantiate { plugin, source: error.into_boxed_dyn_error() };
    }
    // The engine's type for this is private; its words are not.
    if format!("{error:#}").contains("fuel allocated for hostcalls") {
        return PluginError::Limit { plugin, call, name: "output-bytes", value: bytes(limits.output_bytes) };
    }
    let cause = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    };
    let last_words = store.data().last_words.text();
    let reason = if last_words.is_empty() { cause } else { format!("{cause}: {last_words}") };
    PluginError::Trap { plugin, call, reason }
}
