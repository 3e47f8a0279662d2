//! Reads BSON documents one after another from a dump file.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::connector::file::FillError;
use crate::connector::file::SourceFile;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Position;

/// The largest document that MongoDB stores is 16 MiB, and its own documents may be 16 KiB larger.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024 + 16 * 1024;

/// One collection's dump file.
pub(super) struct DumpSource {
    file: SourceFile,
    origin: Arc<str>,
    key_fields: Arc<[String]>,
    /// Where the file stands now.
    at: Position,
}

impl DumpSource {
    pub(super) fn open(path: &Path, key_fields: &[String]) -> Result<Self, SourceError> {
        let file = SourceFile::open(path)?;
        let origin = Arc::from(file.name());
        Ok(Self { file, origin, key_fields: key_fields.into(), at: Position::default() })
    }

    /// Returns the size of the next document once it is wholly there, or `None` at the end of the file.
    fn next(&mut self, document: u64) -> Result<Option<usize>, SourceError> {
        if !self.fill_to(4, document)? {
            return match self.file.available().len() {
                0 => Ok(None),
                found => Err(self
                    .malformed(document, format!("expected a document, found {found} bytes and the end of the file"))),
            };
        }
        let header = self.file.available()[..4].try_into().expect("four bytes are there");
        let length = i32::from_le_bytes(header);
        let bytes = usize::try_from(length).unwrap_or(0);
        if !(5..=DOCUMENT_BYTES_MAX).contains(&bytes) {
            let message = format!("expected a document of 5 to {DOCUMENT_BYTES_MAX} bytes, found length {length}");
            return Err(self.malformed(document, message));
        }
        if !self.fill_to(bytes, document)? {
            let found = self.file.available().len();
            return Err(
                self.malformed(document, format!("expected {bytes} bytes, found {found} and the end of the file"))
            );
        }
        match self.file.available()[bytes - 1] {
            0 => Ok(Some(bytes)),
            other => Err(self
                .malformed(document, format!("expected the document's closing 0 after {bytes} bytes, found {other}"))),
        }
    }

    fn fill_to(&mut self, bytes: usize, document: u64) -> Result<bool, SourceError> {
        self.file.fill_to(bytes).map_err(|error| match error {
            FillError::Refused(error) => error,
            FillError::Broken(message) => self.malformed(document, message),
        })
    }

    fn malformed(&self, document: u64, message: String) -> SourceError {
        SourceError::Malformed { file: self.file.name().to_owned(), offset: self.file.offset(), document, message }
    }
}

#[async_trait]
impl Source for DumpSource {
    /// Blocks its thread while it reads and decompresses.
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        if *after != self.at {
            self.file.go_to(after)?;
            self.at = after.clone();
        }
        let mut document = after.document;
        let key_fields = self.key_fields.clone();
        let mut batch = BatchBuilder::new(&key_fields);
        while batch.len() < limit.records.max(1) {
            let bytes = match self.next(document + 1) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                // The records before it are handed out first; the next read meets it again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            };
            if !batch.is_empty() && batch.bytes() + bytes > limit.bytes {
                break;
            }
            document += 1;
            batch.push_bson(document, self.file.offset(), &self.file.available()[..bytes]);
            self.file.consume(bytes);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.at = self.file.position(document);
        Ok(Some(batch.finish(self.origin.clone(), self.at.clone())))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn progress(&self, at: &Position) -> Option<f64> {
        self.file.progress(at)
    }

    fn state(&self) -> &str {
        self.file.state()
    }

    fn state_at_end(&mut self) -> String {
        self.file.state_at_end()
    }
}
