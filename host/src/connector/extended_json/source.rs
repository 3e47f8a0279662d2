//! Reads the documents of a mongoexport file: one a line, one after another in any layout, or one array.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::frame::Frame;
use super::frame::Framed;
use super::lines::Lines;
use super::parse;
use super::parse::ParseError;
use super::parse::shown;
use crate::connector::file::FillError;
use crate::connector::file::SourceFile;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Fault;
use crate::record::Position;

/// Text of one document at most: the largest document has room in any form of Extended JSON that a tool writes.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest document as BSON, as for a dump.
const BSON_BYTES_MAX: usize = 16 * 1024 * 1024 + 16 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How the documents lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Each begins and ends on one line: a bad line spoils only itself.
    Lines,
    /// One after another, over several lines each.
    Sequence,
    /// The elements of one array.
    Array,
}

/// One collection's export file.
pub(super) struct ExportSource {
    file: SourceFile,
    origin: Arc<str>,
    identity: String,
    key_fields: Arc<[String]>,
    layout: Option<Layout>,
    /// Where the file stands now.
    at: Position,
    lines: Lines,
}

/// One piece of text, `ahead` bytes from where the file stands.
struct Piece {
    ahead: usize,
    bytes: usize,
    /// The document, or why it is none.
    parsed: Result<Vec<u8>, ParseError>,
}

impl ExportSource {
    pub(super) fn open(path: &Path, identity: String, key_fields: &[String]) -> Result<Self, SourceError> {
        let file = SourceFile::open(path)?;
        let origin = Arc::from(file.name());
        let key_fields = key_fields.into();
        let (layout, at, lines) = (None, Position::default(), Lines::default());
        Ok(Self { file, origin, identity, key_fields, layout, at, lines })
    }

    /// Goes to a position, and finds out how the documents lie on the first call.
    fn go_to(&mut self, after: &Position) -> Result<Layout, SourceError> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                self.file.go_to(&Position::default())?;
                self.at = Position::default();
                let layout = self.find_layout()?;
                self.layout = Some(layout);
                layout
            }
        };
        if *after != self.at {
            self.file.go_to(after)?;
            self.at = after.clone();
        }
        if after.document == 0 && self.file.offset() == 0 {
            if self.fill_to(BOM.len(), 1)? && self.file.available().starts_with(BOM) {
                self.file.consume(BOM.len());
            }
            self.skip_blank(1)?;
            if layout == Layout::Array {
                self.file.consume(1);
            }
        }
        Ok(layout)
    }

    fn find_layout(&mut self) -> Result<Layout, SourceError> {
        self.fill_to(BOM.len(), 1)?;
        let mut at = if self.file.available().starts_with(BOM) { BOM.len() } else { 0 };
        while self.fill_to(at + 1, 1)? && is_blank(self.file.available()[at]) {
            at += 1;
        }
        match self.file.available().get(at) {
            Some(b'[') => return Ok(Layout::Array),
            Some(b'{') => {}
            _ => return Ok(Layout::Lines),
        }
        let mut frame = Frame::default();
        loop {
            match frame.advance(&self.file.available()[at..], true) {
                Framed::Complete(_) => return Ok(Layout::Lines),
                Framed::Broken(_) => break,
                Framed::Open => {}
            }
            self.limit(self.file.available().len() - at, 1)?;
            if !self.fill(1)? {
                return Ok(Layout::Sequence);
            }
        }
        // The first line is no document. Where the second one is, the first is simply bad.
        let rest = &self.file.available()[at..];
        let next = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| at + end + 1);
        if !self.fill_to(next + 1, 1)? || self.file.available()[next] != b'{' {
            return Ok(Layout::Sequence);
        }
        let mut frame = Frame::default();
        loop {
            match frame.advance(&self.file.available()[next..], true) {
                Framed::Complete(_) => return Ok(Layout::Lines),
                Framed::Broken(_) => return Ok(Layout::Sequence),
                Framed::Open if self.file.available().len() - next > TEXT_BYTES_MAX => return Ok(Layout::Sequence),
                Framed::Open => {}
            }
            if !self.fill(1)? {
                return Ok(Layout::Sequence);
            }
        }
    }

    /// Finds the next document without stepping over it; `None` is the end of the file.
    fn next(&mut self, layout: Layout, document: u64) -> Result<Option<Piece>, SourceError> {
        self.skip_blank(document)?;
        match layout {
            Layout::Lines if self.file.available().is_empty() => Ok(None),
            Layout::Lines => self.next_on_line(document).map(Some),
            Layout::Sequence if self.file.available().is_empty() => Ok(None),
            Layout::Sequence => self.next_framed(0, document).map(Some),
            Layout::Array => self.next_in_array(document),
        }
    }

    fn next_on_line(&mut self, document: u64) -> Result<Piece, SourceError> {
        if self.file.available()[0] == b'{' {
            let mut frame = Frame::default();
            loop {
                match frame.advance(self.file.available(), true) {
                    Framed::Complete(end) => {
                        if self.is_document_or_line_end(end, document)? {
                            return Ok(self.piece(0, end));
                        }
                        break;
                    }
                    Framed::Broken(_) => break,
                    Framed::Open => {}
                }
                self.limit(self.file.available().len(), document)?;
                if !self.fill(document)? {
                    break;
                }
            }
        }
        let mut end = 0;
        while self.fill_to(end + 1, document)? && self.file.available()[end] != b'\n' {
            end += 1;
            self.limit(end, document)?;
        }
        while end > 0 && is_blank(self.file.available()[end - 1]) {
            end -= 1;
        }
        Ok(self.piece(0, end))
    }

    /// Returns whether nothing but another document follows on the line.
    fn is_document_or_line_end(&mut self, mut at: usize, document: u64) -> Result<bool, SourceError> {
        loop {
            if !self.fill_to(at + 1, document)? {
                return Ok(true);
            }
            match self.file.available()[at] {
                b'\n' | b'{' => return Ok(true),
                byte if is_blank(byte) => at += 1,
                _ => return Ok(false),
            }
            self.limit(at, document)?;
        }
    }

    fn next_in_array(&mut self, document: u64) -> Result<Option<Piece>, SourceError> {
        let mut ahead = 0;
        match self.file.available().first() {
            Some(b']') => {
                self.skip_blank_from(1, document, &mut ahead)?;
                return match &self.file.available()[ahead..] {
                    [] => Ok(None),
                    rest => {
                        let message = format!("expected the end of the file, found {}", shown(rest));
                        Err(self.malformed(ahead, document, message))
                    }
                };
            }
            Some(b',') if document > 1 => {
                self.skip_blank_from(1, document, &mut ahead)?;
            }
            _ if document == 1 => {}
            found => {
                let found = found.map_or_else(|| shown(&[]), |byte| shown(&[*byte]));
                return Err(self.malformed(0, document, format!("expected `,` or `]`, found {found}")));
            }
        }
        match self.file.available().get(ahead) {
            Some(b'{' | b'[' | b'"') => self.next_framed(ahead, document).map(Some),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                let mut end = ahead;
                while self.fill_to(end + 1, document)? && !matches!(self.file.available()[end], b',' | b']' | b'\n') {
                    end += 1;
                    self.limit(end, document)?;
                }
                Ok(Some(self.piece(ahead, end)))
            }
            found => {
                let found = found.map_or_else(|| shown(&[]), |byte| shown(&[*byte]));
                Err(self.malformed(ahead, document, format!("expected a document, found {found}")))
            }
        }
    }

    /// Finds the end of the value that starts here. Where its brackets do not close, nobody can say where the next
    /// document begins.
    fn next_framed(&mut self, ahead: usize, document: u64) -> Result<Piece, SourceError> {
        let mut frame = Frame::default();
        loop {
            match frame.advance(&self.file.available()[ahead..], false) {
                Framed::Complete(bytes) => return Ok(self.piece(ahead, ahead + bytes)),
                Framed::Broken(at) => return Err(self.unclosed(ahead, ahead + at + 1, document)),
                Framed::Open => {}
            }
            self.limit(self.file.available().len() - ahead, document)?;
            if !self.fill(document)? {
                return Err(self.unclosed(ahead, self.file.available().len(), document));
            }
        }
    }

    fn piece(&self, ahead: usize, end: usize) -> Piece {
        let mut parsed = parse::parse(&self.file.available()[ahead..end]);
        if let Ok(bson) = &parsed
            && bson.len() > BSON_BYTES_MAX
        {
            let message = format!("expected a document of at most {BSON_BYTES_MAX} bytes, found {}", bson.len());
            parsed = Err(ParseError { line: 1, column: 1, at: 0, is_nesting: false, message });
        }
        Piece { ahead, bytes: end - ahead, parsed }
    }

    fn fault(&mut self, piece: &Piece, error: &ParseError) -> Result<Fault, SourceError> {
        let (line, column) = self.lines.of(&self.file, piece.ahead + error.at)?;
        Ok(Fault {
            code: if error.is_nesting { "nesting" } else { "malformed-json" },
            field: None,
            message: format!("line {line}, column {column}: {}", error.message),
            is_bson: false,
        })
    }

    fn unclosed(&mut self, start: usize, end: usize, document: u64) -> SourceError {
        match parse::parse(&self.file.available()[start..end]) {
            Err(error) => self.malformed(start + error.at, document, error.message),
            Ok(_) => self.malformed(start, document, "expected a document that ends, found none".to_owned()),
        }
    }

    /// The document starts here; what is wrong with it lies `ahead` bytes on.
    fn malformed(&mut self, ahead: usize, document: u64, message: String) -> SourceError {
        let offset = self.file.offset();
        match self.lines.of(&self.file, ahead) {
            Err(error) => error,
            Ok((line, column)) => SourceError::Malformed {
                file: self.file.name().to_owned(),
                offset,
                document,
                message: format!("line {line}, column {column}: {message}"),
            },
        }
    }

    fn limit(&mut self, bytes: usize, document: u64) -> Result<(), SourceError> {
        if bytes <= TEXT_BYTES_MAX {
            return Ok(());
        }
        Err(self.malformed(
            0,
            document,
            format!("expected a document of at most {TEXT_BYTES_MAX} bytes of text, found more"),
        ))
    }

    fn skip_blank(&mut self, document: u64) -> Result<(), SourceError> {
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
    fn skip_blank_from(&mut self, start: usize, document: u64, ahead: &mut usize) -> Result<(), SourceError> {
        *ahead = start;
        while self.fill_to(*ahead + 1, document)? && is_blank(self.file.available()[*ahead]) {
            *ahead += 1;
            self.limit(*ahead, document)?;
        }
        Ok(())
    }

    fn fill(&mut self, document: u64) -> Result<bool, SourceError> {
        let filled = self.file.fill();
        filled.map_err(|error| self.fill_error(error, document))
    }

    fn fill_to(&mut self, bytes: usize, document: u64) -> Result<bool, SourceError> {
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
        self.file.progress(at)
    }

    fn identity(&self) -> String {
        self.identity.clone()
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
            let offset = self.file.offset() + piece.ahead as u64;
            match &piece.parsed {
                Ok(bson) => batch.push_bson(document, offset, bson),
                Err(error) => {
                    let fault = self.fault(&piece, error)?;
                    let found = &self.file.available()[piece.ahead..piece.ahead + piece.bytes];
                    batch.push_fault(document, offset, found, fault);
                }
            }
            self.file.consume(piece.ahead + piece.bytes);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        self.at = self.file.position(document);
        Ok(Some(batch.finish(self.origin.clone(), self.at.clone())))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
