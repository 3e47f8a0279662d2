//! Rows of a junction that exclude each other: it makes no difference where pages end, on which target, or how often a run is
//! ended; and those that were refused come when what was in their way is gone.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::Ordering;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use super::super::faults::Proxy;
use super::super::recovery::same_text;

const PEOPLE: u32 = 12;
const CLUBS: u32 = 9;
/// What `verify` tells where all is well.
const NONE: [String; 0] = [];
/// Runs that are ended on the way, at most.
const INTERRUPTIONS_MAX: usize = 200;

const SCHEMA: &str = "
CREATE TABLE people (id INTEGER PRIMARY KEY);
CREATE TABLE clubs (id INTEGER PRIMARY KEY);
CREATE TABLE members (
    club INTEGER NOT NULL REFERENCES clubs,
    person INTEGER NOT NULL REFERENCES people,
    rank INTEGER CHECK (rank < 90),
    seat INTEGER,
    host INTEGER REFERENCES people,
    PRIMARY KEY (club, person),
    CHECK (rank IS NOT NULL OR seat IS NOT NULL)
);
CREATE UNIQUE INDEX members_seat ON members (seat);
";

const MANIFEST: &str = r#"
version = 1
name = "excluded"

[source.old]
url = "mongoexport:."

[target]
url = "${TARGET_URL}"
schema = "schema.sql"

[defaults]
transform = "mongo-to-sql"
on-conflict = "update"
id = "keep"
transaction-rows = 1000

[junction.members]

[[entity]]
name = "people"
from = "old.people"
into = ["people", "members"]
[entity.config]
table = "people"
columns = { id = "_id" }
[entity.config.children.members]
each = "clubs"
columns = { person = { from = "^_id", reference = "people" }, club = { from = "$.club", reference = "clubs" }, rank = "$.rank", host = { from = "$.host", reference = "people" } }

[[entity]]
name = "clubs"
from = "old.clubs"
into = ["clubs", "members"]
[entity.config]
table = "clubs"
columns = { id = "_id" }
[entity.config.children.members]
each = "members"
columns = { club = { from = "^_id", reference = "clubs" }, person = { from = "$.person", reference = "people" }, rank = "$.rank", seat = "$.seat" }
"#;

/// Numbers that are always the same, and follow no pattern.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(end)).expect("it is below")
    }
}

struct Excluded {
    folder: tempfile::TempDir,
}

impl Excluded {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        components::link(folder.path());
        let excluded = Self { folder };
        excluded.write("migration.toml", MANIFEST);
        excluded.write("schema.sql", SCHEMA);
        excluded
    }

    /// Rows of which some are refused by a CHECK or a UNIQUE, lack a parent, or differ from others of their key.
    fn crowded() -> Self {
        let excluded = Self::new();
        let mut numbers = Numbers(7);
        let rank = |numbers: &mut Numbers| match numbers.below(8) {
            0 => r#", "rank": 99"#.to_owned(),
            1 => String::new(),
            2 => r#", "rank": 2"#.to_owned(),
            _ => r#", "rank": 1"#.to_owned(),
        };
        let mut people = String::new();
        for id in 0..PEOPLE {
            let row = |_| {
                let (club, rank) = (numbers.below(CLUBS + 1), rank(&mut numbers));
                let host = if numbers.below(3) == 0 { numbers.below(PEOPLE + 2).to_string() } else { "null".into() };
                format!(r#"{{"club": {club}{rank}, "host": {host}}}"#)
            };
            let rows: Vec<String> = (0..6).map(row).collect();
            let _ = writeln!(people, r#"{{"_id": {id}, "clubs": [{}]}}"#, rows.join(", "));
        }
        excluded.write("people.json", &people);
        let mut clubs = String::new();
        for id in 0..CLUBS {
            let row = |_| {
                let (person, rank) = (numbers.below(PEOPLE), rank(&mut numbers));
                format!(r#"{{"person": {person}{rank}, "seat": {}}}"#, numbers.below(30))
            };
            let rows: Vec<String> = (0..8).map(row).collect();
            let _ = writeln!(clubs, r#"{{"_id": {id}, "members": [{}]}}"#, rows.join(", "));
        }
        excluded.write("clubs.json", &clubs);
        excluded
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).expect("a file is written");
    }

    fn write_manifest(&self, rows: usize, junction: &str) {
        let manifest = MANIFEST.replace("rows = 1000", &format!("rows = {rows}"));
        self.write(
            "migration.toml",
            &manifest.replace("[junction.members]", &format!("[junction.members]\n{junction}")),
        );
    }

    fn call(&self, database: &Database, words: &[&str], more: &[&str]) -> Whimbrel {
        let arguments = words.iter().chain(&["migration.toml", "--json"]).chain(more);
        Whimbrel::new(arguments).at(self.folder.path()).env("TARGET_URL", &database.url)
    }

    fn run(&self, database: &Database) -> Whimbrel {
        self.call(database, &["run"], &["--execute", "--yes"])
    }

    /// What `verify` tells of the records; rows that are nobody's do not matter.
    fn differences(&self, database: &Database) -> Vec<String> {
        let found = self.call(database, &["verify"], &[]).run().json();
        let parts = found["entities"].as_array().expect("entities").iter();
        let told = parts.flat_map(|part| part["differences"].as_array().expect("differences"));
        told.map(|told| format!("{} {}", told["what"], told["key"])).collect()
    }
}

/// Makes the tables, with some rows that stood before.
fn prepare(database: &Database) {
    database.execute(SCHEMA);
    database.execute(
        "INSERT INTO people VALUES (0), (1), (2), (3), (4), (5);
         INSERT INTO clubs VALUES (0), (1), (2);
         INSERT INTO members VALUES (0, 0, 1, NULL, NULL), (0, 1, 1, 3, NULL), (0, 2, 2, 4, NULL), (1, 0, 1, 8, NULL),
             (1, 3, 1, NULL, NULL), (1, 4, 1, 9, 5), (2, 5, 1, NULL, NULL);",
    );
}

fn counts(report: &Json) -> Json {
    report["junctions"][0]["total"].clone()
}

/// The rows that were left out, without the words of the target.
fn left_out(database: &Database) -> Vec<Vec<Option<String>>> {
    let own = database.own("left_out_row");
    let mut rows = database.query(&format!("SELECT reason, entity, document, row_key FROM {own}"));
    rows.sort();
    rows
}

#[test]
fn pages_of_every_size_and_both_targets_come_to_the_same() {
    let story = Excluded::crowded();
    let mut of_targets = Vec::new();
    for database in Database::each() {
        let mut straight: Option<(String, Json)> = None;
        for rows in [1000, 1, 2, 3, 7] {
            let target = database.another();
            prepare(&target);
            story.write_manifest(rows, "");
            let ended = story.run(&target).run().expect(0);
            let found = (dump::all(&target), counts(&ended.json()));
            assert_eq!(ended.json()["conservation"], "ok", "{ended}");
            let (left, total) = straight.get_or_insert_with(|| found.clone());
            assert_eq!(&found.1, total, "{} with pages of {rows}", database.kind());
            same_text(&found.0, left);
            if rows == 1000 {
                for place in ["inserted", "unchanged", "collapsed", "dropped", "conflicting", "refused"] {
                    assert!(found.1[place].as_u64() > Some(0), "{place} is not met: {}", found.1);
                }
                let members = target.query("SELECT club, person, rank, seat, host FROM members ORDER BY 1, 2");
                of_targets.push((found.1, members, left_out(&target)));
            } else if rows == 7 {
                assert_eq!(story.differences(&target), NONE);
            }
        }
    }
    assert!(of_targets.windows(2).all(|pair| pair[0] == pair[1]), "{of_targets:#?}");
}

/// Ends a run at a point again and again, until nothing is left to do.
fn interrupt(story: &Excluded, database: &Database, words: &[&str], more: &[&str], point: &str) -> Ended {
    // Behind a commit the first hit is progress; before it the second one is.
    let passed = usize::from(point.starts_with("commit-"));
    let mut interruptions = 0;
    loop {
        let point = format!("{point}={passed}*off->return");
        let ended = story.call(database, words, more).ending_at(&point).run();
        if ended.code.is_some() {
            assert!(interruptions > 2, "{point} was met {interruptions} times");
            return ended;
        }
        interruptions += 1;
        assert!(interruptions < INTERRUPTIONS_MAX, "{point}");
    }
}

#[test]
fn a_run_that_is_ended_between_pages_comes_to_the_same() {
    for database in Database::each() {
        let story = Excluded::crowded();
        let right = database.another();
        prepare(&right);
        let straight = story.run(&right).run().expect(0).json();
        story.write_manifest(7, "");
        for point in ["junction-page", "commit-junction"] {
            let target = database.another();
            prepare(&target);
            let ended = interrupt(&story, &target, &["run"], &["--execute", "--yes"], point).expect(0).json();
            assert_eq!((counts(&ended), &ended["conservation"]), (counts(&straight), &"ok".into()), "{point}");
            same_text(&dump::all(&target), &dump::all(&right));
        }
    }
}

/// Every page is a commit, and the answers to some are lost: what has landed is not written again.
#[test]
fn a_page_whose_answer_is_lost_is_not_written_twice() {
    let Some(right) = Database::postgres() else { return };
    let target = right.another();
    let story = Excluded::crowded();
    prepare(&right);
    prepare(&target);
    let straight = story.run(&right).run().expect(0).json();
    story.write_manifest(1, "");
    let proxy = Proxy::new(&target.url);
    let ended = story.run(&target).env("TARGET_URL", &proxy.url).run().expect(0);
    assert!(proxy.lost.load(Ordering::Relaxed) >= 3, "hardly an answer was lost: {ended}");
    let tried_again = ended.stderr.lines().filter(|line| line.contains("trying again"));
    assert!(tried_again.filter(|line| line.contains("members")).count() >= 3, "{ended}");
    assert_eq!((counts(&ended.json()), &ended.json()["conservation"]), (counts(&straight), &"ok".into()), "{ended}");
    same_text(&dump::all(&target), &dump::all(&right));
}

/// The row that ends the run is the first one in the order of the keys, and only rows before it stand.
#[test]
fn a_policy_that_fails_names_the_same_row_for_every_page() {
    for (policy, meant) in [("on-difference", "in the row that stands"), ("on-missing", "there is no row")] {
        let story = Excluded::crowded();
        let mut told: Option<Json> = None;
        for database in Database::each() {
            for rows in [1000, 1, 2, 7] {
                let target = database.another();
                prepare(&target);
                story.write_manifest(rows, &format!("{policy} = \"fail\""));
                let ended = story.run(&target).run().expect(1);
                let failure = ended.json()["junctions"][0]["failure"].clone();
                assert!(failure.to_string().contains(meant), "{ended}");
                let told = told.get_or_insert_with(|| failure.clone());
                assert_eq!(&failure, told, "{} with pages of {rows}", target.kind());
            }
        }
    }
}

/// Rows that an index refused come when it is gone, and one whose seat was taken when that is free.
#[test]
fn refused_rows_come_when_their_way_is_free() {
    for database in Database::each() {
        let story = Excluded::new();
        story.write("people.json", "{\"_id\": 1}\n{\"_id\": 2}\n{\"_id\": 3}\n{\"_id\": 4}\n");
        story.write(
            "clubs.json",
            r#"{"_id": 1, "members": [{"person": 1, "rank": 1, "seat": 5}, {"person": 2, "rank": 1, "seat": 5},
                {"person": 3, "rank": 1, "seat": 5}, {"person": 4, "rank": 99}, {"person": 4, "rank": 3}]}"#,
        );
        database.execute(SCHEMA);
        database.execute(
            "INSERT INTO people VALUES (1); INSERT INTO clubs VALUES (0); INSERT INTO members VALUES (0, 1, 1, 5, NULL);",
        );
        let first = story.run(&database).run().expect(0).json();
        assert_eq!((&counts(&first)["inserted"], &counts(&first)["refused"]), (&1.into(), &4.into()), "{first}");
        // What was refused is not missing, and the row of the same key that stands is the other's.
        assert_eq!(story.differences(&database), NONE);
        let replay = |more: &[&str]| story.call(&database, &["dead-letter", "replay"], more);
        let before = dump::all(&database);
        replay(&["--execute"]).run().expect(0);
        assert_eq!(dump::all(&database), before, "nothing has been mended");

        database.execute("DELETE FROM members WHERE club = 0");
        let one = replay(&["--execute"]).run().expect(0).json();
        assert_eq!((&counts(&one)["inserted"], &counts(&one)["refused"]), (&2.into(), &3.into()), "{one}");
        database.execute("DROP INDEX members_seat");
        let predicted = replay(&[]).run().expect(0).json();
        for point in ["commit-junction=return", "junction-page=return", "commit-junction=1*off->return"] {
            assert_eq!(replay(&["--execute"]).ending_at(point).run().code, None, "{point}");
        }
        replay(&["--execute"]).run().expect(0);
        let status = story.call(&database, &["status"], &[]).run().expect(0).json();
        let all = counts(&status);
        // Another row of its key has had the turn of the one that is left.
        assert_eq!((&all["inserted"], &all["refused"]), (&4.into(), &1.into()), "{status}");
        assert_eq!(counts(&predicted)["inserted"], 4, "{predicted}");
        assert_eq!(story.differences(&database), NONE);
    }
}

/// A record that gives a key twice is not let off for the row that stands because the other one was left out.
#[test]
fn verify_tells_the_row_that_stands_from_the_one_left_out() {
    for database in Database::each() {
        let story = Excluded::new();
        story.write("people.json", "{\"_id\": 1}\n{\"_id\": 2}\n");
        story.write(
            "clubs.json",
            r#"{"_id": 1, "members": [{"person": 1, "rank": 1}, {"person": 1, "rank": 2}, {"person": 2, "rank": 99},
                {"person": 2, "rank": 3}]}"#,
        );
        story.run(&database).run().expect(0);
        assert_eq!(story.differences(&database), NONE);
        database.execute("UPDATE members SET rank = 7 WHERE person = 1; DELETE FROM members WHERE person = 2");
        let expected = [r#""changed" "(club = 1, person = 1)""#, r#""missing" "(club = 1, person = 2)""#];
        assert_eq!(story.differences(&database), expected);
    }
}
