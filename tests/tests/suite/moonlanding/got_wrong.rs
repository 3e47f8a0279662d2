//! What the team's own scripts got wrong: each is a test here, named after what must hold instead. It is the example as it is,
//! on a small source with a few documents more.

mod arrived;
mod counted;
mod people;
mod times;

use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use xtask::generate::moonlanding::Format;
use xtask::generate::moonlanding::Options;

use super::run::Example;

/// What whimbrel's exit code says of a source with dirt in it: done, with dead letters.
const DEAD_LETTERS: i32 = 3;

const FRIDAY: &str = "friday";
const MWR: &str = "mwr";

/// A document: its project, its path, its fields.
type Put<'a> = (&'a str, &'a str, Json);

/// The example with a source in JSON, and a target.
struct Moonlanding {
    example: Example,
    target: Database,
}

impl Moonlanding {
    fn path(&self, name: &str) -> PathBuf {
        self.example.generated.path(name)
    }

    fn call(&self, command: &[&str]) -> Whimbrel {
        self.example.whimbrel(command).env("TARGET_URL", &self.target.url)
    }

    fn run(&self) -> Whimbrel {
        self.call(&["run", "--execute", "--yes"])
    }
}

/// The example with these documents beside those that are generated.
fn example(documents: &[Put<'_>]) -> Moonlanding {
    let example = Example::new(Options { scale: 0.001, seed: 11, format: Format::Json, ..Options::default() });
    let example = Moonlanding { example, target: Database::sqlite() };
    documents.iter().for_each(|document| put(&example, document));
    example
}

fn source(example: &Moonlanding, project: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(example.path(&format!("{project}.json"))).unwrap()).unwrap()
}

fn put(example: &Moonlanding, (project, path, fields): &Put<'_>) {
    let mut root = source(example, project);
    let mut document = &mut root;
    let segments: Vec<&str> = path.split('/').collect();
    for pair in segments.chunks(2) {
        document = &mut document["__collections__"][pair[0]][pair[1]];
        if document["__collections__"].is_null() {
            document["__collections__"] = json!({});
        }
    }
    for (name, value) in fields.as_object().unwrap() {
        document[name] = value.clone();
    }
    fs::write(example.path(&format!("{project}.json")), root.to_string()).unwrap();
}

/// The documents of a collection in the source.
fn documents(example: &Moonlanding, project: &str, collection: [&str; 3]) -> Vec<Json> {
    let root = source(example, project);
    let [root_collection, document, list] = collection;
    let list = &root["__collections__"][root_collection][document]["__collections__"][list];
    list.as_object().unwrap().values().cloned().collect()
}

/// Says something else in the manifest.
fn declare(example: &Moonlanding, before: &str, after: &str) {
    let file = example.path("migration.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(before), "the manifest has no {before}");
    fs::write(file, text.replace(before, after)).unwrap();
}

/// Dead letters are borne.
fn bear_dead_letters(example: &Moonlanding) {
    declare(example, "dead-letters-max = \"10%\"", "dead-letters-max = 50");
}

/// A text for every row.
fn rows(target: &Database, sql: &str) -> Vec<String> {
    let text = |row: Vec<Option<String>>| {
        row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".to_owned())).collect::<Vec<_>>().join(" | ")
    };
    target.query(sql).into_iter().map(text).collect()
}

fn count(target: &Database, table: &str) -> usize {
    rows(target, &format!("SELECT COUNT(*) FROM {table}"))[0].parse().unwrap()
}

/// Who has become a dead letter, and why.
fn dead(target: &Database) -> Vec<String> {
    rows(target, "SELECT entity, code, field FROM whimbrel_dead_letter WHERE state = 'dead' ORDER BY 1, 2, 3, document")
}

fn reference(path: &str) -> Json {
    json!({ "__datatype__": "documentReference", "value": path })
}

fn engagement(fields: Json) -> Json {
    with(json!({ "name": "e", "status": "Pending" }), fields)
}

fn review(fields: Json) -> Json {
    with(json!({ "groupName": "v", "status": true }), fields)
}

fn highlight(fields: Json) -> Json {
    let rect = json!({ "x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 0.75, "width": 1.0, "height": 1.0, "pageNumber": 1 });
    let position = json!({ "boundingRect": rect, "rects": [rect], "pageNumber": 1, "usePdfCoordinates": false });
    with(json!({ "position": position, "content": {}, "comment": {} }), fields)
}

fn with(mut document: Json, fields: Json) -> Json {
    document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    document
}
