//! `id = "keep"` for keys of every type of PostgreSQL, and the way back from ids as its client shows them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

use super::value;

/// Key columns of PostgreSQL, a key of each, and another spelling of it that a person may have copied.
const KEPT: &[(&str, &str, &str)] = &[
    ("time", "12:00:00.5", "12:00:00.500"),
    ("time", "24:00:00", "24:00:00"),
    ("interval", "1 day 02:00:00", "1 day 02:00:00"),
    ("interval", "24:00:00", "24:00:00"),
    ("jsonb", r#"{"a": 1}"#, r#"{"a": 1}"#),
    ("jsonb", "7", "7"),
    ("integer[]", "{1,2}", "[1, 2]"),
    ("integer[]", "{{1,2},{3,4}}", "{{1,2},{3,4}}"),
    ("text[]", r#"{a,"b \"c\", {d}"}"#, r#"["a", "b \"c\", {d}"]"#),
    ("interval[]", r#"{"1 day"}"#, r#"{"1 day"}"#),
    (
        "numeric",
        "12345678901234567890123456789012345678901234567890.5",
        "12345678901234567890123456789012345678901234567890.5",
    ),
    ("numeric", "NaN", "NaN"),
    ("bytea", r"\x00ff", r"\x00FF"),
    ("boolean", "true", "t"),
    ("boolean", "false", "f"),
    ("money", "-1234.5", "-$1,234.50"),
    ("date", "2024-01-31", "2024-01-31"),
    ("timestamptz", "2024-01-31 12:00:00.123456+00", "2024-01-31 13:00:00.123456+01"),
    ("timestamptz", "-infinity", "-infinity"),
    ("timestamp", "2024-01-31 12:00:00", "2024-01-31T12:00:00"),
    ("uuid", "00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-AABBCCDDEEFF"),
    ("text", "", ""),
];

/// Keys of every kind are kept, and so are references to them; each is found by its id as the server or a client shows it.
#[test]
fn keys_of_every_kind_are_kept_and_found_back() {
    let Some(source) = Database::postgres() else { return };
    let target = source.another();
    let folder = tempfile::tempdir().unwrap();
    components::link(folder.path());
    let (mut tables, mut rows) = (String::new(), String::new());
    let mut manifest = format!(
        "version = 1\nname = \"kept\"\n[source.old]\nurl = \"{}\"\n[target]\nurl = \"${{TARGET_URL}}\"\nschema = \"schema.sql\"\n\
         [defaults]\ntransform = \"sql-to-sql\"\nid = \"keep\"\n",
        source.url
    );
    for (number, (kind, key, _)) in KEPT.iter().enumerate() {
        let _ = write!(
            tables,
            "CREATE TABLE k{number} (id {kind} PRIMARY KEY); CREATE TABLE c{number} (id int PRIMARY KEY, k {kind} REFERENCES k{number});"
        );
        let _ = write!(rows, "INSERT INTO k{number} VALUES ('{key}'); INSERT INTO c{number} VALUES (1, '{key}');");
        let _ = write!(
            manifest,
            "[[entity]]\nname = \"k{number}\"\nfrom = \"old.k{number}\"\ninto = [\"k{number}\"]\nkey = \"id\"\nconfig.columns = {{ id = \"id\" }}\n\
             [[entity]]\nname = \"c{number}\"\nfrom = \"old.c{number}\"\ninto = [\"c{number}\"]\nkey = \"id\"\n\
             config.columns = {{ id = \"id\", k = {{ from = \"k\", reference = \"k{number}\" }} }}\n"
        );
    }
    source.execute(&(tables.clone() + &rows));
    fs::write(folder.path().join("schema.sql"), tables).unwrap();
    fs::write(folder.path().join("migration.toml"), manifest).unwrap();
    let call = |words: &[&str]| Whimbrel::new(words).at(folder.path()).env("TARGET_URL", &target.url).run();
    call(&["run", "migration.toml", "--execute", "--yes"]).expect(0);
    call(&["verify", "migration.toml"]).expect(0);
    for (number, (kind, key, spelling)) in KEPT.iter().enumerate() {
        let stands = format!("SELECT count(*) FROM k{number} JOIN c{number} AS c ON c.k = k{number}.id");
        assert_eq!(value(&target, &stands), "1", "{kind} {key}");
        let entity = format!("k{number}");
        let found = |words: &[&str]| {
            let found = call(&[&["--json", "id", "migration.toml", &entity], words].concat()).expect(0).json();
            assert_eq!(found["stands"], json!(true), "{kind} {key}: {found:#}");
            found
        };
        let by_key = found(&[key]);
        for spelling in BTreeSet::from([key, spelling, by_key["id"].as_str().unwrap()]) {
            let back = found(&["--of", spelling]);
            assert_eq!(back["id"], by_key["id"], "{kind} {spelling}");
            // A double and a decimal of the same digits are two keys, a UUID and its text too: both would be kept so.
            let is_key = back["key"] == by_key["key"] || matches!(*kind, "money" | "uuid");
            assert!(is_key, "{kind} {spelling}: {back:#}, {by_key:#}");
        }
    }
    let empty = call(&["id", "migration.toml", "k21", "--of", ""]).expect(0);
    assert!(empty.stderr.contains("the id `\"\"` is of the key `s`"), "{empty}");
}
