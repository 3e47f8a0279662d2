//! References between tables of both databases: to one of several entities, and keys that stand beside the id made of them.

use whimbrel_tests::Database;

use super::Small;
use super::moved;

const OLD: &str = "CREATE TABLE task (code TEXT PRIMARY KEY);
    CREATE TABLE note (code TEXT PRIMARY KEY);
    CREATE TABLE remark (id INTEGER PRIMARY KEY, about TEXT);
    INSERT INTO task VALUES ('a'), ('b');
    INSERT INTO note VALUES ('c');
    INSERT INTO remark VALUES (1, 'c'), (2, 'b'), (3, NULL), (4, 'nobody');";

const NEW: &str = "CREATE TABLE tasks (id UUID PRIMARY KEY, code TEXT NOT NULL);
    CREATE TABLE notes (id UUID PRIMARY KEY, code TEXT NOT NULL);
    CREATE TABLE remarks (id INTEGER PRIMARY KEY, about_id UUID);";

const REMARKS: &str = r#"
[[entity]]
name = "remarks"
from = "old.remark"
key = "id"
into = ["remarks"]
references.about_id.on-missing = "null"
config.columns = { id = "id", about_id = { from = "about", reference = ["tasks", "notes"] } }

[[entity]]
name = "tasks"
from = "old.task"
key = "code"
id = "uuid-v5"
into = ["tasks"]
config.columns = { code = "code", id = { from = "code", reference = "tasks" } }

[[entity]]
name = "notes"
from = "old.note"
key = "code"
id = "uuid-v5"
into = ["notes"]
config.columns = { id = { from = "code", reference = "notes" }, code = "code" }
"#;

#[test]
fn a_column_refers_to_rows_of_two_tables() {
    for from in Database::each() {
        for to in Database::each() {
            let small = Small { target: to, ..Small::new(from.another(), OLD, REMARKS, NEW) };
            let predicted = small.call(&["run", "--json"]).run().expect(0).json();
            let done = small.call(&["run", "--execute", "--yes", "--json"]).run().expect(0).json();
            assert_eq!((moved(&predicted), moved(&done)), (7, 7), "{done}");
            let found = small.target.query(
                "SELECT r.id, t.code, n.code FROM remarks AS r LEFT JOIN tasks AS t ON t.id = r.about_id \
                 LEFT JOIN notes AS n ON n.id = r.about_id ORDER BY 1",
            );
            let expected = [("1", None, Some("c")), ("2", Some("b"), None), ("3", None, None), ("4", None, None)];
            let expected = expected.map(|(id, task, note)| [Some(id), task, note].map(|text| text.map(str::to_owned)));
            assert_eq!(found, expected);
            let nulled =
                small.target.query(&format!("SELECT record_key FROM {}", small.target.own("nulled_reference")));
            assert_eq!(nulled, [[Some("i4".to_owned())]]);
            small.call(&["verify"]).run().expect(0);
        }
    }
}

/// The key's value and the id made of it would both be the id.
#[test]
fn a_key_that_is_mapped_twice_is_refused_at_its_line() {
    let manifest = REMARKS.replace("id = { from = \"code\", reference = \"notes\" }", "id = \"code\"");
    let small = Small::new(Database::sqlite(), OLD, &manifest, NEW);
    let refused = small.call(&["run"]).run().expect(2);
    for words in ["migration.toml:35:", "found it in `id` and in `code`", "reference = \"notes\""] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

/// What a plan proposes can be done with this transformer.
#[test]
fn hints_hold_for_tables() {
    let named = "{ id = { from = \"code\", reference = \"notes\" }, code = \"code\" }";
    let manifest =
        REMARKS.replace(named, "{ code = { from = \"code\", as = \"text\" } }").replace("uuid-v5", "sequence");
    let small = Small::new(
        Database::sqlite(),
        OLD,
        &manifest,
        &NEW.replace("remarks (id INTEGER PRIMARY KEY", "remarks (id INTEGER"),
    );
    let refused = small.call(&["run"]).run().expect(2);
    for words in ["give the table a primary key", "`columns.id = \"code\"`"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}
