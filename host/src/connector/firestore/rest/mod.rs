//! Documents as the REST interface of Firestore answers with them: pages, answers of queries, one a line.

mod value;
mod walk;

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::files::Files;
use super::files::Part;
use super::path::Pattern;
use super::text::TextSource;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use walk::Pages;

/// Endings of files of a folder that are read, each also with `.gz` behind it.
const ENDINGS: &[&str] = &[".json", ".jsonl", ".ndjson"];

/// A file of answers, or a folder of such.
pub(super) struct Exported {
    path: PathBuf,
    parts: Vec<Part>,
}

impl Exported {
    pub(super) fn open(path: PathBuf) -> Result<Self, SourceError> {
        let mut names = Vec::new();
        if path.is_dir() {
            collect(&path, "", &mut names)?;
            names.sort_by_cached_key(|name| natural(name));
        }
        let mut parts = Vec::new();
        for name in &names {
            parts.push(Part::look(&path.join(name), name)?);
        }
        if !path.is_dir() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            parts.push(Part::look(&path, &name)?);
        }
        if parts.is_empty() {
            return Err(SourceError::NoFolder { path, found: "a folder without such files" });
        }
        Ok(Self { path, parts })
    }

    /// Opens what a pattern names; at least one document must be there.
    pub(super) fn source(
        &self,
        collection: &str,
        pattern: Pattern,
        key_fields: &[String],
    ) -> Result<Box<dyn Source>, SourceError> {
        let files = Files::open(self.parts.clone())?;
        let mut source = TextSource::new(files, Pages::default(), pattern, key_fields);
        if let Some(found) = source.look()? {
            let (folder, collection) = (self.path.clone(), collection.to_owned());
            return Err(SourceError::Missing { folder, collection, found });
        }
        Ok(Box::new(source))
    }
}

/// Finds the files of a folder and of those in it, by their paths below it.
fn collect(folder: &Path, within: &str, names: &mut Vec<String>) -> Result<(), SourceError> {
    let refused = |source| SourceError::Io { path: folder.display().to_string(), source };
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = format!("{within}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{below}/"), names)?;
        } else if ENDINGS.iter().any(|ending| name.trim_end_matches(".gz").ends_with(ending)) && !name.starts_with('.')
        {
            names.push(below);
        }
    }
    Ok(())
}

/// What a name is sorted by: `page-2` comes before `page-10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, String)> = vec![Default::default()];
    for character in name.chars() {
        if let Some((text, digits)) = parts.last_mut() {
            match (character.is_ascii_digit(), digits.is_empty()) {
                (true, _) => digits.push(character),
                (false, true) => text.push(character),
                (false, false) => parts.push((character.to_string(), String::new())),
            }
        }
    }
    parts.into_iter().map(|(text, digits)| (text, digits.parse().unwrap_or(u64::MAX))).collect()
}

#[cfg(test)]
mod tests;
