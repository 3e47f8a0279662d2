//! Several files read one behind another as if they were one: the shards of an export, the pages of a folder.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::connector::file::SourceFile;
use crate::connector::source::SourceError;
use crate::record::Position;

/// One of the files, as it was when the system was opened.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// The path below the folder that the source names.
    pub(super) name: Arc<str>,
    bytes: u64,
    state: String,
}

impl Part {
    /// Looks at a file without reading it.
    pub(super) fn look(path: &Path, name: &str) -> Result<Self, SourceError> {
        let refused = |source| SourceError::Io { path: path.display().to_string(), source };
        let file = SourceFile::open_as(path, name)?;
        let bytes = fs::metadata(path).map_err(refused)?.len();
        Ok(Self { path: path.to_owned(), name: name.into(), bytes, state: file.state().to_owned() })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The files of one source, one of them open.
pub(super) struct Files {
    parts: Vec<Part>,
    state: String,
    current: usize,
    pub(super) file: SourceFile,
}

impl Files {
    /// Opens the first; there is at least one.
    pub(super) fn open(parts: Vec<Part>) -> Result<Self, SourceError> {
        let file = SourceFile::open_as(&parts[0].path, &parts[0].name)?;
        Ok(Self { state: state_of(&parts), parts, current: 0, file })
    }

    /// Returns the name of the file that is open.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.parts[self.current].name
    }

    /// Goes on to the next file, once the end of this one is reached; returns whether there is one.
    pub(super) fn advance(&mut self) -> Result<bool, SourceError> {
        let part = &mut self.parts[self.current];
        part.state = self.file.state_at_end();
        if self.current + 1 == self.parts.len() {
            return Ok(false);
        }
        self.open_part(self.current + 1)?;
        Ok(true)
    }

    /// Returns the position behind what is consumed.
    pub(super) fn position(&mut self, document: u64) -> Position {
        self.file.position(document)
    }

    /// Goes to a position of an earlier run.
    pub(super) fn go_to(&mut self, position: &Position) -> Result<(), SourceError> {
        let name = SourceFile::name_in(&position.token);
        let part = match name {
            None => Some(0),
            Some(name) => self.parts.iter().position(|part| *part.name == *name),
        };
        // A file that is not there any more: the one that is open says so.
        self.open_part(part.unwrap_or(self.current))?;
        self.file.go_to(position)
    }

    /// Returns how far through all files a position lies, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a progress bar needs no more")]
    pub(super) fn progress(&self, at: &Position) -> Option<f64> {
        let name = SourceFile::name_in(&at.token);
        let part = name.map_or(Some(0), |name| self.parts.iter().position(|part| *part.name == *name))?;
        let all: u64 = self.parts.iter().map(|part| part.bytes).sum();
        let before: u64 = self.parts[..part].iter().map(|part| part.bytes).sum();
        // Only the open file knows how far its compressed bytes go.
        let within = if part == self.current { self.file.progress(at)? } else { 0.0 };
        let read = before as f64 + within * self.parts[part].bytes as f64;
        Some(if all == 0 { 1.0 } else { (read / all as f64).min(1.0) })
    }

    pub(super) fn state(&self) -> &str {
        &self.state
    }

    /// Returns the state of what was read, once the last file's end was reached.
    pub(super) fn state_at_end(&mut self) -> String {
        if self.current + 1 == self.parts.len() {
            self.parts[self.current].state = self.file.state_at_end();
        }
        state_of(&self.parts)
    }

    fn open_part(&mut self, index: usize) -> Result<(), SourceError> {
        if index != self.current {
            let part = &self.parts[index];
            self.file = SourceFile::open_as(&part.path, &part.name)?;
            self.current = index;
        }
        Ok(())
    }
}

/// What tells these files from others, for people too.
fn state_of(parts: &[Part]) -> String {
    if let [part] = parts {
        return part.state.clone();
    }
    let states: Vec<&str> = parts.iter().map(|part| part.state.as_str()).collect();
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    format!("{} files of {bytes} bytes ({:016x})", parts.len(), xxh3_64(states.join("\n").as_bytes()))
}
