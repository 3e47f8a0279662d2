//! What a run says at its end: a failed one too, and of every entity that failed.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::copy;
use whimbrel_tests::root;

/// Rows of one record that would take minutes if each were compared with every other.
const CHILDREN: usize = 50_000;

/// A case's folder with a target of its own.
struct Migration {
    folder: tempfile::TempDir,
    target: Database,
}

impl Migration {
    fn of(case: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("tests/cases").join(case), folder.path());
        components::link(folder.path());
        let target = Database::sqlite();
        if let Ok(before) = fs::read_to_string(folder.path().join("before.sql")) {
            target.execute(&fs::read_to_string(folder.path().join("schema.sql")).unwrap());
            target.execute(&before);
        }
        Self { folder, target }
    }

    fn call(&self, arguments: &[&str]) -> Whimbrel {
        Whimbrel::new(arguments).at(self.folder.path()).env("TARGET_URL", &self.target.url)
    }
}

const EXECUTE: [&str; 4] = ["run", "migration.toml", "--execute", "--yes"];

#[test]
fn every_entity_that_failed_is_told() {
    let migration = Migration::of("fail-several");
    let text = migration.call(&EXECUTE).run().expect(1);
    for name in ["dogs", "cats"] {
        assert!(text.stderr.contains(&format!("error: `{name}` has 1 dead letters")), "{text}");
        assert!(text.stdout.lines().any(|line| line.trim_start().starts_with(name)), "{text}");
    }
    let file = migration.folder.path().join("report.json");
    let arguments = [&EXECUTE[..], &["--json", "--report", file.to_str().unwrap()]].concat();
    let json = migration.call(&arguments).run().expect(1).json();
    let written: Json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for report in [&json, &written] {
        assert_eq!(report["status"], "failed");
        for entity in report["entities"].as_array().unwrap() {
            let failure = &entity["failure"];
            assert!(failure["error"].as_str().unwrap().contains(entity["name"].as_str().unwrap()), "{report:#}");
            assert!(failure["hint"].as_str().unwrap().contains("dead-letters-max"), "{report:#}");
        }
    }
}

#[test]
fn skipped_records_have_their_reasons() {
    let migration = Migration::of("skip-reasons");
    let reasons = ["3 people found the marker `skip`", "1 people its row stands in the target with other values"];
    let told = |text: &str| {
        let told = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        reasons.iter().all(|reason| told.iter().any(|line| line.starts_with(reason)))
    };
    let predicted = migration.call(&EXECUTE[..2]).run().expect(0);
    assert!(told(&predicted.stdout), "{predicted}");
    let done = migration.call(&EXECUTE).run().expect(0);
    assert!(told(&done.stdout), "{done}");
    let status = migration.call(&["status", "migration.toml"]).run().expect(0);
    assert!(told(&status.stdout), "{status}");
}

#[test]
fn references_left_null_are_counted() {
    let migration = Migration::of("self-reference");
    let done = migration.call(&EXECUTE).run().expect(0);
    assert!(done.stdout.contains("references left NULL for want of a parent: staff 1\n"), "{done}");
    let status = migration.call(&["status", "migration.toml", "--json"]).run().expect(0).json();
    assert_eq!(status["entities"][0]["nulled_references"], 1);
}

#[test]
fn a_record_of_many_rows_is_one_record_all_the_same() {
    let migration = Migration::of("nested-and-children");
    let manifest = r#"
version = 1
name = "many"
source.old.url = "mongoexport:./export"
target = { url = "${TARGET_URL}", schema = "schema.sql" }

[[entity]]
name = "albums"
from = "old.albums"
transform = "mongo-to-sql"
id = "keep"
into = ["albums", "tracks"]
config.columns = { id = "_id" }
[entity.config.children.tracks]
each = "tracks"
columns = { album = { from = "^_id", reference = "albums" }, number = "$" }
"#;
    let schema = "CREATE TABLE albums (id INTEGER PRIMARY KEY);
        CREATE TABLE tracks (album INTEGER REFERENCES albums, number INTEGER, PRIMARY KEY (album, number));";
    // The first ones once more: rows that are equal collapse, however many there are.
    let mut album = r#"{"_id": 1, "tracks": [0, 1"#.to_owned();
    (0..CHILDREN).for_each(|number| write!(album, ", {number}").unwrap());
    album.push_str("]}\n");
    for (file, text) in [("migration.toml", manifest), ("schema.sql", schema), ("export/albums.json", &album)] {
        fs::write(migration.folder.path().join(file), text).unwrap();
    }
    let report = migration.call(&[&EXECUTE[..], &["--json"]].concat()).run().expect(0).json();
    let tracks = &report["entities"][0]["rows"]["tracks"];
    assert_eq!((&tracks["inserted"], &tracks["collapsed"]), (&CHILDREN.into(), &2.into()));
    // Minutes where each row is compared with every other.
    assert!(report["duration_ms"].as_u64().unwrap() < 30_000, "{report:#}");
}
