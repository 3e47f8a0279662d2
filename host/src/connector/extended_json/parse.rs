//! From Extended JSON text to BSON bytes, exactly: canonical, relaxed and the older forms of mongoexport.
//!
//! Field order is kept. Whatever has no exact BSON form, and two fields of one name, are errors with their place.

use super::wrapper;
use crate::record::check::NESTING_MAX;
use crate::record::check::Names;

/// JSON levels: a value of a type of its own adds up to three to those of its document.
const LEVELS_MAX: usize = NESTING_MAX + 3;

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// The byte offset in the text.
    pub at: usize,
    /// Whether it is only nested too deeply.
    pub is_nesting: bool,
    /// Expected, then found.
    pub message: String,
}

/// Returns the BSON bytes of one document, which must fill the text but for white space.
pub fn from_extended_json(text: &str) -> Result<Vec<u8>, ParseError> {
    parse(text.as_bytes())
}

/// As [`from_extended_json`], for bytes that may be no UTF-8.
pub(super) fn parse(text: &[u8]) -> Result<Vec<u8>, ParseError> {
    parse_as(text, false)
}

/// Returns the BSON bytes of plain JSON: every object is a document.
pub(in crate::connector) fn parse_plain(text: &[u8]) -> Result<Vec<u8>, ParseError> {
    parse_as(text, true)
}

fn parse_as(text: &[u8], is_plain: bool) -> Result<Vec<u8>, ParseError> {
    let mut parser = Parser { text, at: 0, bson: Vec::with_capacity(text.len()), names: Names::default(), is_plain };
    let outcome = match std::str::from_utf8(text) {
        Ok(_) => parser.top(),
        Err(error) => Err(Failure { at: error.valid_up_to(), ..failure(0, "expected UTF-8, found something else") }),
    };
    match outcome {
        Ok(()) => Ok(parser.bson),
        Err(failure) => Err(failure.locate(text)),
    }
}

struct Failure {
    at: usize,
    is_nesting: bool,
    message: String,
}

fn failure(at: usize, message: impl Into<String>) -> Failure {
    Failure { at, is_nesting: false, message: message.into() }
}

impl Failure {
    fn locate(self, text: &[u8]) -> ParseError {
        let before = &text[..self.at.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        ParseError { line, column, at: self.at, is_nesting: self.is_nesting, message: self.message }
    }
}

struct Parser<'a> {
    /// Known to be UTF-8.
    text: &'a [u8],
    at: usize,
    bson: Vec<u8>,
    names: Names,
    /// Whether no object stands for a value of another type.
    is_plain: bool,
}

type Parsed<T> = Result<T, Failure>;

impl Parser<'_> {
    fn top(&mut self) -> Parsed<()> {
        self.skip_blank();
        if self.peek() != Some(b'{') {
            return Err(self.expected("a document"));
        }
        let start = self.at;
        if self.object(1)? != wrapper::DOCUMENT {
            return Err(failure(start, "expected a document, found a value of another type"));
        }
        self.skip_blank();
        if self.peek().is_some() { Err(self.expected("the end of the document")) } else { Ok(()) }
    }

    /// Appends a value; returns its BSON type.
    fn value(&mut self, level: usize) -> Parsed<u8> {
        match self.peek() {
            Some(b'{') => self.object(level + 1),
            Some(b'[') => self.array(level + 1),
            Some(b'"') => {
                self.string()?;
                Ok(0x02)
            }
            Some(b't') => self.literal("true", 0x08, &[1]),
            Some(b'f') => self.literal("false", 0x08, &[0]),
            Some(b'n') => self.literal("null", 0x0a, &[]),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, level: usize) -> Parsed<u8> {
        let place = self.at;
        let start = self.open(level)?;
        let first_name = self.names.open();
        let mut has_dollar = false;
        self.skip_blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.skip_blank();
                if self.peek() != Some(b'"') {
                    return Err(self.expected("a field's name"));
                }
                let kind = self.bson.len();
                self.bson.push(0);
                has_dollar |= self.name()?;
                self.skip_blank();
                self.take(b':')?;
                self.skip_blank();
                self.bson[kind] = self.value(level)?;
                if self.is_last(b'}')? {
                    break;
                }
            }
        }
        if let Some((_, name)) = self.names.close(first_name, &self.bson) {
            return Err(failure(place, format!("expected each field once, found `{name}` twice")));
        }
        self.close(start);
        if !has_dollar || self.is_plain {
            return Ok(wrapper::DOCUMENT);
        }
        match wrapper::unwrap(&self.bson[start..]).map_err(|message| failure(place, message))? {
            None => Ok(wrapper::DOCUMENT),
            Some((kind, value)) => {
                self.bson.truncate(start);
                self.bson.extend_from_slice(&value);
                Ok(kind)
            }
        }
    }

    fn array(&mut self, level: usize) -> Parsed<u8> {
        let start = self.open(level)?;
        self.skip_blank();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            for index in 0_usize.. {
                self.skip_blank();
                let kind = self.bson.len();
                self.bson.push(0);
                self.bson.extend_from_slice(index.to_string().as_bytes());
                self.bson.push(0);
                self.bson[kind] = self.value(level)?;
                if self.is_last(b']')? {
                    break;
                }
            }
        }
        self.close(start);
        Ok(0x04)
    }

    fn open(&mut self, level: usize) -> Parsed<usize> {
        if level > LEVELS_MAX {
            let message = format!("expected at most {NESTING_MAX} levels of nesting, found more");
            return Err(Failure { is_nesting: true, ..failure(self.at, message) });
        }
        self.at += 1;
        self.bson.extend_from_slice(&[0; 4]);
        Ok(self.bson.len() - 4)
    }

    fn close(&mut self, start: usize) {
        self.bson.push(0);
        // A text is far below 2 GiB, so its document is too; the source checks MongoDB's own limit.
        let length = i32::try_from(self.bson.len() - start).unwrap_or(i32::MAX);
        self.bson[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Appends a field's name; returns whether it begins with `$`.
    fn name(&mut self) -> Parsed<bool> {
        let place = self.at;
        let start = self.bson.len();
        self.characters()?;
        if self.bson[start..].contains(&0) {
            return Err(failure(place, "expected a field's name without NUL, found one with it"));
        }
        let end = self.bson.len();
        self.names.push(&self.bson, start, end);
        self.bson.push(0);
        Ok(self.bson[start] == b'$')
    }

    fn string(&mut self) -> Parsed<()> {
        let start = self.bson.len();
        self.bson.extend_from_slice(&[0; 4]);
        self.characters()?;
        self.bson.push(0);
        let length = i32::try_from(self.bson.len() - start - 4).unwrap_or(i32::MAX);
        self.bson[start..start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Appends the characters of a JSON string, unescaped.
    fn characters(&mut self) -> Parsed<()> {
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            self.bson.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.expected("the string to end")),
            }
        }
    }

    fn escape(&mut self) -> Parsed<()> {
        let place = self.at;
        self.at += 2;
        let character = match self.text.get(place + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => self.unicode(place)?,
            _ => return Err(failure(place, "expected an escape that JSON knows, found another")),
        };
        self.bson.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn unicode(&mut self, place: usize) -> Parsed<char> {
        let first = self.hex(place)?;
        let mut code = first;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex(place)?;
            if (0xdc00..0xe000).contains(&second) {
                code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            }
        }
        char::from_u32(code).ok_or_else(|| failure(place, "expected a character, found half a surrogate pair"))
    }

    fn hex(&mut self, place: usize) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse_hex());
        self.at += 4;
        code.ok_or_else(|| failure(place, "expected four hexadecimal digits after `\\u`, found something else"))
    }

    fn literal(&mut self, word: &str, kind: u8, value: &[u8]) -> Parsed<u8> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        self.bson.extend_from_slice(value);
        Ok(kind)
    }

    fn number(&mut self) -> Parsed<u8> {
        let start = self.at;
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        self.at += self.text[start..].iter().take_while(is_part).count();
        let digits = std::str::from_utf8(&self.text[start..self.at]).expect("ASCII");
        let (kind, value) = number(digits).map_err(|message| failure(start, message))?;
        self.bson.extend_from_slice(&value[..if kind == 0x10 { 4 } else { 8 }]);
        Ok(kind)
    }

    /// After a field or element: steps over `,` or over the end.
    fn is_last(&mut self, end: u8) -> Parsed<bool> {
        self.skip_blank();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.expected(&format!("`,` or `{}`", char::from(end)))),
        }
    }

    fn take(&mut self, byte: u8) -> Parsed<()> {
        if self.peek() != Some(byte) {
            return Err(self.expected(&format!("`{}`", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expected(&self, what: &str) -> Failure {
        failure(self.at, format!("expected {what}, found {}", shown(&self.text[self.at.min(self.text.len())..])))
    }
}

/// Says what stands at the beginning of these bytes.
pub(super) fn shown(rest: &[u8]) -> String {
    let text = String::from_utf8_lossy(&rest[..rest.len().min(4)]);
    match text.chars().next() {
        None => "the end".to_owned(),
        Some('\n' | '\r') => "the end of the line".to_owned(),
        Some(char::REPLACEMENT_CHARACTER) => format!("byte 0x{:02x}", rest[0]),
        Some(character) if character.is_control() => format!("control character 0x{:02x}", rest[0]),
        Some(character) => format!("`{character}`"),
    }
}

/// Returns the type and little-endian bytes of a JSON number: int32 or int64 where it is an integer in range.
fn number(digits: &str) -> Result<(u8, [u8; 8]), String> {
    if !is_number(digits) {
        return Err(format!("expected a number, found `{digits}`"));
    }
    // `-0` is written by nobody but for a double.
    if !digits.contains(['.', 'e', 'E']) && digits != "-0" {
        if let Ok(value) = digits.parse::<i64>() {
            let kind = if i32::try_from(value).is_ok() { 0x10 } else { 0x12 };
            return Ok((kind, value.to_le_bytes()));
        }
        // JavaScript writes large doubles without a fraction: good where the double gives the same digits.
        let value: f64 = digits.parse().map_err(|_| format!("expected a number, found `{digits}`"))?;
        if value.to_string() != digits && format!("{value:.0}") != digits {
            return Err(format!("expected an integer of 64 bits, found `{digits}`"));
        }
        return Ok((0x01, value.to_le_bytes()));
    }
    Ok((0x01, wrapper::double(digits)?.to_le_bytes()))
}

/// Returns whether this is a number by JSON's grammar.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

trait ParseHex {
    fn parse_hex(&self) -> Option<u32>;
}

impl ParseHex for str {
    fn parse_hex(&self) -> Option<u32> {
        u32::from_str_radix(self, 16).ok()
    }
}
