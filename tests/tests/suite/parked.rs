//! Circles of references and records that wait for their parents: whatever ends a run, and whoever looks in between.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use super::cases::Case;

/// A migration in a folder of its own, or that of a case.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        components::link(folder.path());
        let this = Self(folder);
        files.iter().for_each(|(name, text)| this.write(name, text));
        this
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn call(&self, database: &Database, arguments: &[&str]) -> Whimbrel {
        call(self.0.path(), database, arguments)
    }

    fn execute(&self, database: &Database) -> Whimbrel {
        self.call(database, &["run", "migration.toml", "--execute", "--yes", "--json"])
    }
}

fn call(folder: &Path, database: &Database, arguments: &[&str]) -> Whimbrel {
    Whimbrel::new(arguments).at(folder).env("TARGET_URL", &database.url)
}

fn manifest(defaults: &str, entities: &str) -> String {
    format!(
        "version = 1\nname = \"parked\"\n\n[source.old]\nurl = \"mongoexport:.\"\n\n[target]\nurl = \"${{TARGET_URL}}\"\n\
         schema = \"schema.sql\"\n\n[defaults]\ntransform = \"mongo-to-sql\"\n{defaults}\n{entities}"
    )
}

/// Changes a case's manifest.
fn edit(case: &Case, from: &str, to: &str) {
    let path = case.path().join("migration.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// A target where a case stands as it does after a straight run.
fn straight(name: &str, database: &Database) -> (Database, String) {
    let other = database.another();
    let case = Case::new(name, &other).unwrap();
    case.prepare(&other);
    case.execute(&other).run().expect(3);
    let left = dump::all(&other);
    (other, left)
}

#[track_caller]
fn conserves(ended: &Ended) {
    for entity in ended.json()["entities"].as_array().unwrap() {
        let count = |fate: &str| entity["total"][fate].as_u64().unwrap();
        let fates = ["written", "unchanged", "skipped", "dead", "parked", "merged"];
        assert_eq!(count("read"), fates.iter().map(|fate| count(fate)).sum::<u64>(), "{entity}");
    }
}

fn total(ended: &Ended, entity: &str, fate: &str) -> u64 {
    let json = ended.json();
    let found = json["entities"].as_array().unwrap().iter().find(|it| it["name"] == entity);
    found.unwrap_or_else(|| panic!("{entity}: {json:#}"))["total"][fate].as_u64().unwrap()
}

#[test]
fn what_was_filled_in_or_waited_is_verified() {
    for name in ["cycle-nullable", "cycle-of-three", "cycle-required", "parked-by-policy", "parked-given-ids"] {
        for database in Database::each() {
            let case = Case::new(name, &database).unwrap();
            case.prepare(&database);
            case.execute(&database).run();
            let verified =
                case.call(&database, &["verify", "migration.toml", "--skip-extra", "--json"]).run().expect(0);
            assert_eq!(verified.json()["differences"], 0, "{verified}");
            let rows = database.query(&format!("SELECT COUNT(*) AS count FROM {}", database.own("parked_key")));
            assert_eq!(rows, [[Some("0".to_owned())]], "{name}: nothing waits any more");
        }
    }
}

#[test]
fn what_waits_is_shown_and_goes_on() {
    for database in Database::each() {
        let (_other, left) = straight("parked-to-itself", &database);
        let case = Case::new("parked-to-itself", &database).unwrap();
        case.prepare(&database);
        let limited = ["run", "migration.toml", "--execute", "--yes", "--json", "--limit", "2"];
        let limited = case.call(&database, &limited).run().expect(0);
        conserves(&limited);
        assert_eq!(total(&limited, "parts", "parked"), 2, "{limited}");
        let status = case.call(&database, &["status", "migration.toml", "--json"]).run().expect(0);
        assert_eq!(status.json()["parked"][0]["code"], "missing-parent", "{status}");
        assert_eq!(status.json()["parked"][0]["count"], 2, "{status}");
        let text = case.call(&database, &["status", "migration.toml"]).run().expect(0).stdout;
        assert!(text.contains("parked until their parents have come"), "{text}");

        let dead = case.call(&database, &["dead-letter", "list", "migration.toml", "--json"]).run().expect(0);
        assert_eq!(dead.json()["total"], 0, "what waits is no dead letter: {dead}");
        let list = ["dead-letter", "list", "migration.toml", "--state", "parked", "--json"];
        let list = case.call(&database, &list).run().expect(0).json();
        assert_eq!(list["total"], 2, "{list:#}");
        assert_eq!(list["dead_letters"][0]["state"], "parked", "{list:#}");
        let discard = ["dead-letter", "discard", "migration.toml", "1", "--reason", "no", "--execute", "--json"];
        case.call(&database, &discard).run().expect(0);
        let replay = ["dead-letter", "replay", "migration.toml", "--execute", "--json"];
        case.call(&database, &replay).run().expect(0);

        // A prediction knows what waits, too.
        let predicted = case.call(&database, &["run", "migration.toml", "--json"]).run().expect(3);
        let done = case.execute(&database).run().expect(3);
        conserves(&done);
        for key in ["total", "this_run", "rows"] {
            assert_eq!(predicted.json()["entities"][0][key], done.json()["entities"][0][key], "{predicted}\n{done}");
        }
        assert_eq!(dump::all(&database), left);
    }
}

#[test]
fn more_than_may_wait_ends_the_run() {
    for database in Database::each() {
        let (_other, left) = straight("parked-to-itself", &database);
        let case = Case::new("parked-to-itself", &database).unwrap();
        case.prepare(&database);
        edit(&case, "dead-letters-max = 8", "dead-letters-max = 8\nparked-max = 3");
        let stopped = case.execute(&database).run().expect(1);
        assert!(stopped.stderr.contains("its `parked-max` is 3"), "{stopped}");
        conserves(&stopped);
        assert_eq!(total(&stopped, "parts", "parked"), 3, "{stopped}");
        edit(&case, "parked-max = 3", "parked-max = 10");
        case.execute(&database).run().expect(3);
        assert_eq!(dump::all(&database), left);
    }
}

#[test]
fn what_waits_in_vain_is_judged_by_the_budget() {
    for database in Database::each() {
        let (_other, left) = straight("parked-to-itself", &database);
        let case = Case::new("parked-to-itself", &database).unwrap();
        case.prepare(&database);
        edit(&case, "dead-letters-max = 8", "dead-letters-max = 4");
        let predicted = case.call(&database, &["run", "migration.toml", "--json"]).run().expect(1);
        let stopped = case.execute(&database).run().expect(1);
        assert!(stopped.stderr.contains("`parts` has 8 dead letters, its `dead-letters-max` is 4"), "{stopped}");
        assert_eq!(predicted.json()["error"], stopped.json()["error"], "{predicted}\n{stopped}");
        conserves(&stopped);
        assert_eq!(total(&stopped, "parts", "parked"), 7, "all but the one that a constraint refuses: {stopped}");
        let again = case.execute(&database).run().expect(1);
        assert_eq!(total(&again, "parts", "parked"), 7, "{again}");
        edit(&case, "dead-letters-max = 4", "dead-letters-max = \"90%\"");
        case.execute(&database).run().expect(3);
        assert_eq!(dump::all(&database), left);
    }
}

#[test]
fn a_circle_is_moved_as_a_whole() {
    let database = Database::sqlite();
    let case = Case::new("cycle-nullable", &database).unwrap();
    let part = ["run", "migration.toml", "--execute", "--yes", "--entity", "users"];
    let refused = case.call(&database, &part).run().expect(2);
    assert!(refused.stderr.contains("`users` is in a circle with `teams`, which is not complete"), "{refused}");
    assert!(refused.stderr.contains("--entity users --entity teams"), "{refused}");
    let limited = ["run", "migration.toml", "--execute", "--yes", "--json", "--limit", "3"];
    let limited = case.call(&database, &limited).run().expect(0);
    assert_eq!(total(&limited, "teams", "read"), 0, "`teams` comes behind `users`, which is cut short: {limited}");
    case.execute(&database).run().expect(0);
    let both = database.another();
    let part = ["run", "migration.toml", "--execute", "--yes", "--entity", "teams", "--entity", "users"];
    case.call(&both, &part).run().expect(0);
    case.execute(&both).run().expect(0);
    assert_eq!(dump::all(&both), dump::all(&database));
}

#[test]
fn a_circle_that_is_complete_in_part_goes_on() {
    for database in Database::each() {
        let case = Case::new("cycle-nullable", &database).unwrap();
        let other = database.another();
        case.execute(&other).run().expect(0);
        for _ in 0..2 {
            let killed = case.execute(&database).ending_at("finish-complete=return").run();
            assert_eq!(killed.code, None, "{killed}");
        }
        case.execute(&database).run().expect(0);
        assert_eq!(dump::all(&database), dump::all(&other));
    }
}

/// A chain whose every record comes before its parent, and a tree in no order at all.
fn forest() -> String {
    let mut text = String::new();
    for id in 1..200 {
        let _ = writeln!(text, r#"{{"_id": {id}, "whole": {}}}"#, id + 1);
    }
    let _ = writeln!(text, r#"{{"_id": 200, "whole": 200}}"#);
    for place in 0..400_u32 {
        let id = place * 157 % 400;
        let _ = writeln!(text, r#"{{"_id": {}, "whole": {}}}"#, 1000 + id, 1000 + id / 3);
    }
    text
}

#[test]
fn waves_go_on_where_they_were_ended() {
    let entities = "[[entity]]\nname = \"parts\"\nfrom = \"old.parts\"\nid = \"keep\"\ninto = [\"parts\"]\n\
                    [entity.config.columns]\nid = \"_id\"\nwhole = { from = \"whole\", reference = \"parts\" }\n";
    for database in Database::each() {
        let folder = Folder::new(&[
            ("migration.toml", &manifest("batch-records = 50\ntransaction-rows = 100", entities)),
            ("schema.sql", "CREATE TABLE parts (id INTEGER PRIMARY KEY, whole INTEGER NOT NULL REFERENCES parts);"),
            ("parts.json", &forest()),
        ]);
        let other = database.another();
        let predicted = folder.call(&other, &["run", "migration.toml", "--json"]).run().expect(0);
        let done = folder.execute(&other).run().expect(0);
        assert_eq!(predicted.json()["entities"][0]["rows"], done.json()["entities"][0]["rows"], "{predicted}");
        assert_eq!(total(&done, "parts", "written"), 600, "{done}");
        let (mut ends, mut parked) = (0, 0);
        // Behind the notes who has come, and then behind every eighth commit.
        let mut point = "parked-mark=return".to_owned();
        loop {
            let ended = folder.execute(&database).ending_at(&point).run();
            let status = folder.call(&database, &["status", "migration.toml", "--json"]).run().expect(0);
            conserves(&status);
            if ended.code.is_some() {
                ended.expect(0);
                break;
            }
            parked = parked.max(total(&status, "parts", "parked"));
            (point, ends) = ("commit-after=8*off->return".to_owned(), ends + 1);
            assert!(ends < 60, "it makes no progress: {status}");
        }
        assert!(ends > 10 && parked > 300, "{ends} {parked}");
        assert_eq!(dump::all(&database), dump::all(&other));
        folder.call(&database, &["verify", "migration.toml"]).run().expect(0);
    }
}

#[test]
fn children_follow_a_parent_that_is_mended() {
    for database in Database::each() {
        let case = Case::new("parked-by-policy", &database).unwrap();
        case.prepare(&database);
        case.execute(&database).run().expect(3);
        edit(
            &case,
            r#"title = { from = "title", required = true }"#,
            r#"title = { from = "title", default = "none" }"#,
        );
        let replay = ["dead-letter", "replay", "migration.toml", "--execute", "--json"];
        let replayed = case.call(&database, &replay).run().expect(3).json();
        assert_eq!(replayed["entities"][0]["written"], 2, "the parent and who waited for it: {replayed:#}");
        database.execute("INSERT INTO countries VALUES ('XX');");
        case.call(&database, &replay).run().expect(3);
        let status = case.call(&database, &["status", "migration.toml", "--json"]).run().expect(0);
        assert_eq!((total(&status, "orders", "written"), total(&status, "orders", "dead")), (6, 1), "{status}");
        case.call(&database, &["verify", "migration.toml"]).run().expect(0);
    }
}

const CIRCLE: &str = r#"
[[entity]]
name = "hens"
from = "old.hens"
into = ["hens"]
[entity.config.columns]
id = "_id"
kind = { from = "kind", enum = KINDS }
egg = { from = "egg", reference = "eggs" }

[[entity]]
name = "eggs"
from = "old.eggs"
into = ["eggs"]
references.hen = { on-missing = "POLICY" }
[entity.config.columns]
id = "_id"
kind = { from = "kind", enum = KINDS }
hen = { from = "hen", reference = "hens" }
"#;

#[test]
fn a_replay_goes_round_a_circle() {
    let of = |kinds: &str, policy: &str| {
        let entities = CIRCLE.replace("KINDS", kinds).replace("POLICY", policy);
        manifest("batch-records = 7\ndead-letters-max = \"100%\"", &entities)
    };
    let records = |from: &str, step: u32| {
        (0..60_u32).fold(String::new(), |mut text, id| {
            let (kind, to) = (if id % 5 == 3 { "new" } else { "old" }, id * step % 60);
            let _ = writeln!(text, r#"{{"_id": {id}, "kind": "{kind}", "{from}": {to}}}"#);
            text
        })
    };
    // Eggs come first: they may be without a hen until these are there.
    let schema = "CREATE TABLE hens (id UUID PRIMARY KEY, kind TEXT NOT NULL, egg UUID NOT NULL);
                  CREATE TABLE eggs (id UUID PRIMARY KEY, kind TEXT NOT NULL, hen UUID REFERENCES hens);";
    let both = r#"["old", "new"]"#;
    // Where an egg must have its hen, each has the other.
    for (policy, eggs_step, hens_step) in [("null", 11, 7), ("fail", 1, 1)] {
        for database in Database::each() {
            let folder = Folder::new(&[
                ("migration.toml", &of(both, policy)),
                ("schema.sql", schema),
                ("hens.json", &records("egg", hens_step)),
                ("eggs.json", &records("hen", eggs_step)),
            ]);
            let other = database.another();
            folder.execute(&other).run().expect(0);
            folder.write("migration.toml", &of(r#"["old"]"#, policy));
            let wrong = folder.execute(&database).run().expect(3);
            assert!(total(&wrong, "hens", "dead") >= 12, "{wrong}");
            folder.write("migration.toml", &of(both, policy));
            folder.call(&database, &["dead-letter", "replay", "migration.toml", "--execute"]).run().expect(0);
            assert_eq!(dump::tables(&database), dump::tables(&other));
            folder.call(&database, &["verify", "migration.toml"]).run().expect(0);
        }
    }
}

#[test]
fn the_plan_draws_its_graph() {
    let database = Database::sqlite();
    let case = Case::new("cycle-nullable", &database).unwrap();
    let plan =
        |arguments: &[&str]| case.call(&database, &[&["plan", "migration.toml"], arguments].concat()).run().expect(0);
    let text = plan(&[]).stdout;
    for line in [
        "  1.  users, then teams, in a circle and completed together\n",
        "        users.team_id → teams, NULL at first and filled in when all are read\n",
        "        teams.lead_id → users\n",
        "  2.  badges\n        badges.user_id → users\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let mermaid = plan(&["--format", "mermaid"]).stdout;
    assert_eq!(
        mermaid,
        "flowchart LR\n    n0[\"users\"]\n    n1[\"teams\"]\n    n2[\"badges\"]\n    \
         n0 -.->|\"users.team_id: null, filled in\"| n1\n    n1 -.->|\"teams.lead_id: dead-letter\"| n0\n    \
         n2 -->|\"badges.user_id: dead-letter\"| n0\n"
    );
    let dot = plan(&["--format", "dot"]).stdout;
    assert!(dot.starts_with("digraph \"cycle-nullable\" {\n"), "{dot}");
    assert!(dot.contains("    n0 -> n1 [label=\"users.team_id: null, filled in\", style=dashed];\n"), "{dot}");
    let json: Json = plan(&["--json"]).json();
    assert_eq!(json["graph"]["phases"][0][0]["entities"], serde_json::json!(["users", "teams"]), "{json:#}");
    assert_eq!(json["graph"]["edges"][0]["later"], "filled-in", "{json:#}");
    assert_eq!(json["entities"][1]["after"], serde_json::json!(["users"]), "{json:#}");
    // No source is needed to draw it.
    fs::remove_dir_all(case.path().join("export")).unwrap();
    assert_eq!(plan(&["--format", "mermaid"]).stdout, mermaid);
}
