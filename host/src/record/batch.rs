//! A batch of source records: what one read returns and one plugin call gets.

use std::ops::Range;
use std::sync::Arc;

use bson::RawDocument;
use bytes::Bytes;

use super::check::check;
use super::key;
use super::key::Key;
use super::position::Position;

/// Consecutive records of one entity, in source order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What the first records came from, for messages: the file's name or the collection's.
    pub origin: Arc<str>,
    /// Where the others came from, each from the record of this number on.
    pub further_origins: Vec<(u64, Arc<str>)>,
    /// The records' bytes, one after another.
    pub bytes: Bytes,
    /// In source order.
    pub records: Vec<Record>,
    /// Where the source stands behind the last record.
    pub end: Position,
}

/// One source document.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number in the source, from 1.
    pub document: u64,
    /// Its first byte in the uncompressed source.
    pub offset: u64,
    /// Its bytes in [`Batch::bytes`]: BSON, or what was found instead where `fault` says so.
    pub body: Range<usize>,
    /// Its key, where it has a usable one.
    pub key: Option<Key>,
    /// What makes it unfit to be transformed.
    pub fault: Option<Box<Fault>>,
}

/// Why a record cannot be handed to a transformer. It becomes a dead letter of stage `read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Short and stable: `malformed-bson`, `malformed-json`, `missing-key`, `unusable-key`, `nesting`.
    pub code: &'static str,
    /// The field at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: String,
    /// Whether the kept bytes are BSON; text otherwise.
    pub is_bson: bool,
}

impl Batch {
    /// Returns what a record came from.
    pub fn origin_of(&self, record: &Record) -> &Arc<str> {
        let further = self.further_origins.iter().rev().find(|(document, _)| *document <= record.document);
        further.map_or(&self.origin, |(_, origin)| origin)
    }

    /// Returns the bytes of one record.
    pub fn body(&self, record: &Record) -> &[u8] {
        &self.bytes[record.body.clone()]
    }
}

/// Collects records into a batch and finds their keys and faults; every source uses it.
pub struct BatchBuilder<'a> {
    key_fields: &'a [String],
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// Each with the number of records before the first of its own.
    origins: Vec<(usize, Arc<str>)>,
}

impl<'a> BatchBuilder<'a> {
    /// Starts an empty batch whose keys are made of these dotted paths.
    pub fn new(key_fields: &'a [String]) -> Self {
        Self { key_fields, bytes: Vec::new(), records: Vec::new(), origins: Vec::new() }
    }

    /// Returns the number of records so far.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of bytes so far.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Says what the next records come from, where it is not the same for all.
    pub fn origin(&mut self, origin: &Arc<str>) {
        if self.origins.last().is_none_or(|(_, last)| last != origin) {
            self.origins.push((self.records.len(), origin.clone()));
        }
    }

    /// Adds one document's BSON bytes, checked to the last field.
    pub fn push_bson(&mut self, document: u64, offset: u64, bson: &[u8]) {
        let (key, fault) = match self.key_of(bson) {
            Ok(key) => (Some(key), None),
            // A document that is broken further on may have its key all the same: people look for it by that.
            Err(fault) => {
                let key = RawDocument::from_bytes(bson).ok().and_then(|it| key::of_document(it, self.key_fields).ok());
                (key, Some(Box::new(fault)))
            }
        };
        self.push(document, offset, bson, key, fault);
    }

    /// Adds something that could not be read as a document, with what was found.
    pub fn push_fault(&mut self, document: u64, offset: u64, found: &[u8], fault: Fault) {
        self.push(document, offset, found, None, Some(Box::new(fault)));
    }

    /// Ends the batch at this position; all of it is of one origin.
    pub fn finish(self, origin: Arc<str>, end: Position) -> Batch {
        Batch { origin, further_origins: Vec::new(), bytes: self.bytes.into(), records: self.records, end }
    }

    /// Ends a batch whose origins have been said.
    pub fn finish_of_origins(mut self, end: Position) -> Batch {
        let first = if self.origins.is_empty() { Arc::from("") } else { self.origins.remove(0).1 };
        let further =
            self.origins.drain(..).filter_map(|(before, origin)| Some((self.records.get(before)?.document, origin)));
        let further_origins = further.collect();
        Batch { further_origins, ..self.finish(first, end) }
    }

    fn key_of(&self, bson: &[u8]) -> Result<Key, Fault> {
        check(bson).map_err(|defect| Fault {
            code: if defect.is_nesting { "nesting" } else { "malformed-bson" },
            message: defect.to_string(),
            field: defect.field,
            is_bson: true,
        })?;
        let document = RawDocument::from_bytes(bson).expect("a checked document has a good frame");
        key::of_document(document, self.key_fields)
    }

    fn push(&mut self, document: u64, offset: u64, body: &[u8], key: Option<Key>, fault: Option<Box<Fault>>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(body);
        let body = start..self.bytes.len();
        self.records.push(Record { document, offset, body, key, fault });
    }
}
