//! The promise of a dry run: its counts are the run's, or it names the tables of which it cannot say so, and why.

use std::fs;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;

use super::people::Migration;

/// Returns what a dry run says it cannot foresee, what it foretells of the records, and what comes true.
fn foretold_and_true(schema: &str, more: &str, database: Database) -> (String, Json, Json) {
    let migration = Migration::of(8, "dead-letters-max = \"100%\"", database);
    fs::write(migration.folder.path().join("schema.sql"), schema).unwrap();
    let manifest = migration.folder.path().join("migration.toml");
    fs::write(&manifest, format!("{}{more}", fs::read_to_string(&manifest).unwrap())).unwrap();
    let export = migration.folder.path().join("people.json");
    fs::write(&export, fs::read_to_string(&export).unwrap().replace("\"extra\": 1", "\"extras\": [1]")).unwrap();
    let run = |arguments: &[&str]| {
        let ended = migration.run(arguments);
        let entity = ended.json()["entities"][0].clone();
        assert_eq!(entity["total"]["read"], 8, "{schema}: {ended}");
        entity
    };
    let dry = run(&["run", "migration.toml", "--json"]);
    let real = run(&["run", "migration.toml", "--execute", "--yes", "--json"]);
    let told = |entity: &Json| json!([entity["total"], entity["rows"], entity["nulled_references"]]);
    (dry["not_predicted"].to_string(), told(&dry), told(&real))
}

/// Tables whose rows hang on what only the target knows: not foretold, and named.
#[test]
fn what_the_target_fills_in_is_not_predicted() {
    let fed = "id INTEGER PRIMARY KEY, name TEXT NOT NULL";
    let both = [
        ("`kind`, which the unique", format!("CREATE TABLE people ({fed}, kind TEXT DEFAULT 'x' UNIQUE)")),
        (
            "`kind`, which the foreign key",
            format!(
                "CREATE TABLE kinds (code TEXT PRIMARY KEY);
                 CREATE TABLE people ({fed}, kind TEXT DEFAULT 'x' REFERENCES kinds (code))"
            ),
        ),
        (
            "computed column `short`",
            format!("CREATE TABLE people ({fed}, short TEXT NOT NULL GENERATED ALWAYS AS (nullif(name, 'n2')) STORED)"),
        ),
        (
            "computed column `short`",
            format!("CREATE TABLE people ({fed}, short INTEGER UNIQUE GENERATED ALWAYS AS (length(name)) STORED)"),
        ),
    ];
    let postgres = [
        ("NULLs of `age`", format!("CREATE TABLE people ({fed}, age INTEGER, UNIQUE NULLS NOT DISTINCT (age))")),
        (
            "partitions",
            format!(
                "CREATE TABLE people ({fed}) PARTITION BY RANGE (id);
                 CREATE TABLE few PARTITION OF people FOR VALUES FROM (0) TO (5)"
            ),
        ),
        (
            "bounds of a partition",
            "CREATE TABLE everybody (id INTEGER, name TEXT NOT NULL) PARTITION BY RANGE (id);
             CREATE TABLE people PARTITION OF everybody (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (5)"
                .to_owned(),
        ),
        ("rule `nobody`", format!("CREATE TABLE people ({fed}); CREATE RULE nobody AS ON UPDATE TO people DO NOTHING")),
    ];
    for database in Database::each() {
        let schemas = both.iter().chain(postgres.iter().filter(|_| database.file().is_none()));
        for (why, schema) in schemas {
            let (named, foretold, came_true) = foretold_and_true(schema, "", database.another());
            assert!(named.contains(why), "`{why}` is missing in {named}");
            let is_true = foretold == came_true;
            assert_eq!(is_true, why.starts_with("rule"), "{schema}: {foretold} and {came_true}");
        }
    }
}

/// Numbers and random ids that the target gives are new, and defaults that no constraint looks at matter to nobody.
#[test]
fn what_cannot_refuse_a_row_is_predicted() {
    let fed = "id INTEGER PRIMARY KEY, name TEXT NOT NULL";
    let both = format!("CREATE TABLE people ({fed}, kind TEXT NOT NULL DEFAULT 'x', age INTEGER UNIQUE)");
    let rowid = format!(
        "CREATE TABLE people ({fed});
         CREATE TABLE names (number INTEGER PRIMARY KEY, person INTEGER UNIQUE REFERENCES people (id), name TEXT)"
    );
    let child = "[entity.config.children.names]\neach = \"extras\"\nkey = [\"person\"]\n\
        columns = { person = \"^_id\", name = \"^name\" }\n";
    let postgres = format!(
        "CREATE TABLE people ({fed}, number SERIAL UNIQUE, other BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
            ref UUID DEFAULT gen_random_uuid() UNIQUE, text TEXT DEFAULT gen_random_uuid()::text UNIQUE)"
    );
    for database in Database::each() {
        let own = if database.file().is_some() { (&rowid, child) } else { (&postgres, "") };
        for (schema, more) in [(&both, ""), own] {
            let (named, foretold, came_true) = foretold_and_true(schema, more, database.another());
            assert_eq!((named.as_str(), foretold), ("null", came_true), "{schema}");
        }
    }
}

/// A key that the target gives is not known before the row stands.
#[test]
fn a_reference_to_what_the_target_fills_in_is_not_predicted() {
    let Some(database) = Database::postgres() else { return };
    let schema = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, number SERIAL UNIQUE,
        boss INTEGER REFERENCES people (number))";
    let (named, foretold, came_true) =
        foretold_and_true(schema, "boss = { from = \"_id\", as = \"integer\" }\n", database);
    assert!(named.contains("a reference to `people.number`"), "{named}");
    assert_ne!(foretold, came_true);
}

/// Two entities that take numbers for one table take other ones in the prediction too.
#[test]
fn entities_that_number_one_table_are_predicted() {
    for database in Database::each() {
        let migration = Migration::of(8, "dead-letters-max = \"100%\"\nkey = \"_id\"", database);
        let path = migration.folder.path();
        let manifest = fs::read_to_string(path.join("migration.toml")).unwrap().replace("\"keep\"", "\"sequence\"");
        let (_, entity) = manifest.split_once("[[entity]]").unwrap();
        let second = entity.replacen("name = \"people\"", "name = \"others\"", 1);
        fs::write(path.join("migration.toml"), format!("{manifest}\n[[entity]]{second}")).unwrap();
        let number = if migration.database.kind() == "sqlite" { "INTEGER" } else { "SERIAL" };
        let schema = format!("CREATE TABLE people (id {number} PRIMARY KEY, name TEXT NOT NULL)");
        fs::write(path.join("schema.sql"), schema).unwrap();
        let told = |arguments: &[&str]| {
            let ended = migration.run(arguments).expect(0).json();
            let entities = ended["entities"].as_array().unwrap().iter();
            entities.map(|entity| json!([entity["name"], entity["total"], entity["rows"]])).collect::<Vec<_>>()
        };
        let foretold = told(&["run", "migration.toml", "--json"]);
        assert_eq!(foretold.len(), 2, "{foretold:?}");
        assert_eq!(foretold[1][1]["written"], 8, "{foretold:?}");
        assert_eq!(foretold, told(&["run", "migration.toml", "--execute", "--yes", "--json"]));
    }
}
