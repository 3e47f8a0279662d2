//! A mapping that was wrong, mended by configuration alone.

use std::fmt::Write as _;

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::Story;
use super::manifest;
use crate::recovery::same_text;

/// Ids that the transformer gives, ids that are computed, and rows of two tables: what was nulled or set aside for want of
/// a parent is put right whatever its id is.
#[test]
fn a_mended_mapping_is_as_good_as_a_mended_component() {
    for (id, column) in [("column", "code TEXT PRIMARY KEY"), ("uuid-v5", "code UUID PRIMARY KEY")] {
        for database in Database::each() {
            let story = Story::new();
            let mut people = String::new();
            for id in 0..400 {
                let kind = if id % 4 == 1 { "new" } else { "old" };
                let boss = (id * 7 + 3) % 410;
                let _ = writeln!(
                    people,
                    r#"{{"_id": {id}, "code": "c{id}", "kind": "{kind}", "boss": {boss}, "tags": ["a{id}", "b{id}"]}}"#
                );
            }
            let mut pets = String::new();
            for id in 0..300 {
                let (owner, friend) = ((id * 3) % 410, (id * 5) % 410);
                let _ = writeln!(pets, r#"{{"_id": {id}, "owner": {owner}, "friend": {friend}}}"#);
            }
            story.write("people.json", &people);
            story.write("pets.json", &pets);
            story.write(
                "schema.sql",
                &format!(
                    "CREATE TABLE people ({column}, kind TEXT NOT NULL, boss {0} REFERENCES people);
                     CREATE TABLE tags (tag TEXT PRIMARY KEY, person {0} NOT NULL REFERENCES people);
                     CREATE TABLE pets (id UUID PRIMARY KEY, owner {0} NOT NULL REFERENCES people,
                         friend {0} REFERENCES people);",
                    column.split(' ').nth(1).unwrap()
                ),
            );
            let (given, config) = match id {
                "column" => ("code", "config.table = \"people\"\nconfig.id = \"code\""),
                _ => ("_id", "config.table = \"people\""),
            };
            let of_kinds = |kinds: &str| {
                let entities = format!(
                    r#"
[[entity]]
name = "people"
from = "old.people"
id = "{id}"
into = ["people", "tags"]
references.boss = {{ on-missing = "null" }}
{config}
[entity.config.columns]
code = "{given}"
kind = {{ from = "kind", enum = [{kinds}] }}
boss = {{ from = "boss", reference = "people" }}
[entity.config.children.tags]
each = "tags"
columns = {{ person = {{ from = "^_id", reference = "people" }}, tag = "$" }}

[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
references.friend = {{ on-missing = "null" }}
[entity.config.columns]
id = "_id"
owner = {{ from = "owner", reference = "people" }}
friend = {{ from = "friend", reference = "people" }}
"#
                );
                manifest("mapped", "mongo-to-sql", 50, &entities)
            };
            let run = |database: &Database| story.call(database, &["run"], &["--execute", "--yes"]).run().expect(3);
            story.write("migration.toml", &of_kinds(r#""old", "new""#));
            let clean = database.another();
            run(&clean);
            story.write("migration.toml", &of_kinds(r#""old""#));
            run(&database);
            assert_ne!(dump::tables(&database), dump::tables(&clean));
            story.write("migration.toml", &of_kinds(r#""old", "new""#));
            story.replay(&database, &["--execute"]).run().expect(3);
            same_text(&dump::all(&database), &dump::all(&clean));
            story.call(&database, &["verify"], &[]).run().expect(0);
        }
    }
}
