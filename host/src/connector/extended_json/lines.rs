//! Finds the line and column of a place in a file.

use crate::connector::file::FillError;
use crate::connector::file::SourceFile;
use crate::connector::source::SourceError;

/// Counts lines, but only when somebody asks, with a reader of its own: then every byte is looked at once, in order.
#[derive(Default)]
pub(in crate::connector) struct Lines {
    reader: Option<SourceFile>,
    /// Line ends so far.
    ends: u64,
    /// Where the current line starts.
    start: u64,
}

impl Lines {
    /// Returns line and column (in bytes, from 1) of the place `ahead` bytes from where the file stands.
    pub(in crate::connector) fn of(&mut self, file: &SourceFile, ahead: usize) -> Result<(u64, u64), SourceError> {
        let place = file.offset() + ahead as u64;
        if self.reader.as_ref().is_some_and(|reader| reader.offset() > place) {
            *self = Self::default();
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => SourceFile::open(file.path())?,
        };
        while reader.offset() < place {
            if reader.available().is_empty() {
                match reader.fill() {
                    Ok(true) => {}
                    Ok(false) | Err(FillError::Broken(_)) => break,
                    Err(FillError::Refused(error)) => return Err(error),
                }
            }
            let left = usize::try_from(place - reader.offset()).unwrap_or(usize::MAX);
            let bytes = &reader.available()[..left.min(reader.available().len())];
            self.ends += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
                self.start = reader.offset() + last as u64 + 1;
            }
            let bytes = bytes.len();
            reader.consume(bytes);
        }
        self.reader = Some(reader);
        Ok((self.ends + 1, place.saturating_sub(self.start) + 1))
    }
}
