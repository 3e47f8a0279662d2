//! Keys of a junction that are spelled in more than one way, and one key to the target.

use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

const MANIFEST: &str = r#"
version = 1
name = "cases"
[source.old]
url = "mongoexport:."
[target]
url = "${TARGET_URL}"
schema = "schema.sql"
[defaults]
transform = "mongo-to-sql"
id = "keep"
transaction-rows = 1
[junction.members]
[[entity]]
name = "people"
from = "old.people"
into = ["people", "members"]
[entity.config]
table = "people"
columns = { id = "_id" }
[entity.config.children.members]
each = "teams"
columns = { person = { from = "^_id", reference = "people" }, team = { from = "$.id", reference = "teams" }, role = "$.role" }
[[entity]]
name = "teams"
from = "old.teams"
into = ["teams", "members"]
[entity.config]
table = "teams"
columns = { id = "_id" }
[entity.config.children.members]
each = "people"
columns = { team = { from = "^_id", reference = "teams" }, person = { from = "$", reference = "people" } }
"#;

/// What the target takes for one key lies side by side, however it is spelled: the first entity's row stands.
#[test]
fn keys_that_differ_in_case_are_one_where_the_target_says_so() {
    for database in Database::each() {
        let kind = if database.kind() == "sqlite" { "TEXT COLLATE NOCASE" } else { "citext" };
        let extension = if database.kind() == "sqlite" { "" } else { "CREATE EXTENSION IF NOT EXISTS citext;" };
        let schema = format!(
            "{extension} CREATE TABLE people (id {kind} PRIMARY KEY); CREATE TABLE teams (id {kind} PRIMARY KEY);
             CREATE TABLE members (person {kind} REFERENCES people, team {kind} REFERENCES teams, role TEXT DEFAULT 'none',
             PRIMARY KEY (person, team));"
        );
        for rows in [1, 2, 1_000] {
            let folder = tempfile::tempdir().unwrap();
            let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
            write("people.json", "{\"_id\": \"zoe\", \"teams\": [{\"id\": \"kiwi\", \"role\": \"admin\"}]}\n");
            write("teams.json", "{\"_id\": \"kiwi\", \"people\": [\"Zoe\"]}\n");
            write("schema.sql", &schema);
            let manifest = MANIFEST.replace("transaction-rows = 1", &format!("transaction-rows = {rows}"));
            write("migration.toml", &manifest);
            components::link(folder.path());
            database.empty();
            let run = Whimbrel::new(["run", "migration.toml", "--execute", "--yes", "--json"]);
            let report = run.at(folder.path()).env("TARGET_URL", &database.url).run().expect(0).json();
            assert_eq!(report["junctions"][0]["total"]["conflicting"], 1, "{rows}: {report}");
            let stands = database.query("SELECT person, team, role FROM members");
            let stands: Vec<Vec<&str>> =
                stands.iter().map(|row| row.iter().map(|value| value.as_deref().unwrap_or("-")).collect()).collect();
            assert_eq!(stands, [["zoe", "kiwi", "admin"]], "{rows}");
        }
    }
}
