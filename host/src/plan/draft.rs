//! A manifest while its problems are collected. What one of them hides is not looked at; all the rest is.

use std::path::Path;

use serde_json::Value as Json;

use super::Manifest;
use super::hint;
use super::manifest::place;
use super::mend::mend;
use super::merge;
use super::position::Places;
use super::problem::Problems;
use super::schema::Finding;
use super::schema::check_against;
use super::tables::Tables;
use super::tables::schema;
use crate::error::Failure;

/// A manifest that is used for nothing but to find what is wrong with it.
#[derive(Debug, Clone)]
pub struct Draft {
    manifest: Manifest,
    found: Vec<Finding>,
    /// Pointers to what is not as it was written; what is said of them is not of interest.
    aside: Vec<String>,
}

impl From<Manifest> for Draft {
    fn from(manifest: Manifest) -> Self {
        Self { manifest, found: Vec::new(), aside: Vec::new() }
    }
}

impl Draft {
    /// Reads a manifest file and finds what its text alone tells. Fails where there is nothing to look at.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the manifest `{file}`"))
                .cause(error)
                .hint("give the path of a migration.toml; `examples/` has some to copy")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let refused = |problems| Failure::from(Problems { file: file.clone(), problems });
        Places::parse(&text).map_err(refused)?;
        let mut json: Json = toml::from_str(&text)
            .map_err(|error| refused(place(&text, vec![(String::new(), error.message().to_owned(), None)])))?;
        let schema = schema();
        let mut found = check_against(&schema, &json).map_err(Failure::bug)?;
        let mut aside = if found.is_empty() { Vec::new() } else { mend(&schema, &mut json) };
        let tables: Tables = match serde_json::from_value(json) {
            Ok(tables) => tables,
            Err(error) => {
                if found.is_empty() {
                    found.push((String::new(), error.to_string(), None));
                }
                return Err(refused(place(&text, found)));
            }
        };
        let mut manifest = Manifest { file, folder: folder.to_owned(), text, tables };
        let unset = manifest.tables.expand(&|name| std::env::var(name).ok());
        aside.extend(unset.iter().map(|(pointer, ..)| pointer.clone()));
        found.extend(unset);
        let mut draft = Self { manifest, found, aside };
        let mut names = Vec::new();
        check_names(&draft.manifest.tables, &mut names);
        draft.add(names);
        Ok(draft)
    }

    /// Returns what there is of the manifest, with stand-ins for what is missing or wrong.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds problems, but for those of what is wrong already.
    pub fn add(&mut self, found: Vec<Finding>) {
        let is_below = |pointer: &str, above: &String| {
            pointer.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.found
            .extend(found.into_iter().filter(|(pointer, ..)| !self.aside.iter().any(|above| is_below(pointer, above))));
    }

    /// Returns the manifest, or all that is wrong with it.
    pub fn finish(self) -> Result<Manifest, Failure> {
        if self.found.is_empty() { Ok(self.manifest) } else { Err(self.manifest.refused(self.found)) }
    }
}

/// Finds names that are there twice, and names of sources that are not there.
fn check_names(tables: &Tables, found: &mut Vec<Finding>) {
    merge::check(tables, found);
    for (index, entity) in tables.entity.iter().enumerate() {
        let source = entity.source_and_collection().0;
        if entity.merged().is_none() && !tables.source.contains_key(source) {
            found.push((
                format!("/entity/{index}/from"),
                format!("there is no source `{source}`"),
                hint::among(source, tables.source.keys()),
            ));
        }
        if tables.entity[..index].iter().any(|other| other.name == entity.name) {
            let hint = "give each entity a name of its own: ids and checkpoints hang on it".to_owned();
            found.push((
                format!("/entity/{index}/name"),
                format!("the entity `{}` is there twice", entity.name),
                Some(hint),
            ));
        }
    }
}
