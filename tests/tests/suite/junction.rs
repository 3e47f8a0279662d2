//! Junctions beyond the cases: they wait for their entities, a replay heals them, and `verify` finds what is wrong.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

mod excluded;
mod spelled;

const PEOPLE: u32 = 40;
const CLUBS: u32 = 30;

const MANIFEST: &str = r#"
version = 1
name = "story"

[source.old]
url = "mongoexport:."

[target]
url = "${TARGET_URL}"
schema = "schema.sql"

[defaults]
transform = "mongo-to-sql"
batch-records = 5
transaction-rows = 16
dead-letters-max = "100%"
id = "keep"

[junction.members]

[[entity]]
name = "people"
from = "old.people"
transform = "mended"
into = ["people"]
config.columns = ["_id", "name"]

[[entity]]
name = "cards"
from = "old.cards"
into = ["cards", "members"]
[entity.config]
table = "cards"
columns = { id = "_id" }
[entity.config.children.members]
each = "clubs"
columns = { person = { from = "^_id", reference = "people" }, club = { from = "$", reference = "clubs" } }

[[entity]]
name = "clubs"
from = "old.clubs"
into = ["clubs", "members"]
[entity.config]
table = "clubs"
columns = { id = "_id" }
[entity.config.children.members]
each = "members"
columns = { club = { from = "^_id", reference = "clubs" }, person = { from = "$", reference = "people" } }
"#;

/// People have cards of clubs, and clubs have members; some people are dead letters with one transformer, and none is with
/// another.
struct Story {
    folder: tempfile::TempDir,
}

impl Story {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        components::link(folder.path());
        let story = Self { folder };
        let mut people = String::new();
        for id in 0..PEOPLE {
            let marker = if id % 7 == 3 { r#", "reject": true"# } else { "" };
            let _ = writeln!(people, r#"{{"_id": {id}, "name": "person {id}"{marker}}}"#);
        }
        story.write("people.json", &people);
        let mut clubs = String::new();
        for id in 0..CLUBS {
            let members: Vec<String> = (0..4).map(|step| ((id * 3 + step * 5) % PEOPLE).to_string()).collect();
            let _ = writeln!(clubs, r#"{{"_id": {id}, "members": [{}]}}"#, members.join(", "));
        }
        story.write("clubs.json", &clubs);
        let mut cards = String::new();
        // The other side: some rows are the same, some are not, and some have no club.
        for id in 0..PEOPLE {
            let clubs: Vec<String> = (0..3).map(|step| ((id + step * 11) % (CLUBS + 2)).to_string()).collect();
            let _ = writeln!(cards, r#"{{"_id": {id}, "clubs": [{}]}}"#, clubs.join(", "));
        }
        story.write("cards.json", &cards);
        story.write(
            "schema.sql",
            "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE clubs (id INTEGER PRIMARY KEY);
             CREATE TABLE cards (id INTEGER PRIMARY KEY);
             CREATE TABLE members (club INTEGER NOT NULL REFERENCES clubs, person INTEGER NOT NULL REFERENCES people,
                 PRIMARY KEY (club, person));",
        );
        story.write("migration.toml", MANIFEST);
        story
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("a file is written");
    }

    /// Makes this version of the component the active one.
    fn activate(&self, version: &str) {
        let plugins = self.folder.path().join("plugins");
        let active = plugins.join("mended.wasm");
        let _ = fs::remove_file(&active);
        fs::copy(plugins.join(format!("{version}.wasm")), active).expect("the component is there");
    }

    /// Prepares a call; the manifest comes behind the words of the command.
    fn call(&self, database: &Database, words: &[&str], more: &[&str]) -> Whimbrel {
        let arguments = words.iter().chain(&["migration.toml", "--json"]).chain(more);
        Whimbrel::new(arguments).at(self.folder.path()).env("TARGET_URL", &database.url)
    }

    /// Runs with a version.
    fn run(&self, database: &Database, version: &str, more: &[&str]) -> Ended {
        self.activate(version);
        let more: Vec<&str> = ["--execute", "--yes"].iter().chain(more).copied().collect();
        self.call(database, &["run"], &more).run()
    }
}

/// What stands in the tables, and where the entities stand; which rows met which first may differ.
fn rows_and_fates(database: &Database) -> String {
    let all = dump::all(database);
    let is_counted = |line: &&str| !line.starts_with("junction:");
    all.lines().filter(is_counted).collect::<Vec<_>>().join("\n")
}

/// How many rows of the junction have ended in each place.
fn places(report: &Json) -> Json {
    report["junctions"][0]["total"].clone()
}

#[test]
fn every_row_has_one_place() {
    for database in Database::each() {
        let story = Story::new();
        let report = story.run(&database, "mended_v2", &[]).expect(0).json();
        assert_eq!(report["conservation"], "ok");
        let total = places(&report);
        let count = |name: &str| total[name].as_u64().expect("a count");
        let places = ["inserted", "unchanged", "collapsed", "dropped", "conflicting", "refused", "waiting"];
        assert_eq!(count("rows"), places.map(count).iter().sum::<u64>(), "{total}");
        assert_eq!(count("rows"), u64::from(CLUBS * 4 + PEOPLE * 3), "{total}");
        let standing = database.query("SELECT COUNT(*) AS count FROM members")[0][0].clone();
        assert_eq!(standing, Some(count("inserted").to_string()));
        assert!(count("collapsed") > 0 && count("dropped") > 0, "{total}");
        let waits = &report["junctions"][0];
        assert_eq!((&waits["state"], &waits["sides"]), (&"completed".into(), &serde_json::json!(["cards", "clubs"])));
        let left_out = &waits["left_out"][0];
        assert_eq!(
            (&left_out["reason"], &left_out["entity"], &left_out["column"]),
            (&"dropped".into(), &"cards".into(), &"club".into())
        );
        assert_eq!(left_out["count"], count("dropped"));
        assert_eq!(left_out["examples"].as_array().expect("examples").len(), 3);
    }
}

/// The step waits for entities that were not asked for or are cut short, and says so; then it is taken.
#[test]
fn a_junction_waits_for_its_entities() {
    for database in Database::each() {
        let story = Story::new();
        let whole = database.another();
        story.run(&whole, "mended_v2", &[]).expect(0);
        let first = story.run(&database, "mended_v2", &["--entity", "cards", "--entity", "people"]).expect(0);
        let report = first.json();
        assert_eq!((&report["status"], &report["conservation"]), (&"completed".into(), &"ok".into()), "{first}");
        let junction = &report["junctions"][0];
        assert_eq!((&junction["state"], &junction["waits_for"]), (&"pending".into(), &serde_json::json!(["clubs"])));
        assert_eq!(junction["total"]["waiting"], PEOPLE * 3);
        assert!(first.stderr.contains("waits for these entities"), "{first}");
        let status = story.call(&database, &["status"], &[]).run().expect(0).json();
        assert_eq!(status["junctions"][0]["total"]["waiting"], PEOPLE * 3, "{status}");
        // Nothing is missing that only waits.
        story.call(&database, &["verify"], &[]).run().expect(0);

        let cut = story.run(&database, "mended_v2", &["--limit", "3"]).expect(0).json();
        assert_eq!((&cut["status"], &cut["junctions"][0]["state"]), (&"limited".into(), &"pending".into()), "{cut}");
        let predicted = story.call(&database, &["run"], &["--entity", "clubs"]).run().expect(0).json();
        let done = story.run(&database, "mended_v2", &["--entity", "clubs"]).expect(0).json();
        assert_eq!(done["junctions"][0]["state"], "completed");
        assert_eq!(places(&predicted), places(&done));
        assert_eq!(dump::all(&database), dump::all(&whole));
        let again = story.run(&database, "mended_v2", &[]).expect(0).json();
        assert_eq!((&again["status"], places(&again)), (&"nothing-to-do".into(), places(&done)));
    }
}

/// What was left out for want of a parent comes when the parent does, however often the replay is ended.
#[test]
fn a_replayed_parent_heals_rows_that_were_left_out() {
    for database in Database::each() {
        let story = Story::new();
        let right = database.another();
        story.run(&right, "mended_v2", &[]).expect(0);
        let wrong = places(&story.run(&database, "mended_v1", &[]).expect(3).json());
        story.activate("mended_v2");
        let before = dump::all(&database);
        let predicted = story.call(&database, &["dead-letter", "replay"], &[]).run().expect(0).json();
        assert_eq!(dump::all(&database), before, "a dry run writes nothing");
        for point in [
            "replay-page=return",
            "junction-page=return",
            "junction-page=1*off->return",
            "commit-junction=return",
            "commit-junction=1*off->return",
        ] {
            let call = story.call(&database, &["dead-letter", "replay"], &["--execute"]);
            assert_eq!(call.ending_at(point).run().code, None, "{point}");
        }
        let replayed = story.call(&database, &["dead-letter", "replay"], &["--execute"]).run().expect(0).json();
        assert_eq!(rows_and_fates(&database), rows_and_fates(&right));
        let status = story.call(&database, &["status"], &[]).run().expect(0).json();
        let healed = places(&status);
        assert_eq!(healed, places(&predicted), "{replayed}");
        assert_eq!(healed["rows"], wrong["rows"], "{healed} {wrong}");
        assert!(healed["dropped"].as_u64() < wrong["dropped"].as_u64(), "{healed} {wrong}");
        story.call(&database, &["verify"], &[]).run().expect(0);
        let left = dump::all(&database);
        story.call(&database, &["dead-letter", "replay"], &["--execute"]).run().expect(0);
        assert_eq!(dump::all(&database), left, "a second replay changes nothing");
    }
}

/// A row that is gone is missing from both its records, one that came is nobody's, and one that was left out is no difference.
#[test]
fn verify_finds_rows_that_are_gone_or_nobodys() {
    for database in Database::each() {
        let story = Story::new();
        story.run(&database, "mended_v2", &[]).expect(0);
        story.call(&database, &["verify"], &[]).run().expect(0);
        // Club 0 has the member 0, who has its card; nobody says anything of 3 and 5.
        database.execute("DELETE FROM members WHERE club = 0 AND person = 0; INSERT INTO members VALUES (3, 5);");
        let found = story.call(&database, &["verify"], &[]).run().expect(1).json();
        let parts =
            found["entities"].as_array().expect("entities").iter().chain(found["tables"].as_array().expect("tables"));
        let told: Vec<String> = parts
            .flat_map(|part| part["differences"].as_array().expect("differences"))
            .map(|told| format!("{} {} {}", told["entity"], told["what"], told["key"]))
            .collect();
        let expected = [
            r#""cards" "missing" "(club = 0, person = 0)""#,
            r#""clubs" "missing" "(club = 0, person = 0)""#,
            r#""" "extra" "(club = 3, person = 5)""#,
        ];
        assert_eq!(told, expected, "{found}");
    }
}

/// Rows that wait are not forgotten because the manifest has no junction for them any more.
#[test]
fn rows_that_wait_need_their_junction() {
    let database = Database::sqlite();
    let story = Story::new();
    story.run(&database, "mended_v2", &["--entity", "cards", "--entity", "people"]).expect(0);
    let before = dump::all(&database);
    story.write("migration.toml", &MANIFEST.replace("[junction.members]", ""));
    for more in [&["--accept-change"][..], &["--accept-change", "--execute", "--yes"]] {
        let ended = story.call(&database, &["run"], more).run().expect(1);
        assert!(ended.stderr.contains("rows wait for the junction `members`"), "{ended}");
    }
    assert_eq!(dump::all(&database), before);
    story.write("migration.toml", MANIFEST);
    story.run(&database, "mended_v2", &[]).expect(0);
}

/// What whimbrel keeps of junctions is forgotten with all the rest; moved again, the rows stand already.
#[test]
fn a_reset_forgets_junctions() {
    for database in Database::each() {
        let story = Story::new();
        let before = places(&story.run(&database, "mended_v2", &[]).expect(0).json());
        story.call(&database, &["reset"], &["--execute"]).run().expect(0);
        let kept = ["deferred_row", "left_out_row", "checkpoint"].map(|name| {
            let own = if database.kind() == "sqlite" { format!("whimbrel_{name}") } else { format!("whimbrel.{name}") };
            database.query(&format!("SELECT COUNT(*) AS count FROM {own}"))[0][0].clone()
        });
        assert_eq!(kept, [const { None }; 3].map(|_: Option<String>| Some("0".to_owned())));
        let manifest = MANIFEST.replace("id = \"keep\"", "id = \"keep\"\non-conflict = \"update\"");
        story.write("migration.toml", &manifest);
        let again = places(&story.run(&database, "mended_v2", &[]).expect(0).json());
        assert_eq!((&again["inserted"], &again["unchanged"]), (&0.into(), &before["inserted"]), "{again}");
        assert_eq!((&again["collapsed"], &again["dropped"]), (&before["collapsed"], &before["dropped"]), "{again}");
    }
}

/// Another mapping gives other rows: those that are new come by the final step, those that are given no more are listed.
#[test]
fn a_repair_hands_rows_over_again() {
    for database in Database::each() {
        let story = Story::new();
        let other = MANIFEST.replace("each = \"members\"", "each = \"others\"");
        let mut clubs = String::new();
        for id in 0..CLUBS {
            // One stays, one comes and one goes.
            let _ = writeln!(clubs, r#"{{"_id": {id}, "members": [{id}, {}], "others": [{id}, {}]}}"#, id + 1, id + 2);
        }
        story.write("clubs.json", &clubs);
        story.write("cards.json", "{\"_id\": 1, \"clubs\": [0]}\n");
        let first = story.run(&database, "mended_v2", &[]).expect(0).json();
        assert_eq!(places(&first)["inserted"], CLUBS * 2);
        let plugins = first["plugins"].as_array().expect("plugins").iter();
        let digest = plugins.filter(|plugin| plugin["name"] == "mongo-to-sql").map(|plugin| plugin["digest"].clone());
        let digest = digest.map(|digest| digest.as_str().expect("a digest").to_owned()).next().expect("it ran");
        story.write("migration.toml", &other);
        story.call(&database, &["verify"], &[]).run().expect(1);
        for point in ["repair-batch=1*off->return", "commit-junction=return", "junction-page=return"] {
            let call = story.call(&database, &["repair"], &["--from", &digest, "--execute"]);
            let ended = call.ending_at(point).run();
            assert_eq!(ended.code, None, "{point}: {ended}");
        }
        let repaired = story.call(&database, &["repair"], &["--from", &digest, "--execute"]).run().expect(3).json();
        let clubs = repaired["entities"].as_array().expect("entities").iter().find(|part| part["name"] == "clubs");
        let clubs = clubs.expect("clubs are repaired");
        assert_eq!((&clubs["inserted"], &clubs["shared"]), (&CLUBS.into(), &CLUBS.into()), "{repaired}");
        let standing = database.query("SELECT COUNT(*) AS count FROM members")[0][0].clone();
        assert_eq!(standing, Some((CLUBS * 3).to_string()), "{repaired}");
        story.call(&database, &["verify"], &[]).run().expect(0);
        let kept = story.call(&database, &["status"], &[]).run().expect(0).json();
        let deferred = |name: &str| {
            let entities = kept["entities"].as_array().expect("entities").iter();
            let rows =
                entities.filter(|entity| entity["name"] == name).map(|entity| &entity["rows"]["members"]["deferred"]);
            rows.filter_map(Json::as_u64).sum::<u64>()
        };
        assert_eq!(places(&kept)["rows"], deferred("clubs") + deferred("cards"), "{kept}");
    }
}

/// A row without a parent has no number for it, and is known by what it was left out as.
#[test]
fn verify_knows_rows_whose_parents_have_no_number() {
    components::plugins();
    for database in Database::each() {
        let schema = if database.kind() == "sqlite" { "schema.sqlite.sql" } else { "schema.sql" };
        let case = whimbrel_tests::root().join("tests/cases/junction-sequence");
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = fs::read_to_string(case.join("migration.toml")).expect("a manifest");
        let plugins = whimbrel_tests::root().join("plugins");
        let manifest = manifest
            .replace("mongoexport:./export", &format!("mongoexport:{}", case.join("export").display()))
            .replace("\"schema.sql\"", &format!("{:?}", case.join(schema)))
            // The column without a parent comes first: the other one has its number all the same.
            .replace(
                r#"{ person = { from = "^_id", reference = "people" }, team = { from = "$", reference = "teams" } }"#,
                r#"{ team = { from = "$", reference = "teams" }, person = { from = "^_id", reference = "people" } }"#,
            )
            .replace("version = 1\n", &format!("version = 1\nplugins = {plugins:?}\n"));
        let path = folder.path().join("migration.toml");
        fs::write(&path, manifest).expect("the manifest is written");
        let path = path.display().to_string();
        let call = |command: &str, more: &[&str]| {
            let arguments = [command, path.as_str(), "--json"];
            let call = Whimbrel::new(arguments.iter().chain(more)).env("TARGET_URL", &database.url);
            call.run()
        };
        let done = call("run", &["--execute", "--yes"]).expect(3).json();
        assert_eq!(places(&done)["dropped"], 3, "{done}");
        call("verify", &[]).expect(0);
        let digest = done["plugins"][0]["digest"].as_str().expect("a digest").to_owned();
        let repaired = call("repair", &["--from", &digest]).expect(0).json();
        assert!(
            repaired["entities"].as_array().expect("entities").iter().all(|entity| entity["theirs"] == 0),
            "{repaired}"
        );
    }
}
