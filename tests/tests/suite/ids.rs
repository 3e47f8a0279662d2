//! Ids that the target numbers, sequences behind ids that were written, and the way from a key to its id and back.

mod kept;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::skipped;

use super::cases::Case;
use super::people::Migration;
use super::recovery::same_text;

/// Replaces text in a case's manifest.
fn rewrite(folder: &Path, from: &str, to: &str) {
    let path = folder.join("migration.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn value(database: &Database, sql: &str) -> String {
    database.query(sql)[0][0].clone().unwrap_or_else(|| "NULL".to_owned())
}

/// Which records die, and where a batch ends: neither changes what number a record has.
#[test]
fn numbers_do_not_depend_on_where_batches_end() {
    for database in Database::each() {
        let sizes = [(2, 3), (1, 1), (3, 6), (100, 1000)];
        let mut left: BTreeMap<&str, String> = BTreeMap::new();
        let cases = ["sequence", "one_of_several"].into_iter();
        for (name, (records, rows)) in cases.flat_map(|name| sizes.map(|sizes| (name, sizes))) {
            database.empty();
            let case = Case::new(name, &database).unwrap();
            let sizes = |records, rows| format!("batch-records = {records}\ntransaction-rows = {rows}\n");
            rewrite(case.path(), &sizes(2, 3), &sizes(records, rows));
            case.prepare(&database);
            case.execute(&database).run().expect(3);
            let now = dump::all(&database);
            same_text(&now, left.entry(name).or_insert_with(|| now.clone()));
        }
    }
}

/// Dead letters get numbers of their own when they are replayed, and everything is found to be as it was written.
#[test]
fn replayed_records_are_numbered_too() {
    for database in Database::each() {
        let migration = people(30, "id = \"sequence\"", "INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY", database);
        let run = |words: &[&str], code| migration.run(words).expect(code);
        run(&["run", "migration.toml", "--execute", "--yes"], 3);
        let id = |key: &str, code| run(&["id", "migration.toml", "people", key], code).stdout.trim().to_owned();
        assert_eq!((id("i9", 0).as_str(), id("i10", 1).as_str(), id("i11", 0).as_str()), ("9", "", "10"));
        rewrite(
            migration.folder.path(),
            "name = { from = \"name\", required = true }",
            "name = { from = \"name\", default = \"nobody\" }",
        );
        run(&["dead-letter", "replay", "migration.toml", "--execute"], 0);
        let ids = "SELECT min(id) || ' ' || max(id) || ' ' || count(*) FROM people WHERE name = 'nobody'";
        assert_eq!(value(&migration.database, ids), "28 30 3");
        assert_eq!(id("10", 0), "28");
        rewrite(
            migration.folder.path(),
            "name = { from = \"name\", default = \"nobody\" }",
            "name = { from = \"name\", required = true }",
        );
        let again = run(&["run", "migration.toml", "--execute", "--yes", "--json"], 0);
        assert_eq!(again.json()["status"], "nothing-to-do");
    }
}

/// A letter that fails again gives its number back: however often it is tried, the one that it has in the end is the next.
#[test]
fn a_replay_that_fails_gives_its_numbers_back() {
    for database in Database::each() {
        let migration = people(30, "id = \"sequence\"", "INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY", database);
        rewrite(migration.folder.path(), "dead-letters-max = \"10%\"", "dead-letters-max = \"50%\"");
        let refuse = |names: &str| match migration.database.kind() {
            "sqlite" => format!(
                "DROP TRIGGER IF EXISTS unwanted; CREATE TRIGGER unwanted BEFORE INSERT ON people WHEN NEW.name IN ({names}) \
                 BEGIN SELECT RAISE(ABORT, 'unwanted'); END;"
            ),
            _ => format!(
                "ALTER TABLE people DROP CONSTRAINT IF EXISTS unwanted, ADD CONSTRAINT unwanted CHECK (name NOT IN ({names}));"
            ),
        };
        let script = migration.folder.path().join("schema.sql");
        let schema = fs::read_to_string(&script).unwrap() + &refuse("'n3', 'n13', 'n23'");
        fs::write(&script, schema).unwrap();
        migration.run(&["run", "migration.toml", "--execute", "--yes"]).expect(3);
        let replay = || migration.run(&["dead-letter", "replay", "migration.toml", "--execute"]).expect(3);
        let rows = "SELECT coalesce(max(id), 0) || ' ' || count(*) FROM people WHERE id > 27";
        for _ in 0..2 {
            replay();
            assert_eq!(value(&migration.database, rows), "0 0");
        }
        // The last of them lives: those before it try again with what they had.
        migration.database.execute(&refuse("'n3', 'n13'"));
        replay();
        assert_eq!(value(&migration.database, rows), "30 1");
        migration.database.execute(&refuse("'nobody'"));
        replay();
        let last = "SELECT id || ' ' || name FROM people WHERE id > 27 ORDER BY id";
        let last: Vec<String> = migration.database.query(last).into_iter().filter_map(|mut row| row.pop()?).collect();
        assert_eq!(last, ["28 n3", "29 n13", "30 n23"], "{}", migration.database.kind());
        migration.run(&["verify", "migration.toml"]).expect(0);
    }
}

/// A record that is left out for want of a parent has no number, and nothing is missing of it.
#[test]
fn nothing_is_missing_of_numbered_records_that_are_left_out() {
    for database in Database::each() {
        let case = Case::new("missing-parent-skip", &database).unwrap();
        rewrite(case.path(), "id = \"keep\"", "id = \"sequence\"");
        let script = case.path().join("schema.sql");
        let schema = fs::read_to_string(&script).unwrap();
        if database.kind() == "postgres" {
            fs::write(&script, schema.replace("INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY")).unwrap();
        }
        case.prepare(&database);
        let done = case.execute(&database).run();
        assert!(done.stdout.contains("skip"), "{done}");
        let verified = Whimbrel::new(["verify", "migration.toml"]).at(case.path()).env("TARGET_URL", &database.url);
        verified.run().expect(0);
    }
}

/// What the target has numbered is found again after a reset, and not written beside itself.
#[test]
fn a_reset_keeps_the_numbers() {
    let each = |policy| Database::each().into_iter().map(move |database| (database, policy));
    for (database, policy) in ["skip", "update"].into_iter().flat_map(each) {
        let settings = format!("id = \"sequence\"\non-conflict = \"{policy}\"");
        let migration = people(30, &settings, "INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY", database);
        let run = |words: &[&str], code| migration.run(words).expect(code);
        run(&["run", "migration.toml", "--execute", "--yes"], 3);
        let rows = dump::tables(&migration.database);
        run(&["reset", "migration.toml", "--execute"], 0);
        run(&["run", "migration.toml", "--execute", "--yes"], 3);
        same_text(&dump::tables(&migration.database), &rows);
        run(&["verify", "migration.toml"], 0);
    }
}

/// People that the target, or what they were before, numbers; every tenth is dead by the transformer.
fn people(records: usize, settings: &str, sqlite: &str, postgres: &str, database: Database) -> Migration {
    let kind = if database.kind() == "sqlite" { sqlite } else { postgres };
    let migration = Migration::of(records, "dead-letters-max = \"10%\"", database);
    rewrite(migration.folder.path(), "id = \"keep\"", settings);
    rewrite(migration.folder.path(), "name = \"name\"", "name = { from = \"name\", required = true }");
    let schema = format!("CREATE TABLE people (id {kind}, name TEXT NOT NULL, age INTEGER);");
    fs::write(migration.folder.path().join("schema.sql"), schema).unwrap();
    migration
}

/// Numbers are taken before a batch is written. Where somebody has given a row such a number in between, the row stays
/// his, whatever the policy for rows that stand.
#[test]
fn a_number_that_somebody_else_has_used_is_a_conflict() {
    let Some(database) = Database::postgres() else { return };
    let settings = "id = \"sequence\"\non-conflict = \"update\"";
    let migration = people(5, settings, "", "SERIAL PRIMARY KEY", database);
    let execute = || migration.call(&["run", "migration.toml", "--execute", "--yes", "--json"]);
    let ended = execute().ending_at("numbers-taken=return").run();
    assert_eq!(ended.code, None, "{ended}");
    migration.database.execute("INSERT INTO people (id, name) VALUES (3, 'somebody else')");
    rewrite(migration.folder.path(), "dead-letters-max = \"10%\"", "dead-letters-max = 1");
    let report = execute().run().expect(3).json();
    assert_eq!(report["dead_letters"][0]["code"], "conflict", "{report:#}");
    let rows = "SELECT string_agg(id || name, ' ' ORDER BY id) FROM people";
    assert_eq!(value(&migration.database, rows), "1n1 2n2 3somebody else 4n4 5n5");
}

/// Whoever inserts after the migration, and leaves the id to the target, is given one that is free.
#[test]
fn sequences_move_behind_the_ids_that_were_written() {
    let Some(database) = Database::postgres() else { return };
    let kinds = [
        ("SERIAL PRIMARY KEY", "", "51", "52"),
        ("INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "", "51", "52"),
        ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "", "51", "52"),
        // By whole steps, from where it stands.
        ("INTEGER GENERATED BY DEFAULT AS IDENTITY (START 4 INCREMENT 10) PRIMARY KEY", "", "54", "64"),
        // It is ahead already.
        ("SERIAL PRIMARY KEY", "SELECT setval('people_id_seq', 900)", "900", "901"),
        // Rows that stood there before count as well.
        ("SERIAL PRIMARY KEY", "INSERT INTO people (id, name) VALUES (70, 'old')", "70", "71"),
        // One that counts down never meets what lies above it.
        ("INTEGER GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1) PRIMARY KEY", "", "-1", "-1"),
        (
            "INTEGER GENERATED BY DEFAULT AS IDENTITY (START 60 INCREMENT -1 MINVALUE -90 MAXVALUE 60) PRIMARY KEY",
            "",
            "1",
            "0",
        ),
        // Nothing lies between its bounds that it could meet.
        ("INTEGER GENERATED BY DEFAULT AS IDENTITY (MINVALUE 100 START 100) PRIMARY KEY", "", "100", "100"),
    ];
    for (kind, before, stands, next) in kinds {
        database.empty();
        let migration = people(51, "id = \"keep\"", "", kind, database.another());
        migration.database.execute(&fs::read_to_string(migration.folder.path().join("schema.sql")).unwrap());
        migration.database.execute(before);
        // A dry run moves nothing.
        migration.run(&["run", "migration.toml"]).expect(3);
        let report = migration.execute().expect(3).json();
        let at = value(&migration.database, "SELECT last_value FROM people_id_seq");
        assert_eq!(at, stands, "{kind} {before}");
        let moved = &report["entities"][0]["advanced_sequences"];
        let is_ahead = stands == "900" || stands == next;
        assert_eq!(moved.is_null(), is_ahead, "{kind}: {moved}");
        if !is_ahead {
            let told = json!([moved[0]["sequence"], moved[0]["column"], moved[0]["to"].to_string()]);
            assert_eq!(told, json!(["public.people_id_seq", "people.id", stands]));
        }
        migration.database.execute("INSERT INTO people (name) VALUES ('new')");
        assert_eq!(value(&migration.database, "SELECT id FROM people WHERE name = 'new'"), next, "{kind} {before}");
        assert_eq!(migration.execute().expect(3).json()["entities"][0]["advanced_sequences"], json!(null));
    }
}

/// An account that may not move the sequence is told so before the first row.
#[test]
fn a_sequence_that_cannot_be_moved_is_told_before_the_first_row() {
    let Some(database) = Database::postgres() else { return };
    let migration = people(20, "id = \"keep\"", "", "SERIAL PRIMARY KEY", database);
    let role = format!("{}_mover", migration.database.url.rsplit('/').next().unwrap());
    let (scheme, rest) = migration.database.url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://{role}:secret@{host}");
    let database_name = migration.database.url.rsplit('/').next().unwrap();
    let schema = fs::read_to_string(migration.folder.path().join("schema.sql")).unwrap();
    migration.database.execute(&format!(
        "{schema} CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE {database_name} TO {role};
         GRANT SELECT, INSERT ON people TO {role}; GRANT USAGE ON people_id_seq TO {role};"
    ));
    let call = |words: &[&str]| migration.call(words).env("TARGET_URL", &url).run();
    let (dry, wet) = (call(&["run", "migration.toml"]), call(&["run", "migration.toml", "--execute", "--yes"]));
    migration.database.execute(&format!("GRANT SELECT, UPDATE ON people_id_seq TO {role}"));
    let done = call(&["run", "migration.toml", "--execute", "--yes"]);
    migration.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    if dry.stderr.contains("cannot reach") {
        return skipped("the server lets no new role in");
    }
    for ended in [&dry, &wet] {
        let said = format!(
            "no permission to move the sequence `public.people_id_seq` behind the ids of `people`\n\
             caused by: the account `{role}` lacks SELECT, UPDATE\n"
        );
        assert!(ended.code == Some(1) && ended.stderr.contains(&said), "{ended}");
    }
    done.expect(3);
}

/// A migration with an entity of every strategy.
struct Every {
    folder: TempDir,
    database: Database,
}

impl Every {
    fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        components::link(folder.path());
        let mut manifest = r#"
version = 1
name = "every"

[source.old]
url = "mongoexport:."

[target]
url = "${TARGET_URL}"
schema = "schema.sql"

[defaults]
transform = "mongo-to-sql"
"#
        .to_owned();
        let number = if database.kind() == "sqlite" { "INTEGER" } else { "SERIAL" };
        let mut schema = String::new();
        for (name, strategy, kind) in [
            ("computed", "uuid-v5", "UUID"),
            ("kept", "keep", "INTEGER"),
            ("given", "column", "VARCHAR(9)"),
            ("numbered", "sequence", number),
        ] {
            let id = if strategy == "column" { "id = \"id\"\n" } else { "" };
            let from = if strategy == "column" { "code" } else { "_id" };
            let _ = write!(
                manifest,
                "[[entity]]\nname = \"{name}\"\nfrom = \"old.{name}\"\ninto = [\"{name}\"]\nid = \"{strategy}\"\n\
                 [entity.config]\n{id}columns = {{ id = \"{from}\" }}\n"
            );
            let _ = writeln!(schema, "CREATE TABLE {name} (id {kind} PRIMARY KEY);");
            let key = |n: u32| if strategy == "keep" { n.to_string() } else { format!("\"smith {n}\"") };
            let records: Vec<String> =
                (1..=1_500).map(|n| format!(r#"{{"_id": {}, "code": "C{n}"}}"#, key(n))).collect();
            fs::write(folder.path().join(format!("{name}.json")), records.join("\n")).unwrap();
        }
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        fs::write(folder.path().join("schema.sql"), schema).unwrap();
        Self { folder, database }
    }

    fn call(&self, words: &[&str]) -> Whimbrel {
        Whimbrel::new(words).at(self.folder.path()).env("TARGET_URL", &self.database.url)
    }

    /// Asks for an id or a key; returns what is said as JSON, which the text agrees with.
    fn id(&self, words: &[&str], code: i32) -> serde_json::Value {
        let words = [&["id", "migration.toml"], words].concat();
        let text = self.call(&words).run().expect(code);
        let found = self.call(&[&words[..], &["--json"]].concat()).run().expect(code).json();
        let answer = if words.iter().any(|word| word.starts_with("--of")) { &found["key"] } else { &found["id"] };
        assert_eq!(text.stdout.trim(), answer.as_str().unwrap_or_default(), "{text}");
        found
    }
}

#[test]
fn every_id_is_found_and_found_back() {
    for database in Database::each() {
        let every = Every::new(database);
        let before = every.id(&["computed", "ssmith 7"], 0);
        let computed = before["id"].as_str().unwrap().to_owned();
        assert_eq!(before["stands"], json!(false), "nothing is moved yet");
        // A text may be a key's form by chance: as long as no row tells, both are said.
        let text = every.id(&["computed", "smith 7"], 0);
        assert_eq!((&text["key"], &text["other_keys"]), (&json!("smith 7"), &json!(["ssmith 7"])));
        assert_eq!(every.id(&["numbered", "smith 7"], 1)["id"], json!(null));
        every.call(&["run", "migration.toml", "--execute", "--yes"]).run().expect(0);
        for (entity, key, form, id) in [
            (
                "computed",
                "smith 1400",
                "ssmith 1400",
                every.id(&["computed", "ssmith 1400"], 0)["id"].as_str().unwrap(),
            ),
            ("computed", "\"smith 7\"", "ssmith 7", computed.as_str()),
            ("kept", "1400", "i1400", "1400"),
            ("given", "smith 1400", "ssmith 1400", "C1400"),
            ("numbered", "smith 1400", "ssmith 1400", "1400"),
        ] {
            let found = every.id(&[entity, key], 0);
            assert_eq!((&found["key"], &found["id"], &found["stands"]), (&json!(form), &json!(id), &json!(true)));
            assert_eq!(found["column"], format!("{entity}.id"));
            let back = every.id(&[entity, "--of", id], 0);
            assert_eq!((&back["key"], &back["stands"]), (&json!(form), &json!(true)), "{back:#}");
            let is_read = entity == "computed";
            assert_eq!(back["records"].as_u64(), is_read.then(|| form[7..].parse().unwrap()), "{back:#}");
        }
        let nobody = every.id(&["computed", "--of", "00000000-0000-4000-8000-000000000000"], 1);
        assert_eq!((&nobody["records"], &nobody["stands"]), (&json!(1_500), &json!(false)));
        for words in [["numbered", "nobody"], ["given", "nobody"]] {
            let found = every.id(&words, 1);
            assert_eq!((&found["id"], &found["stands"]), (&json!(null), &json!(false)), "{found:#}");
        }
        for words in [["numbered", "--of=9999"], ["given", "--of=C9999"]] {
            assert_eq!(every.id(&words, 1)["key"], json!(null));
        }
        for (words, said) in [
            (&["nowhere", "x"][..], "there is no entity `nowhere`"),
            (&["computed", "--of", "x"], "expected a UUID, found `x`"),
            (&["numbered", "--of", "x"], "expected an id of the type"),
            (&["computed", "--of", ""], "expected a UUID, found `\"\"`"),
            (&["numbered", "--of", ""], "expected an id of the type"),
            (&["numbered"], "required"),
        ] {
            let ended = every.call(&[&["id", "migration.toml"], words].concat()).run().expect(2);
            assert!(ended.stderr.contains(said), "{ended}");
        }
        // What is computed needs no target.
        let away = every
            .call(&["id", "migration.toml", "computed", "ssmith 7"])
            .env("TARGET_URL", "postgres://nobody@127.0.0.1:1/nowhere");
        let ended = away.run().expect(0);
        assert!(ended.stdout.trim() == computed && ended.stderr.contains("is not known"), "{ended}");
    }
}

/// A column of SQLite's may be declared without a type, and messages say so.
#[test]
fn a_column_without_a_type_is_named_as_such() {
    for (settings, said) in [
        ("id = \"keep\"", "the column `people.id` has no type, which cannot be written"),
        ("id = \"sequence\"", "the column `people.id` has no type and no numbering of its own"),
    ] {
        let migration = people(3, settings, "PRIMARY KEY", "", Database::sqlite());
        let ended = migration.run(&["id", "migration.toml", "people", "--of", "1"]);
        assert!(ended.code == Some(2) && ended.stderr.contains(said), "{ended}");
    }
}

/// A reference that no entity had a record for is filled in when one has, and letters that waited for it are tried again.
#[test]
fn what_may_be_of_several_entities_is_found_when_it_comes() {
    for database in Database::each() {
        let case = Case::new("one_of_several", &database).unwrap();
        let parts = case.path().join("export/parts.json");
        let text = fs::read_to_string(&parts).unwrap();
        fs::write(&parts, format!("{text}{{\"_id\": \"late\", \"name\": \"Late\", \"of\": \"dead\"}}\n")).unwrap();
        case.prepare(&database);
        case.execute(&database).run().expect(3);
        let late = "SELECT coalesce(CAST(p.of AS TEXT), 'NULL') FROM parts AS p WHERE name = 'Late'";
        let about = "SELECT count(*) FROM payments AS p JOIN orders AS o ON o.id = p.about WHERE o.name = 'nobody'";
        assert_eq!((value(&database, late).as_str(), value(&database, about).as_str()), ("NULL", "0"));
        rewrite(case.path(), "{ from = \"name\", required = true }", "{ from = \"name\", default = \"nobody\" }");
        let call = |words: &[&str], code| case.call(&database, words).run().expect(code);
        let predicted = call(&["dead-letter", "replay", "migration.toml", "--code=required", "--json"], 3).json();
        assert_eq!(value(&database, late), "NULL");
        let report =
            call(&["dead-letter", "replay", "migration.toml", "--code=required", "--execute", "--json"], 3).json();
        assert_eq!(report["entities"], predicted["entities"], "{report:#}");
        assert_eq!(value(&database, late), value(&database, "SELECT id FROM orders WHERE name = 'nobody'"));
        assert_eq!(value(&database, about), "1", "{report:#}");
        call(&["verify", "migration.toml"], 0);
        // What a person has changed is told as such.
        database.execute("UPDATE parts SET of = 12345 WHERE name = 'Rim'");
        let found = call(&["verify", "migration.toml", "--json"], 1).json();
        let parts = found["entities"].as_array().unwrap().iter().find(|part| part["name"] == "parts").unwrap();
        assert_eq!(parts["differences"][0]["what"], "changed", "{parts:#}");
    }
}
