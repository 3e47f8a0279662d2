//! Trees of collections, in every order that a tool may write.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::doc;

use crate::connector::firestore::Exported;
use crate::connector::firestore::tests::documents;
use crate::connector::firestore::tests::open;
use crate::connector::firestore::tests::place;
use crate::connector::firestore::tests::read;
use crate::connector::source::SourceError;

fn exported(text: &str) -> (tempfile::TempDir, Exported) {
    let folder = tempfile::tempdir().unwrap();
    place(folder.path(), "people.v2.json", text);
    let exported = Exported::json(folder.path().join("people.v2.json")).unwrap_or_else(|error| panic!("{error}"));
    (folder, exported)
}

/// Collections before, between and behind a document's own fields.
const TREE: &str = r#"{
  "__collections__": {
    "users": {
      "a": {"__collections__": {"posts": {"p1": {"n": 1, "__collections__": {}}, "p#2%": {"__collections__": {
        "likes": {"x": {"who": "b"}}}, "n": 2}}}, "name": "A"},
      "b": {"name": "B", "__collections__": {"posts": {}, "notes": {"n": {"text": "}{][,\"\\"}}}, "age": 3},
      "__id7__": {}
    },
    "teams": {"t": {"name": "T", "__collections__": {"posts": {"p": {"n": 9}}}}}
  }
}
"#;

#[test]
fn a_tree_is_read_at_every_depth() {
    let (_folder, exported) = exported(TREE);
    let users = documents(&exported, "users");
    let expected = [
        doc! { "name": "A", "__id__": "a", "__path__": "users/a", "__parent__": null },
        doc! { "name": "B", "age": 3_i64, "__id__": "b", "__path__": "users/b", "__parent__": null },
        doc! { "__id__": 7_i64, "__path__": "users/__id7__", "__parent__": null },
    ];
    assert_eq!(users, expected);
    let parent = doc! { "id": "a", "path": "users/a", "parent": null };
    let posts = documents(&exported, "users/*/posts");
    let expected = [
        doc! { "n": 1_i64, "__id__": "p1", "__path__": "users/a/posts/p1", "__parent__": parent.clone() },
        doc! { "n": 2_i64, "__id__": "p#2%", "__path__": "users/a/posts/p#2%", "__parent__": parent },
    ];
    assert_eq!(posts, expected);
    assert_eq!(documents(&exported, "users/a/posts"), expected);
    let paths = |collection: &str| -> Vec<String> {
        documents(&exported, collection).iter().map(|found| found.get_str("__path__").unwrap().to_owned()).collect()
    };
    assert_eq!(paths("users/*/posts/*/likes"), ["users/a/posts/p#2%/likes/x"]);
    assert_eq!(paths("users/*/notes"), ["users/b/notes/n"]);
    assert_eq!(paths("teams/*/posts"), ["teams/t/posts/p"]);

    let Err(SourceError::Missing { found, .. }) = open(&exported, "users/*/pots") else { panic!("it is missing") };
    assert_eq!(found, ["teams", "teams/*/posts", "users", "users/*/notes", "users/*/posts", "users/*/posts/*/likes"]);
}

#[test]
fn every_type_has_its_form() {
    let text = r#"{"a": {"null": null, "int": 9007199254740993, "double": 0.1, "whole": 1.0, "least": 5e-324, "large": 1e300,
      "true": true, "text": "\u0000ž\ud83d\ude00", "none": [], "map": {"$date": 1, "b.c": {}},
      "time": {"__datatype__": "timestamp", "value": {"_seconds": 1543579505, "_nanoseconds": 0}},
      "fine": [{"__datatype__": "timestamp", "value": {"_seconds": -1, "_nanoseconds": 999999999}}],
      "place": {"__datatype__": "geopoint", "value": {"_latitude": 12, "_longitude": -158.274618751}},
      "bytes": {"__datatype__": "bytes", "value": "AP8="},
      "reference": {"__datatype__": "documentReference", "value": "a/b/c/__id1__"}}}"#;
    let (_folder, exported) = exported(text);
    let mut found = documents(&exported, "people");
    let fine = doc! { "$instant": "1969-12-31T23:59:59.999999999Z" };
    let bytes = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255] };
    let expected: Document = doc! {
        "null": null, "int": 9_007_199_254_740_993_i64, "double": 0.1, "whole": 1.0, "least": 5e-324, "large": 1e300,
        "true": true, "text": "\0ž😀", "none": [], "map": { "$date": 1_i64, "b.c": {} },
        "time": DateTime::from_millis(1_543_579_505_000), "fine": [fine],
        "place": { "latitude": 12.0, "longitude": -158.274618751 }, "bytes": Bson::Binary(bytes),
        "reference": { "$ref": "a/b/c", "$id": 1_i64 },
        "__id__": "a", "__path__": "people/a", "__parent__": null,
    };
    assert_eq!(found.remove(0), expected, "and the file's name is the collection's");
}

#[test]
fn a_bad_document_spoils_only_itself() {
    for (document, expected) in [
        (
            r#"{"x": {"__datatype__": "money", "value": 1}}"#,
            "malformed-value x: `people/a`: expected a known `__datatype__`, found `money`",
        ),
        (
            r#"{"x": [1, {"__datatype__": "timestamp", "value": 1}]}"#,
            "malformed-value x.1: `people/a`: expected a `value` that a timestamp has",
        ),
        (
            r#"{"x": {"__datatype__": "timestamp", "value": {"_seconds": 1.5, "_nanoseconds": 0}}}"#,
            "malformed-value x: `people/a`: expected `_seconds`",
        ),
        (
            r#"{"x": {"__datatype__": "timestamp", "value": {"_seconds": 1, "_nanoseconds": 1000000000}}}"#,
            "malformed-value x: `people/a`: expected `_seconds`",
        ),
        (
            r#"{"x": {"__datatype__": "timestamp", "value": {"_seconds": 999999999999999, "_nanoseconds": 1}}}"#,
            "malformed-value x: `people/a`: expected an instant",
        ),
        (
            r#"{"x": {"__datatype__": "geopoint", "value": {"_latitude": "1"}}}"#,
            "malformed-value x: `people/a`: expected `_latitude`",
        ),
        (
            r#"{"x": {"__datatype__": "documentReference", "value": "a"}}"#,
            "malformed-value x: `people/a`: expected the path of a document, found `a`",
        ),
        (
            r#"{"x": {"__datatype__": "bytes", "value": "?"}}"#,
            "malformed-value x: `people/a`: expected bytes in base64",
        ),
        (r#"{"x": 1, "x": 2}"#, "malformed-json : `people/a`: expected each field once, found `x` twice"),
        (r#"{"x": 01}"#, "malformed-json : `people/a`: expected a number, found `01`"),
        (r#"{"x": "\ud800"}"#, "malformed-json : `people/a`: expected a character, found half a surrogate pair"),
        ("7", "malformed-json : `people/a`: expected a document, found `7`"),
    ] {
        let (_folder, exported) = exported(&format!(r#"{{"a": {document}, "b": {{}}}}"#));
        let (seen, error) = read(&exported, "people");
        assert_eq!((seen.len(), error), (2, None), "{document}");
        let fault = seen[0].document.clone().unwrap_err();
        assert!(fault.starts_with(expected), "{document}: {fault}");
        assert_eq!(seen[1].key.as_deref(), Some("sb"));
    }
}

#[test]
fn broken_text_stops_with_its_place() {
    for (text, expected) in [
        ("", "line 1, column 1: expected `{`, found the end of the file"),
        ("[]", "line 1, column 1: expected `{`, found `[`"),
        (r#"{"a": {"x": 1}, "b": {"#, "line 1, column 23: expected a field's name, found the end of the file"),
        (r#"{"a": {"x": 1} "b": {}}"#, "line 1, column 16: expected `,` or `}`, found `\"`"),
        ("{\"a\": {},\n \"b\" {}}", "line 2, column 6: expected `:`, found `{`"),
        (r#"{"a": {}, "b": {"x": [}}}"#, "line 1, column 23: expected a bracket that closes what is open, found `}`"),
        (r#"{"a": {}, "b": {"x": "…"#, "expected the value to end, found the end of the file"),
        (r#"{"a": {}, "b": {}} x"#, "line 1, column 20: expected the end of the file, found `x`"),
        (r#"{"__collections__": {}, "name": 1}"#, "this is the export of one document"),
    ] {
        let (_folder, exported) = exported(text);
        let mut source = open(&exported, "people").unwrap_or_else(|error| panic!("{text}: {error}"));
        let error = crate::connector::firestore::tests::read_from(
            source.as_mut(),
            &crate::record::Position::default(),
            crate::connector::firestore::tests::ALL_AT_ONCE,
        )
        .1
        .unwrap_or_else(|| panic!("{text}: no error"));
        assert!(error.starts_with("people.v2.json: byte ") && error.contains(expected), "{text}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Exported::json(folder.path().join("no.json")), Err(SourceError::Io { .. })));
}

#[test]
fn what_is_stepped_over_takes_no_memory() {
    // Far more than one document may have, in collections on both sides of the fields.
    let post = format!(r#"{{"text": "{}"}}"#, "x".repeat(1 << 20));
    let posts: Vec<String> = (0..80).map(|number| format!(r#""{number}": {post}"#)).collect();
    let posts = format!(r#""__collections__": {{"posts": {{{}}}}}"#, posts.join(","));
    let (_folder, exported) = exported(&format!(r#"{{"__collections__": {{"c": {{"a": {{{posts}, "n": 1}}}}}}}}"#));
    let mut source = open(&exported, "c").unwrap_or_else(|error| panic!("{error}"));
    let limit = crate::connector::firestore::tests::ALL_AT_ONCE;
    let (seen, error) = crate::connector::firestore::tests::read_from(source.as_mut(), &Default::default(), limit);
    assert_eq!((seen.len(), error), (1, None));
    assert_eq!(seen[0].document.as_ref().unwrap().get_i64("n").unwrap(), 1);
}
