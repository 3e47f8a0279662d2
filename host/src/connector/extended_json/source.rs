//! Reads the documents of a mongoexport file: one a line, one after another in any layout, or one array.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::frame::Frame;
use super::frame::Framed;
use super::layout::BOM;
use super::layout::Layout;
use super::parse;
use super::parse::ParseError;
use super::parse::shown;
use super::text::Text;
use super::text::is_blank;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Fault;
use crate::record::Position;

/// The largest document as BSON, as for a dump.
const BSON_BYTES_MAX: usize = 16 * 1024 * 1024 + 16 * 1024;

/// One collection's export file.
pub(super) struct ExportSource {
    text: Text,
    origin: Arc<str>,
    key_fields: Arc<[String]>,
    layout: Option<Layout>,
    /// Where the file stands now.
    at: Position,
}

/// One piece of text, `ahead` bytes from where the file stands.
struct Piece {
    ahead: usize,
    bytes: usize,
    /// The document, or why it is none.
    parsed: Result<Vec<u8>, ParseError>,
}

impl ExportSource {
    pub(super) fn open(path: &Path, key_fields: &[String]) -> Result<Self, SourceError> {
        let text = Text::open(path)?;
        let origin = Arc::from(text.file.name());
        let key_fields = key_fields.into();
        Ok(Self { text, origin, key_fields, layout: None, at: Position::default() })
    }

    /// Goes to a position, and finds out how the documents lie on the first call.
    fn go_to(&mut self, after: &Position) -> Result<Layout, SourceError> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                self.text.file.go_to(&Position::default())?;
                self.at = Position::default();
                let layout = Layout::find(&mut self.text)?;
                self.layout = Some(layout);
                layout
            }
        };
        if *after != self.at {
            self.text.file.go_to(after)?;
            self.at = after.clone();
        }
        if after.document == 0 && self.text.file.offset() == 0 {
            if self.text.fill_to(BOM.len(), 1)? && self.text.file.available().starts_with(BOM) {
                self.text.file.consume(BOM.len());
            }
            self.text.skip_blank(1)?;
            if layout == Layout::Array {
                self.text.file.consume(1);
            }
        }
        Ok(layout)
    }

    /// Finds the next document without stepping over it; `None` is the end of the file.
    fn next(&mut self, layout: Layout, document: u64) -> Result<Option<Piece>, SourceError> {
        self.text.skip_blank(document)?;
        match layout {
            Layout::Lines if self.text.file.available().is_empty() => Ok(None),
            Layout::Lines => self.next_on_line(document).map(Some),
            Layout::Sequence if self.text.file.available().is_empty() => Ok(None),
            Layout::Sequence => self.next_framed(0, document).map(Some),
            Layout::Array => self.next_in_array(document),
        }
    }

    fn next_on_line(&mut self, document: u64) -> Result<Piece, SourceError> {
        if self.text.file.available()[0] == b'{' {
            let mut frame = Frame::default();
            loop {
                match frame.advance(self.text.file.available(), true) {
                    Framed::Complete(end) => {
                        if self.is_document_or_line_end(end, document)? {
                            return Ok(self.piece(0, end));
                        }
                        break;
                    }
                    Framed::Broken(_) => break,
                    Framed::Open => {}
                }
                self.text.limit(self.text.file.available().len(), document)?;
                if !self.text.fill(document)? {
                    // Not a bad line: what is missing of the document, and whatever came after it, may still come.
                    let (ahead, message) =
                        (self.text.file.available().len(), "expected the document to end, found the end of the file");
                    return Err(self.text.malformed(ahead, document, message.to_owned()));
                }
            }
        }
        let mut end = 0;
        while self.text.fill_to(end + 1, document)? && self.text.file.available()[end] != b'\n' {
            end += 1;
            self.text.limit(end, document)?;
        }
        while end > 0 && is_blank(self.text.file.available()[end - 1]) {
            end -= 1;
        }
        Ok(self.piece(0, end))
    }

    /// Returns whether nothing but another document follows on the line.
    fn is_document_or_line_end(&mut self, mut at: usize, document: u64) -> Result<bool, SourceError> {
        loop {
            if !self.text.fill_to(at + 1, document)? {
                return Ok(true);
            }
            match self.text.file.available()[at] {
                b'\n' | b'{' => return Ok(true),
                byte if is_blank(byte) => at += 1,
                _ => return Ok(false),
            }
            self.text.limit(at, document)?;
        }
    }

    fn next_in_array(&mut self, document: u64) -> Result<Option<Piece>, SourceError> {
        let mut ahead = 0;
        match self.text.file.available().first() {
            Some(b']') => {
                self.text.skip_blank_from(1, document, &mut ahead)?;
                return match &self.text.file.available()[ahead..] {
                    [] => Ok(None),
                    rest => {
                        let message = format!("expected the end of the file, found {}", shown(rest));
                        Err(self.text.malformed(ahead, document, message))
                    }
                };
            }
            Some(b',') if document > 1 => {
                self.text.skip_blank_from(1, document, &mut ahead)?;
            }
            _ if document == 1 => {}
            found => {
                let found = found.map_or_else(|| shown(&[]), |byte| shown(&[*byte]));
                return Err(self.text.malformed(0, document, format!("expected `,` or `]`, found {found}")));
            }
        }
        match self.text.file.available().get(ahead) {
            Some(b'{' | b'[' | b'"') => self.next_framed(ahead, document).map(Some),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                let mut end = ahead;
                while self.text.fill_to(end + 1, document)?
                    && !matches!(self.text.file.available()[end], b',' | b']' | b'\n')
                {
                    end += 1;
                    self.text.limit(end, document)?;
                }
                Ok(Some(self.piece(ahead, end)))
            }
            found => {
                let found = found.map_or_else(|| shown(&[]), |byte| shown(&[*byte]));
                Err(self.text.malformed(ahead, document, format!("expected a document, found {found}")))
            }
        }
    }

    /// Finds the end of the value that starts here. Where its brackets do not close, nobody can say where the next
    /// document begins.
    fn next_framed(&mut self, ahead: usize, document: u64) -> Result<Piece, SourceError> {
        let mut frame = Frame::default();
        loop {
            match frame.advance(&self.text.file.available()[ahead..], false) {
                Framed::Complete(bytes) => return Ok(self.piece(ahead, ahead + bytes)),
                Framed::Broken(at) => return Err(self.unclosed(ahead, ahead + at + 1, document)),
                Framed::Open => {}
            }
            self.text.limit(self.text.file.available().len() - ahead, document)?;
            if !self.text.fill(document)? {
                return Err(self.unclosed(ahead, self.text.file.available().len(), document));
            }
        }
    }

    fn piece(&self, ahead: usize, end: usize) -> Piece {
        let mut parsed = parse::parse(&self.text.file.available()[ahead..end]);
        if let Ok(bson) = &parsed
            && bson.len() > BSON_BYTES_MAX
        {
            let message = format!("expected a document of at most {BSON_BYTES_MAX} bytes, found {}", bson.len());
            parsed = Err(ParseError { line: 1, column: 1, at: 0, is_nesting: false, message });
        }
        Piece { ahead, bytes: end - ahead, parsed }
    }

    fn fault(&mut self, piece: &Piece, error: &ParseError) -> Result<Fault, SourceError> {
        let (line, column) = self.text.place(piece.ahead + error.at)?;
        Ok(Fault {
            code: if error.is_nesting { "nesting" } else { "malformed-json" },
            field: None,
            message: format!("line {line}, column {column}: {}", error.message),
            is_bson: false,
        })
    }

    fn unclosed(&mut self, start: usize, end: usize, document: u64) -> SourceError {
        match parse::parse(&self.text.file.available()[start..end]) {
            Err(error) => self.text.malformed(start + error.at, document, error.message),
            Ok(_) => self.text.malformed(start, document, "expected a document that ends, found none".to_owned()),
        }
    }
}

#[async_trait]
impl Source for ExportSource {
    /// Blocks its thread while it reads, decompresses and parses.
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        let layout = self.go_to(after)?;
        self.read_batch(layout, after.document, limit)
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn progress(&self, at: &Position) -> Option<f64> {
        self.text.file.progress(at)
    }

    fn state(&self) -> &str {
        self.text.file.state()
    }

    fn state_at_end(&mut self) -> String {
        self.text.file.state_at_end()
    }
}

impl ExportSource {
    fn read_batch(
        &mut self,
        layout: Layout,
        mut document: u64,
        limit: ReadLimit,
    ) -> Result<Option<Batch>, SourceError> {
        let key_fields = self.key_fields.clone();
        let mut batch = BatchBuilder::new(&key_fields);
        while batch.len() < limit.records.max(1) {
            let piece = match self.next(layout, document + 1) {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // The records before it are handed out first; the next read meets it again.
                Err(_) if !batch.is_empty() => break,
                Err(error) => return Err(error),
            };
            let bytes = piece.parsed.as_ref().map_or(piece.bytes, Vec::len);
            if !batch.is_empty() && batch.bytes() + bytes > limit.bytes {
                break;
            }
            document += 1;
            let offset = self.text.file.offset() + piece.ahead as u64;
            match &piece.parsed {
                Ok(bson) => batch.push_bson(document, offset, bson),
                Err(error) => {
                    let fault = self.fault(&piece, error)?;
                    let found = &self.text.file.available()[piece.ahead..piece.ahead + piece.bytes];
                    batch.push_fault(document, offset, found, fault);
                }
            }
            self.text.file.consume(piece.ahead + piece.bytes);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.at = self.text.file.position(document);
        Ok(Some(batch.finish(self.origin.clone(), self.at.clone())))
    }
}
