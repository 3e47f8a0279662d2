//! Dead letters once more, through a component that is right: the target ends as that of a clean run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use super::recovery::same_text;

mod mapping;

const PEOPLE: u32 = 1_500;
const PETS: u32 = 900;
const TOYS: u32 = 600;

const ENTITIES: &str = r#"
[[entity]]
name = "toys"
from = "old.toys"
into = ["toys"]
config.columns = ["_id", "name", "pet"]

[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
config.columns = ["_id", "name", "owner", "friend"]
references.friend = { on-missing = "null" }

[[entity]]
name = "people"
from = "old.people"
into = ["people"]
config.columns = ["_id", "name", "boss"]
references.boss = { on-missing = "null" }
"#;

/// Returns a manifest of these entities; three times as many rows as records go into a transaction.
pub fn manifest(name: &str, transform: &str, batch_records: usize, entities: &str) -> String {
    let transaction_rows = batch_records * 3;
    format!(
        r#"
version = 1
name = "{name}"

[source.old]
url = "mongoexport:."

[target]
url = "${{TARGET_URL}}"
schema = "schema.sql"

[defaults]
transform = "{transform}"
batch-records = {batch_records}
transaction-rows = {transaction_rows}
dead-letters-max = "100%"
{entities}"#
    )
}

/// A migration of people, their pets and the pets' toys, whose transformer is wrong about some.
pub struct Story {
    folder: tempfile::TempDir,
}

impl Story {
    /// Writes the sources. People refer to one another, pets need an owner and may have a friend, toys need a pet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        components::link(folder.path());
        let story = Self { folder };
        let mut people = String::new();
        for id in 0..PEOPLE {
            let marker = match id {
                id if id % 5 == 2 => r#", "trap": true"#,
                id if id % 7 == 3 => r#", "reject": true"#,
                _ => "",
            };
            // Bosses come before, behind, and never.
            let boss = match id % 11 {
                0 => 900_000 + id,
                1 => (id + 13) % PEOPLE,
                2 => id,
                _ => id / 3,
            };
            let _ = writeln!(people, r#"{{"_id": {id}, "name": "person {id}", "boss": {boss}{marker}}}"#);
        }
        // One without a key, one with another's.
        people.push_str("{\"name\": \"nobody\"}\n{\"_id\": 4, \"name\": \"again\"}\n");
        story.write("people.json", &people);
        let mut pets = String::new();
        for id in 0..PETS {
            let marker = if id % 9 == 4 { r#", "trap": true"# } else { "" };
            let owner = if id % 50 == 7 { 800_000 } else { id };
            let friend = if id % 40 == 9 { 700_000 } else { (id * 7) % PEOPLE };
            let _ =
                writeln!(pets, r#"{{"_id": {id}, "name": "pet {id}", "owner": {owner}, "friend": {friend}{marker}}}"#);
        }
        story.write("pets.json", &pets);
        let mut toys = String::new();
        for id in 0..TOYS {
            let _ = writeln!(toys, r#"{{"_id": {id}, "name": "toy {id}", "pet": {}}}"#, (id * 3) % PETS);
        }
        story.write("toys.json", &toys);
        story.write(
            "schema.sql",
            "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss INTEGER REFERENCES people);
             CREATE TABLE pets (_id INTEGER PRIMARY KEY, name TEXT, owner INTEGER NOT NULL REFERENCES people,
                 friend INTEGER REFERENCES people);
             CREATE TABLE toys (_id INTEGER PRIMARY KEY, name TEXT, pet INTEGER NOT NULL REFERENCES pets);",
        );
        story.write("migration.toml", &manifest("story", "mended", 100, ENTITIES));
        story
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Makes this version of the component the active one.
    pub fn activate(&self, version: &str) {
        let plugins = self.path().join("plugins");
        let active = plugins.join("mended.wasm");
        let _ = fs::remove_file(&active);
        fs::copy(plugins.join(format!("{version}.wasm")), active).unwrap();
    }

    /// Prepares a call; the manifest comes behind the words of the command.
    pub fn call(&self, database: &Database, words: &[&str], more: &[&str]) -> Whimbrel {
        let arguments = words.iter().chain(&["migration.toml", "--json"]).chain(more);
        Whimbrel::new(arguments).at(self.path()).env("TARGET_URL", &database.url)
    }

    /// Runs the whole migration with a version.
    pub fn run(&self, database: &Database, version: &str) -> Ended {
        self.activate(version);
        self.call(database, &["run"], &["--execute", "--yes"]).run()
    }

    pub fn replay(&self, database: &Database, more: &[&str]) -> Whimbrel {
        self.call(database, &["dead-letter", "replay"], more)
    }
}

/// Runs with the wrong version, and makes the right one active.
fn gone_wrong(story: &Story, database: &Database) {
    story.run(database, "mended_v1").expect(3);
    story.activate("mended_v2");
}

/// What a clean run with the right version leaves.
fn clean(story: &Story, database: &Database) -> String {
    let clean = database.another();
    story.run(&clean, "mended_v2").expect(3);
    dump::all(&clean)
}

/// What would become of each letter, by its number.
fn outcomes(report: &Json) -> BTreeMap<u64, (String, Option<String>)> {
    let letters = report["letters"].as_array().unwrap().iter();
    let text = |value: &Json| value.as_str().map(str::to_owned);
    letters.map(|l| (l["number"].as_u64().unwrap(), (text(&l["outcome"]).unwrap(), text(&l["code"])))).collect()
}

fn attempts_add_up(database: &Database) {
    let sql = format!(
        "SELECT l.document FROM {} AS l WHERE l.provisional = 0 AND l.attempts <> (SELECT COUNT(*) FROM {} AS a
         WHERE a.entity = l.entity AND a.document = l.document)",
        database.own("dead_letter"),
        database.own("dead_letter_attempt")
    );
    assert!(database.query(&sql).is_empty(), "a letter has as many attempts as it says");
}

fn ends_as_a_clean_run(database: &Database) {
    let story = Story::new();
    let clean = clean(&story, database);
    gone_wrong(&story, database);
    let before = dump::all(database);
    assert_ne!(before, clean);

    let predicted = story.replay(database, &[]).run().expect(3).json();
    same_text(&dump::all(database), &before);
    let replayed = story.replay(database, &["--execute"]).run().expect(3).json();
    same_text(&dump::all(database), &clean);
    assert_eq!(outcomes(&predicted), outcomes(&replayed), "as predicted");
    attempts_add_up(database);
    for entity in replayed["entities"].as_array().unwrap() {
        let total = entity["total"].as_object().unwrap();
        let sum: u64 = total.iter().filter(|(fate, _)| *fate != "read").map(|(_, n)| n.as_u64().unwrap()).sum();
        assert_eq!(total["read"], sum, "{entity}");
    }
    assert_eq!(replayed["permanent"][0]["code"], "missing-key");
    assert_eq!(replayed["changes"].as_array().unwrap().len(), 3, "a digest an entity");
    let filled = |name: &str| {
        let entities = replayed["entities"].as_array().unwrap();
        entities.iter().find(|entity| entity["name"] == name).unwrap()["filled"].as_u64().unwrap()
    };
    assert!(filled("pets") > 50 && filled("people") > 50, "{replayed}");

    let letter = replayed["letters"].as_array().unwrap().iter().find(|letter| letter["outcome"] == "written").unwrap();
    let number = letter["number"].to_string();
    let shown = story.call(database, &["dead-letter", "show"], &[&number]).run().expect(0).json();
    let history = shown["history"].as_array().unwrap();
    let fates: Vec<_> = history.iter().map(|attempt| attempt["fate"].as_str().unwrap()).collect();
    assert_eq!((fates.as_slice(), &shown["state"]), (["dead", "written"].as_slice(), &"replayed".into()));
    assert_ne!(history[0]["digest"], history[1]["digest"]);

    // Twice is once: what is dead is dead for another reason than the component.
    let again = story.replay(database, &["--execute"]).run().expect(3).json();
    assert!(outcomes(&again).values().all(|(outcome, _)| outcome == "dead"), "{again}");
    same_text(&dump::all(database), &clean);
    attempts_add_up(database);
}

#[test]
fn ends_as_a_clean_run_on_sqlite() {
    ends_as_a_clean_run(&Database::sqlite());
}

#[test]
fn ends_as_a_clean_run_on_postgres() {
    if let Some(database) = Database::postgres() {
        ends_as_a_clean_run(&database);
    }
}

#[test]
fn killed_and_done_again_is_done_once() {
    for database in Database::each() {
        let story = Story::new();
        let clean = clean(&story, &database);
        for point in [
            "commit-rows=1*off->return",
            "commit-before=return",
            "commit-before=2*off->return",
            "replay-page=return",
            "replay-page=3*off->return",
            "finish-fill=return",
            "heal-page=return",
        ] {
            database.empty();
            gone_wrong(&story, &database);
            let killed = story.replay(&database, &["--execute"]).ending_at(point).run();
            assert_eq!(killed.code, None, "{point}: {killed}");
            story.replay(&database, &["--execute"]).run().expect(3);
            let found = dump::all(&database);
            assert!(found == clean, "{point} on {}", database.kind());
            attempts_add_up(&database);
        }
    }
}

#[test]
fn an_entity_that_is_not_done_goes_on_behind_a_replay() {
    for database in Database::each() {
        let story = Story::new();
        let clean = clean(&story, &database);
        story.activate("mended_v1");
        let limited = ["--execute", "--yes", "--limit", "700"];
        story.call(&database, &["run"], &limited).run().expect(3);
        story.activate("mended_v2");
        story.replay(&database, &["--execute"]).run().expect(0);
        story.call(&database, &["verify"], &[]).run().expect(0);
        story.call(&database, &["run"], &["--execute", "--yes", "--accept-change"]).run().expect(3);
        same_text(&dump::all(&database), &clean);
        story.call(&database, &["verify"], &[]).run().expect(0);
    }
}

#[test]
fn only_what_is_meant_and_those_that_waited() {
    let story = Story::new();
    let database = Database::sqlite();
    gone_wrong(&story, &database);
    let report = story.replay(&database, &["--execute", "--entity", "people", "--code", "plugin-trap"]).run().expect(3);
    let letters = report.json()["letters"].as_array().unwrap().clone();
    let of = |entity: &str, was: &str| letters.iter().filter(|l| l["entity"] == entity && l["was"] == was).count();
    assert!(of("people", "plugin-trap") > 0 && of("people", "unknown-kind") == 0);
    assert!(of("pets", "missing-parent") > 0 && of("pets", "plugin-trap") == 0);
    assert!(of("toys", "missing-parent") > 0);
}

/// What is replayed was kept: the source has nothing to say.
#[test]
fn the_source_may_be_gone() {
    for database in Database::each() {
        let story = Story::new();
        let clean = clean(&story, &database);
        gone_wrong(&story, &database);
        for collection in ["people", "pets", "toys"] {
            fs::remove_file(story.path().join(collection).with_extension("json")).unwrap();
        }
        story.replay(&database, &[]).run().expect(3);
        story.replay(&database, &["--execute"]).run().expect(3);
        same_text(&dump::all(&database), &clean);
        let ended = story.call(&database, &["verify"], &[]).run().expect(2);
        assert!(ended.stderr.contains("collection `people` in"), "{ended}");
    }
}

#[test]
fn a_discarded_letter_is_kept_counted_and_left_alone() {
    let story = Story::new();
    let database = Database::sqlite();
    gone_wrong(&story, &database);
    let dead = |code: &str| {
        let sql = format!("SELECT COUNT(*) FROM whimbrel_dead_letter WHERE state = 'dead' AND code = '{code}'");
        database.query(&sql)[0][0].clone().unwrap().parse::<u64>().unwrap()
    };
    let traps = dead("plugin-trap");
    let words = ["--code", "plugin-trap", "--reason", "nobody misses them"];
    let predicted = story.call(&database, &["dead-letter", "discard"], &words).run().expect(0).json();
    assert_eq!((&predicted["discarded"], dead("plugin-trap")), (&traps.into(), traps));
    let words = [&words[..], &["--execute"]].concat();
    let discarded = story.call(&database, &["dead-letter", "discard"], &words).run().expect(0).json();
    assert_eq!((&discarded["discarded"], dead("plugin-trap")), (&traps.into(), 0));

    let nothing = story.call(&database, &["dead-letter", "discard"], &words).run().expect(0).json();
    assert_eq!(nothing["discarded"], 0, "all of them are given up");

    let listed = story.call(&database, &["dead-letter", "list"], &[]).run().expect(0).json();
    let count = |reasons: &Json| -> u64 {
        let of_code = reasons.as_array().unwrap().iter().filter(|reason| reason["code"] == "plugin-trap");
        of_code.map(|reason| reason["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((count(&listed["reasons"]), count(&listed["discarded"])), (0, traps));
    let replayed = story.replay(&database, &["--execute"]).run().expect(3).json();
    assert!(replayed["letters"].as_array().unwrap().iter().all(|letter| letter["was"] != "plugin-trap"));
    let status = story.call(&database, &["status"], &[]).run().expect(0).json();
    let dead: u64 = status["entities"].as_array().unwrap().iter().map(|e| e["total"]["dead"].as_u64().unwrap()).sum();
    assert!(dead > traps, "a discarded record is a dead one still");
    story.call(&database, &["dead-letter", "discard"], &["1000000", "--reason", "x"]).run().expect(2);
    let one = database.query("SELECT id FROM whimbrel_dead_letter WHERE state = 'discarded'")[0][0].clone().unwrap();
    let again = story.call(&database, &["dead-letter", "discard"], &[&one, "--reason", "x", "--execute"]).run();
    assert_eq!(again.expect(0).json()["discarded"], 0);
    let reasons = database.query("SELECT DISTINCT reason FROM whimbrel_dead_letter WHERE state = 'discarded'");
    assert_eq!(reasons, [[Some("nobody misses them".to_owned())]], "the first reason stands");
}

#[test]
fn an_export_is_a_source() {
    let story = Story::new();
    let database = Database::sqlite();
    gone_wrong(&story, &database);
    let exported = story.call(&database, &["dead-letter", "export"], &["letters"]).run().expect(0).json();
    assert_eq!(exported["left_out"], serde_json::json!([]));
    story.call(&database, &["dead-letter", "export"], &["letters"]).run().expect(2);

    // Exported letters, read from the export, die as they did: the same originals come back.
    let originals = |database: &Database| {
        let sql = "SELECT entity, key, hex(original) FROM whimbrel_dead_letter WHERE state = 'dead'
                   AND entity = 'people' AND code IN ('plugin-trap', 'unknown-kind', 'missing-key')";
        let mut rows = database.query(sql);
        rows.sort();
        rows
    };
    let manifest = fs::read_to_string(story.path().join("migration.toml")).unwrap();
    story.write("migration.toml", &manifest.replace("mongoexport:.", "mongoexport:letters"));
    let other = Database::sqlite();
    story.run(&other, "mended_v1");
    assert!(originals(&other).len() > 400);
    assert_eq!(originals(&other), originals(&database));
}

/// Each waits for the one behind it: one call brings them all, and not one link of the chain.
#[test]
fn one_replay_brings_a_whole_chain() {
    for database in Database::each() {
        let folder = tempfile::tempdir().unwrap();
        let parent = |id: usize| if id == 30 { "null".to_owned() } else { (id + 1).to_string() };
        let body = |id: usize| if id == 30 { "bad" } else { "good" };
        let nodes: String = (1..=31)
            .map(|id| match id {
                31 => "{\"_id\":31,\"body\":\"good\",\"parent\":null}\n".to_owned(),
                id => format!("{{\"_id\":{id},\"body\":\"{}\",\"parent\":{}}}\n", body(id), parent(id)),
            })
            .collect();
        fs::write(folder.path().join("nodes.json"), nodes).unwrap();
        let manifest = format!(
            "version = 1\nname = \"chain\"\nplugins = \"{}\"\n[source.old]\nurl = \"mongoexport:.\"\n\
             [target]\nurl = \"${{TARGET_URL}}\"\n\
             [[entity]]\nname = \"nodes\"\nfrom = \"old.nodes\"\ntransform = \"mongo-to-sql\"\nid = \"keep\"\n\
             into = [\"nodes\"]\ndead-letters-max = 50\nreferences.parent.on-missing = \"dead-letter\"\n\
             config.columns = {{ id = \"_id\", body = \"body\", parent = {{ from = \"parent\", reference = \"nodes\" }} }}\n",
            whimbrel_tests::root().join("plugins").display()
        );
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        let table = "CREATE TABLE nodes (id bigint PRIMARY KEY, body text, parent bigint REFERENCES nodes (id))";
        let refusing = match database.kind() {
            "sqlite" => {
                "CREATE TRIGGER refusing BEFORE INSERT ON nodes WHEN NEW.body = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END"
            }
            _ => "ALTER TABLE nodes ADD CONSTRAINT refusing CHECK (body <> 'bad')",
        };
        database.execute(&format!("{table}; {refusing}"));
        let run = |words: &[&str], code| {
            Whimbrel::new(words).at(folder.path()).env("TARGET_URL", &database.url).run().expect(code)
        };
        run(&["run", "migration.toml", "--execute", "--yes"], 3);
        let count = || database.query("SELECT count(*) AS number FROM nodes")[0][0].clone().unwrap();
        assert_eq!(count(), "1");
        database.execute(match database.kind() {
            "sqlite" => "DROP TRIGGER refusing",
            _ => "ALTER TABLE nodes DROP CONSTRAINT refusing",
        });
        run(&["dead-letter", "replay", "migration.toml", "--execute"], 0);
        assert_eq!(count(), "31");
    }
}
