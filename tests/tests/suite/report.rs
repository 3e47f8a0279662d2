//! What a run says at its end: a failed one too, and of every entity that failed.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::copy;
use whimbrel_tests::root;

use super::people::Migration as People;
use super::people::SCHEMA;

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

/// What a dry run sets aside is gone with it: it shows the letters that the run would store, over the budget or not.
#[test]
fn a_dry_run_shows_the_dead_letters() {
    for settings in ["", "dead-letters-max = 2"] {
        let migration = People::of(20, settings, Database::sqlite());
        let (code, part) = if settings.is_empty() { (1, "provisional") } else { (3, "dead_letters") };
        let dry = migration.run(&["run", "migration.toml", "--json"]).expect(code).json();
        let text = migration.run(&["run", "migration.toml"]).expect(code);
        let executed = migration.execute().expect(code).json();
        let list = migration.run(&["dead-letter", "list", "migration.toml", "--json"]).expect(0).json();
        for part in ["dead_letters", "provisional"] {
            assert_eq!(dry[part], executed[part], "{dry:#}");
        }
        let examples = &dry[part][0]["examples"];
        for (example, letter) in examples.as_array().unwrap().iter().zip(list["dead_letters"].as_array().unwrap()) {
            for key in ["position", "key", "message"] {
                assert_eq!(example[key], letter[key]);
            }
        }
        assert!(text.stdout.contains(examples[0]["message"].as_str().unwrap()), "{text}");
        assert_eq!(examples.as_array().unwrap().len(), 2);
        assert!(!text.stderr.contains("dead-letter list"), "nothing is there to be listed: {text}");
    }
}

/// Counts of this run and of the whole migration are told apart where they differ.
#[test]
fn a_resumed_run_says_which_counts_are_whose() {
    let migration = People::sqlite(20);
    let first = migration.run(&["run", "migration.toml", "--execute", "--yes", "--limit=5"]).expect(0).stdout;
    assert!(!first.contains("in this run"), "there is one kind only: {first}");
    let dry = migration.run(&["run", "migration.toml"]).expect(3).stdout;
    let second = migration.run(&["run", "migration.toml", "--execute", "--yes"]).expect(3).stdout;
    for text in [&dry, &second] {
        let (this_run, whole) = text.split_once("since the migration began:").unwrap();
        assert!(this_run.contains("in this run:"), "{text}");
        for (part, records, rows) in
            [(this_run, "people completed 15 13 2", "people 13"), (whole, "people completed 20 18 2", "people 18")]
        {
            let lines: Vec<String> =
                part.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
            assert!(lines.iter().any(|line| line.starts_with(records)), "{part}");
            assert!(lines.iter().any(|line| line.starts_with(rows)), "{part}");
        }
    }
    let report = migration.execute().expect(3).json();
    let entity = &report["entities"][0];
    assert_eq!(
        (&entity["rows"]["people"]["inserted"], &entity["rows_this_run"]["people"]["inserted"]),
        (&18.into(), &0.into())
    );
}

/// A file that cannot be written is refused before the run; an old report stays until the new one is there.
#[test]
fn a_report_that_cannot_be_written_is_refused_at_once() {
    let migration = People::sqlite(20);
    let file = migration.folder.path().join("report.json");
    let execute = |report: &str| migration.run(&["run", "migration.toml", "--execute", "--yes", "--report", report]);
    for report in ["no/such/report.json", "."] {
        let ended = execute(report).expect(2);
        assert!(
            ended.stderr.starts_with(&format!("error: cannot write the report `{report}`\ncaused by: ")),
            "{ended}"
        );
        assert!(!migration.database.file().unwrap().exists());
    }
    fs::write(&file, "old").unwrap();
    fs::write(migration.folder.path().join("schema.sql"), "no SQL").unwrap();
    execute("report.json").expect(2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    fs::write(migration.folder.path().join("schema.sql"), SCHEMA).unwrap();
    execute("report.json").expect(3);
    let report: Json = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report["status"], "completed");
}
