//! What the tests of text files share: a source read from any place on, and held against the whole.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use bson::Document;

use super::Exported;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Position;

pub(super) const ALL_AT_ONCE: ReadLimit = ReadLimit { records: 1_000, bytes: 1 << 24 };

/// A record: its place, its document or what is wrong with it, and where its batch ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) place: String,
    pub(super) document: Result<Document, String>,
    pub(super) key: Option<String>,
    pub(super) end: Position,
}

pub(super) fn open(exported: &Exported, collection: &str) -> Result<Box<dyn Source>, SourceError> {
    let key = if collection.contains('*') { "__path__" } else { "__id__" };
    exported.source(collection, &[key.to_owned()])
}

pub(super) fn read_from(source: &mut dyn Source, after: &Position, limit: ReadLimit) -> (Vec<Seen>, Option<String>) {
    let (mut seen, mut after) = (Vec::new(), after.clone());
    loop {
        match futures::executor::block_on(source.read(&after, limit)) {
            Ok(Some(batch)) => {
                assert!(batch.end.is_after(&after));
                for record in &batch.records {
                    let fault = record.fault.as_ref().map(|fault| {
                        format!("{} {}: {}", fault.code, fault.field.as_deref().unwrap_or_default(), fault.message)
                    });
                    seen.push(Seen {
                        place: format!("{}:{} {}", batch.origin_of(record), record.offset, record.document),
                        document: fault.map_or_else(|| Ok(Document::from_reader(batch.body(record)).unwrap()), Err),
                        key: record.key.as_ref().map(|key| key.as_str().to_owned()),
                        end: batch.end.clone(),
                    });
                }
                after = batch.end;
            }
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error.to_string())),
        }
    }
}

/// Reads all of a collection; reading on from any place, in any steps, gives the same.
pub(super) fn read(exported: &Exported, collection: &str) -> (Vec<Seen>, Option<String>) {
    let mut source = open(exported, collection).unwrap_or_else(|error| panic!("{error}"));
    let (whole, error) = read_from(source.as_mut(), &Position::default(), ALL_AT_ONCE);
    let parts = |seen: &[Seen]| -> Vec<_> {
        // As text, for NaN equals nothing.
        seen.iter().map(|seen| (seen.place.clone(), format!("{:?}", seen.document), seen.key.clone())).collect()
    };
    for limit in [
        ReadLimit { records: 1, ..ALL_AT_ONCE },
        ReadLimit { records: 2, bytes: 100 },
        ReadLimit { records: 9, bytes: 400 },
    ] {
        let mut source = open(exported, collection).unwrap_or_else(|error| panic!("{error}"));
        let (seen, same) = read_from(source.as_mut(), &Position::default(), limit);
        assert_eq!((parts(&seen), &same), (parts(&whole), &error), "{collection}, {limit:?}");
        for seen in &seen {
            let next = whole.len().min(usize::try_from(seen.end.document).unwrap());
            let mut other = open(exported, collection).unwrap_or_else(|error| panic!("{error}"));
            for source in [source.as_mut(), other.as_mut()] {
                let (rest, same) = read_from(source, &seen.end, limit);
                assert_eq!((parts(&rest), &same), (parts(&whole[next..]), &error), "{collection}: from {:?}", seen.end);
            }
            assert!(source.progress(&seen.end).is_none_or(|through| (0.0..=1.0).contains(&through)));
        }
    }
    (whole, error)
}

pub(super) fn documents(exported: &Exported, collection: &str) -> Vec<Document> {
    let (seen, error) = read(exported, collection);
    assert_eq!(error, None, "{collection}");
    seen.into_iter().map(|seen| seen.document.unwrap_or_else(|fault| panic!("{fault}"))).collect()
}

pub(super) fn place(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_place_of_another_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    place(folder.path(), "a.json", r#"{"__collections__": {"c": {"1": {}, "2": {}}}}"#);
    let exported = Exported::json(folder.path().join("a.json")).unwrap_or_else(|error| panic!("{error}"));
    let (seen, _) = read(&exported, "c");
    let token = seen[0].end.token.clone();
    let (inner, _) = token.rsplit_once('#').unwrap();
    let mut source = open(&exported, "c").unwrap_or_else(|error| panic!("{error}"));
    for token in [
        inner.to_owned(),
        format!("{inner}#"),
        format!("{inner}#__collections__"),
        format!("{inner}#__collections__/c/1"),
    ] {
        let position = Position { document: 1, token };
        let (seen, error) = read_from(source.as_mut(), &position, ALL_AT_ONCE);
        assert!(
            seen.is_empty() && error.clone().is_some_and(|error| error.contains("no place")),
            "{position:?}: {error:?}"
        );
    }
}
