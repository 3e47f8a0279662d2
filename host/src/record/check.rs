//! Checks a BSON document to the last byte, in one pass over its bytes.
//!
//! Everything behind this check may read the document without meeting an error: lengths, terminators, UTF-8,
//! nesting, and that no document has two fields of one name.

use std::collections::HashSet;
use std::fmt;

/// Deepest nesting of documents and arrays that is read.
pub const NESTING_MAX: usize = 200;

/// Characters of a path that a message shows.
const FIELD_CHARS_MAX: usize = 120;

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Whether it is only nested too deeply.
    pub is_nesting: bool,
    /// The offset within the document.
    pub at: usize,
    /// The dotted path of the field at fault, as far as it is known.
    pub field: Option<String>,
    /// Expected, then found.
    pub message: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "byte {} of the document: {}", self.at, self.message)
    }
}

/// Checks one document, which must fill the bytes exactly.
pub fn check(bson: &[u8]) -> Result<(), Defect> {
    let mut checker = Checker { bson, names: Names::default() };
    let end = checker.document(0, bson.len(), 1, false).map_err(|found| *found)?;
    if end == bson.len() { Ok(()) } else { Err(*defect(0, format!("expected {} bytes, found {end}", bson.len()))) }
}

type Found<T> = Result<T, Box<Defect>>;

fn defect(at: usize, message: String) -> Box<Defect> {
    Box::new(Defect { is_nesting: false, at, field: None, message })
}

struct Checker<'a> {
    bson: &'a [u8],
    names: Names,
}

impl<'a> Checker<'a> {
    /// Checks the document that starts here and must end at or before `limit`; returns its end.
    fn document(&mut self, start: usize, limit: usize, depth: usize, is_array: bool) -> Found<usize> {
        if depth > NESTING_MAX {
            let message = format!("expected at most {NESTING_MAX} levels of nesting, found more");
            return Err(Box::new(Defect { is_nesting: true, at: start, field: None, message }));
        }
        let length = self.length(start, limit)?;
        if length < 5 || length > limit - start {
            return Err(defect(
                start,
                format!("expected a document of 5 to {} bytes, found length {length}", limit - start),
            ));
        }
        let end = start + length - 1;
        if self.bson[end] != 0 {
            return Err(defect(end, format!("expected the document's closing 0, found {}", self.bson[end])));
        }
        let first_name = self.names.open();
        let mut at = start + 4;
        while at < end {
            let kind = self.bson[at];
            let name = at + 1;
            let name_end = self.cstring(name, end)?;
            if !is_array {
                self.names.push(self.bson, name, name_end);
            }
            at = self.value(kind, name_end + 1, end, depth).map_err(|found| self.within(found, name, name_end))?;
        }
        if at != end {
            return Err(defect(at, format!("expected the document to end at byte {end}, found its last field beyond")));
        }
        if let Some((at, name)) = self.names.close(first_name, self.bson) {
            let message = format!("expected each field once, found `{name}` twice");
            return Err(Box::new(Defect { is_nesting: false, at, field: Some(name), message }));
        }
        Ok(end + 1)
    }

    /// Checks one value; returns its end.
    fn value(&mut self, kind: u8, at: usize, limit: usize, depth: usize) -> Found<usize> {
        match kind {
            0x01 | 0x09 | 0x11 | 0x12 => self.fixed(at, 8, limit),
            0x02 | 0x0d | 0x0e => self.string(at, limit),
            0x03 => self.document(at, limit, depth + 1, false),
            0x04 => self.document(at, limit, depth + 1, true),
            0x05 => self.binary(at, limit),
            0x06 | 0x0a | 0x7f | 0xff => Ok(at),
            0x07 => self.fixed(at, 12, limit),
            0x08 => {
                let end = self.fixed(at, 1, limit)?;
                match self.bson[at] {
                    0 | 1 => Ok(end),
                    other => Err(defect(at, format!("expected a boolean 0 or 1, found {other}"))),
                }
            }
            0x0b => {
                let options = self.cstring(at, limit)? + 1;
                Ok(self.cstring(options, limit)? + 1)
            }
            0x0c => {
                let end = self.string(at, limit)?;
                self.fixed(end, 12, limit)
            }
            0x0f => self.scoped_code(at, limit, depth),
            0x10 => self.fixed(at, 4, limit),
            0x13 => self.fixed(at, 16, limit),
            other => Err(defect(at, format!("expected a BSON type, found 0x{other:02x}"))),
        }
    }

    fn fixed(&self, at: usize, size: usize, limit: usize) -> Found<usize> {
        if limit.saturating_sub(at) < size {
            return Err(defect(at, format!("expected {size} bytes, found {}", limit.saturating_sub(at))));
        }
        Ok(at + size)
    }

    fn length(&self, at: usize, limit: usize) -> Found<usize> {
        let end = self.fixed(at, 4, limit)?;
        let bytes = self.bson[at..end].try_into().expect("four bytes");
        let length = i32::from_le_bytes(bytes);
        usize::try_from(length).map_err(|_| defect(at, format!("expected a length, found {length}")))
    }

    fn cstring(&self, at: usize, limit: usize) -> Found<usize> {
        let bytes = &self.bson[at.min(limit)..limit];
        let Some(length) = bytes.iter().position(|byte| *byte == 0) else {
            return Err(defect(at, "expected a name that ends with 0, found no end".to_owned()));
        };
        text(&bytes[..length], at)?;
        Ok(at + length)
    }

    fn string(&self, at: usize, limit: usize) -> Found<usize> {
        let length = self.length(at, limit)?;
        let start = at + 4;
        if length < 1 || length > limit - start {
            return Err(defect(
                at,
                format!("expected a string of 1 to {} bytes, found length {length}", limit - start),
            ));
        }
        let end = start + length;
        if self.bson[end - 1] != 0 {
            return Err(defect(end - 1, format!("expected the string's closing 0, found {}", self.bson[end - 1])));
        }
        text(&self.bson[start..end - 1], start)?;
        Ok(end)
    }

    fn binary(&self, at: usize, limit: usize) -> Found<usize> {
        let length = self.length(at, limit)?;
        let start = self.fixed(at, 5, limit)?;
        let end = self.fixed(start, length, limit)?;
        // The old binary type carries its length a second time.
        if self.bson[at + 4] == 2 {
            let inner = self.length(start, end)?;
            if inner + 4 != length {
                return Err(defect(
                    start,
                    format!("expected an inner length of {}, found {inner}", length.saturating_sub(4)),
                ));
            }
        }
        Ok(end)
    }

    fn scoped_code(&mut self, at: usize, limit: usize, depth: usize) -> Found<usize> {
        let length = self.length(at, limit)?;
        let end = self.fixed(at, length.max(14), limit)?;
        let scope = self.string(at + 4, end)?;
        let found = self.document(scope, end, depth + 1, false)?;
        if found != end || length < 14 {
            return Err(defect(at, format!("expected code of {} bytes, found length {length}", found - at)));
        }
        Ok(end)
    }

    /// Puts an outer field's name before the path of the defect.
    fn within(&self, mut found: Box<Defect>, start: usize, end: usize) -> Box<Defect> {
        let name = String::from_utf8_lossy(&self.bson[start..end]);
        let path = match found.field.take() {
            Some(inner) => format!("{name}.{inner}"),
            None => name.into_owned(),
        };
        // The outer names tell where to look; the offset tells the rest.
        found.field = Some(match path.char_indices().nth(FIELD_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &path[..end]),
            None => path,
        });
        found
    }
}

fn text(bytes: &[u8], at: usize) -> Found<()> {
    if bytes.is_ascii() {
        return Ok(());
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(defect(at + error.valid_up_to(), "expected UTF-8, found something else".to_owned())),
    }
}

/// The field names of the documents that are open, innermost last: finds two of one name.
#[derive(Debug, Default)]
pub struct Names {
    /// Hash, start and end of each name.
    open: Vec<(u64, usize, usize)>,
}

impl Names {
    /// Below this many names comparing each with each is quicker than sorting them.
    const PAIRWISE_MAX: usize = 48;

    /// Begins a document; the answer goes to `close`.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Adds a name of the innermost document.
    pub fn push(&mut self, bson: &[u8], start: usize, end: usize) {
        self.open.push((hash(&bson[start..end]), start, end));
    }

    /// Ends the innermost document; returns the place and the text of a name that it has twice.
    pub fn close(&mut self, first: usize, bson: &[u8]) -> Option<(usize, String)> {
        let names = &mut self.open[first..];
        let is_suspect = if names.len() <= Self::PAIRWISE_MAX {
            (1..names.len()).any(|index| names[..index].iter().any(|name| name.0 == names[index].0))
        } else {
            names.sort_unstable();
            names.windows(2).any(|pair| pair[0].0 == pair[1].0)
        };
        let mut twin = None;
        if is_suspect {
            // Equal hashes may be chance: the names themselves decide.
            let mut seen = HashSet::new();
            twin = names.iter().find(|(_, start, end)| !seen.insert(&bson[*start..*end])).copied();
        }
        self.open.truncate(first);
        twin.map(|(_, start, end)| (start, String::from_utf8_lossy(&bson[start..end]).into_owned()))
    }
}

/// A quick hash of length and ends; equal ones are compared by text.
fn hash(name: &[u8]) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let word = |bytes: &[u8]| match bytes.try_into() {
        Ok(bytes) => u64::from_le_bytes(bytes),
        Err(_) => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let size = name.len().min(8);
    let (first, last) = (word(&name[..size]), word(&name[name.len() - size..]));
    ((first ^ name.len() as u64).wrapping_mul(FACTOR).rotate_left(32) ^ last).wrapping_mul(FACTOR)
}
