//! The way through answers: pages of documents, elements of an array, or one object behind another.

use bson::RawBsonRef;
use bson::RawDocument;

use super::super::path;
use super::super::path::Step;
use super::super::scan::Scan;
use super::super::text::Found;
use super::super::text::Walk;
use super::super::text::Wanted;
use super::value;
use crate::connector::extended_json::parse_plain;
use crate::connector::source::SourceError;

/// What a page calls its documents, and what it says where there are more.
const DOCUMENTS: &str = "documents";
const MORE: &str = "nextPageToken";
/// What the answers of a query or of a look-up call a document.
const ANSWERS: [&str; 2] = ["document", "found"];
/// Fields of answers that hold no document.
const OTHERS: [&str; 7] =
    ["missing", "readTime", "transaction", "skippedResults", "done", "explainMetrics", "nextPageToken"];

/// What encloses the next document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    /// Nothing: the file's own level.
    #[default]
    File,
    /// An array of the file.
    Array,
    /// The documents of a page.
    Page,
}

/// Where the walk stands.
#[derive(Debug, Default)]
pub(super) struct Pages {
    within: Within,
    /// Whether nothing of the array has been read.
    is_first: bool,
    /// Whether the last page says that there is another.
    has_more: bool,
}

impl Pages {
    /// Goes to the next object that may be a document, and returns its text with where it begins; `None` is the end.
    fn object(&mut self, scan: &mut Scan) -> Result<Option<(u64, Vec<u8>)>, SourceError> {
        loop {
            match self.within {
                Within::File => match scan.peek()? {
                    None if scan.advance()? => {}
                    None => {
                        if std::mem::take(&mut self.has_more) {
                            let file = scan.files.name();
                            tracing::warn!(%file, "the last page says that there are more (`{MORE}`), and no file follows");
                        }
                        return Ok(None);
                    }
                    Some(b'[') => {
                        scan.take(b'[')?;
                        (self.within, self.is_first) = (Within::Array, true);
                    }
                    Some(_) => {
                        let offset = scan.offset();
                        if let Some(text) = self.page_or_object(scan)? {
                            return Ok(Some((offset, text)));
                        }
                    }
                },
                Within::Array | Within::Page => {
                    if scan.element(&mut self.is_first)? {
                        scan.peek()?;
                        let (offset, mut text) = (scan.offset(), Vec::new());
                        scan.copy(&mut text)?;
                        return Ok(Some((offset, text)));
                    }
                    if self.within == Within::Page {
                        self.rest_of_page(scan, false)?;
                    }
                    self.within = Within::File;
                }
            }
        }
    }

    /// Begins an object of the file: a page is entered, of another one the text comes back.
    fn page_or_object(&mut self, scan: &mut Scan) -> Result<Option<Vec<u8>>, SourceError> {
        scan.take(b'{')?;
        let (mut text, mut is_first, mut is_page) = (vec![b'{'], true, false);
        while let Some(name) = scan.field(&mut is_first)? {
            if name == DOCUMENTS && scan.peek()? == Some(b'[') {
                scan.take(b'[')?;
                (self.within, self.is_first) = (Within::Page, true);
                self.has_more = is_page;
                return Ok(None);
            }
            is_page |= name == MORE;
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
            text.push(b':');
            scan.copy(&mut text)?;
        }
        text.push(b'}');
        Ok(Some(text))
    }

    /// Behind a page's documents.
    fn rest_of_page(&mut self, scan: &mut Scan, mut is_first: bool) -> Result<(), SourceError> {
        while let Some(name) = scan.field(&mut is_first)? {
            self.has_more |= name == MORE;
            scan.skip()?;
        }
        Ok(())
    }
}

impl Walk for Pages {
    fn next(&mut self, scan: &mut Scan, wanted: &mut Wanted<'_>) -> Result<Option<Found>, SourceError> {
        loop {
            let Some((offset, text)) = self.object(scan)? else { return Ok(None) };
            let bson = match parse_plain(&text) {
                Ok(bson) => bson,
                // Whose it is nobody knows.
                Err(error) => {
                    let message = format!(
                        "the value from byte {offset} on: line {}, column {} of it: {}",
                        error.line, error.column, error.message
                    );
                    return Err(scan.malformed(message));
                }
            };
            let answer = RawDocument::from_bytes(&bson).map_err(|error| scan.malformed(error.to_string()))?;
            let Some(document) = document(answer).map_err(|message| scan.malformed(message))? else { continue };
            let steps = name(document).map_err(|message| scan.malformed(message))?;
            match wanted {
                Wanted::Kinds(kinds) => kinds.add(&steps),
                Wanted::Documents(pattern, writer) if pattern.matches(&steps) => {
                    let written = value::write(document, &steps, writer);
                    let fault = written.err().map(|error| (error.fault(&path::document_path(&steps)), text));
                    return Ok(Some(Found { offset, fault }));
                }
                Wanted::Documents(..) => {}
            }
        }
    }

    fn context(&self) -> String {
        match self.within {
            Within::File => "file",
            Within::Array => "array",
            Within::Page => "page",
        }
        .to_owned()
    }

    fn go_to(&mut self, context: Option<&str>) -> bool {
        let within = match context {
            None | Some("file") => Within::File,
            Some("array") => Within::Array,
            Some("page") => Within::Page,
            Some(_) => return false,
        };
        *self = Self { within, is_first: false, has_more: false };
        true
    }
}

/// Returns the document of an answer; `None` where it holds none.
fn document(answer: &RawDocument) -> Result<Option<&RawDocument>, String> {
    for name in ANSWERS {
        match answer.get(name) {
            Ok(Some(RawBsonRef::Document(document))) => return Ok(Some(document)),
            Ok(Some(_)) => return Err(format!("expected a document in `{name}`, found another value")),
            _ => {}
        }
    }
    if matches!(answer.get("name"), Ok(Some(_))) {
        return Ok(Some(answer));
    }
    for field in answer {
        let (name, _) = field.map_err(|error| error.to_string())?;
        if !OTHERS.contains(&name.as_str()) {
            return Err(format!("expected a document with a `name`, or an answer with one, found `{}`", name.as_str()));
        }
    }
    Ok(None)
}

/// Returns where a document lies.
fn name(document: &RawDocument) -> Result<Vec<Step<'_>>, String> {
    let name = document.get_str("name").map_err(|_| "expected the text `name` in a document, found none".to_owned())?;
    value::resource(name)
        .map(|(_, steps)| steps)
        .ok_or_else(|| format!("expected the name of a document, `projects/…/databases/…/documents/…`, found `{name}`"))
}
