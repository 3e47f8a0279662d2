//! Marks on the pages of reviews, as another system had them: references, coordinates, JSON, paths and instants.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

pub const REVIEWS: u32 = 12;
pub const MARKS: u32 = 120;

/// Types that both kinds of target know by these names.
const SCHEMA: &str = "
CREATE TABLE reviews (id UUID NOT NULL PRIMARY KEY, title VARCHAR(40) NOT NULL);
CREATE TABLE marks (
    id UUID NOT NULL PRIMARY KEY, review_id UUID NOT NULL REFERENCES reviews (id), buddy_id UUID, n INTEGER, page INTEGER,
    x1 DOUBLE PRECISION, is_open BOOLEAN, position JSON, meta TEXT, path TEXT, created_at TIMESTAMPTZ, noted_at TEXT);
";

pub const MANIFEST: &str = r##"
version = 1
name = "marks"

[source.old]
url = "mongoexport:."

[target]
url = "${TARGET_URL}"
schema = "schema.sql"

[defaults]
transform = "mongo-to-sql"
transaction-rows = 50

[[entity]]
name = "reviews"
from = "old.reviews"
into = ["reviews"]
config.columns = { id = "_id", title = "title" }

[[entity]]
name = "marks"
from = "old.marks"
into = ["marks"]
validate = ["timestamps-utc", { plugin = "json-fields", config = { tables = { marks = { meta = { type = "object" } } } } }]
references.buddy_id = { on-missing = "null" }

[entity.check]
coordinates = ["x1", "position#/rect", "marks.position#/rects/*/y1"]
timestamps = { columns = ["noted_at"], min = "2000-01-01T00:00:00Z", max = "2030-01-01T00:00:00Z" }
json-fields = ["meta", "meta#/theme"]
file-paths = [{ columns = ["path"], prefix = ["moonlanding/"], not = ["friday-staging/"], pattern = '\.pdf$' }]

[entity.config.columns]
id = "_id"
review_id = { from = "review", reference = "reviews" }
buddy_id = { from = "buddy", reference = "reviews" }
n = "n"
page = "page"
x1 = "x1"
is_open = "open"
position = { from = "position", as = "json" }
meta = "meta"
path = "path"
created_at = "created"
noted_at = { from = "noted", as = "text" }
"##;

/// The text of a mark's position; doubles whose digits and signs matter.
pub fn position(n: u32, width: &str, y1: &str) -> String {
    format!(r#"{{"rect":{{"x1":0.{n}1,"width":{width}}},"rects":[{{"y1":{y1},"page":1}},{{"y1":1.5,"page":2}}]}}"#)
}

pub fn meta(n: u32) -> String {
    format!(r#"{{"theme":"dark {n}","sizes":[1,{n}]}}"#)
}

pub fn path(n: u32) -> String {
    format!("moonlanding/client {}/file_{n}.pdf", n % 7)
}

/// Marks on pages, with coordinates in columns and in JSON, as another system had them.
pub struct Marks {
    folder: TempDir,
}

impl Marks {
    pub fn new() -> Self {
        let marks = Self { folder: tempfile::tempdir().unwrap() };
        components::link(marks.path());
        let review = |n: u32| format!("{{\"_id\": \"R{n}\", \"title\": \"review {n}\"}}\n");
        marks.write("reviews.json", &(1..=REVIEWS).map(review).collect::<String>());
        let mut lines = String::new();
        for n in 1..=MARKS {
            // Every tenth has a buddy that nobody knows.
            let buddy = if n % 10 == 0 { 999 } else { n * 5 % REVIEWS + 1 };
            let (position, meta, path) = (position(n, "800.25", "-0.0"), serde_json::Value::from(meta(n)), path(n));
            let (review, x1, day) = (n % REVIEWS + 1, f64::from(n) * 0.1, n % 28 + 1);
            let _ = writeln!(
                lines,
                r#"{{"_id": "M{n}", "review": "R{review}", "buddy": "R{buddy}", "n": {n}, "page": 7, "x1": {x1}, "open": {}, "position": {position}, "meta": {meta}, "path": "{path}", "created": {{"$date": "2021-03-{day:02}T08:00:00.250Z"}}, "noted": {{"$date": "2021-04-{day:02}T08:00:00Z"}}}}"#,
                n % 2 == 0
            );
        }
        marks.write("marks.json", &lines);
        marks.write("schema.sql", SCHEMA);
        marks.write("migration.toml", MANIFEST);
        marks
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub fn call(&self, database: &Database, words: &[&str]) -> Whimbrel {
        Whimbrel::new(words).at(self.path()).env("TARGET_URL", &database.url)
    }

    #[track_caller]
    pub fn run(&self, database: &Database) {
        self.call(database, &["run", "migration.toml", "--execute", "--yes", "--json"]).run().expect(0);
    }

    #[track_caller]
    pub fn validate(&self, database: &Database, more: &[&str], code: i32) -> Json {
        let words = [&["validate", "migration.toml", "--json"], more].concat();
        self.call(database, &words).run().expect(code).json()
    }
}
