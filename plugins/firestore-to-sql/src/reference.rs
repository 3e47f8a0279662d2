//! References to documents: as Firestore has them, as paths in text, as ids alone.

use std::borrow::Cow;

use document_mapping::json;
use document_mapping::text;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Kind;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::config::By;
use crate::value;
use crate::value::Special;

/// How a column reads references.
#[derive(Debug)]
pub(crate) struct Reader {
    pub by: By,
    /// The collection that the document must be in, where it says one: segments, `*` for any one.
    pub collection: Option<String>,
}

/// What a reference comes to.
#[derive(Debug)]
pub(crate) enum Key<'a> {
    /// A value as it stands.
    Raw(Raw<'a>),
    Text(Cow<'a, str>),
}

impl Reader {
    /// Checks the collection's form.
    pub(crate) fn new(by: By, collection: Option<&str>) -> Result<Self, String> {
        match collection {
            Some(path) if path.split('/').any(str::is_empty) || path.split('/').count() % 2 == 0 => Err(format!(
                "expected a collection's path, such as `users` or `users/*/notes`, found {}",
                text::quoted(path)
            )),
            _ => Ok(Self { by, collection: collection.map(str::to_owned) }),
        }
    }

    /// Reads a value as a reference.
    pub(crate) fn read<'a>(&self, raw: Raw<'a>) -> Result<Key<'a>, Rejection> {
        let (collection, id) = match (raw.value()?, Special::of(raw)?) {
            (_, Some(Special::Reference(collection, id))) => (Some(collection), id_of(id)?),
            (Value::Text(""), _) => {
                return Err(Rejection::new("reference", "expected an id or a path, found empty text"));
            }
            (Value::Text(path), _) if path.contains('/') => {
                let (collection, id) = split(path)?;
                (Some(collection), Key::Text(Cow::Borrowed(id)))
            }
            (Value::Text(_), _) | (Value::Int32(_) | Value::Int64(_), _) => (None, Key::Raw(raw)),
            _ => return Err(Rejection::type_mismatch("a reference, a path or an id", value::words(raw))),
        };
        if let (Some(expected), Some(found)) = (&self.collection, collection)
            && !is_in(expected, found)
        {
            let message = format!("expected a document of `{expected}`, found one of {}", text::quoted(found));
            return Err(Rejection::new("reference", message));
        }
        match (self.by, collection.or(self.own_collection())) {
            (By::Id, _) => Ok(id),
            (By::Path, Some(collection)) => Ok(Key::Text(Cow::Owned(format!("{collection}/{}", id.shown()?)))),
            (By::Path, None) => {
                let message = format!("expected a reference or a path, found the id {} alone", text::shown(raw));
                Err(Rejection::new("reference", message))
            }
        }
    }

    /// The one collection that an id alone can be of.
    fn own_collection(&self) -> Option<&str> {
        self.collection.as_deref().filter(|path| !path.contains('*'))
    }
}

impl Key<'_> {
    /// Writes it as the key of a record.
    pub(crate) fn write(&self, row: &mut Row, column: &str, entity: &str) {
        match self {
            Self::Raw(raw) => {
                row.reference(column, entity, *raw);
            }
            Self::Text(text) => {
                let document = json::to_bson(&serde_json::Value::String(text.clone().into_owned()));
                if let Some(raw) = json::only_value(&document) {
                    row.reference(column, entity, raw);
                }
            }
        }
    }

    /// Returns it as text.
    pub(crate) fn shown(&self) -> Result<Cow<'_, str>, Rejection> {
        match self {
            Self::Raw(raw) => text::of(*raw),
            Self::Text(text) => Ok(Cow::Borrowed(text)),
        }
    }

    /// Returns whether it is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Raw(raw) if raw.kind() != Kind::Text)
    }
}

fn id_of(id: Raw<'_>) -> Result<Key<'_>, Rejection> {
    match id.kind() {
        Kind::Text | Kind::Int32 | Kind::Int64 => Ok(Key::Raw(id)),
        kind => Err(Rejection::type_mismatch("a reference with an id", kind.words())),
    }
}

/// Splits a document's path: `/users/U1`, or with the database before it.
fn split(path: &str) -> Result<(&str, &str), Rejection> {
    let short = path.strip_prefix('/').unwrap_or(path);
    let short = match short.strip_prefix("projects/").and_then(|rest| rest.split_once("/documents/")) {
        Some((database, rest)) if is_database(database) => rest,
        _ => short,
    };
    let is_whole = short.split('/').count() % 2 == 0 && short.split('/').all(|segment| !segment.is_empty());
    short.rsplit_once('/').filter(|_| is_whole).ok_or_else(|| {
        Rejection::new("reference", format!("expected the path of a document, found {}", text::quoted(path)))
    })
}

/// `PROJECT/databases/DATABASE`.
fn is_database(path: &str) -> bool {
    let segments: Vec<_> = path.split('/').collect();
    matches!(segments[..], [_, "databases", _])
}

fn is_in(expected: &str, found: &str) -> bool {
    let (mut expected, mut found) = (expected.split('/'), found.split('/'));
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == "*" || one == other => {}
            _ => return false,
        }
    }
}
