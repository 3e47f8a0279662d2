//! Components on disk: compiled, by digest, engine version and settings, and as they were, by digest alone.
//!
//! A compiled entry is native code that will run in this process, so it is used only if it is whole and nobody but this
//! account could have written it. Anything wrong with the cache costs a compilation, never a run.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

/// Length of the digest that an entry begins with.
const DIGEST_BYTES: usize = 32;

/// A folder of compiled components.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    dir: PathBuf,
    settings: u64,
}

impl Cache {
    pub(super) fn new(dir: PathBuf, settings: u64) -> Self {
        Self { dir, settings }
    }

    /// Returns the entry of the component with this digest; what cannot be trusted is reported and removed.
    pub(super) fn load(&self, engine: &wasmtime::Engine, digest: &str) -> Option<wasmtime::component::Component> {
        let path = self.path(digest);
        let entry = std::fs::read(&path).ok()?;
        let loaded = if !is_private(&self.dir) || !is_private(&path) {
            Err("others may write to it".to_owned())
        } else {
            match entry.split_at_checked(DIGEST_BYTES) {
                Some((kept, code)) if self.seal(digest, code).as_slice() == kept => {
                    deserialize(engine, code).map_err(|error| format!("{error:#}"))
                }
                _ => Err("its bytes are not those that were stored for this component".to_owned()),
            }
        };
        match loaded {
            Ok(component) => Some(component),
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "a compiled plugin is not used and compiled again");
                // The next store replaces it; an entry that stays is checked again.
                let _ = std::fs::remove_file(&path);
                None
            }
        }
    }

    /// Keeps a compiled component: written beside its place and renamed, so that no reader sees half of it.
    pub(super) fn store(&self, digest: &str, component: &wasmtime::component::Component) {
        if let Err(error) = self.try_store(digest, component) {
            tracing::debug!(path = %self.dir.display(), "a compiled plugin is not kept: {error}");
        }
    }

    fn try_store(
        &self,
        digest: &str,
        component: &wasmtime::component::Component,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        create_private_dir(&self.dir)?;
        let code = component.serialize().map_err(wasmtime::Error::into_boxed_dyn_error)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(&self.seal(digest, &code))?;
        file.write_all(&code)?;
        file.as_file().sync_all()?;
        file.persist(self.path(digest))?;
        Ok(())
    }

    /// Keeps a component as it is: its file may be another one when it is needed again.
    pub(super) fn keep(&self, digest: &str, bytes: &[u8]) {
        let path = kept_path(&self.dir, digest);
        if std::fs::metadata(&path).is_ok_and(|kept| kept.len() == bytes.len() as u64) {
            return;
        }
        let kept = create_private_dir(&self.dir).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file.persist(&path)?)
        });
        if let Err(error) = kept {
            tracing::debug!(path = %path.display(), "a plugin is not kept: {error}");
        }
    }

    /// Returns what an entry begins with: a digest of the code and of what it was compiled from, so that an entry under
    /// another component's name is no better than a changed one.
    fn seal(&self, digest: &str, code: &[u8]) -> [u8; DIGEST_BYTES] {
        let mut seal = Sha256::new();
        seal.update(digest.as_bytes());
        seal.update(self.settings.to_le_bytes());
        seal.update(code);
        seal.finalize().into()
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}.code", self.settings))
    }
}

/// Returns the component with this digest, where it is kept whole.
pub(super) fn kept(dir: &Path, digest: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(kept_path(dir, digest)).ok()?;
    (super::digest(&bytes) == digest).then_some(bytes)
}

fn kept_path(dir: &Path, digest: &str) -> PathBuf {
    dir.join(format!("{digest}.wasm"))
}

#[allow(unsafe_code, reason = "the engine cannot check native code; the caller has checked where it comes from")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
    // SAFETY: the bytes are those that were stored for this component, in a file that only this account can write; the engine
    // itself refuses what another version or other settings have made.
    unsafe { wasmtime::component::Component::deserialize(engine, code) }
}

fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Returns whether only this account, or the machine's administrator, may write there.
#[cfg(unix)]
fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    #[cfg(target_os = "linux")]
    let is_own = |owner: u32| owner == 0 || owner == rustix::process::geteuid().as_raw();
    #[cfg(not(target_os = "linux"))]
    let is_own = |_: u32| true;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o022 == 0 && is_own(metadata.uid()))
}

#[cfg(not(unix))]
fn is_private(_path: &Path) -> bool {
    true
}
