//! What a guest may touch: nothing. Clocks stand still and random numbers repeat, so that a replay gives the same rows.
//!
//! WASI is linked because compilers import it unasked; there is no file, no variable, no address behind it.

use wasmtime::component::HasSelf;
use wasmtime::component::Linker;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::random::insecure;
use wasmtime_wasi::p2::bindings::random::insecure_seed;
use wasmtime_wasi::p2::bindings::random::random;

use super::store::State;

/// Random bytes that one request may ask for.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// What a migration pins at its first run and every guest then sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pins {
    /// Microseconds since 1970.
    pub now_us: i64,
    /// Where every instance's random numbers begin.
    pub seed: u64,
}

/// The pinned clock and random numbers of one instance.
#[derive(Debug)]
pub(super) struct Pinned {
    now_us: u64,
    /// Nanoseconds; moves only when it is read, so that a loop over it ends.
    monotonic_ns: u64,
    random: u64,
    seed: u64,
}

impl Pinned {
    pub(super) fn new(pins: Pins) -> Self {
        // WASI's wall clock begins in 1970.
        let now_us = u64::try_from(pins.now_us).unwrap_or(0);
        Self { now_us, monotonic_ns: 0, random: pins.seed, seed: pins.seed }
    }

    /// SplitMix64: small, and the same on every machine.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random)
    }

    fn random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        if count > RANDOM_BYTES_MAX {
            wasmtime::bail!("asked for {count} random bytes, at most {RANDOM_BYTES_MAX} are given at once");
        }
        let count = usize::try_from(count)?;
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next_random().to_le_bytes());
        }
        bytes.truncate(count);
        Ok(bytes)
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Links WASI with nothing granted, then our clocks and random numbers over it.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    monotonic_clock::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    random::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    insecure::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    insecure_seed::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now_us = self.pinned.now_us;
        let nanoseconds = u32::try_from(now_us % 1_000_000 * 1000)?;
        Ok(wall_clock::Datetime { seconds: now_us / 1_000_000, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1000 })
    }
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.pinned.monotonic_ns = self.pinned.monotonic_ns.saturating_add(1000);
        Ok(self.pinned.monotonic_ns)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1000)
    }

    /// Waiting moves the clock and takes no time: a guest cannot sleep through its deadline.
    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.pinned.monotonic_ns = self.pinned.monotonic_ns.max(when);
        let ready = self.resources.push(Ready)?;
        wasmtime_wasi::p2::subscribe(&mut self.resources, ready)
    }

    fn subscribe_duration(&mut self, duration_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let when = self.pinned.monotonic_ns.saturating_add(duration_ns);
        self.subscribe_instant(when)
    }
}

struct Ready;

#[async_trait::async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

impl random::Host for State {
    fn get_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.pinned.random_bytes(count)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.pinned.next_random())
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, count: u64) -> wasmtime::Result<Vec<u8>> {
        self.pinned.random_bytes(count)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.pinned.next_random())
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((mix(self.pinned.seed), mix(!self.pinned.seed)))
    }
}
