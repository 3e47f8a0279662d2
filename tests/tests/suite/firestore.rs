//! What is exported of Firestore: real files, value by value, and from every document on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::doc;
use serde_json::Value as Json;
use serde_json::json;
use whimbrel::connector::Source;
use whimbrel::connector::System;
use whimbrel::connector::source::ReadLimit;
use whimbrel::record::Position;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::firestore;
use whimbrel_tests::shared_data;

const ALL_AT_ONCE: ReadLimit = ReadLimit { records: 10_000, bytes: 1 << 26 };

/// A collection, and how many documents and fields are in it.
type Collection = (&'static str, usize, usize);

/// The exports, with their collections, and how many documents and fields are in each. The exporters' own metadata says
/// 11, 1000, 14 and 2 documents; fields were counted in the bytes, by their tags.
const EXPORTS: [(&str, &[Collection]); 4] = [
    ("dailycat-nested-maps", &[("config", 1, 5), ("days", 5, 20), ("photo-ids", 5, 0)]),
    ("davideast-1000users", &[("users", 1000, 4000)]),
    (
        "epodol-library-subcollections",
        &[
            ("libraries", 1, 13),
            ("libraries/*/books", 2, 16),
            ("libraries/*/books/*/copies", 5, 45),
            ("libraries/*/checkouts", 1, 13),
            ("libraries/*/statistics", 4, 10),
            ("libraries/*/users", 1, 13),
        ],
    ),
    ("hchiam-minimal", &[("hello", 2, 2)]),
];

async fn open(url: &str, collection: &str) -> Box<dyn Source> {
    let key = if collection.contains('*') { "__path__" } else { "__id__" };
    let system = System::open(url, Path::new("."), None).await.unwrap_or_else(|error| panic!("{error}"));
    system.source(collection, &[key.to_owned()], None).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Reads on from a position; the documents come with where the source stood behind them.
async fn read_from(source: &mut dyn Source, after: &Position, limit: ReadLimit) -> Vec<(Document, Position)> {
    let (mut seen, mut after) = (Vec::new(), after.clone());
    while let Some(batch) = source.read(&after, limit).await.unwrap() {
        for record in &batch.records {
            assert_eq!(record.fault, None);
            assert!(record.key.is_some());
            seen.push((Document::from_reader(batch.body(record)).unwrap(), batch.end.clone()));
        }
        after = batch.end;
    }
    seen
}

async fn read(url: &str, collection: &str) -> Vec<Document> {
    let mut source = open(url, collection).await;
    let seen = read_from(source.as_mut(), &Position::default(), ALL_AT_ONCE).await;
    seen.into_iter().map(|(document, _)| document).collect()
}

/// Reading on behind any document gives what was behind it before.
async fn check_every_place(url: &str, collection: &str) {
    let whole = read(url, collection).await;
    let one = ReadLimit { records: 1, ..ALL_AT_ONCE };
    let mut source = open(url, collection).await;
    let singly = read_from(source.as_mut(), &Position::default(), one).await;
    assert!(singly.iter().map(|(document, _)| document).eq(&whole), "{url} {collection}: one at a time");
    // Each place is tried in a large file as well, but only so many to the end of it.
    for (index, (_, position)) in singly.iter().enumerate() {
        let mut other = open(url, collection).await;
        let limit = ReadLimit { records: 3, ..ALL_AT_ONCE };
        let next = other.read(position, limit).await.unwrap();
        let found: Vec<Document> = next
            .iter()
            .flat_map(|batch| batch.records.iter().map(|record| Document::from_reader(batch.body(record)).unwrap()))
            .collect();
        assert_eq!(found, whole[index + 1..whole.len().min(index + 4)], "{url} {collection}: behind {index}");
        if index % 100 == 0 {
            let rest = read_from(other.as_mut(), position, ALL_AT_ONCE).await;
            assert!(rest.iter().map(|(document, _)| document).eq(&whole[index + 1..]), "{url} {collection}: {index}");
        }
    }
}

#[tokio::test]
async fn real_exports_are_read_value_by_value() {
    let Some(data) = shared_data("firestore-exports") else { return };
    for (export, collections) in EXPORTS {
        let folder = data.join(export);
        let mut expected = firestore::documents(&folder);
        let url = format!("firestore-export:{}", folder.display());
        for (collection, count, fields) in collections {
            let found = read(&url, collection).await;
            assert_eq!(found.len(), *count, "{export} {collection}");
            let own: usize = found.iter().map(|document| document.len() - 3).sum();
            assert_eq!(own, *fields, "{export} {collection}");
            for document in found {
                let path = document.get_str("__path__").unwrap();
                assert_eq!(Some(&document), expected.get(path), "{export} {path}");
                let names: Vec<_> = document.keys().collect();
                assert!(names.ends_with(&[&"__id__".into(), &"__path__".into(), &"__parent__".into()]), "{names:?}");
                expected.remove(path);
            }
        }
        assert!(expected.is_empty(), "{export}: these are in no collection {:?}", expected.keys());
    }
}

#[tokio::test]
async fn real_exports_go_on_behind_every_document() {
    let Some(data) = shared_data("firestore-exports") else { return };
    for (export, collections) in EXPORTS {
        let url = format!("firestore-export:{}", data.join(export).display());
        for (collection, ..) in collections {
            check_every_place(&url, collection).await;
        }
    }
}

#[tokio::test]
async fn real_json_is_read_value_by_value() {
    let Some(data) = shared_data("firestore-json") else { return };
    let url = format!("firestore-json:{}", data.join("nfie-sampleRootData.json").display());
    let in_root = |name: &str, id: &str, collection: &str| {
        doc! { "name": name, "__id__": id, "__path__": format!("{collection}/{id}"), "__parent__": null }
    };
    let parent = doc! { "id": "docA", "path": "collectionA/docA", "parent": null };
    let contact = doc! {
        "name": "sam", "__id__": "contactDocId", "__path__": "collectionA/docA/contacts/contactDocId", "__parent__": parent,
    };
    for (collection, expected) in [
        ("collectionA", vec![in_root("john", "docA", "collectionA"), in_root("billy", "docB", "collectionA")]),
        ("collectionB", vec![in_root("annie", "docC", "collectionB"), in_root("jane", "docD", "collectionB")]),
        ("collectionA/*/contacts", vec![contact]),
    ] {
        assert_eq!(read(&url, collection).await, expected, "{collection}");
        check_every_place(&url, collection).await;
    }

    let url = format!("firestore-json:{}", data.join("nfie-sampleExportedDoc.json").display());
    let reference = doc! { "$ref": "test_data", "$id": "EhUH0qy0ZHJ50jkwtwzr" };
    let place = doc! { "latitude": 12.5135747, "longitude": -158.274618751 };
    let moment = DateTime::from_millis(1_543_579_505_000);
    let expected = doc! {
        "mixedArray": ["string", reference.clone(), place.clone()],
        "nullField": null,
        "string": "This is the string field in action",
        "boolean": true,
        "arrayOfStrings": ["one", "two", "three"],
        "object": { "timestamp": moment, "name": "timestamp object" },
        "number": 125_135_581_i64,
        "timestamp": moment,
        "documentRef": reference,
        "geopoint": place,
        "__id__": "sampleExportedDoc",
        "__path__": "nfie-sampleExportedDoc/sampleExportedDoc",
        "__parent__": null,
    };
    // One collection's export does not say its name; the file's takes its place.
    assert_eq!(read(&url, "nfie-sampleExportedDoc").await, [expected]);
}

/// The documents and arrays of all conformance cases, as answers one a line.
#[tokio::test]
async fn conformance_values_are_read_one_by_one() {
    let Some(data) = shared_data("firestore-conformance") else { return };
    let (mut cases, mut answers) = (0, Vec::new());
    let mut paths: Vec<_> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        cases += 1;
        collect(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), &mut answers);
    }
    assert_eq!(cases, 172);
    // Of these 283 have a type by its name, as a search for the names finds them.
    assert_eq!(answers.iter().map(values).sum::<usize>(), 283);
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = answers.iter().map(|answer| json!({ "document": answer }).to_string()).collect();
    fs::write(folder.path().join("answers.jsonl"), lines.join("\n")).unwrap();
    let url = format!("firestore-rest:{}", folder.path().display());

    let mut found: Vec<Document> = Vec::new();
    for collection in ["C", "D"] {
        if answers.iter().any(|answer| answer["name"].as_str().unwrap().contains(&format!("documents/{collection}/"))) {
            found.extend(read(&url, collection).await);
        }
    }
    assert_eq!(found.len(), answers.len());
    for (found, answer) in found.iter_mut().zip(&answers) {
        for name in ["__id__", "__path__", "__parent__", "__create_time__", "__update_time__"] {
            found.remove(name);
        }
        let fields = answer["fields"].as_object().cloned().unwrap_or_default();
        let expected: Document = fields.iter().map(|(name, value)| (name.clone(), typed(value))).collect();
        assert_eq!(*found, expected, "{answer}");
    }
    check_every_place(&url, "C").await;
}

/// Finds what has typed values in it: documents, and the elements of transforms, which become documents here.
fn collect(json: &Json, answers: &mut Vec<Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, answers)),
        Json::Object(fields) if fields.contains_key("name") && fields.contains_key("fields") => {
            answers.push(json.clone())
        }
        Json::Object(fields) => {
            for (name, value) in fields {
                if matches!(name.as_str(), "appendMissingElements" | "removeAllFromArray") {
                    for element in value["values"].as_array().unwrap() {
                        let name = "projects/projectID/databases/(default)/documents/C/element";
                        answers.push(json!({ "name": name, "fields": { "element": element } }));
                    }
                } else {
                    collect(value, answers);
                }
            }
        }
        _ => {}
    }
}

/// Counts typed values.
fn values(json: &Json) -> usize {
    match json {
        Json::Array(items) => items.iter().map(values).sum(),
        Json::Object(fields) => {
            fields.iter().map(|(name, value)| usize::from(name.ends_with("Value")) + values(value)).sum()
        }
        _ => 0,
    }
}

/// The types of value that the cases have.
fn typed(value: &Json) -> Bson {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "integerValue" => Bson::Int64(value.as_str().unwrap().parse().unwrap()),
        "doubleValue" => Bson::Double(value.as_f64().unwrap_or(f64::NAN)),
        "booleanValue" => Bson::Boolean(value.as_bool().unwrap()),
        "stringValue" => Bson::String(value.as_str().unwrap().to_owned()),
        "arrayValue" => value["values"].as_array().into_iter().flatten().map(typed).collect::<Vec<_>>().into(),
        "mapValue" => {
            let fields = value["fields"].as_object().cloned().unwrap_or_default();
            Bson::Document(fields.iter().map(|(name, value)| (name.clone(), typed(value))).collect())
        }
        other => panic!("{other}"),
    }
}

/// A thousand users over six blocks, with a record split over each edge, by the whole way into a table.
#[test]
fn a_real_export_moves_into_a_table() {
    let Some(data) = shared_data("firestore-exports") else { return };
    let export = data.join("davideast-1000users");
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "version = 1\nname = \"users\"\nplugins = \"{}\"\n[source.old]\nurl = \"firestore-export:{}\"\n[target]\nurl = \"${{TARGET_URL}}\"\n\
         schema = \"schema.sql\"\n[defaults]\ntransform = \"mongo-to-sql\"\nbatch-records = 100\ntransaction-rows = 150\n\
         [[entity]]\nname = \"users\"\nfrom = \"old.users\"\ninto = [\"users\"]\nid = \"keep\"\n[entity.config.columns]\n\
         id = \"__id__\"\nnumber = \"id\"\nfirst_name = \"first_name\"\nlast_name = \"last_name\"\nemail = \"email\"\n\
         path = \"__path__\"\n",
        components::plugins().display(),
        export.display()
    );
    fs::write(folder.path().join("migration.toml"), manifest).unwrap();
    let schema = "CREATE TABLE users (id TEXT PRIMARY KEY, number INTEGER NOT NULL, first_name TEXT NOT NULL, \
                  last_name TEXT NOT NULL, email TEXT NOT NULL, path TEXT NOT NULL)";
    fs::write(folder.path().join("schema.sql"), schema).unwrap();
    let expected: BTreeMap<String, Vec<Option<String>>> = firestore::documents(&export)
        .into_iter()
        .map(|(path, user)| {
            let texts = ["first_name", "last_name", "email"].map(|name| Some(user.get_str(name).unwrap().to_owned()));
            let mut row = vec![Some(user.get_i64("id").unwrap().to_string())];
            row.extend(texts);
            (path, row)
        })
        .collect();
    assert_eq!(expected.len(), 1_000);
    for database in Database::each() {
        let run =
            |arguments: &[&str]| Whimbrel::new(arguments).at(folder.path()).env("TARGET_URL", &database.url).run();
        run(&["run", "migration.toml", "--execute", "--yes"]).expect(0);
        let rows = database.query("SELECT path, number, first_name, last_name, email FROM users");
        let found: BTreeMap<String, Vec<Option<String>>> =
            rows.into_iter().map(|row| (row[0].clone().unwrap(), row[1..].to_vec())).collect();
        assert_eq!(found, expected);
        run(&["verify", "migration.toml"]).expect(0);
    }
}
