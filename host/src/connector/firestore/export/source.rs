//! Reads the documents of one collection, or of one kind of collections, from the shards of an export.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::files::Files;
use super::super::kinds::Kinds;
use super::super::path;
use super::super::path::Pattern;
use super::super::path::Step;
use super::super::writer::Writer;
use super::entity;
use super::entity::EntityError;
use super::log::Broken;
use super::log::Found;
use super::log::Log;
use super::log::LogError;
use super::metadata::Shard;
use crate::connector::file::SourceFile;
use crate::connector::source::OnCorrupt;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Fault;
use crate::record::Position;

/// One entity's documents.
pub(super) struct ExportSource {
    files: Files,
    log: Log,
    writer: Writer,
    pattern: Pattern,
    key_fields: Arc<[String]>,
    on_corrupt: OnCorrupt,
    /// Where the files stand now.
    at: Position,
}

/// What comes next in a shard.
enum Next {
    /// A document of this entity, written; it ends so many bytes on.
    Document { ahead: usize, end: usize },
    /// A record of this entity that is no document.
    Fault { ahead: usize, end: usize, fault: Fault },
    /// Bytes that cannot be read, to be skipped.
    Lost(Broken),
    /// The end of the last shard.
    End,
}

impl ExportSource {
    pub(super) fn open(
        shards: &[Shard],
        pattern: Pattern,
        key_fields: &[String],
        on_corrupt: OnCorrupt,
    ) -> Result<Self, SourceError> {
        // Where an export has a part for each kind, the others' need not be read.
        let is_of_kind = |shard: &&Shard| shard.kind.as_ref().is_none_or(|kind| kind == pattern.last());
        let mut parts: Vec<_> = shards.iter().filter(is_of_kind).map(|shard| shard.part.clone()).collect();
        if parts.is_empty() {
            // Their folders may spell its name in a way of their own.
            parts = shards.iter().map(|shard| shard.part.clone()).collect();
        }
        Ok(Self {
            files: Files::open(parts)?,
            log: Log::default(),
            writer: Writer::default(),
            pattern,
            key_fields: key_fields.into(),
            on_corrupt,
            at: Position::default(),
        })
    }

    /// Looks for the first document. Where there is none, the collections that there are come back instead; where
    /// something is broken before it, nobody knows.
    pub(super) fn look(&mut self) -> Result<Option<Vec<String>>, SourceError> {
        let mut kinds = Kinds::default();
        let others = loop {
            match self.log.next(&mut self.files.file) {
                Ok(Some(found)) => {
                    match entity::key(found.data(&self.files.file, &self.log)) {
                        Ok(key) if !self.pattern.matches(&key.steps) => kinds.add(&key.steps),
                        _ => break None,
                    }
                    self.files.file.consume(found.end);
                }
                Ok(None) if self.files.advance()? => {}
                Ok(None) => break Some(kinds.names(&self.pattern)),
                Err(_) => break None,
            }
        };
        self.files.go_to(&Position::default())?;
        Ok(others)
    }

    /// Finds what comes next without stepping over it; steps over what belongs to others.
    fn next(&mut self) -> Result<Next, SourceError> {
        loop {
            let found = match self.log.next(&mut self.files.file) {
                Ok(Some(found)) => found,
                Ok(None) if self.files.advance()? => continue,
                Ok(None) => return Ok(Next::End),
                Err(LogError::Corrupt(broken)) if self.on_corrupt == OnCorrupt::Skip => return Ok(Next::Lost(broken)),
                Err(error) => return Err(log_failure(&self.files.file, error)),
            };
            let Found { ahead, end, .. } = found;
            let record = found.data(&self.files.file, &self.log);
            let key = match entity::key(record) {
                Ok(key) => key,
                Err(error) => {
                    // Whose it is cannot be known.
                    let message = format!("byte {} of the record: {}", error.at, error.message);
                    let broken = Broken::record(&self.files.file, &found, message);
                    match self.on_corrupt {
                        OnCorrupt::Skip => return Ok(Next::Lost(broken)),
                        OnCorrupt::Stop => return Err(log_failure(&self.files.file, LogError::Corrupt(broken))),
                    }
                }
            };
            if !self.pattern.matches(&key.steps) {
                self.files.file.consume(end);
                continue;
            }
            let written = if key.namespace.is_empty() {
                entity::write(record, &key, &mut self.writer)
            } else {
                let message = format!("expected an entity of the default namespace, found one of `{}`", key.namespace);
                Err(EntityError { field: None, is_nesting: false, message })
            };
            return Ok(match written {
                Ok(()) => Next::Document { ahead, end },
                Err(error) => Next::Fault { ahead, end, fault: fault(&key.steps, error) },
            });
        }
    }

    /// Steps over what cannot be read; returns its first bytes and what to say of it.
    fn skip(&mut self, broken: &Broken) -> Result<(Vec<u8>, Fault), SourceError> {
        let lost = Log::skip(&mut self.files.file, broken).map_err(|error| log_failure(&self.files.file, error))?;
        let end = self.files.file.offset();
        let message =
            format!("block {}, byte {}: {}; read on at byte {end}", broken.block, broken.offset, broken.message);
        Ok((lost, Fault { code: "corrupt-block", field: None, message, is_bson: false }))
    }
}

#[async_trait]
impl Source for ExportSource {
    /// Blocks its thread while it reads.
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        if *after != self.at {
            self.files.go_to(after)?;
            self.at = after.clone();
        }
        let mut document = after.document;
        let key_fields = self.key_fields.clone();
        let mut batch = BatchBuilder::new(&key_fields);
        while batch.len() < limit.records.max(1) {
            let next = match self.next() {
                Ok(next) => next,
                // The records before it are handed out first; the next read meets it again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            };
            let (bytes, offset) = match &next {
                Next::Document { ahead, .. } => (self.writer.bytes().len(), self.files.file.offset() + *ahead as u64),
                Next::Fault { ahead, end, .. } => (end - ahead, self.files.file.offset() + *ahead as u64),
                Next::Lost(broken) => (Log::KEPT_BYTES, broken.start(&self.files.file)),
                Next::End => break,
            };
            if !batch.is_empty() && batch.bytes() + bytes > limit.bytes {
                break;
            }
            document += 1;
            batch.origin(self.files.name());
            match next {
                Next::Document { end, .. } => {
                    batch.push_bson(document, offset, self.writer.bytes());
                    self.files.file.consume(end);
                }
                Next::Fault { ahead, end, fault } => {
                    batch.push_fault(document, offset, &self.files.file.available()[ahead..end], fault);
                    self.files.file.consume(end);
                }
                Next::Lost(broken) => {
                    let (lost, fault) = self.skip(&broken)?;
                    batch.push_fault(document, offset, &lost, fault);
                }
                Next::End => {}
            }
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.at = self.files.position(document);
        Ok(Some(batch.finish_of_origins(self.at.clone())))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn progress(&self, at: &Position) -> Option<f64> {
        self.files.progress(at)
    }

    fn state(&self) -> &str {
        self.files.state()
    }

    fn state_at_end(&mut self) -> String {
        self.files.state_at_end()
    }
}

fn fault(steps: &[Step<'_>], error: EntityError) -> Fault {
    Fault {
        code: if error.is_nesting { "nesting" } else { "malformed-entity" },
        field: error.field,
        message: format!("`{}`: {}", path::document_path(steps), error.message),
        is_bson: false,
    }
}

/// What a log that cannot be read means for the run.
pub(super) fn log_failure(file: &SourceFile, error: LogError) -> SourceError {
    let (broken, is_cut) = match error {
        LogError::Refused(error) => return error,
        LogError::Cut(broken) => (broken, true),
        LogError::Corrupt(broken) => (broken, false),
    };
    let Broken { offset, block, message, .. } = broken;
    SourceError::Log { file: file.name().to_owned(), block, offset, message, is_cut }
}
