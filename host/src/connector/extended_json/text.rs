//! The text of an export as it is read: blanks, limits, and where in the file something is wrong.

use std::path::Path;

use super::lines::Lines;
use crate::connector::file::FillError;
use crate::connector::file::SourceFile;
use crate::connector::source::SourceError;

/// Text of one document at most: the largest document has room in any form of Extended JSON that a tool writes.
pub(in crate::connector) const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An open export.
pub(super) struct Text {
    pub(super) file: SourceFile,
    lines: Lines,
}

impl Text {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        Ok(Self { file: SourceFile::open(path)?, lines: Lines::default() })
    }

    /// Returns line and column of what lies `ahead` bytes on.
    pub(super) fn place(&mut self, ahead: usize) -> Result<(u64, u64), SourceError> {
        self.lines.of(&self.file, ahead)
    }

    /// The document starts here; what is wrong with it lies `ahead` bytes on.
    pub(super) fn malformed(&mut self, ahead: usize, document: u64, message: String) -> SourceError {
        let offset = self.file.offset();
        match self.place(ahead) {
            Err(error) => error,
            Ok((line, column)) => SourceError::Malformed {
                file: self.file.name().to_owned(),
                offset,
                document,
                message: format!("line {line}, column {column}: {message}"),
            },
        }
    }

    pub(super) fn limit(&mut self, bytes: usize, document: u64) -> Result<(), SourceError> {
        if bytes <= TEXT_BYTES_MAX {
            return Ok(());
        }
        Err(self.malformed(
            0,
            document,
            format!("expected a document of at most {TEXT_BYTES_MAX} bytes of text, found more"),
        ))
    }

    pub(super) fn skip_blank(&mut self, document: u64) -> Result<(), SourceError> {
        loop {
            let available = self.file.available();
            let blank = available.iter().take_while(|byte| is_blank(**byte)).count();
            let is_done = blank < available.len();
            self.file.consume(blank);
            if is_done || !self.fill(document)? {
                return Ok(());
            }
        }
    }

    /// Looks behind blanks from this place on without stepping over anything.
    pub(super) fn skip_blank_from(
        &mut self,
        start: usize,
        document: u64,
        ahead: &mut usize,
    ) -> Result<(), SourceError> {
        *ahead = start;
        while self.fill_to(*ahead + 1, document)? && is_blank(self.file.available()[*ahead]) {
            *ahead += 1;
            self.limit(*ahead, document)?;
        }
        Ok(())
    }

    pub(super) fn fill(&mut self, document: u64) -> Result<bool, SourceError> {
        let filled = self.file.fill();
        filled.map_err(|error| self.fill_error(error, document))
    }

    pub(super) fn fill_to(&mut self, bytes: usize, document: u64) -> Result<bool, SourceError> {
        let filled = self.file.fill_to(bytes);
        filled.map_err(|error| self.fill_error(error, document))
    }

    fn fill_error(&self, error: FillError, document: u64) -> SourceError {
        match error {
            FillError::Refused(error) => error,
            FillError::Broken(message) => SourceError::Malformed {
                file: self.file.name().to_owned(),
                offset: self.file.offset(),
                document,
                message,
            },
        }
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
