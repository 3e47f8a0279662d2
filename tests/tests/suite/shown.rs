//! `run --show-rows`: single records before and after, the refused ones with their reason, and what takes another form.

use std::fs;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::root;

const MANIFEST: &str = r##"version = 1
name = "shown"
[source.old]
url = "mongoexport:."
[target]
url = "${TARGET_URL}"
schema = "schema.sql"
[defaults]
transform = "mongo-to-sql"
dead-letters-max = "3"
[[entity]]
name = "teams"
from = "old.teams"
into = ["teams"]
config.columns = { id = "_id", name = "name" }
[[entity]]
name = "people"
from = "old.people"
into = ["people", "tags"]
references.team = { on-missing = "skip" }
[entity.config]
ignore = ["__v"]
[entity.config.columns]
id = "_id"
name = "full.name"
state = { from = "state", enum = { open = "OPEN", OPEN = "OPEN" } }
team = { from = "team", reference = "teams" }
paid = "paid"
born = { from = "born", as = "date" }
[entity.config.children.tags]
each = "tags"
columns = { person = { from = "^_id", reference = "people" }, place = "#", tag = "$" }
"##;
const SCHEMA: &str = "CREATE TABLE teams (id UUID PRIMARY KEY, name TEXT);
    CREATE TABLE people (id UUID PRIMARY KEY, name VARCHAR(60) NOT NULL, state TEXT, team UUID REFERENCES teams,
        paid NUMERIC(10, 2), born DATE);
    CREATE TABLE tags (person UUID REFERENCES people, place INTEGER, tag TEXT, PRIMARY KEY (person, place));";
const PEOPLE: &str = r#"
{"_id": 1, "__v": 0, "full": {"name": "A"}, "state": "OPEN", "team": 1, "paid": {"$numberDecimal": "1.5"}, "tags": ["x", "y"]}
{"_id": 2, "full": {"name": "B"}, "state": "open", "paid": {"$numberDecimal": "2.500"}, "born": "1986-01-22"}
{"_id": 3, "full": {"name": "C"}, "team": 9}
{"_id": 4, "full": {}, "paid": {"$numberInt": "7"}}
{"_id": 5, "full": {"name": "a name of more than forty-eight characters, which is cut"}, "state": "gone"}
"#;

fn call(target: &Database, manifest: &str, arguments: &[&str]) -> Whimbrel {
    components::plugins();
    let folder = tempfile::tempdir().unwrap().keep();
    let plugins = format!("version = 1\nplugins = {:?}", root().join("plugins"));
    fs::write(folder.join("migration.toml"), manifest.replacen("version = 1", &plugins, 1)).unwrap();
    fs::write(folder.join("schema.sql"), SCHEMA).unwrap();
    fs::write(folder.join("people.json"), PEOPLE.trim_start()).unwrap();
    fs::write(folder.join("teams.json"), "{\"_id\": 1, \"name\": \"red\"}\n").unwrap();
    let all = ["run", "migration.toml"].iter().chain(arguments);
    Whimbrel::new(all).at(&folder).env("TARGET_URL", &target.url)
}

#[test]
fn fields_stand_beside_their_columns_and_refused_records_have_their_reason() {
    for target in Database::each() {
        let report = call(&target, MANIFEST, &["--show-rows", "1", "--json"]).run().expect(3).json();
        let shown = &report["entities"][1]["shown"];
        let records = shown["records"].as_array().unwrap();
        let fates: Vec<[&Json; 2]> = records.iter().map(|record| [&record["document"], &record["fate"]]).collect();
        assert_eq!(json!(fates), json!([[1, "written"], [3, "skipped"]]));
        let columns = |record: usize, row: usize| -> Vec<Json> {
            let columns = records[record]["rows"][row]["columns"].as_array().unwrap().iter();
            let pair = |column: &Json| json!([column["column"], column["before"], column["after"], column["change"]]);
            columns.map(pair).collect()
        };
        let before = |field: &str, kind: &str, value: &str| json!([{ "field": field, "kind": kind, "value": value }]);
        assert_eq!(columns(0, 0)[1], json!(["name", before("full.name", "text", "A"), "A", null]));
        // A column of SQLite's has no zeros of its own.
        let paid = if target.kind() == "postgres" { "1.50" } else { "1.5" };
        assert_eq!(columns(0, 0)[4], json!(["paid", before("paid", "decimal", "1.5"), paid, null]));
        assert_eq!(columns(0, 0)[5][1], json!([{ "field": "born", "kind": "missing", "value": null }]));
        assert_eq!(columns(0, 0)[0][3], "integer → UUID");
        assert_eq!(columns(0, 1)[1], json!(["place", [], "0", null]));
        assert_eq!(columns(0, 1)[2], json!(["tag", before("tags", "array", r#"["x","y"]"#), "x", null]));
        assert_eq!(records[0]["others"], before("__v", "integer", "0"));
        assert!(records[1]["reason"].as_str().unwrap().contains("has no row in `teams`"), "{}", records[1]);

        let changes: Vec<Json> = shown["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| {
                json!([change["table"], change["column"], change["change"], change["is_lossy"], change["count"]])
            })
            .collect();
        let expected = [
            json!(["people", "id", "integer → UUID", true, 2]),
            json!(["people", "team", "integer → UUID", true, 1]),
            json!(["tags", "person", "integer → UUID", true, 2]),
            json!(["people", "state", "another text", true, 1]),
            json!(["people", "paid", "zeros behind the point", true, 1]),
            json!(["people", "born", "text → day", false, 1]),
        ];
        assert_eq!(changes, expected, "{}", target.kind());
    }
}

#[test]
fn as_many_refused_records_are_shown_as_sound_ones() {
    let report = call(&Database::sqlite(), MANIFEST, &["--show-rows", "3", "--json"]).run().expect(3).json();
    let records = report["entities"][1]["shown"]["records"].as_array().unwrap();
    let told: Vec<Json> = records.iter().map(|record| json!([record["document"], record["fate"]])).collect();
    assert_eq!(
        told,
        [json!([1, "written"]), json!([2, "written"]), json!([3, "skipped"]), json!([4, "dead"]), json!([5, "dead"])]
    );
    let dead = records.last().unwrap();
    assert!(dead["reason"].as_str().unwrap().starts_with("transform/enum-value: "), "{dead}");
    assert_eq!(dead["rows"], json!([]));
    let name = &dead["others"][1];
    assert_eq!(name["kind"], "document");
    assert!(name["value"].as_str().unwrap().contains("which is cut"), "in JSON nothing is cut: {name}");
}

#[test]
fn a_batch_that_goes_over_the_budget_shows_its_dead_letters() {
    let strict = MANIFEST.replace("dead-letters-max = \"3\"", "dead-letters-max = \"0\"");
    let failed = call(&Database::sqlite(), &strict, &["--show-rows", "2", "--json"]).run().expect(1).json();
    let records = failed["entities"][1]["shown"]["records"].as_array().unwrap();
    let told: Vec<Json> = records.iter().map(|record| json!([record["document"], record["fate"]])).collect();
    assert_eq!(told, [json!([4, "dead"]), json!([5, "dead"])], "{failed:#}");
}

#[test]
fn the_text_cuts_long_values_and_nothing_is_shown_unasked() {
    let target = Database::sqlite();
    let ended = call(&target, MANIFEST, &["--show-rows", "1"]).run().expect(3);
    for line in [
        "`people`, document 1 (people.json:0), key `i1`: written",
        "  full.name text    A         people.name  VARCHAR(60)    A",
        "of `people`, what takes another form (`!`: it cannot be got back):",
        "  !     1 people.paid  zeros behind the point 2.500 → 2.5 (document 2)",
    ] {
        assert!(ended.stdout.contains(line), "{line}\n{ended}");
    }
    let ended = call(&target, MANIFEST, &["--show-rows", "9"]).run().expect(3);
    assert!(!ended.stdout.contains("which is cut"), "{ended}");
    let plain = call(&target, MANIFEST, &["--json"]).run().expect(3).json();
    assert_eq!(plain["entities"][1].get("shown"), None);
    let refused = call(&target, MANIFEST, &["--show-rows", "1", "--execute", "--yes"]).run().expect(2);
    assert!(refused.stderr.contains("cannot be used with"), "{refused}");
}
