//! Small random migrations with dirt in them: whatever is in the source, each record has one fate and each row one place,
//! a dry run foretells the real one, and a run that was cut short ends as a straight one, whatever a record does twice.
//!
//! `WHIMBREL_CASES` says how many (24).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bson::Bson;
use bson::Document;
use bson::doc;
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use super::recovery::inserted_by_ledger;
use super::recovery::same_text;

const CASES: u32 = 24;

const SCHEMA: &str = "
    CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(6) NOT NULL, code INTEGER UNIQUE,
                         boss_id INTEGER REFERENCES people (id));
    CREATE TABLE pets (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES people (id), age INTEGER CHECK (age < 90));
    CREATE TABLE pet_tags (pet_id INTEGER NOT NULL REFERENCES pets (id), tag VARCHAR(3), PRIMARY KEY (pet_id, tag));";

/// A migration, and how it is disturbed.
#[derive(Debug, Clone)]
struct Case {
    people: Vec<Document>,
    pets: Vec<Document>,
    /// People that stand in the target before: id and name.
    standing: BTreeMap<i32, String>,
    batch_records: usize,
    transaction_rows: usize,
    on_conflict: &'static str,
    on_missing: &'static str,
    dead_letters_max: &'static str,
    cuts: Vec<Cut>,
}

/// One run that does not reach the end.
#[derive(Debug, Clone)]
enum Cut {
    Limit(u64),
    Ended { point: &'static str, after: u32 },
}

fn key() -> impl Strategy<Value = Option<Bson>> {
    prop_oneof![
        12 => (0..40_i32).prop_map(|key| Some(Bson::Int32(key))),
        2 => (0..40_i64).prop_map(|key| Some(Bson::Int64(key))),
        1 => (0..40_i32).prop_map(|key| Some(Bson::Double(f64::from(key)))),
        1 => Just(Some(Bson::Null)),
        1 => Just(Some(Bson::String("x".to_owned()))),
        1 => Just(None),
    ]
}

fn scalar() -> impl Strategy<Value = Option<Bson>> {
    prop_oneof![
        10 => (0..100_i32).prop_map(|number| Some(Bson::Int32(number))),
        1 => Just(Some(Bson::String("many".to_owned()))),
        1 => Just(Some(Bson::Double(0.5))),
        1 => Just(Some(Bson::Document(doc! { "a": 1 }))),
        2 => Just(Some(Bson::Null)),
        2 => Just(None),
    ]
}

fn document(fields: Vec<(&str, Option<Bson>)>) -> Document {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn person() -> impl Strategy<Value = Document> {
    let name = prop_oneof![8 => "[a-zé]{1,6}", 1 => "[a-z]{7,9}"].prop_map(|name| Some(Bson::String(name)));
    let name = prop_oneof![9 => name, 1 => Just(None), 1 => Just(Some(Bson::Int32(1)))];
    (key(), name, scalar(), key())
        .prop_map(|(id, name, code, boss)| document(vec![("_id", id), ("name", name), ("code", code), ("boss", boss)]))
}

fn pet() -> impl Strategy<Value = Document> {
    let tags = prop::collection::vec("[ab]{1,4}", 0..4).prop_map(|tags| Some(Bson::from(tags)));
    let tags = prop_oneof![6 => tags, 1 => Just(None), 1 => Just(Some(Bson::Int32(3)))];
    (key(), key(), scalar(), tags)
        .prop_map(|(id, owner, age, tags)| document(vec![("_id", id), ("owner", owner), ("age", age), ("tags", tags)]))
}

fn cut() -> impl Strategy<Value = Cut> {
    let points = prop::sample::select(vec!["commit-rows", "commit-before", "commit-after", "finish-fill"]);
    prop_oneof![
        (1..30_u64).prop_map(Cut::Limit),
        (points, 0..6_u32).prop_map(|(point, after)| Cut::Ended { point, after }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let documents = (prop::collection::vec(person(), 0..40), prop::collection::vec(pet(), 0..40));
    let standing = prop::collection::btree_map(0..40_i32, "[a-z]{1,6}", 0..6);
    let choice = prop::sample::select::<&'static str>;
    let settings = (
        1..9_usize,
        1..30_usize,
        choice(vec!["fail", "skip", "update"]),
        choice(vec!["dead-letter", "null"]),
        choice(vec!["100%", "100%", "100%", "5"]),
    );
    (documents, standing, settings, prop::collection::vec(cut(), 1..3)).prop_map(
        |(
            (people, pets),
            standing,
            (batch_records, transaction_rows, on_conflict, on_missing, dead_letters_max),
            cuts,
        )| {
            Case {
                people,
                pets,
                standing,
                batch_records,
                transaction_rows,
                on_conflict,
                on_missing,
                dead_letters_max,
                cuts,
            }
        },
    )
}

impl Case {
    fn write(&self, folder: &Path) {
        fs::create_dir(folder.join("dump")).unwrap();
        for (name, documents) in [("People", &self.people), ("Pets", &self.pets)] {
            let mut dump = Vec::new();
            documents.iter().for_each(|document| document.to_writer(&mut dump).unwrap());
            fs::write(folder.join(format!("dump/{name}.bson")), dump).unwrap();
        }
        let manifest = format!(
            r##"version = 1
name = "small"
plugins = "{}"
[source.zoo]
url = "mongodump:./dump"
[target]
url = "${{TARGET_URL}}"
[defaults]
transform = "mongo-to-sql"
id = "keep"
batch-records = {}
transaction-rows = {}
on-conflict = "{}"
dead-letters-max = "{}"

[[entity]]
name = "people"
from = "zoo.People"
allow-empty = ["people"]
config.columns = {{ id = "_id", name = "name", code = "code", boss_id = {{ from = "boss", reference = "people" }} }}
references.boss_id = {{ on-missing = "null" }}

[[entity]]
name = "pets"
from = "zoo.Pets"
allow-empty = ["pets", "pet_tags"]
references.owner_id = {{ on-missing = "{}" }}
[entity.config]
columns = {{ id = "_id", owner_id = {{ from = "owner", reference = "people" }}, age = "age" }}
[entity.config.children.pet_tags]
each = "tags"
key = ["pet_id", "tag"]
columns = {{ pet_id = {{ from = "^_id", reference = "pets" }}, tag = "$" }}
"##,
            components::plugins().display(),
            self.batch_records,
            self.transaction_rows,
            self.on_conflict,
            self.dead_letters_max,
            self.on_missing,
        );
        fs::write(folder.join("migration.toml"), manifest).unwrap();
    }

    fn target(&self) -> Database {
        let target = Database::sqlite();
        target.execute(SCHEMA);
        for (id, name) in &self.standing {
            target.execute(&format!("INSERT INTO people (id, name) VALUES ({id}, '{name}')"));
        }
        target
    }
}

fn call(folder: &Path, target: &Database, arguments: &[&str]) -> Whimbrel {
    let manifest = folder.join("migration.toml").display().to_string();
    let own = ["--json", "run", manifest.as_str()];
    // People sit behind pets' foreign keys, so one entity runs after the other and their order is no chance.
    Whimbrel::new(own.iter().chain(arguments)).env("TARGET_URL", &target.url)
}

fn outcome(ended: &Ended) -> Vec<Json> {
    let report = ended.json();
    let parts = |entity: &Json| serde_json::json!([entity["name"], entity["state"], entity["total"], entity["rows"]]);
    report["entities"].as_array().unwrap_or_else(|| panic!("{ended}")).iter().map(parts).collect()
}

/// Each record has a fate, each row a place, and the target has what the report says.
fn accounted(case: &Case, target: &Database, ended: &Ended) {
    let report = ended.json();
    assert_eq!(report["conservation"], "ok");
    let number = |value: &Json| value.as_u64().unwrap();
    let is_complete = ended.code != Some(1);
    for (entity, documents) in report["entities"].as_array().unwrap().iter().zip([&case.people, &case.pets]) {
        let fates = entity["total"].as_object().unwrap();
        let ended: u64 = fates.iter().filter(|(fate, _)| *fate != "read").map(|(_, count)| number(count)).sum();
        assert_eq!(number(&fates["read"]), ended, "{entity:#}");
        assert!(number(&fates["read"]) <= documents.len() as u64);
        assert!(!is_complete || number(&fates["read"]) == documents.len() as u64, "{entity:#}");
    }
    let inserted = inserted_by_ledger(target);
    for (table, before) in [("people", case.standing.len() as u64), ("pets", 0), ("pet_tags", 0)] {
        let count = target.query(&format!("SELECT COUNT(*) FROM {table}"))[0][0].clone().unwrap();
        let expected = before + inserted.get(table).copied().unwrap_or(0);
        assert_eq!(count, expected.to_string(), "{table}");
    }
    assert!(target.query("PRAGMA foreign_key_check").is_empty());
}

fn check(case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    case.write(folder.path());
    let straight = case.target();
    let predicted = call(folder.path(), &straight, &[]).run();
    let done = call(folder.path(), &straight, &["--execute", "--yes"]).run();
    assert!(matches!(done.code, Some(0 | 1 | 3)), "{done}");
    accounted(case, &straight, &done);
    // A CHECK is not foretold; a value that it refuses would shift all that follows.
    let has_unforeseen = done.json()["dead_letters"].as_array().unwrap().iter().any(|reason| reason["code"] == "check");
    if !has_unforeseen {
        assert_eq!(predicted.code, done.code, "{predicted}\n{done}");
        // How far a run comes that a budget ends depends on how much it has read at once.
        if done.code != Some(1) {
            assert_eq!(outcome(&predicted), outcome(&done));
        }
    }

    let resumed = case.target();
    for cut in &case.cuts {
        let cut = match cut {
            // Only the parents: children of parents that nobody has read yet would be orphans, and rightly so.
            Cut::Limit(records) => {
                let limit = ["--execute", "--yes", "--entity", "people", "--limit", &records.to_string()];
                call(folder.path(), &resumed, &limit)
            }
            Cut::Ended { point, after } => {
                let points =
                    if *after == 0 { format!("{point}=return") } else { format!("{point}={after}*off->return") };
                call(folder.path(), &resumed, &["--execute", "--yes"]).ending_at(&points)
            }
        };
        drop(cut.run());
        inserted_by_ledger(&resumed);
    }
    let end = call(folder.path(), &resumed, &["--execute", "--yes"]).run();
    assert_eq!(end.code, done.code, "{end}\n{done}");
    accounted(case, &resumed, &end);
    // Where a budget ends a run, the batch that would exceed it depends on where the run before it stopped.
    if end.code != Some(1) {
        assert_eq!(outcome(&end), outcome(&done));
        same_text(&dump::all(&resumed), &dump::all(&straight));
        let again = call(folder.path(), &resumed, &["--execute", "--yes"]).run();
        assert_eq!(again.json()["status"], "nothing-to-do");
    }
}

#[test]
fn nothing_is_lost_or_doubled() {
    let cases = std::env::var("WHIMBREL_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    proptest!(config, |(case in case())| check(&case));
}
