//! Goes through JSON text value by value: what is not wanted is stepped over, and only a document is ever in memory.

use super::files::Files;
use crate::connector::extended_json::lines::Lines;
use crate::connector::extended_json::text::TEXT_BYTES_MAX;
use crate::connector::file::FillError;
use crate::connector::source::SourceError;
use crate::record::Position;

/// What some tools put before the first byte.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Deepest nesting that is stepped over.
const LEVELS_MAX: usize = 1_000;
/// Longest name of a field.
const NAME_BYTES_MAX: usize = 64 * 1024;

/// Files of JSON text, and a place in them.
pub(super) struct Scan {
    pub(super) files: Files,
    lines: Lines,
    /// The number of the document that is looked for.
    pub(super) document: u64,
}

impl Scan {
    pub(super) fn new(files: Files) -> Self {
        Self { files, lines: Lines::default(), document: 1 }
    }

    /// Returns where it stands in its file.
    pub(super) fn offset(&self) -> u64 {
        self.files.file.offset()
    }

    /// Goes to a position of an earlier run.
    pub(super) fn go_to(&mut self, position: &Position) -> Result<(), SourceError> {
        self.lines = Lines::default();
        self.files.go_to(position)
    }

    /// Goes on to the next file.
    pub(super) fn advance(&mut self) -> Result<bool, SourceError> {
        self.lines = Lines::default();
        self.files.advance()
    }

    /// Returns the next byte that is no blank without stepping over it; `None` is the end of the file.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, SourceError> {
        if self.offset() == 0 {
            self.fill_to(BOM.len())?;
            if self.files.file.available().starts_with(BOM) {
                self.files.file.consume(BOM.len());
            }
        }
        loop {
            let available = self.files.file.available();
            let blank = available.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let found = available.get(blank).copied();
            self.files.file.consume(blank);
            if found.is_some() || !self.fill_to(1)? {
                return Ok(found);
            }
        }
    }

    /// Returns whether these bytes come next.
    pub(super) fn is_next(&mut self, bytes: &[u8]) -> Result<bool, SourceError> {
        self.peek()?;
        Ok(self.fill_to(bytes.len())? && self.files.file.available().starts_with(bytes))
    }

    /// Steps over a byte that must come next.
    pub(super) fn take(&mut self, byte: u8) -> Result<(), SourceError> {
        if self.peek()? != Some(byte) {
            return Err(self.expected(&format!("`{}`", char::from(byte))));
        }
        self.files.file.consume(1);
        Ok(())
    }

    /// Goes to the next field of an object that has been begun; `None` is its end.
    pub(super) fn field(&mut self, is_first: &mut bool) -> Result<Option<String>, SourceError> {
        if self.separator(b'}', is_first)? {
            return Ok(None);
        }
        if self.peek()? != Some(b'"') {
            return Err(self.expected("a field's name"));
        }
        let mut text = Vec::new();
        let offset = self.offset();
        self.walk(&mut |part| {
            text.extend_from_slice(part);
            text.len() <= NAME_BYTES_MAX
        })?;
        let name = serde_json::from_slice(&text);
        let name =
            name.map_err(|error| self.malformed(format!("expected a field's name at byte {offset}: {error}")))?;
        self.take(b':')?;
        Ok(Some(name))
    }

    /// Goes to the next element of an array that has been begun; returns whether there is one.
    pub(super) fn element(&mut self, is_first: &mut bool) -> Result<bool, SourceError> {
        self.separator(b']', is_first).map(|is_end| !is_end)
    }

    /// Steps over a comma, or over the end; returns which of both it was.
    fn separator(&mut self, end: u8, is_first: &mut bool) -> Result<bool, SourceError> {
        let next = self.peek()?;
        if next == Some(end) {
            self.files.file.consume(1);
            return Ok(true);
        }
        if !std::mem::replace(is_first, false) {
            if next != Some(b',') {
                return Err(self.expected(&format!("`,` or `{}`", char::from(end))));
            }
            self.files.file.consume(1);
        }
        Ok(false)
    }

    /// Steps over a value.
    pub(super) fn skip(&mut self) -> Result<(), SourceError> {
        self.walk(&mut |_| true)
    }

    /// Appends a value's text.
    pub(super) fn copy(&mut self, text: &mut Vec<u8>) -> Result<(), SourceError> {
        self.walk(&mut |part| {
            text.extend_from_slice(part);
            text.len() <= TEXT_BYTES_MAX
        })
    }

    /// Goes through a value to its end, by its brackets and strings; `see` says whether it may grow.
    fn walk(&mut self, see: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), SourceError> {
        let mut extent = match self.peek()? {
            Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Extent::default(),
            _ => return Err(self.expected("a value")),
        };
        loop {
            let (bytes, ended) = extent.advance(self.files.file.available());
            if !see(&self.files.file.available()[..bytes]) {
                return Err(self
                    .malformed(format!("expected a document of at most {TEXT_BYTES_MAX} bytes of text, found more")));
            }
            self.files.file.consume(bytes);
            match ended {
                Ended::Complete => return Ok(()),
                Ended::Broken => return Err(self.expected("a bracket that closes what is open")),
                Ended::Deep => {
                    return Err(self.malformed(format!("expected at most {LEVELS_MAX} levels of nesting, found more")));
                }
                Ended::Open => {}
            }
            if !self.fill_to(1)? {
                return if extent.is_scalar() { Ok(()) } else { Err(self.expected("the value to end")) };
            }
        }
    }

    fn fill_to(&mut self, bytes: usize) -> Result<bool, SourceError> {
        self.files.file.fill_to(bytes).map_err(|error| match error {
            FillError::Refused(error) => error,
            FillError::Broken(message) => self.malformed(message),
        })
    }

    /// Says what was expected here.
    pub(super) fn expected(&mut self, what: &str) -> SourceError {
        let found = match self.files.file.available().first() {
            None => "the end of the file".to_owned(),
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(*byte)),
            Some(byte) => format!("byte 0x{byte:02x}"),
        };
        self.malformed(format!("expected {what}, found {found}"))
    }

    /// Says what is wrong here.
    pub(super) fn malformed(&mut self, message: String) -> SourceError {
        match self.lines.of(&self.files.file, 0) {
            Err(error) => error,
            Ok((line, column)) => SourceError::Malformed {
                file: self.files.file.name().to_owned(),
                offset: self.offset(),
                document: self.document,
                message: format!("line {line}, column {column}: {message}"),
            },
        }
    }
}

/// How far a value reaches.
#[derive(Default)]
struct Extent {
    /// The closing brackets that are still due.
    due: Vec<u8>,
    is_begun: bool,
    is_in_string: bool,
    is_escaped: bool,
}

enum Ended {
    Complete,
    Open,
    Broken,
    Deep,
}

impl Extent {
    /// A number or a word, which nothing closes.
    fn is_scalar(&self) -> bool {
        self.is_begun && self.due.is_empty() && !self.is_in_string
    }

    /// Returns how many of these bytes belong to the value, and whether that is its end.
    fn advance(&mut self, bytes: &[u8]) -> (usize, Ended) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => {
                        self.is_in_string = false;
                        if self.due.is_empty() {
                            return (at + 1, Ended::Complete);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' if self.is_scalar() => {
                    return (at, Ended::Complete);
                }
                b'"' => self.is_in_string = true,
                b'{' => self.due.push(b'}'),
                b'[' => self.due.push(b']'),
                b'}' | b']' if self.due.pop() != Some(*byte) => return (at, Ended::Broken),
                b'}' | b']' if self.due.is_empty() => return (at + 1, Ended::Complete),
                _ => {}
            }
            self.is_begun = true;
            if self.due.len() > LEVELS_MAX {
                return (at, Ended::Deep);
            }
        }
        (bytes.len(), Ended::Open)
    }
}
