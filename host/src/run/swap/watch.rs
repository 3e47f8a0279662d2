//! The folders that components lie in: a file that somebody drops there is told to the keeper once it is whole.
//!
//! Only files that an entity of this run uses are looked at.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Message;
use super::sentence;
use crate::plan::Manifest;
use crate::run::components;

/// Between two looks at whether a folder is still the one that is watched.
const FOLDERS_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at files that have changed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A whole file that has not changed for so long is taken.
const QUIET: Duration = Duration::from_millis(300);
/// A file in pieces that has not changed for so long will not become whole: it is taken, and refused with its reason.
const GIVEN_UP: Duration = Duration::from_secs(5);

/// Watches the folders until it is dropped.
pub struct Watch {
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A file that has changed, as it was at the last look.
struct Changed {
    plugin: String,
    length: u64,
    since: Instant,
}

impl Watch {
    /// Begins to watch for these components.
    pub fn start(manifest: &Manifest, plugins: &BTreeSet<String>, told: mpsc::UnboundedSender<Message>) -> Self {
        let places: Vec<Place> = plugins.iter().filter_map(|plugin| Place::of(manifest, plugin)).collect();
        let (sender, receiver) = mpsc::unbounded_channel();
        let folders: BTreeSet<&PathBuf> = places.iter().map(|place| &place.folder).collect();
        let folders = folders.into_iter().map(|folder| Folder::watch(folder, &sender)).collect();
        Self { task: tokio::spawn(look(places, folders, receiver, told)) }
    }
}

/// A folder that is watched as long as it is the same one.
struct Folder {
    path: PathBuf,
    sender: mpsc::UnboundedSender<PathBuf>,
    identity: Option<Identity>,
    watcher: notify::Result<RecommendedWatcher>,
}

impl Folder {
    fn watch(path: &Path, sender: &mpsc::UnboundedSender<PathBuf>) -> Self {
        let (identity, watcher) = (identity(path), watcher(path, sender));
        if let Err(error) = &watcher {
            tracing::warn!(
                folder = %path.display(),
                "components that are dropped there will not be seen, `whimbrel plugin swap` works: {}",
                sentence(error)
            );
        }
        Self { path: path.to_owned(), sender: sender.clone(), identity, watcher }
    }

    /// Watches the folder that stands there now, if it is another one, and looks at all that lies in it.
    fn look_again(&mut self) {
        let identity = identity(&self.path);
        if identity.is_none() || identity == self.identity {
            return;
        }
        self.identity = identity;
        self.watcher = watcher(&self.path, &self.sender);
        let found = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        match &self.watcher {
            Ok(_) => tracing::info!(folder = %self.path.display(), "the folder was replaced, and is watched again"),
            Err(error) => tracing::warn!(
                folder = %self.path.display(),
                "the folder was replaced, and components that are dropped there will not be seen: {}",
                sentence(error)
            ),
        }
        for file in found {
            // The run has ended.
            let _ = self.sender.send(file.path());
        }
    }
}

/// Tells one folder from another of its name: device, number and birth.
type Identity = (u64, u64, Option<SystemTime>);

fn identity(folder: &Path) -> Option<Identity> {
    let found = std::fs::metadata(folder).ok()?;
    #[cfg(unix)]
    let (device, number) = (std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found));
    #[cfg(not(unix))]
    let (device, number) = (0, 0);
    // A number may be given again at once.
    Some((device, number, found.created().ok()))
}

fn watcher(folder: &Path, sender: &mpsc::UnboundedSender<PathBuf>) -> notify::Result<RecommendedWatcher> {
    let sender = sender.clone();
    let each = move |event: notify::Result<notify::Event>| {
        // Our own looks at a file are no change of it.
        let changes = event.into_iter().filter(|event| !event.kind.is_access());
        for path in changes.flat_map(|event| event.paths) {
            // The run has ended.
            let _ = sender.send(path);
        }
    };
    let mut watcher = notify::recommended_watcher(each)?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Where the next version of one component is looked for.
struct Place {
    plugin: String,
    folder: PathBuf,
    /// The file, or where it is left open any file of the component's name.
    file: Option<PathBuf>,
}

impl Place {
    fn of(manifest: &Manifest, plugin: &str) -> Option<Self> {
        let path = components::plugin_path(manifest, plugin).ok()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_named = manifest.tables.plugin.get(plugin).is_some_and(|table| table.path.is_some());
        let file = is_named.then(|| path.file_name().map(PathBuf::from)).flatten();
        Some(Self { plugin: plugin.to_owned(), folder: folder.to_owned(), file })
    }

    fn is(&self, path: &Path) -> bool {
        let is_stem = || {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-"));
            path.extension().is_some_and(|ending| ending == "wasm") && stem == Some(self.plugin.replace('_', "-"))
        };
        let is_here = path.parent().is_some_and(|folder| same(folder, &self.folder));
        is_here && self.file.as_ref().map_or_else(is_stem, |file| path.file_name() == Some(file.as_os_str()))
    }
}

/// The system may name a folder otherwise than the manifest.
fn same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

async fn look(
    places: Vec<Place>,
    mut folders: Vec<Folder>,
    mut paths: mpsc::UnboundedReceiver<PathBuf>,
    told: mpsc::UnboundedSender<Message>,
) {
    let mut changed: BTreeMap<PathBuf, Changed> = BTreeMap::new();
    let mut looked = Instant::now();
    loop {
        let pause = if changed.is_empty() { FOLDERS_EVERY } else { LOOK_EVERY };
        let path = tokio::time::timeout(pause, paths.recv()).await.unwrap_or(Some(PathBuf::new()));
        let Some(path) = path else { return };
        if looked.elapsed() >= FOLDERS_EVERY {
            folders.iter_mut().for_each(Folder::look_again);
            looked = Instant::now();
        }
        if let Some(place) = places.iter().find(|place| place.is(&path)) {
            let length = std::fs::metadata(&path).map_or(0, |file| file.len());
            let plugin = place.plugin.clone();
            changed.insert(path, Changed { plugin, length, since: Instant::now() });
        }
        changed.retain(|path, changed| {
            let Ok(file) = std::fs::metadata(path) else { return false };
            if file.len() != changed.length {
                (changed.length, changed.since) = (file.len(), Instant::now());
                return true;
            }
            let quiet = changed.since.elapsed();
            let is_ready = quiet >= GIVEN_UP || quiet >= QUIET && is_whole(path).unwrap_or(false);
            if is_ready {
                let _ = told.send(Message::Dropped { plugin: changed.plugin.clone(), file: path.clone() });
            }
            !is_ready
        });
    }
}

/// Returns whether a WebAssembly file ends where one of its sections does; anything else is not waited for.
fn is_whole(path: &Path) -> io::Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(sections_end(&bytes))
}

fn sections_end(bytes: &[u8]) -> bool {
    if bytes.len() < 8 {
        return false;
    }
    if !bytes.starts_with(b"\0asm") {
        return true;
    }
    let mut rest = &bytes[8..];
    while !rest.is_empty() {
        // One byte says which section, then its length in seven bits a byte.
        rest = &rest[1..];
        let mut length: usize = 0;
        for shift in (0..35).step_by(7) {
            let Some((&byte, after)) = rest.split_first() else { return false };
            rest = after;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        match rest.get(length..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    // A header alone is a file that somebody has just begun to write.
    bytes.len() > 8
}

#[cfg(test)]
mod tests {
    use super::sections_end;

    #[test]
    fn a_file_is_whole_where_a_section_ends() {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        assert!(!sections_end(&bytes) && !sections_end(b"") && !sections_end(b"\0as"));
        bytes.extend([0, 3, 1, 2, 3, 1, 0x81, 0x00, 9]);
        assert!(sections_end(&bytes) && sections_end(&bytes[..13]));
        assert!((9..13).chain(14..17).all(|length| !sections_end(&bytes[..length])));
        assert!(sections_end(b"#!/bin/sh\n"), "it will not become a component");
    }
}
