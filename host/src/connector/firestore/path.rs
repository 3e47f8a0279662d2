//! Where a document lies: the collections and ids that lead to it, and the patterns that name collections.

use std::borrow::Cow;
use std::fmt;

use super::writer::Writer;

/// What stands for any one id in a pattern.
const ANY: &str = "*";

/// The last part of a document's path, as Firestore has it or Datastore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Id<'a> {
    /// A text.
    Name(Cow<'a, str>),
    /// A number of Datastore, which Firestore writes `__id123__`.
    Number(i64),
}

impl<'a> Id<'a> {
    /// Keeps the id beyond the text that it is from.
    pub(super) fn into_owned(self) -> Id<'static> {
        match self {
            Self::Name(name) => Id::Name(name.into_owned().into()),
            Self::Number(number) => Id::Number(number),
        }
    }

    /// Reads an id as Firestore writes it.
    pub(super) fn read(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let digits = text.strip_prefix("__id").and_then(|rest| rest.strip_suffix("__"));
        let number = digits.and_then(|digits| digits.parse::<i64>().ok());
        // Only the one spelling of a number is that number.
        match number.filter(|number| Self::Number(*number).to_string() == text) {
            Some(number) => Self::Number(number),
            None => Self::Name(text),
        }
    }

    fn append(&self, field: &str, writer: &mut Writer) {
        match self {
            Self::Name(name) => writer.string(field, name),
            Self::Number(number) => writer.int64(field, *number),
        }
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Number(number) => write!(formatter, "__id{number}__"),
        }
    }
}

/// One step down: a collection, and a document in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub(super) collection: Cow<'a, str>,
    pub(super) id: Id<'a>,
}

/// Reads `engagements/E1/rfis/R1`, a document's path below the root.
pub(super) fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let parts: Vec<&str> = path.split('/').collect();
    let (pairs, []) = parts.as_chunks::<2>() else { return None };
    let is_whole = parts.iter().all(|part| !part.is_empty());
    is_whole.then(|| {
        pairs.iter().map(|[collection, id]| Step { collection: (*collection).into(), id: Id::read(*id) }).collect()
    })
}

/// Returns the path of a document.
pub(super) fn document_path(steps: &[Step<'_>]) -> String {
    let parts: Vec<String> = steps.iter().map(|step| format!("{}/{}", step.collection, step.id)).collect();
    parts.join("/")
}

/// Returns the path of the collection that a document is in.
pub(super) fn collection_path(steps: &[Step<'_>]) -> String {
    let Some((last, before)) = steps.split_last() else { return String::new() };
    if before.is_empty() {
        last.collection.to_string()
    } else {
        format!("{}/{}", document_path(before), last.collection)
    }
}

/// Appends what tells where a document lies, behind its own fields: `__id__`, `__path__` and `__parent__`.
pub(super) fn append(steps: &[Step<'_>], writer: &mut Writer) {
    let Some((last, before)) = steps.split_last() else { return };
    last.id.append("__id__", writer);
    writer.string("__path__", &document_path(steps));
    append_parent("__parent__", before, writer);
}

fn append_parent(field: &str, steps: &[Step<'_>], writer: &mut Writer) {
    let Some((last, before)) = steps.split_last() else { return writer.null(field) };
    writer.open_document(field);
    last.id.append("id", writer);
    writer.string("path", &document_path(steps));
    append_parent("parent", before, writer);
    writer.close();
}

/// Appends a reference to a document as a DBRef; `database` is what the document is in, where the source says so.
pub(super) fn append_reference(field: &str, steps: &[Step<'_>], database: Option<&str>, writer: &mut Writer) {
    let Some(last) = steps.last() else { return writer.null(field) };
    writer.open_document(field);
    writer.string("$ref", &collection_path(steps));
    last.id.append("$id", writer);
    if let Some(database) = database {
        writer.string("$db", database);
    }
    writer.close();
}

/// Returns what a project and a database are called together.
pub(super) fn database(project: &str, database: &str) -> String {
    if matches!(database, "" | "(default)") { project.to_owned() } else { format!("{project}/{database}") }
}

/// Which collections an entity reads: one, or with `*` for an id all of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    collections: Vec<String>,
    /// Those between the collections; `None` is any.
    ids: Vec<Option<Id<'static>>>,
}

impl Pattern {
    /// Reads `users`, `friday/users/list` or `engagements/*/rfis`; says what is wrong with another form.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err("expected names with one `/` between them, found none where one should be".to_owned());
        }
        if parts.len().is_multiple_of(2) {
            return Err(format!(
                "expected a collection, `collection/id/collection`, found the path of a document, {} names",
                parts.len()
            ));
        }
        let collections: Vec<String> = parts.iter().step_by(2).map(|part| (*part).to_owned()).collect();
        if collections.iter().any(|collection| collection == ANY) {
            return Err("expected a collection's name, found `*`, which stands for an id".to_owned());
        }
        let id = |part: &&str| (*part != ANY).then(|| Id::read((*part).to_owned()));
        Ok(Self { collections, ids: parts.iter().skip(1).step_by(2).map(id).collect() })
    }

    /// Returns whether a document is in a collection of this pattern.
    pub(super) fn matches(&self, steps: &[Step<'_>]) -> bool {
        steps.len() == self.collections.len()
            && steps.iter().zip(&self.collections).rev().all(|(step, collection)| step.collection == *collection)
            && steps.iter().zip(&self.ids).all(|(step, id)| id.as_ref().is_none_or(|id| *id == step.id))
    }

    /// Returns whether it stands for more than one collection.
    pub(super) fn has_any(&self) -> bool {
        self.ids.iter().any(Option::is_none)
    }

    /// Returns the last collection's name.
    pub(super) fn last(&self) -> &str {
        self.collections.last().map_or("", String::as_str)
    }

    /// Returns whether a collection in this document, or in the root, lies on the way to one of this pattern's.
    pub(super) fn may_enter(&self, steps: &[Step<'_>], collection: &str) -> bool {
        self.collections.get(steps.len()).is_some_and(|wanted| wanted == collection)
    }

    /// Returns whether a document can lie on the way to one of this pattern's: it, or one below it, may match.
    pub(super) fn may_match_below(&self, steps: &[Step<'_>]) -> bool {
        steps.len() <= self.collections.len()
            && steps.iter().zip(&self.collections).all(|(step, collection)| step.collection == *collection)
            && steps.iter().zip(&self.ids).all(|(step, id)| id.as_ref().is_none_or(|id| *id == step.id))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_collections_at_any_depth() {
        let matches = |pattern: &str, path: &str| Pattern::read(pattern).unwrap().matches(&steps(path).unwrap());
        for (pattern, path, expected) in [
            ("users", "users/a", true),
            ("users", "users/a/list/b", false),
            ("users", "Users/a", false),
            ("friday/users/list", "friday/users/list/a", true),
            ("friday/users/list", "friday/teams/list/a", false),
            ("engagements/*/rfis", "engagements/E1/rfis/R1", true),
            ("engagements/*/rfis", "engagements/E1/rfis/R1/activity/A", false),
            ("engagements/*/rfis/*/activity", "engagements/E1/rfis/R1/activity/A", true),
            ("engagements/E2/rfis/*/activity", "engagements/E1/rfis/R1/activity/A", false),
            ("users/__id7__/x", "users/__id7__/x/y", true),
            ("users/7/x", "users/__id7__/x/y", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
        let pattern = Pattern::read("a/x/b/*/c").unwrap();
        let below = |path: &str| pattern.may_match_below(&steps(path).unwrap());
        assert!(below("a/x") && below("a/x/b/1") && below("a/x/b/1/c/2"));
        assert!(!below("a/y") && !below("a/x/c/1") && !below("a/x/b/1/c/2/d/3"));
    }

    #[test]
    fn other_patterns_are_refused() {
        for (pattern, expected) in [
            ("", "expected names with one `/`"),
            ("a//b", "expected names with one `/`"),
            ("/a", "expected names with one `/`"),
            ("a/b", "found the path of a document, 2 names"),
            ("*", "found `*`, which stands for an id"),
            ("a/*/*", "found `*`, which stands for an id"),
        ] {
            let found = Pattern::read(pattern).unwrap_err();
            assert!(found.contains(expected), "{pattern}: {found}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(Id::read("__id-5__"), Id::Number(-5));
        for text in ["__id05__", "__id__", "__idx__", "5", "__id9223372036854775808__"] {
            assert_eq!(Id::read(text), Id::Name(text.into()), "{text}");
        }
        assert_eq!(Id::Number(i64::MIN).to_string(), "__id-9223372036854775808__");
    }

    #[test]
    fn a_document_says_where_it_lies() {
        let mut writer = Writer::default();
        writer.open_root();
        append(&steps("a/1/b/__id2__/c/ž").unwrap(), &mut writer);
        writer.close();
        let found = bson::Document::from_reader(writer.bytes()).unwrap();
        let expected = bson::doc! {
            "__id__": "ž",
            "__path__": "a/1/b/__id2__/c/ž",
            "__parent__": { "id": 2_i64, "path": "a/1/b/__id2__", "parent": { "id": "1", "path": "a/1", "parent": null } },
        };
        assert_eq!(found, expected);
        assert_eq!(collection_path(&steps("a/1/b/2").unwrap()), "a/1/b");
        assert_eq!(steps("a/1/b"), None);
        assert_eq!(steps("a//b/c"), None);
    }
}
