//! The way through a tree of collections and documents, one level at a time.

use super::super::path;
use super::super::path::Id;
use super::super::path::Pattern;
use super::super::path::Step;
use super::super::scan::Scan;
use super::super::text::Found;
use super::super::text::Walk;
use super::super::text::Wanted;
use super::super::writer::Writer;
use super::value;
use crate::connector::extended_json::parse_plain;
use crate::connector::source::SourceError;
use crate::record::Fault;

/// The field that holds a document's collections, or the database's.
const COLLECTIONS: &str = "__collections__";

/// An open object of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    /// The whole, of a database.
    Root,
    /// Names of collections.
    Collections,
    /// Ids of documents.
    Collection(String),
    /// Fields of a document, of which only its collections are wanted.
    Document(Id<'static>),
}

/// The objects that are open, outermost first, each with whether nothing of it has been read.
pub(super) struct Tree {
    levels: Vec<(Level, bool)>,
    /// Whether the outermost has been begun.
    is_begun: bool,
    /// What the collection is called where the whole file is one.
    name: String,
}

impl Tree {
    pub(super) fn new(name: String) -> Self {
        Self { levels: Vec::new(), is_begun: false, name }
    }

    /// Finds out whether the file is a database or a collection, by its first field.
    fn begin(&mut self, scan: &mut Scan) -> Result<(), SourceError> {
        scan.take(b'{')?;
        self.is_begun = true;
        let is_database = scan.is_next(b"\"__collections__\"")? || scan.peek()? == Some(b'}');
        let level = if is_database { Level::Root } else { Level::Collection(self.name.clone()) };
        self.levels.push((level, true));
        Ok(())
    }

    /// Where the objects lead to.
    fn steps(&self) -> Vec<Step<'static>> {
        let mut steps = Vec::new();
        let mut collection = None;
        for (level, _) in &self.levels {
            match level {
                Level::Collection(name) => collection = Some(name),
                Level::Document(id) => {
                    let collection = collection.take().cloned().unwrap_or_default().into();
                    steps.push(Step { collection, id: id.clone() });
                }
                Level::Root | Level::Collections => {}
            }
        }
        steps
    }

    /// A field of an object on the way: goes into it, or steps over it.
    fn enter(&mut self, scan: &mut Scan, pattern: Option<&Pattern>, name: String) -> Result<(), SourceError> {
        let level = match (&self.levels.last().expect("a level is open").0, name) {
            (Level::Collections, name) => {
                let is_wanted = pattern.is_none_or(|pattern| pattern.may_enter(&self.steps(), &name));
                is_wanted.then_some(Level::Collection(name))
            }
            (_, name) if name == COLLECTIONS => Some(Level::Collections),
            (Level::Root, name) => {
                let message = format!(
                    "expected nothing but `{COLLECTIONS}` in a database, found `{name}`: this is the export of one document"
                );
                return Err(scan.malformed(message));
            }
            _ => None,
        };
        match level {
            Some(level) => {
                scan.take(b'{')?;
                self.levels.push((level, true));
                Ok(())
            }
            None => scan.skip(),
        }
    }
}

impl Walk for Tree {
    fn next(&mut self, scan: &mut Scan, wanted: &mut Wanted<'_>) -> Result<Option<Found>, SourceError> {
        if !self.is_begun {
            self.begin(scan)?;
        }
        loop {
            let Some((level, is_first)) = self.levels.last_mut() else {
                return match scan.peek()? {
                    None => Ok(None),
                    Some(_) => Err(scan.expected("the end of the file")),
                };
            };
            let collection = match level {
                Level::Collection(name) => Some(name.clone()),
                _ => None,
            };
            let Some(name) = scan.field(is_first)? else {
                self.levels.pop();
                continue;
            };
            let pattern = match wanted {
                Wanted::Documents(pattern, _) => Some(*pattern),
                Wanted::Kinds(_) => None,
            };
            let Some(collection) = collection else {
                self.enter(scan, pattern, name)?;
                continue;
            };
            let mut steps = self.steps();
            steps.push(Step { collection: collection.into(), id: Id::read(name).into_owned() });
            match wanted {
                Wanted::Documents(pattern, writer) if pattern.matches(&steps) => {
                    return document(scan, &steps, writer).map(Some);
                }
                Wanted::Documents(pattern, _) if !pattern.may_match_below(&steps) => {
                    scan.skip()?;
                    continue;
                }
                Wanted::Documents(..) => {}
                Wanted::Kinds(kinds) => kinds.add(&steps),
            }
            if scan.peek()? == Some(b'{') {
                scan.take(b'{')?;
                let id = steps.pop().expect("one was pushed").id;
                self.levels.push((Level::Document(id), true));
            } else {
                scan.skip()?;
            }
        }
    }

    fn context(&self) -> String {
        let names = self.levels.iter().filter_map(|(level, _)| match level {
            Level::Collection(name) => Some(name.clone()),
            Level::Document(id) => Some(id.to_string()),
            Level::Root | Level::Collections => None,
        });
        let is_database = self.levels.first().is_some_and(|(level, _)| *level == Level::Root);
        let root = if is_database { COLLECTIONS } else { "" };
        std::iter::once(root.to_owned()).chain(names).collect::<Vec<_>>().join("/")
    }

    fn go_to(&mut self, context: Option<&str>) -> bool {
        self.levels.clear();
        self.is_begun = context.is_some();
        let Some(context) = context else { return true };
        let mut names = context.split('/');
        let is_database = names.next() == Some(COLLECTIONS);
        if is_database {
            self.levels.push((Level::Root, false));
        }
        for (index, name) in names.enumerate() {
            if index % 2 == 1 {
                self.levels.push((Level::Document(Id::read(name.to_owned())), false));
                continue;
            }
            if index > 0 || is_database {
                self.levels.push((Level::Collections, false));
            }
            self.levels.push((Level::Collection(name.to_owned()), false));
        }
        matches!(self.levels.last(), Some((Level::Collection(_), _)))
    }
}

/// Reads one document; its collections are stepped over, wherever they stand.
fn document(scan: &mut Scan, steps: &[Step<'_>], writer: &mut Writer) -> Result<Found, SourceError> {
    let next = scan.peek()?;
    let offset = scan.offset();
    let mut text = Vec::new();
    if next == Some(b'{') {
        scan.take(b'{')?;
        text.push(b'{');
        let mut is_first = true;
        while let Some(name) = scan.field(&mut is_first)? {
            if name == COLLECTIONS {
                scan.skip()?;
                continue;
            }
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
            text.push(b':');
            scan.copy(&mut text)?;
        }
        text.push(b'}');
    } else {
        scan.copy(&mut text)?;
    }
    let path = path::document_path(steps);
    let fault = match parse_plain(&text) {
        Ok(bson) => {
            writer.open_root();
            let written = value::fields(&bson, writer);
            path::append(steps, writer);
            writer.close();
            written.err().map(|error| error.fault(&path))
        }
        Err(error) => Some(Fault {
            code: if error.is_nesting { "nesting" } else { "malformed-json" },
            field: None,
            message: format!("`{path}`: {}", error.message),
            is_bson: false,
        }),
    };
    Ok(Found { offset, fault: fault.map(|fault| (fault, text)) })
}
