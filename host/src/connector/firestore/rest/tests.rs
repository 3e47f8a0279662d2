//! Pages, answers of queries and lines, and every type of value.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bson::Bson;
use bson::DateTime;
use bson::doc;

use crate::connector::firestore::Exported;
use crate::connector::firestore::tests::documents;
use crate::connector::firestore::tests::open;
use crate::connector::firestore::tests::place;
use crate::connector::firestore::tests::read;
use crate::connector::source::SourceError;

const ROOT: &str = "projects/p/databases/(default)/documents";

fn document(path: &str, fields: &str) -> String {
    format!(
        r#"{{"name": "{ROOT}/{path}", "fields": {{{fields}}}, "createTime": "2024-01-31T12:00:00.5Z", "updateTime": "2024-01-31T12:00:00.123456789Z"}}"#
    )
}

fn exported(text: &str) -> (tempfile::TempDir, Exported) {
    let folder = tempfile::tempdir().unwrap();
    place(folder.path(), "answers.json", text);
    let exported = Exported::rest(folder.path().join("answers.json")).unwrap_or_else(|error| panic!("{error}"));
    (folder, exported)
}

fn keys(exported: &Exported, collection: &str) -> Vec<String> {
    let (seen, error) = read(exported, collection);
    assert_eq!(error, None);
    seen.into_iter().map(|seen| seen.key.unwrap_or_default()).collect()
}

#[test]
fn every_layout_is_read() {
    let [a, b, c] = ["c/a", "d/x", "c/b"].map(|path| document(path, r#""n": {"integerValue": "1"}"#));
    let bare = format!(r#"{{"name": "{ROOT}/c/bare"}}"#);
    for text in [
        format!(r#"{{"documents": [{a}, {b}, {c}, {bare}], "nextPageToken": ""}}"#),
        format!(r#"{{"nextPageToken": "more", "documents": [{a}, {b}]}} {{}} {{"documents": [{c}, {bare}]}}"#),
        format!(
            r#"[{{"document": {a}, "readTime": "x"}}, {{"readTime": "x"}}, {{"document": {b}}}, {{"found": {c}}}, {{"missing": "y"}}, {bare}]"#
        ),
        format!("\u{feff}{a}\n{b}\n\n{c}\r\n{bare}\n"),
        format!("{{\"document\": {a}}}\n{{\"transaction\": \"t\"}}\n{b}{c}\n{bare}"),
        format!("[]\n[{a}]{{\"documents\": []}}[{b},{c}] {bare}"),
    ] {
        let (_folder, exported) = exported(&text);
        assert_eq!(keys(&exported, "c"), ["sa", "sb", "sbare"], "{text}");
        assert_eq!(keys(&exported, "d"), ["sx"], "{text}");
        let Err(SourceError::Missing { found, .. }) = open(&exported, "e") else { panic!("it is missing") };
        assert_eq!(found, ["c", "d"]);
    }
}

#[test]
fn a_folder_of_pages_is_read_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (name, id) in [("c/page-2.json", "2"), ("c/page-10.json", "10"), ("c/page-1.json", "1"), ("d.jsonl", "last")] {
        let page = format!(r#"{{"documents": [{}, {}]}}"#, document(&format!("c/p{id}"), ""), document("d/d", ""));
        place(folder.path(), name, &page);
    }
    place(folder.path(), "c/readme.txt", "no answer");
    place(folder.path(), "c/.hidden.json", "no answer");
    let exported = Exported::rest(folder.path().to_owned()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(keys(&exported, "c"), ["sp1", "sp2", "sp10", "splast"]);
    assert_eq!(keys(&exported, "d").len(), 4);
    let (seen, _) = read(&exported, "c");
    assert!(seen[2].place.starts_with("c/page-10.json:"), "{}", seen[2].place);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Exported::rest(empty.path().to_owned()), Err(SourceError::NoFolder { .. })));
    assert!(matches!(Exported::rest(empty.path().join("no")), Err(SourceError::Io { .. })));
}

#[test]
fn every_type_has_its_form() {
    let instant = |text: &str| Bson::Document(doc! { "$instant": text });
    let binary = |bytes: &[u8]| {
        Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() })
    };
    let cases: Vec<(&str, Bson)> = vec![
        (r#"{"nullValue": null}"#, Bson::Null),
        (r#"{"nullValue": "NULL_VALUE"}"#, Bson::Null),
        (r#"{"booleanValue": false}"#, false.into()),
        (r#"{"integerValue": "-9223372036854775808"}"#, i64::MIN.into()),
        (r#"{"integerValue": 7}"#, 7_i64.into()),
        (r#"{"doubleValue": 1}"#, 1.0.into()),
        (r#"{"doubleValue": -0}"#, (-0.0).into()),
        (r#"{"doubleValue": "-0"}"#, (-0.0).into()),
        (r#"{"doubleValue": 9007199254740993}"#, 9_007_199_254_740_992.0.into()),
        (r#"{"doubleValue": 0.1}"#, 0.1.into()),
        (r#"{"doubleValue": "5e-324"}"#, 5e-324.into()),
        (r#"{"doubleValue": "-Infinity"}"#, f64::NEG_INFINITY.into()),
        (r#"{"timestampValue": "2024-01-31T14:00:00+02:00"}"#, DateTime::from_millis(1_706_702_400_000).into()),
        (r#"{"timestampValue": "2024-01-31T12:00:00.123456789Z"}"#, instant("2024-01-31T12:00:00.123456789Z")),
        (r#"{"timestampValue": "0001-01-01T00:00:00Z"}"#, DateTime::from_millis(-62_135_596_800_000).into()),
        (r#"{"timestampValue": "9999-12-31T23:59:59.999999999Z"}"#, instant("9999-12-31T23:59:59.999999999Z")),
        (r#"{"stringValue": ""}"#, "".into()),
        (r#"{"bytesValue": "AP+A"}"#, binary(b"\x00\xff\x80")),
        (r#"{"bytesValue": "AP-A_w"}"#, binary(b"\x00\xff\x80\xff")),
        (r#"{"bytesValue": ""}"#, binary(b"")),
        (
            r#"{"referenceValue": "projects/q/databases/two/documents/a/b/c/__id5__"}"#,
            doc! { "$ref": "a/b/c", "$id": 5_i64, "$db": "q/two" }.into(),
        ),
        (r#"{"geoPointValue": {}}"#, doc! { "latitude": 0.0, "longitude": 0.0 }.into()),
        (
            r#"{"geoPointValue": {"latitude": -33, "longitude": 18.4}}"#,
            doc! { "latitude": -33.0, "longitude": 18.4 }.into(),
        ),
        (r#"{"arrayValue": {}}"#, Bson::Array(Vec::new())),
        (
            r#"{"arrayValue": {"values": [{"mapValue": {}}, {"nullValue": null}]}}"#,
            vec![doc! {}.into(), Bson::Null].into(),
        ),
        (
            r#"{"mapValue": {"fields": {"$date": {"stringValue": "x"}, "a.b": {"arrayValue": {"values": []}}}}}"#,
            doc! { "$date": "x", "a.b": [] }.into(),
        ),
    ];
    for (typed, expected) in cases {
        let (_folder, exported) = exported(&document("c/a", &format!(r#""v": {typed}"#)));
        let found = documents(&exported, "c").remove(0);
        assert_eq!(found["v"], expected, "{typed}");
        let bits = |value: &Bson| value.as_f64().map(f64::to_bits);
        assert_eq!(bits(&found["v"]), bits(&expected), "{typed}");
    }
    let (_folder, exported) = exported(&document("c/a/d/b", r#""v": {"doubleValue": "NaN"}"#));
    let mut found = documents(&exported, "c/*/d").remove(0);
    assert!(found.remove("v").unwrap().as_f64().unwrap().is_nan());
    let expected = doc! {
        "__id__": "b", "__path__": "c/a/d/b", "__parent__": { "id": "a", "path": "c/a", "parent": null },
        "__create_time__": DateTime::from_millis(1_706_702_400_500),
        "__update_time__": { "$instant": "2024-01-31T12:00:00.123456789Z" },
    };
    assert_eq!(found, expected);
}

#[test]
fn a_bad_value_spoils_only_its_document() {
    for (typed, expected) in [
        (r#"{"integerValue": "1.5"}"#, "expected an integer of 64 bits, found `1.5`"),
        (r#"{"integerValue": "9223372036854775808"}"#, "expected an integer of 64 bits, found"),
        (r#"{"integerValue": 1.5}"#, "expected an integer of 64 bits, found a number"),
        (r#"{"doubleValue": "inf"}"#, "expected a double, found `inf`"),
        (r#"{"doubleValue": null}"#, "expected a double, found null"),
        (r#"{"timestampValue": "2024-01-31"}"#, "expected a timestamp `2024-"),
        (r#"{"timestampValue": 1}"#, "expected a timestamp, found a number"),
        (r#"{"bytesValue": "?"}"#, "expected bytes in base64"),
        (r#"{"referenceValue": "a/b"}"#, "expected the name of a document, found `a/b`"),
        (r#"{"booleanValue": "true"}"#, "expected a value that `booleanValue` has, found `true`"),
        (r#"{"moneyValue": 1}"#, "expected a known type of value, found `moneyValue`"),
        ("{}", "expected a value with one type, found none, or several"),
        (r#"{"nullValue": null, "stringValue": ""}"#, "expected a value with one type, found none, or several"),
        ("7", "expected a typed value, found a number"),
        (r#"{"arrayValue": {"values": {}}}"#, "expected an array in `values`, found an object"),
    ] {
        let text = format!("[{}, {}]", document("c/a", &format!(r#""v": {typed}"#)), document("c/b", ""));
        let (_folder, exported) = exported(&text);
        let (seen, error) = read(&exported, "c");
        assert_eq!((seen.len(), error), (2, None), "{typed}");
        let fault = seen[0].document.clone().unwrap_err();
        assert!(fault.starts_with(&format!("malformed-value v: `c/a`: {expected}")), "{typed}: {fault}");
    }
    let text = r#"{"name": "projects/p/databases/d/documents/c/a", "createTime": "soon"}"#;
    let (_folder, exported) = exported(text);
    let fault = read(&exported, "c").0.remove(0).document.unwrap_err();
    assert!(fault.starts_with("malformed-value createTime: `c/a`: expected a timestamp"), "{fault}");
}

#[test]
fn what_is_no_answer_stops_with_its_place() {
    let good = document("c/a", "");
    for (rest, expected) in [
        (r#"{"name": "c/b"}"#, "expected the name of a document, `projects/…/databases/…/documents/…`, found `c/b`"),
        (r#"{"name": "projects/p/databases/d/documents/c"}"#, "found `projects/p/databases/d/documents/c`"),
        (r#"{"name": 7}"#, "expected the text `name` in a document, found none"),
        (r#"{"title": 7}"#, "expected a document with a `name`, or an answer with one, found `title`"),
        (r#"{"error": {"code": 403}}"#, "or an answer with one, found `error`"),
        (r#"{"document": 7}"#, "expected a document in `document`, found another value"),
        (r#"{"name": "x", "name": "y"}"#, "expected each field once, found `name` twice"),
        ("7", "expected `{`, found `7`"),
        ("[7]", "expected a document, found `7`"),
        (r#"{"documents": [{"#, "expected the value to end, found the end of the file"),
        (r#"{"documents": [{}"#, "expected `,` or `]`, found the end of the file"),
    ] {
        let (_folder, exported) = exported(&format!("{good}\n{rest}"));
        let (seen, error) = read(&exported, "c");
        assert_eq!(seen.len(), 1, "{rest}");
        let error = error.unwrap_or_else(|| panic!("{rest}: no error"));
        assert!(error.starts_with("answers.json: byte ") && error.contains("line 2, column "), "{rest}: {error}");
        assert!(error.contains(expected), "{rest}: {error}");
    }
}
