//! Files of node-firestore-import-export: a database, or one collection, as one JSON object.

mod value;
mod walk;

use std::path::Path;
use std::path::PathBuf;

use super::files::Files;
use super::files::Part;
use super::path::Pattern;
use super::text::TextSource;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use walk::Tree;

/// Such a file.
pub(super) struct Exported {
    path: PathBuf,
    part: Part,
}

impl Exported {
    pub(super) fn open(path: PathBuf) -> Result<Self, SourceError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let part = Part::look(&path, &name)?;
        Ok(Self { path, part })
    }

    /// Opens what a pattern names; at least one document must be there.
    pub(super) fn source(
        &self,
        collection: &str,
        pattern: Pattern,
        key_fields: &[String],
    ) -> Result<Box<dyn Source>, SourceError> {
        let files = Files::open(vec![self.part.clone()])?;
        let mut source = TextSource::new(files, Tree::new(stem(&self.path)), pattern, key_fields);
        if let Some(found) = source.look()? {
            let (folder, collection) = (self.path.clone(), collection.to_owned());
            return Err(SourceError::Missing { folder, collection, found });
        }
        Ok(Box::new(source))
    }
}

/// The file's name up to the first dot: what a collection is called whose export does not say it.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
