//! What an export says of itself: which files belong to it.

use std::fs;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use super::super::files::Part;
use super::log::Log;
use super::source::log_failure;
use super::wire::Message;
use super::wire::WireError;
use super::wire::wire_error;
use crate::connector::file::SourceFile;
use crate::connector::source::SourceError;

/// Behind the name of the whole export.
const OVERALL: &str = ".overall_export_metadata";
/// Behind the name of a part: all kinds, or one.
const OF_PART: &str = ".export_metadata";
/// A metadata file has a line for each shard; an export of a thousand has 12 KB.
const METADATA_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One file of an export.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) part: Part,
    /// The one kind, the last collection's name, whose entities it holds; `None` where it may be any.
    pub(super) kind: Option<String>,
}

/// What a whole export says of one of its parts.
struct Listed {
    /// Below the export's folder.
    path: String,
    /// Of all its shards.
    bytes: Option<u64>,
}

/// Returns all files of an export in their order; one that is listed and not there is an error.
pub(super) fn shards(folder: &Path) -> Result<Vec<Shard>, SourceError> {
    let mut shards = Vec::new();
    for listed in parts(folder)? {
        let of_part = shards_of_part(folder, &listed.path)?;
        let bytes: u64 = of_part.iter().map(|shard| shard.part.bytes()).sum();
        if let Some(expected) = listed.bytes.filter(|expected| *expected != bytes) {
            let part = listed.path.as_str();
            tracing::warn!(
                part,
                "the export says that its files have {expected} bytes together, and they have {bytes}"
            );
        }
        shards.extend(of_part);
    }
    if shards.is_empty() {
        return Err(SourceError::NoExport { path: folder.to_owned(), found: "one that lists no files" });
    }
    Ok(shards)
}

/// Returns the parts that the export lists, or the only one that the folder itself is.
fn parts(folder: &Path) -> Result<Vec<Listed>, SourceError> {
    if !folder.is_dir() {
        let found = if folder.exists() { "a file" } else { "nothing" };
        return Err(SourceError::NoFolder { path: folder.to_owned(), found });
    }
    let of_ending = |ending| names(folder, ending);
    let (overall, own) = (of_ending(OVERALL)?, of_ending(OF_PART)?);
    match (overall.as_slice(), own.as_slice()) {
        ([name], _) => overall_parts(&folder.join(name), name),
        ([], [name]) => Ok(vec![Listed { path: name.clone(), bytes: None }]),
        ([], []) => Err(SourceError::NoExport { path: folder.to_owned(), found: "none" }),
        (several, own) => Err(SourceError::Ambiguous {
            what: format!("the metadata of the export in `{}`", folder.display()),
            found: if several.is_empty() { own.to_vec() } else { several.to_vec() },
        }),
    }
}

fn names(folder: &Path, ending: &str) -> Result<Vec<String>, SourceError> {
    let refused = |source| SourceError::Io { path: folder.display().to_string(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let name = entry.map_err(refused)?.file_name().to_string_lossy().into_owned();
        // Some systems leave files that begin with a dot beside every other.
        if name.ends_with(ending) && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads the metadata of the whole, a log: a version, then messages that list the parts.
fn overall_parts(path: &Path, name: &str) -> Result<Vec<Listed>, SourceError> {
    let mut file = SourceFile::open_as(path, name)?;
    let mut log = Log::default();
    let mut parts = Vec::new();
    loop {
        let found = match log.next(&mut file) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(parts),
            Err(error) => return Err(log_failure(&file, error)),
        };
        let record = found.data(&file, &log);
        let is_version = !record.is_empty() && record.iter().all(u8::is_ascii_digit);
        if !is_version {
            let listed = listed(record).map_err(|error| malformed(name, file.offset(), &error))?;
            parts.extend(listed);
        }
        file.consume(found.end);
    }
}

fn listed(record: &[u8]) -> Result<Vec<Listed>, WireError> {
    let mut parts = Vec::new();
    for field in Message::of(record).fields() {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        let (mut path, mut bytes) = (None, None);
        for inner in field.message()?.fields() {
            let inner = inner?;
            match inner.number {
                2 => path = Some(below(inner.text()?, inner.at)?),
                4 => bytes = Some(inner.varint()?),
                _ => {}
            }
        }
        let path = path.ok_or_else(|| wire_error(field.at, "expected the path of a part's metadata, found none"))?;
        parts.push(Listed { path: path.to_owned(), bytes });
    }
    Ok(parts)
}

/// Reads the metadata of a part, one message, and looks at its files, which lie beside it.
fn shards_of_part(folder: &Path, metadata: &str) -> Result<Vec<Shard>, SourceError> {
    let path = folder.join(metadata);
    let refused = |source| SourceError::Io { path: path.display().to_string(), source };
    let bytes = fs::metadata(&path).map_err(refused)?.len();
    if bytes > METADATA_BYTES_MAX {
        let message = format!("expected at most {METADATA_BYTES_MAX} bytes of metadata, found {bytes}");
        return Err(malformed(metadata, 0, &wire_error(0, message)));
    }
    let content = fs::read(&path).map_err(refused)?;
    let files = files(&content).map_err(|error| malformed(metadata, 0, &error))?;
    let beside = Path::new(metadata).parent().unwrap_or(Path::new(""));
    let kind = beside.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("kind_"));
    files
        .into_iter()
        .map(|file| {
            let name = beside.join(file);
            let path: PathBuf = folder.join(&name);
            if !path.is_file() {
                return Err(SourceError::NoShard { metadata: metadata.to_owned(), path });
            }
            let part = Part::look(&path, &name.to_string_lossy())?;
            Ok(Shard { part, kind: kind.map(str::to_owned) })
        })
        .collect()
}

fn files(metadata: &[u8]) -> Result<Vec<&str>, WireError> {
    let mut files = Vec::new();
    for field in Message::of(metadata).fields() {
        let field = field?;
        if field.number == 2 {
            for inner in field.message()?.fields() {
                let inner = inner?;
                if inner.number == 2 {
                    files.push(below(inner.text()?, inner.at)?);
                }
            }
        }
    }
    Ok(files)
}

/// Returns a path that stays below the export's folder.
fn below(path: &str, at: usize) -> Result<&str, WireError> {
    let stays = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if stays { Ok(path) } else { Err(wire_error(at, format!("expected a path below the export, found `{path}`"))) }
}

fn malformed(file: &str, offset: u64, error: &WireError) -> SourceError {
    SourceError::Metadata { file: file.to_owned(), offset: offset + error.at as u64, message: error.message.clone() }
}
