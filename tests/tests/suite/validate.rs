//! The checks of a finished target: nothing on a clean one, all of 25 planted defects of each kind and nothing else, and
//! comparing nothing is a failure.

mod marks;
mod planted;

use std::collections::BTreeSet;
use std::fs;

use marks::MANIFEST;
use marks::Marks;
use serde_json::Value as Json;
use whimbrel::plan::Manifest;
use whimbrel::run::shutdown::Shutdown;
use whimbrel::run::validate;
use whimbrel::run::validate::report::Outcome;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

use super::cases::CASES;
use super::cases::Case;

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
    // One that misses its deadline, too: it was added since, which is said.
    let manifest = fs::read_to_string(folder.path().join("migration.toml")).unwrap();
    let spinning = manifest.replace("\"validator_traps\"", "\"validator_spins\"");
    write("migration.toml", &format!("{spinning}\n[plugin.validator_spins]\ndeadline = \"300ms\"\n"));
    let found = validate(1);
    let spins = check(&found, "validator_spins");
    assert_eq!(
        (&spins["outcome"], &spins["failed"][0]["code"]),
        (&"failed".into(), &"plugin-failed".into()),
        "{spins:#}"
    );
    assert!(spins["failed"][0]["message"].as_str().unwrap().contains("deadline of 300ms"), "{spins:#}");
    assert_eq!((&spins["compared"], &spins["parts"][0]["not looked at"]), (&0.into(), &50.into()), "{spins:#}");
    assert_eq!(check(&found, "timestamps-utc")["outcome"], "passed", "{found:#}");
    assert!(found["changes"].as_array().unwrap().iter().any(|c| c.as_str().unwrap().contains("validator_spins")));
    write("migration.toml", &manifest);
    // One that traps on every row is given up, and not taken for one that has looked at them.
    database.execute("UPDATE people SET name = 'a name that is much longer than it was'");
    let traps = check(&validate(1), "validator_traps");
    assert_eq!((&traps["outcome"], &traps["compared"]), (&"failed".into(), &0.into()), "{traps:#}");
}

/// Asked to stop, it says what it has not come to; nothing of that has passed.
#[test]
fn a_look_that_is_stopped_passes_nothing() {
    let database = Database::sqlite();
    let marks = Marks::new();
    marks.run(&database);
    marks.write("migration.toml", &MANIFEST.replace("${TARGET_URL}", &database.url));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let shutdown = Shutdown::default();
    shutdown.ask();
    let manifest = Manifest::read(&marks.path().join("migration.toml")).unwrap();
    let found = runtime.block_on(validate::validate(manifest, &validate::Options::default(), &shutdown)).unwrap();
    assert_eq!(found.status, "stopped");
    assert!(found.checks.iter().all(|check| check.outcome == Outcome::Stopped), "{:#?}", found.checks);
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
