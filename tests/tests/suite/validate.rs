//! The checks of a finished target: nothing on a clean one, all of 25 planted defects of each kind and nothing else, and
//! comparing nothing is a failure.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

use super::cases::CASES;
use super::cases::Case;

const REVIEWS: u32 = 12;
const MARKS: u32 = 120;
const PLANTED: usize = 25;

/// Types that both kinds of target know by these names.
const SCHEMA: &str = "
CREATE TABLE reviews (id UUID NOT NULL PRIMARY KEY, title VARCHAR(40) NOT NULL);
CREATE TABLE marks (
    id UUID NOT NULL PRIMARY KEY, review_id UUID NOT NULL REFERENCES reviews (id), buddy_id UUID, n INTEGER, page INTEGER,
    x1 DOUBLE PRECISION, is_open BOOLEAN, position JSON, meta TEXT, path TEXT, created_at TIMESTAMPTZ, noted_at TEXT);
";

const MANIFEST: &str = r##"
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
fn position(n: u32, width: &str, y1: &str) -> String {
    format!(r#"{{"rect":{{"x1":0.{n}1,"width":{width}}},"rects":[{{"y1":{y1},"page":1}},{{"y1":1.5,"page":2}}]}}"#)
}

fn meta(n: u32) -> String {
    format!(r#"{{"theme":"dark {n}","sizes":[1,{n}]}}"#)
}

fn path(n: u32) -> String {
    format!("moonlanding/client {}/file_{n}.pdf", n % 7)
}

/// Marks on pages, with coordinates in columns and in JSON, as another system had them.
struct Marks {
    folder: TempDir,
}

impl Marks {
    fn new() -> Self {
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

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn call(&self, database: &Database, words: &[&str]) -> Whimbrel {
        Whimbrel::new(words).at(self.path()).env("TARGET_URL", &database.url)
    }

    #[track_caller]
    fn run(&self, database: &Database) {
        self.call(database, &["run", "migration.toml", "--execute", "--yes", "--json"]).run().expect(0);
    }

    #[track_caller]
    fn validate(&self, database: &Database, more: &[&str], code: i32) -> Json {
        let words = [&["validate", "migration.toml", "--json"], more].concat();
        self.call(database, &words).run().expect(code).json()
    }

    /// Moves everything, plants defects with plain SQL, and returns what the check says of them.
    #[track_caller]
    fn planted(database: &Database, check: &str, plant: &[String]) -> Json {
        assert_eq!(plant.len(), PLANTED, "{check}");
        let marks = Self::new();
        marks.run(database);
        database.execute(&format!("{} {}", unenforced(database), plant.join(" ")));
        let found = marks.validate(database, &["--only", check, "--limit", "1000"], 1);
        assert_eq!(found["checks"].as_array().unwrap().len(), 1, "{found:#}");
        let found = found["checks"][0].clone();
        assert_eq!((&found["check"], &found["outcome"]), (&check.into(), &"failed".into()), "{found:#}");
        assert_eq!(found["failures"], PLANTED, "{found:#}");
        assert_eq!(found["failed"].as_array().unwrap().len(), PLANTED, "{found:#}");
        found
    }
}

/// Lets foreign keys be broken.
fn unenforced(database: &Database) -> &'static str {
    match database.kind() {
        "sqlite" => "PRAGMA foreign_keys = OFF;",
        _ => "SET session_replication_role = replica;",
    }
}

/// The numbers of 25 marks that have a buddy.
fn numbers() -> Vec<u32> {
    (1..=MARKS).filter(|n| n % 10 != 0).take(PLANTED).collect()
}

/// One statement a mark: which, by the place among the 25.
fn each(set: impl Fn(usize, u32) -> String) -> Vec<String> {
    let numbers = numbers().into_iter().enumerate();
    numbers.map(|(place, n)| format!("UPDATE marks SET {} WHERE n = {n};", set(place, n))).collect()
}

/// Every failure names its record, its row and its column, and the records are those of the planted marks.
#[track_caller]
fn names_the_planted(found: &Json) -> BTreeSet<String> {
    let failed = found["failed"].as_array().unwrap();
    let documents: BTreeSet<u64> = failed.iter().map(|failed| failed["document"].as_u64().unwrap()).collect();
    assert_eq!(documents, numbers().into_iter().map(u64::from).collect(), "{found:#}");
    for failed in failed {
        let (key, document) = (failed["source_key"].as_str().unwrap(), failed["document"].as_u64().unwrap());
        assert!(key.contains(&format!("M{document}")), "{failed:#}");
        assert_eq!((&failed["entity"], &failed["table"]), (&"marks".into(), &"marks".into()));
        for name in ["row", "field", "expected", "actual"] {
            assert!(failed[name].is_string(), "{name} in {failed:#}");
        }
    }
    failed.iter().map(|failed| format!("{} {}", failed["field"], failed["code"]).replace('"', "")).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn uuid(place: usize) -> String {
    format!("'0a0b0c0d-0000-4000-8000-{place:012}'")
}

/// Tests of both kinds of target.
macro_rules! both {
    ($($name:ident)*) => { $(
        mod $name {
            #[test]
            fn sqlite() {
                super::$name(&super::Database::sqlite());
            }

            #[test]
            fn postgres() {
                if let Some(database) = super::Database::postgres() {
                    super::$name(&database);
                }
            }
        }
    )* };
}

both! { clean missing_and_extra_rows broken_references wrong_coordinates wrong_timestamps wrong_paths wrong_json broken_foreign_keys }

fn clean(database: &Database) {
    let marks = Marks::new();
    marks.run(database);
    let found = marks.validate(database, &[], 0);
    assert_eq!(found["status"], "passed");
    let checks = found["checks"].as_array().unwrap();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    let expected = [
        "row-count",
        "referential-integrity",
        "data-types",
        "coordinates",
        "timestamps",
        "file-paths",
        "json-fields",
        "foreign-keys",
        "timestamps-utc",
    ];
    assert_eq!(names, expected);
    for check in checks {
        assert_eq!((&check["outcome"], &check["failures"]), (&"passed".into(), &0.into()), "{check:#}");
    }
    let compared: Vec<u64> = checks.iter().map(|check| check["compared"].as_u64().unwrap()).collect();
    let (marks_all, all) = (u64::from(MARKS), u64::from(MARKS + REVIEWS));
    // Records and rows; two references a mark; of each mark its column and two and two numbers in JSON; two instants; the
    // whole, the text and its theme, and the row for the component of that name.
    let known = [2 * all, 2 * marks_all, 5 * marks_all, 2 * marks_all, marks_all, 4 * marks_all, marks_all, marks_all];
    assert_eq!([&compared[..2], &compared[3..]].concat(), known);
    let references = &checks[1]["parts"][0];
    assert_eq!(references["recorded as NULL"], 12, "{references}");
    let text = marks.call(database, &["validate", "migration.toml"]).run().expect(0).stdout;
    assert!(text.contains("marks: every check that has something to look at has passed"), "{text}");
    assert!(text.contains("12 recorded as NULL"), "{text}");
}

fn missing_and_extra_rows(database: &Database) {
    let mut plant: Vec<String> =
        numbers().into_iter().take(12).map(|n| format!("DELETE FROM marks WHERE n = {n};")).collect();
    plant.extend((12..PLANTED).map(|place| {
        let id = uuid(place);
        format!("INSERT INTO marks (id, review_id, n) SELECT {id}, review_id, 1000 FROM marks WHERE n = 100;")
    }));
    let found = Marks::planted(database, "row-count", &plant);
    let of = |code: &str| -> Vec<&Json> {
        found["failed"].as_array().unwrap().iter().filter(|failed| failed["code"] == code).collect()
    };
    let missing: Vec<u64> = of("missing").iter().map(|failed| failed["document"].as_u64().unwrap()).collect();
    assert_eq!(missing, numbers().into_iter().take(12).map(u64::from).collect::<Vec<_>>());
    assert_eq!(of("extra").len(), 13);
    assert!(of("extra").iter().all(|failed| failed["row"].as_str().unwrap().contains("0a0b0c0d-")), "{found:#}");
    let table = found["parts"].as_array().unwrap().iter().find(|part| part["name"] == "table marks").unwrap();
    assert_eq!((&table["missing"], &table["extra"], &table["standing"]), (&12.into(), &13.into(), &121.into()));
}

fn broken_references(database: &Database) {
    let plant = each(|place, _| match place % 3 {
        0 => format!("buddy_id = {}", uuid(place)),
        1 => "buddy_id = (SELECT r.id FROM reviews AS r WHERE r.id <> marks.buddy_id ORDER BY r.title LIMIT 1)"
            .to_owned(),
        _ => "buddy_id = NULL".to_owned(),
    });
    let found = Marks::planted(database, "referential-integrity", &plant);
    assert_eq!(names_the_planted(&found), set(&["buddy_id differs"]));

    // A parent that is gone, though every child is what the source says.
    database.empty();
    let marks = Marks::new();
    marks.run(database);
    database.execute(&format!("{} DELETE FROM reviews WHERE title = 'review 3';", unenforced(database)));
    let found = marks.validate(database, &["--only", "referential-integrity"], 1);
    let failed = found["checks"][0]["failed"].as_array().unwrap();
    assert!(failed.iter().all(|failed| failed["code"] == "no-parent" && failed["expected"] == "a row of `reviews`"));
    let fields: BTreeSet<&str> = failed.iter().map(|failed| failed["field"].as_str().unwrap()).collect();
    assert_eq!(fields, BTreeSet::from(["buddy_id", "review_id"]), "with a foreign key and without");
}

#[test]
fn wrong_types() {
    // PostgreSQL keeps them itself.
    let plant = each(|place, _| {
        let wrong = [
            "is_open = 2",
            "page = 'seven'",
            "x1 = 'wide'",
            "created_at = '2021-03-01T08:00:00Z'",
            "created_at = 1614585600",
            "review_id = upper(review_id)",
            "buddy_id = 'R1'",
            "position = '{oops'",
            "path = x'00ff'",
        ];
        wrong[place % wrong.len()].to_owned()
    });
    let found = Marks::planted(&Database::sqlite(), "data-types", &plant);
    let fields = ["is_open", "page", "x1", "created_at", "review_id", "buddy_id", "position", "path"];
    let expected: Vec<String> = fields.iter().map(|field| format!("{field} type")).collect();
    assert_eq!(names_the_planted(&found), expected.into_iter().collect());
}

fn wrong_coordinates(database: &Database) {
    let plant = each(|place, n| match place % 4 {
        0 => "x1 = x1 + 0.00000000000005".to_owned(),
        1 => "x1 = NULL".to_owned(),
        2 => format!("position = '{}'", position(n, "800.2500000000001", "-0.0")),
        _ => format!("position = '{}'", position(n, "800.25", "0.0")),
    });
    let found = Marks::planted(database, "coordinates", &plant);
    assert_eq!(
        names_the_planted(&found),
        set(&["position#/rect/width differs", "position#/rects/0/y1 differs", "x1 differs"])
    );
}

fn wrong_timestamps(database: &Database) {
    let marks = Marks::new();
    marks.run(database);
    let sql = format!("SELECT ended_at FROM {}", database.own("run"));
    database.empty();
    let plant = each(|place, _| match place % 6 {
        0 => "created_at = '2021-03-02 08:00:01+00:00'".to_owned(),
        1 => "created_at = NULL".to_owned(),
        2 => "noted_at = '2021-04-02T10:00:00+02:00'".to_owned(),
        3 => "noted_at = '2021-04-02T08:00:01Z'".to_owned(),
        4 => "noted_at = '1970-01-01T00:00:00Z'".to_owned(),
        _ => format!("noted_at = ({sql})"),
    });
    let found = Marks::planted(database, "timestamps", &plant);
    let expected = ["created_at differs", "noted_at differs", "noted_at form", "noted_at range", "noted_at run-time"];
    assert_eq!(names_the_planted(&found), set(&expected));
}

fn wrong_paths(database: &Database) {
    let plant = each(|place, n| match place % 5 {
        0 => format!("path = 'friday-staging/client/file_{n}.pdf'"),
        1 => format!("path = 'moonlanding/client 99/file_{n}.pdf'"),
        2 => "path = NULL".to_owned(),
        3 => format!("path = 'moonlanding/client/file_{n}.exe'"),
        _ => format!("path = 'elsewhere/file_{n}.pdf'"),
    });
    let found = Marks::planted(database, "file-paths", &plant);
    assert_eq!(names_the_planted(&found), set(&["path differs", "path old-prefix", "path pattern", "path prefix"]));
}

fn wrong_json(database: &Database) {
    let plant = each(|place, n| match place % 4 {
        0 => format!("meta = '{}'", meta(n).replace("\"theme\"", "\"team\"")),
        1 => format!("meta = '{}'", &meta(n)[1..]),
        2 => format!("meta = '{}'", meta(n).replace("[1,", "[2,")),
        _ => format!("position = '{}'", position(n, "800.25", "7")),
    });
    let found = Marks::planted(database, "json-fields", &plant);
    let expected =
        ["meta invalid-json", "meta#/theme json-required", "meta#/sizes/0 differs", "position#/rects/0/y1 differs"];
    assert_eq!(names_the_planted(&found), set(&expected));
    // Other words for the same are no defect.
    database.empty();
    let marks = Marks::new();
    marks.run(database);
    database.execute(r#"UPDATE marks SET meta = '{ "sizes": [1.0, 100], "theme": "dark 100" }' WHERE n = 100;"#);
    marks.validate(database, &["--only", "json-fields"], 0);
}

fn broken_foreign_keys(database: &Database) {
    let plant = each(|place, _| format!("review_id = {}", uuid(place)));
    let found = Marks::planted(database, "foreign-keys", &plant);
    assert_eq!(names_the_planted(&found), set(&["review_id no-parent"]));
    if database.kind() == "sqlite" {
        return;
    }
    // One that was never checked is asked all the same.
    database.execute(
        "ALTER TABLE marks DROP CONSTRAINT marks_review_id_fkey;
         ALTER TABLE marks ADD CONSTRAINT marks_review_id_fkey FOREIGN KEY (review_id) REFERENCES reviews (id) NOT VALID;",
    );
    let marks = Marks::new();
    let found = marks.validate(database, &["--only", "foreign-keys"], 1);
    assert_eq!(found["checks"][0]["failures"], PLANTED, "{found:#}");
}

/// Each is a failure, or said not to have passed: nothing that compares nothing is green.
#[test]
fn comparing_nothing_is_a_failure() {
    let database = Database::sqlite();
    let marks = Marks::new();
    // Without what it declares, and with a type that says nothing.
    let (before, after) = MANIFEST.split_once("[entity.check]").unwrap();
    let plain = format!("{before}[entity.config.columns]{}", after.split_once("[entity.config.columns]").unwrap().1);
    let plain = plain.replace("validate = ", "# ").replace("created_at = ", "# ").replace("position = ", "# ");
    marks.write("migration.toml", &plain);
    marks.run(&database);
    let found = marks.validate(&database, &[], 0);
    let outcome = |found: &Json, name: &str| {
        let checks = found["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    for name in ["coordinates", "timestamps", "file-paths", "json-fields"] {
        assert_eq!(outcome(&found, name), "nothing-declared");
        let asked = marks.validate(&database, &["--only", name], 1);
        assert_eq!(asked["checks"][0]["failed"][0]["code"], "nothing-declared", "{asked:#}");
    }
    assert_eq!(outcome(&found, "row-count"), "passed");
    // Declared, and every value is NULL.
    let declared = plain.replace("references.buddy_id", "check.coordinates = [\"x1\"]\nreferences.buddy_id");
    marks.write("migration.toml", &declared.replace("x1 = \"x1\"", "x1 = \"nothing\""));
    let database = Database::sqlite();
    marks.run(&database);
    let found = marks.validate(&database, &[], 1);
    assert_eq!(outcome(&found, "coordinates"), "failed");
    let check = found["checks"].as_array().unwrap().iter().find(|check| check["check"] == "coordinates").unwrap();
    let codes: Vec<&Json> = check["failed"].as_array().unwrap().iter().map(|failed| &failed["code"]).collect();
    assert_eq!(codes, ["nothing-compared", "nothing-compared"], "of the column, and of the check");
    // A source without records.
    marks.write("migration.toml", MANIFEST);
    marks.write("marks.json", "");
    marks.write("reviews.json", "");
    let database = Database::sqlite();
    marks.run(&database);
    let found = marks.validate(&database, &[], 1);
    assert!(found["checks"].as_array().unwrap().iter().all(|check| check["outcome"] == "failed"), "{found:#}");
}

#[test]
fn what_is_asked_for_is_known() {
    let database = Database::sqlite();
    let marks = Marks::new();
    let validate = |more: &[&str]| {
        let ended = marks.call(&database, &[&["validate", "migration.toml"], more].concat()).run().expect(2);
        ended.stderr
    };
    assert!(validate(&[]).contains("has not begun"));
    let said = validate(&["--only", "row-count,cordinates"]);
    assert!(said.contains("there is no check `cordinates`") && said.contains("coordinates"), "{said}");
    let wrong =
        MANIFEST.replace("\"x1\", ", "\"x2\", ").replace("\\.pdf$", "(pdf").replace("2030-01-01T00:00:00Z", "2030");
    marks.write("migration.toml", &wrong);
    let said = marks.call(&database, &["plan", "migration.toml"]).run().expect(2).stderr;
    for words in [
        "the transformer feeds no column `x2`",
        "expected a regular expression: unclosed group",
        "expected an instant like `2000-01-01T00:00:00Z`, found `2030`",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// What has become of the source since is told, and is not taken for what was compared.
#[test]
fn a_source_that_has_changed_is_told() {
    let database = Database::sqlite();
    let marks = Marks::new();
    marks.run(&database);
    let lines = fs::read_to_string(marks.path().join("marks.json")).unwrap();
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    lines[4] = lines[4].replace("\"page\": 7", "\"page\": 8");
    lines.remove(80);
    lines.push(lines[0].replace("\"M1\"", "\"M900\""));
    marks.write("marks.json", &format!("{}\n", lines.join("\n")));
    let found = marks.validate(&database, &["--only", "row-count"], 1)["checks"][0].clone();
    let failed = found["failed"].as_array().unwrap();
    assert!(failed.iter().all(|failed| failed["code"] == "source-changed"), "{found:#}");
    let told: BTreeSet<Option<u64>> = failed.iter().map(|failed| failed["document"].as_u64()).collect();
    assert_eq!(told, BTreeSet::from([None, Some(5), Some(81)]), "one has come, one is another, one is gone: {found:#}");
    assert_eq!(found["failures"], 3);
}

/// A dead letter that somebody has removed is a record that is nowhere.
#[test]
fn whimbrels_own_counts_are_held_against_each_other() {
    let database = Database::sqlite();
    let marks = Marks::new();
    let manifest = MANIFEST.replace("transaction-rows = 50", "transaction-rows = 50\ndead-letters-max = 5");
    marks.write("migration.toml", &manifest);
    let reviews = fs::read_to_string(marks.path().join("reviews.json")).unwrap();
    marks.write("reviews.json", &format!("{reviews}{{\"_id\": \"R50\"}}\n"));
    marks.call(&database, &["run", "migration.toml", "--execute", "--yes", "--json"]).run().expect(3);
    marks.validate(&database, &["--only", "row-count"], 0);
    database.execute("DELETE FROM whimbrel_dead_letter");
    let found = marks.validate(&database, &["--only", "row-count"], 1)["checks"][0].clone();
    let failed = &found["failed"][0];
    assert_eq!((&found["failures"], &failed["code"], &failed["actual"]), (&1.into(), &"count".into(), &"0".into()));
}

/// The validator traps on rows that somebody has made longer since; the other checks go on.
#[test]
fn a_validator_that_traps_is_told_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    components::link(folder.path());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let people = |id: u32| format!("{{\"_id\": {id}, \"name\": \"n{id}\"}}\n");
    write("people.json", &(10..60).map(people).collect::<String>());
    write("schema.sql", "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT NOT NULL);");
    write(
        "migration.toml",
        r#"
version = 1
name = "people"
[source.old]
url = "mongoexport:."
[target]
url = "${TARGET_URL}"
schema = "schema.sql"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
id = "keep"
transform = "echo_bson"
validate = ["validator_traps", "timestamps-utc"]
config.columns = ["_id", "name"]
"#,
    );
    let database = Database::sqlite();
    let call = |words: &[&str]| Whimbrel::new(words).at(folder.path()).env("TARGET_URL", &database.url);
    call(&["run", "migration.toml", "--execute", "--yes", "--json"]).run().expect(0);
    let validate = |code| call(&["validate", "migration.toml", "--json"]).run().expect(code).json();
    assert_eq!(validate(0)["status"], "passed");
    let check = |found: &Json, name: &str| -> Json {
        found["checks"].as_array().unwrap().iter().find(|check| check["check"] == name).unwrap().clone()
    };
    database.execute("UPDATE people SET name = 'a name that is much longer than it was' WHERE _id IN (12, 30, 59)");
    let found = validate(1);
    let traps = check(&found, "validator_traps");
    assert_eq!((&traps["outcome"], &traps["failures"], &traps["compared"]), (&"failed".into(), &3.into(), &47.into()));
    let failed = traps["failed"].as_array().unwrap();
    assert!(failed.iter().all(|f| f["code"] == "plugin-trap" && f["row"].is_string()), "{traps:#}");
    assert!(failed[0]["message"].as_str().unwrap().contains("found a long row"), "{traps:#}");
    for name in ["row-count", "data-types", "timestamps-utc"] {
        assert_eq!(check(&found, name)["outcome"], "passed", "{found:#}");
    }
    // One that traps on every row is given up, and not taken for one that has looked at them.
    database.execute("UPDATE people SET name = 'a name that is much longer than it was'");
    let traps = check(&validate(1), "validator_traps");
    assert_eq!((&traps["outcome"], &traps["compared"]), (&"failed".into(), &0.into()), "{traps:#}");
}

/// What the runs of all cases have left is what the checks expect; only where nothing is there nothing is compared.
#[test]
fn every_case_is_valid() {
    for database in Database::each() {
        let mut passed = 0;
        for name in CASES {
            database.empty();
            let Some(case) = Case::new(name, &database) else { continue };
            case.prepare(&database);
            if !matches!(case.execute(&database).run().code, Some(0 | 3)) {
                continue;
            }
            let mut words = vec!["validate", "migration.toml", "--json"];
            // What stood there before was written by nobody.
            if case.path().join("before.sql").exists() {
                words.push("--skip-extra");
            }
            let found = case.call(&database, &words).run().json();
            for check in found["checks"].as_array().unwrap_or_else(|| panic!("{name}: {found:#}")) {
                passed += u32::from(check["outcome"] == "passed");
                let failed = check["failed"].as_array().unwrap();
                let is_empty = failed.iter().all(|failed| failed["code"] == "nothing-compared");
                assert!(is_empty, "{name} on {}: {check:#}", database.kind());
            }
        }
        assert!(passed > 100, "{passed} checks have something to look at");
    }
}
