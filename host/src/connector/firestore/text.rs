//! Reads the documents of one collection, or of one kind of collections, from JSON text.

use std::sync::Arc;

use async_trait::async_trait;

use super::files::Files;
use super::kinds::Kinds;
use super::path::Pattern;
use super::scan::Scan;
use super::writer::Writer;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Fault;
use crate::record::Position;

/// Goes from document to document in one layout of files.
pub(super) trait Walk: Send {
    /// Finds the next document that is wanted and steps over it; `None` is the end of the last file.
    fn next(&mut self, scan: &mut Scan, wanted: &mut Wanted<'_>) -> Result<Option<Found>, SourceError>;

    /// Returns what must be known to go on behind the last document, besides the place in the file.
    fn context(&self) -> String;

    /// Takes such a context again, or with none begins anew; returns whether it is one.
    fn go_to(&mut self, context: Option<&str>) -> bool;
}

/// What is looked for.
pub(super) enum Wanted<'a> {
    /// Documents of these collections, to be written.
    Documents(&'a Pattern, &'a mut Writer),
    /// The collections that there are.
    Kinds(&'a mut Kinds),
}

/// A document, stepped over.
pub(super) struct Found {
    /// Its first byte.
    pub(super) offset: u64,
    /// Why it was not written, with its text.
    pub(super) fault: Option<(Fault, Vec<u8>)>,
}

/// Why a value has no form in a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValueError {
    /// The dotted path of the field at fault.
    pub(super) field: Option<String>,
    /// Expected, then found.
    pub(super) message: String,
}

impl ValueError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into() }
    }

    /// Puts the name of what it is in before the field.
    pub(super) fn within(self, name: &str) -> Self {
        let field = match self.field {
            Some(field) => format!("{name}.{field}"),
            None => name.to_owned(),
        };
        Self { field: Some(field), ..self }
    }

    pub(super) fn fault(self, document: &str) -> Fault {
        let message = format!("`{document}`: {}", self.message);
        Fault { code: "malformed-value", field: self.field, message, is_bson: false }
    }
}

/// One entity's documents.
pub(super) struct TextSource<W> {
    scan: Scan,
    walk: W,
    writer: Writer,
    pattern: Pattern,
    key_fields: Arc<[String]>,
    /// Where the next read goes on without a seek.
    at: Position,
    /// A document behind that place which had no room in the batch; it is written.
    pending: Option<Found>,
}

impl<W: Walk> TextSource<W> {
    pub(super) fn new(files: Files, walk: W, pattern: Pattern, key_fields: &[String]) -> Self {
        Self {
            scan: Scan::new(files),
            walk,
            writer: Writer::default(),
            pattern,
            key_fields: key_fields.into(),
            at: Position::default(),
            pending: None,
        }
    }

    /// Looks for the first document. Where there is none, the collections that there are come back instead; where
    /// something is broken before it, nobody knows.
    pub(super) fn look(&mut self) -> Result<Option<Vec<String>>, SourceError> {
        let found = self.walk.next(&mut self.scan, &mut Wanted::Documents(&self.pattern, &mut self.writer));
        self.go_to(&Position::default())?;
        if !matches!(found, Ok(None)) {
            return Ok(None);
        }
        let mut kinds = Kinds::default();
        let ended = self.walk.next(&mut self.scan, &mut Wanted::Kinds(&mut kinds));
        self.go_to(&Position::default())?;
        Ok(ended.is_ok().then(|| kinds.names(&self.pattern)))
    }

    fn go_to(&mut self, position: &Position) -> Result<(), SourceError> {
        self.pending = None;
        let (place, context) = split(position);
        self.scan.go_to(&place)?;
        let is_start = position.token.is_empty();
        if is_start != context.is_none() || !self.walk.go_to(context.as_deref()) {
            return Err(SourceError::Position {
                file: self.scan.files.name().to_string(),
                offset: self.scan.offset(),
                message: format!("`{}` is no place among documents", position.token),
            });
        }
        self.at = position.clone();
        Ok(())
    }

    /// Returns the position behind the last document.
    fn position(&mut self, document: u64) -> Position {
        let place = self.scan.files.position(document);
        let context = self.walk.context().replace('%', "%25").replace('#', "%23");
        Position { token: format!("{}#{context}", place.token), ..place }
    }
}

/// Parts a position into the place in a file and the context there.
fn split(position: &Position) -> (Position, Option<String>) {
    match position.token.rsplit_once('#') {
        Some((token, context)) => {
            let context = context.replace("%23", "#").replace("%25", "%");
            (Position { document: position.document, token: token.to_owned() }, Some(context))
        }
        None => (position.clone(), None),
    }
}

#[async_trait]
impl<W: Walk> Source for TextSource<W> {
    /// Blocks its thread while it reads, decompresses and parses.
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        if *after != self.at {
            self.go_to(after)?;
        }
        let mut document = after.document;
        let key_fields = self.key_fields.clone();
        let mut batch = BatchBuilder::new(&key_fields);
        let mut end = self.at.clone();
        while batch.len() < limit.records.max(1) {
            self.scan.document = document + 1;
            let found = match self.pending.take() {
                Some(found) => found,
                None => match self.walk.next(&mut self.scan, &mut Wanted::Documents(&self.pattern, &mut self.writer)) {
                    Ok(Some(found)) => found,
                    Ok(None) => break,
                    // The records before it are handed out first; the next read goes there again and meets it.
                    Err(_) if !batch.is_empty() => {
                        self.at = Position::default();
                        return Ok(Some(batch.finish_of_origins(end)));
                    }
                    Err(error) => {
                        self.go_to(after)?;
                        return Err(error);
                    }
                },
            };
            let bytes = found.fault.as_ref().map_or(self.writer.bytes().len(), |(_, text)| text.len());
            if !batch.is_empty() && batch.bytes() + bytes > limit.bytes {
                self.pending = Some(found);
                self.at = end.clone();
                return Ok(Some(batch.finish_of_origins(end)));
            }
            document += 1;
            batch.origin(self.scan.files.name());
            match found.fault {
                None => batch.push_bson(document, found.offset, self.writer.bytes()),
                Some((fault, text)) => batch.push_fault(document, found.offset, &text, fault),
            }
            end = self.position(document);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.at = end.clone();
        Ok(Some(batch.finish_of_origins(end)))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn progress(&self, at: &Position) -> Option<f64> {
        self.scan.files.progress(&split(at).0)
    }

    fn state(&self) -> &str {
        self.scan.files.state()
    }

    fn state_at_end(&mut self) -> String {
        self.scan.files.state_at_end()
    }
}
