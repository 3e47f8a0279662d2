//! What a guest may touch: nothing, unless the manifest grants a folder to read or single variables; never the network.
//! Clocks stand still and random numbers repeat, so that a replay gives the same rows.
//!
//! WASI is linked because compilers import it unasked; there is nothing behind it that was not granted.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;
use wasmtime::component::HasSelf;
use wasmtime::component::Linker;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::clocks::wall_clock;
use wasmtime_wasi::p2::bindings::random::insecure;
use wasmtime_wasi::p2::bindings::random::insecure_seed;
use wasmtime_wasi::p2::bindings::random::random;

use super::store::State;

/// Random bytes that one request may ask for.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// Files and folders that one granted folder may hold; their digest is made at every start.
const GRANTED_ENTRIES_MAX: usize = 10_000;

/// A folder that a guest may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Where the guest sees it.
    pub guest_path: String,
}

/// What a manifest grants one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Whether the plugin may import `wasi:filesystem` at all: some languages do so unasked.
    pub has_files: bool,
    /// The folders it may read.
    pub folders: Vec<Folder>,
    /// The variables it sees, with their values.
    pub variables: Vec<(String, String)>,
}

/// Returns the digest of a variable's value, which may be a secret.
pub fn digest_of_variable(value: &str) -> String {
    hexadecimal(Sha256::digest(value.as_bytes()).as_slice())
}

/// Returns the digest of all names and contents below a folder: rows depend on them as they do on the component.
///
/// Only files and folders may be there: a pipe would keep a guest waiting, and a link could lead anywhere.
pub fn digest_of_folder(folder: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut entries_left = GRANTED_ENTRIES_MAX;
    add_folder(folder, &mut digest, &mut entries_left)?;
    Ok(hexadecimal(digest.finalize().as_slice()))
}

fn add_folder(folder: &Path, digest: &mut Sha256, entries_left: &mut usize) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let refuse = |what: &str| Err(io::Error::other(format!("`{}` {what}", entry.path().display())));
        if *entries_left == 0 {
            return refuse(&format!("is one of more than {GRANTED_ENTRIES_MAX} entries"));
        }
        *entries_left -= 1;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let name = name.as_encoded_bytes();
        digest.update([u8::from(kind.is_dir())]);
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        if kind.is_dir() {
            add_folder(&entry.path(), digest, entries_left)?;
            digest.update([2]);
        } else if kind.is_file() {
            let mut contents = Sha256::new();
            io::copy(&mut std::fs::File::open(entry.path())?, &mut HashWriter(&mut contents))?;
            digest.update(contents.finalize());
        } else {
            return refuse("is neither a file nor a folder");
        }
    }
    Ok(())
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the host answers an import with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Always there, and never more than the call's own: logs, its standard streams, pinned clock and random numbers.
    Always,
    /// Always there, and empty until this line of the manifest fills it.
    Filled(&'static str),
    /// Refused until this line of the manifest grants it.
    Granted(&'static str),
    /// Refused whatever the manifest says.
    Never,
}

/// Returns what an import of WASI 0.2 is answered with; `interface` is without its version, as in `wasi:cli/exit`.
pub(super) fn given(interface: &str) -> Given {
    match interface {
        "wasi:cli/environment" => Given::Filled(r#"grant.env = ["NAME"]"#),
        "wasi:filesystem/preopens" => Given::Granted(r#"grant.files = [{ path = "./folder", as = "/folder" }]"#),
        // Without a folder to begin at, its types lead nowhere.
        "wasi:filesystem/types" => Given::Always,
        _ if ["wasi:cli/", "wasi:clocks/", "wasi:io/", "wasi:random/"].iter().any(|p| interface.starts_with(p)) => {
            Given::Always
        }
        _ => Given::Never,
    }
}

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

/// Links WASI with nothing granted, then our environment, clocks and random numbers over it.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    environment::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    wall_clock::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    monotonic_clock::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    random::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    insecure::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    insecure_seed::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl environment::Host for State {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.lacks_environment |= self.variables.is_empty();
        Ok(self.variables.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
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
