//! Records of two systems that are one thing: the outcome hangs on the records alone, and who comes late joins.

use std::fmt::Write as _;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::dump;

use crate::recovery::same_text;
use crate::replay::Story;
use crate::replay::manifest;

const USERS: u32 = 240;

/// What two systems know of the same people: some are in both, some twice in one, some without an address.
fn people(story: &Story) {
    let (mut old, mut new, mut notes) = (String::new(), String::new(), String::new());
    for id in 0..USERS {
        let kind = if id % 7 == 3 { "odd" } else { "plain" };
        // Every twentieth has the address of another one.
        let who = if id % 20 == 19 { id - 1 } else { id };
        let mail = if id % 11 == 5 { "null".to_owned() } else { format!("\" P{who}@Example.org\"") };
        let boss = (id * 13 + 5) % (USERS + 9);
        let _ = writeln!(
            old,
            r#"{{"_id": {id}, "mail": {mail}, "name": "old {id}", "kind": "plain", "boss": {boss}, "tags": ["a{}", "b"]}}"#,
            id % 3
        );
        let mail = match id % 5 {
            0 | 1 => format!("\"p{id}@example.org\""),
            2 => format!("\"only-new-{id}@example.org\""),
            3 => format!("\"p{}@EXAMPLE.org \"", id - 1),
            _ => "null".to_owned(),
        };
        let _ = writeln!(
            new,
            r#"{{"_id": {id}, "mail": {mail}, "name": "new {id}", "kind": "{kind}", "phone": "{id}", "boss": {boss}, "tags": ["b", "c"]}}"#
        );
        let _ = writeln!(notes, r#"{{"_id": {id}, "by": {}, "of": {}}}"#, (id * 7) % USERS, (id * 17 + 1) % USERS);
    }
    story.write("old.json", &old);
    story.write("new.json", &new);
    story.write("notes.json", &notes);
    story.write(
        "schema.sql",
        "CREATE TABLE users (id UUID PRIMARY KEY, mail TEXT UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, phone TEXT,
             boss UUID REFERENCES users);
         CREATE TABLE tags (user_id UUID NOT NULL REFERENCES users, place INTEGER NOT NULL, tag TEXT NOT NULL,
             PRIMARY KEY (user_id, place));
         CREATE TABLE notes (id UUID PRIMARY KEY, by_id UUID REFERENCES users, of_id UUID NOT NULL REFERENCES users);",
    );
}

/// The manifest; people of these kinds are taken from each system.
fn of_kinds(old: &str, new: &str, batch_records: usize) -> String {
    let member = |name: &str, kinds: &str| {
        format!(
            r##"
[[entity]]
name = "{name}-users"
from = "old.{name}"
into = ["users", "tags"]
[entity.config]
table = "users"
[entity.config.columns]
id = "_id"
mail = "mail"
name = "name"
kind = {{ from = "kind", enum = [{kinds}] }}
phone = "phone"
boss = {{ from = "boss", reference = "{name}-users" }}
[entity.config.children.tags]
each = "tags"
columns = {{ user_id = {{ from = "^_id", reference = "{name}-users" }}, place = "#", tag = "$" }}
"##
        )
    };
    let entities = format!(
        r#"{}{}
[[entity]]
name = "users"
from = ["old-users", "new-users"]
merge = "user-dedup"
into = ["users", "tags"]
references.boss = {{ on-missing = "null" }}
[entity.config]
key = "mail"
children.tags = {{ unique = ["tag"], position = "place" }}

[[entity]]
name = "notes"
from = "old.notes"
into = ["notes"]
references.by_id = {{ on-missing = "null" }}
[entity.config.columns]
id = "_id"
by_id = {{ from = "by", reference = "new-users" }}
of_id = {{ from = "of", reference = "old-users" }}
"#,
        member("old", old),
        member("new", new)
    );
    manifest("people", "mongo-to-sql", batch_records, &entities)
}

const ALL: &str = r#""plain", "odd""#;
const PLAIN: &str = r#""plain""#;

#[test]
fn the_outcome_hangs_on_no_batch() {
    for database in Database::each() {
        let story = Story::new();
        people(&story);
        let mut outcomes = Vec::new();
        for batch_records in [1, 7, 1_000] {
            story.write("migration.toml", &of_kinds(ALL, ALL, batch_records));
            let database = database.another();
            story.call(&database, &["run"], &["--execute", "--yes"]).run().expect(0);
            story.call(&database, &["verify"], &[]).run().expect(0);
            let merges = story.call(&database, &["merges", "list"], &["--limit", "1000"]).run().expect(0).stdout;
            outcomes.push((dump::tables(&database), merges));
        }
        for (tables, merges) in &outcomes[1..] {
            same_text(tables, &outcomes[0].0);
            same_text(merges, &outcomes[0].1);
        }
    }
}

/// Records of the second system that were dead join the people that they are, or become new ones, as in a clean run.
#[test]
fn who_was_dead_joins_as_in_a_clean_run() {
    for database in Database::each() {
        let story = Story::new();
        people(&story);
        let run =
            |database: &Database, code| story.call(database, &["run"], &["--execute", "--yes"]).run().expect(code);
        story.write("migration.toml", &of_kinds(ALL, ALL, 50));
        let clean = database.another();
        run(&clean, 0);
        story.write("migration.toml", &of_kinds(ALL, PLAIN, 50));
        run(&database, 3);
        assert_ne!(dump::tables(&database), dump::tables(&clean));
        story.write("migration.toml", &of_kinds(ALL, ALL, 50));
        let dry = dump::all(&database);
        story.replay(&database, &[]).run();
        same_text(&dump::all(&database), &dry);
        story.replay(&database, &["--execute"]).run().expect(0);
        same_text(&dump::tables(&database), &dump::tables(&clean));
        story.call(&database, &["verify"], &[]).run().expect(0);
    }
}

/// A group keeps the id that it has got: rows of others hold it already.
#[test]
fn a_group_keeps_its_id_when_somebody_of_a_higher_priority_joins() {
    for database in Database::each() {
        let story = Story::new();
        people(&story);
        // The first system's people are the odd ones here.
        let swapped =
            |manifest: String| manifest.replace("[\"old-users\", \"new-users\"]", "[\"new-users\", \"old-users\"]");
        story.write("migration.toml", &swapped(of_kinds(ALL, PLAIN, 50)));
        story.call(&database, &["run"], &["--execute", "--yes"]).run().expect(3);
        let names = "SELECT id, mail, name, phone FROM users WHERE mail LIKE '%10@%' ORDER BY mail";
        let before = database.query(names);
        story.write("migration.toml", &swapped(of_kinds(ALL, ALL, 50)));
        story.replay(&database, &["--execute"]).run().expect(0);
        let after = database.query(names);
        assert_eq!(before[0][0], after[0][0], "{before:?} {after:?}");
        assert_eq!(
            (before[0][2].as_deref(), after[0][2].as_deref()),
            (Some("old 10"), Some("new 10")),
            "{before:?} {after:?}"
        );
        story.call(&database, &["verify"], &[]).run().expect(0);
        // And once more, from the beginning: the replay had nothing left to do.
        story.replay(&database, &["--execute"]).run().expect(0);
        assert_eq!(after, database.query(names));
    }
}

#[test]
fn merges_are_listed_and_shown() {
    let story = Story::new();
    let database = Database::sqlite();
    people(&story);
    story.write("migration.toml", &of_kinds(ALL, ALL, 50));
    story.call(&database, &["merges", "list"], &[]).run().expect(2);
    story.call(&database, &["run"], &["--execute", "--yes"]).run().expect(0);
    let json = |ended: &Ended| -> Json { serde_json::from_str(&ended.stdout).unwrap() };
    let listed = json(&story.call(&database, &["merges", "list"], &["--limit", "1"]).run().expect(0));
    let groups = listed["entities"][0]["groups"].as_u64().unwrap();
    assert!(groups > 50 && listed["entities"][0]["merged"].as_u64().unwrap() >= groups, "{listed}");
    assert_eq!(listed["merges"].as_array().unwrap().len(), 1, "{listed}");
    let show = |entity: &str, key: &str| story.call(&database, &["merges", "show"], &[entity, key]).run();
    let shown = json(&show("new-users", "1").expect(0));
    let named = |entity: &str, key: &str| serde_json::json!({ "entity": entity, "key": key });
    assert_eq!((shown["identity"].as_str(), &shown["survivor"]), (Some("p1@example.org"), &named("old-users", "i1")));
    assert_eq!(shown["members"], serde_json::json!([named("old-users", "i1"), named("new-users", "i1")]));
    assert_eq!(
        (&shown["fields"]["name"], &shown["fields"]["phone"]),
        (&named("old-users", "i1"), &named("new-users", "i1"))
    );
    assert_eq!(json(&show("users", "p1@example.org").expect(0)), shown);
    assert_eq!(json(&show("new-users", "4").expect(1)), Json::Null);
    let refused = json(&show("notes", "4").expect(2));
    assert_eq!(refused["error"], "no records of an entity `notes` are merged");
    // What people see.
    let file = story.path().join("migration.toml").display().to_string();
    let plain = |arguments: &[&str]| Whimbrel::new(arguments).env("TARGET_URL", &database.url).run().expect(0).stdout;
    let listed = plain(&["merges", "list", &file, "--limit", "1"]);
    assert!(listed.contains("records are made of several, and") && listed.contains("more: `--limit`"), "{listed}");
    let shown = plain(&["merges", "show", &file, "new-users", "1"]);
    for line in
        ["users: p1@example.org, id ", "  old-users i1  survives\n", "  new-users i1\n", "phone  new-users i1\n"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
