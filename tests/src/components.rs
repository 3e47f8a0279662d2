//! The components: built once by `cargo xtask plugins` where they are missing or older than their sources.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::root;

/// Returns the folder of the plugins that come with whimbrel.
pub fn plugins() -> PathBuf {
    build();
    root().join("plugins")
}

/// Returns the folder of the misbehaving components.
pub fn guests() -> PathBuf {
    build();
    root().join("target/guests")
}

/// Makes a folder `plugins` with every component in it, plugins and guests, beside a manifest.
pub fn link(folder: &Path) {
    let beside = folder.join("plugins");
    fs::create_dir_all(&beside).unwrap();
    for entry in [plugins(), guests()].iter().flat_map(|from| fs::read_dir(from).unwrap()).map(Result::unwrap) {
        if entry.path().extension().is_some_and(|extension| extension == "wasm") {
            let to = beside.join(entry.file_name());
            fs::hard_link(entry.path(), &to).or_else(|_| fs::copy(entry.path(), &to).map(drop)).unwrap();
        }
    }
}

/// Returns the names of all guests, by their sources.
pub fn guest_names() -> Vec<String> {
    let sources = fs::read_dir(root().join("tests/guests/examples")).unwrap();
    let names = sources.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Each test is a process of its own under nextest, so the lock is a file.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let stamp = root().join("target/components-of-the-tests");
        let lock = fs::File::create(root().join("target/components-of-the-tests.lock")).unwrap();
        lock.lock().unwrap();
        if is_fresh(&stamp) {
            return;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo).args(["xtask", "plugins"]).current_dir(root()).status().unwrap();
        assert!(status.success(), "`cargo xtask plugins` failed");
        fs::write(&stamp, "").unwrap();
    });
}

fn is_fresh(stamp: &Path) -> bool {
    let Ok(built) = fs::metadata(stamp).and_then(|stamp| stamp.modified()) else { return false };
    let guests = guest_names().into_iter().map(|name| root().join("target/guests").join(name));
    let plugins = fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let plugins = plugins.filter(|path| path.is_dir()).map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().replace('-', "_");
        path.with_file_name(name)
    });
    let is_there = guests.chain(plugins).all(|path| path.with_extension("wasm").exists());
    let sources = ["Cargo.lock", "sdk/Cargo.toml", "sdk/src", "wit", "plugins", "tests/guests"];
    is_there && sources.iter().all(|source| newest(&root().join(source)) <= built)
}

/// Returns when the newest source below a path was changed.
fn newest(path: &Path) -> SystemTime {
    if !path.is_dir() {
        let is_built = path.extension().is_some_and(|extension| extension == "wasm" || extension == "partial");
        let changed = fs::metadata(path).and_then(|file| file.modified());
        return if is_built { SystemTime::UNIX_EPOCH } else { changed.unwrap_or(SystemTime::UNIX_EPOCH) };
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
    entries.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
