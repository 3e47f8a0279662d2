//! Finds a collection's file in a folder of dumped files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::source::SourceError;

/// How a tool names its files.
pub(super) struct Naming {
    /// Endings that make a collection's file, each also with `.gz` behind it; a longer one goes before a shorter.
    pub(super) endings: &'static [&'static str],
    /// Endings of files that stand beside them.
    pub(super) ignored: &'static [&'static str],
    /// Whether a folder may hold one folder a database.
    pub(super) has_databases: bool,
}

/// Returns the one file that holds a collection, which may be written `database/collection`.
pub(super) fn find(folder: &Path, collection: &str, naming: &Naming) -> Result<PathBuf, SourceError> {
    let mut files = files(folder, naming)?;
    let exact = files.remove(collection);
    let candidates = exact.unwrap_or_else(|| {
        let nested = files.iter().filter(|(name, _)| name.rsplit_once('/').is_some_and(|(_, last)| last == collection));
        nested.flat_map(|(_, paths)| paths.clone()).collect()
    });
    match candidates.as_slice() {
        [path] => Ok(path.clone()),
        [] => Err(SourceError::Missing {
            folder: folder.to_owned(),
            collection: collection.to_owned(),
            found: files.into_keys().collect(),
        }),
        several => Err(SourceError::Ambiguous {
            what: format!("collection `{collection}` in `{}`", folder.display()),
            found: several.iter().map(|path| path.display().to_string()).collect(),
        }),
    }
}

/// Returns the names of all collections, in order.
pub(super) fn list(folder: &Path, naming: &Naming) -> Result<Vec<String>, SourceError> {
    Ok(files(folder, naming)?.into_keys().collect())
}

/// The files by collection; those of a database's folder are named `database/collection`.
fn files(folder: &Path, naming: &Naming) -> Result<BTreeMap<String, Vec<PathBuf>>, SourceError> {
    if !folder.is_dir() {
        let found = if folder.exists() { "a file" } else { "nothing" };
        return Err(SourceError::NoFolder { path: folder.to_owned(), found });
    }
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in entries(folder)? {
        if let Some(name) = collection_of(&path, naming) {
            files.entry(name).or_default().push(path);
        } else if naming.has_databases && path.is_dir() {
            let database = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for path in entries(&path)? {
                if let Some(name) = collection_of(&path, naming) {
                    files.entry(format!("{database}/{name}")).or_default().push(path);
                }
            }
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let refused = |source| SourceError::Io { path: folder.display().to_string(), source };
    let mut paths = fs::read_dir(folder)
        .map_err(refused)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(refused)?;
    paths.sort();
    Ok(paths)
}

fn collection_of(path: &Path, naming: &Naming) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let plain = file.strip_suffix(".gz").unwrap_or(file);
    if naming.ignored.iter().any(|ending| plain.ends_with(ending)) || !path.is_file() {
        return None;
    }
    let stem = naming.endings.iter().find_map(|ending| plain.strip_suffix(ending))?;
    Some(decode(stem))
}

/// mongodump writes characters that file systems refuse as `%` and two hexadecimal digits.
fn decode(stem: &str) -> String {
    let bytes = stem.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| stem.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| stem.to_owned())
}
