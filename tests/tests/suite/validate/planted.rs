//! 25 planted defects of each kind: all of them are found, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use whimbrel_tests::Database;

use super::marks::MARKS;
use super::marks::Marks;
use super::marks::REVIEWS;
use super::marks::meta;
use super::marks::position;

const PLANTED: usize = 25;

/// Moves everything, plants defects with plain SQL, and returns what the check says of them.
#[track_caller]
fn planted(database: &Database, check: &str, plant: &[String]) -> Json {
    assert_eq!(plant.len(), PLANTED, "{check}");
    let marks = Marks::new();
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
    let found = planted(database, "row-count", &plant);
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
    let found = planted(database, "referential-integrity", &plant);
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
    let found = planted(&Database::sqlite(), "data-types", &plant);
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
    let found = planted(database, "coordinates", &plant);
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
    let found = planted(database, "timestamps", &plant);
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
    let found = planted(database, "file-paths", &plant);
    assert_eq!(names_the_planted(&found), set(&["path differs", "path old-prefix", "path pattern", "path prefix"]));
}

fn wrong_json(database: &Database) {
    let plant = each(|place, n| match place % 4 {
        0 => format!("meta = '{}'", meta(n).replace("\"theme\"", "\"team\"")),
        1 => format!("meta = '{}'", &meta(n)[1..]),
        2 => format!("meta = '{}'", meta(n).replace("[1,", "[2,")),
        _ => format!("position = '{}'", position(n, "800.25", "7")),
    });
    let found = planted(database, "json-fields", &plant);
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
    let found = planted(database, "foreign-keys", &plant);
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
