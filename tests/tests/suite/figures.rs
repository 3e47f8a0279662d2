//! What putting a bad version right takes: time and memory, as rows of a table that checks what it claims.
//!
//! They are small unless they are wanted in full, as `cargo xtask torture --figures` wants them.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::dump;
use whimbrel_tests::figures_are_wanted;
use whimbrel_tests::measured;

use crate::recovery::same_text;
use crate::replay::Story;
use crate::replay::manifest;

const ENTITIES: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
config.columns = ["_id", "name"]
"#;
const NUMBERED: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
id = "sequence"
config.columns = { id = "_id", name = "name", boss = { from = "boss", reference = "people" } }

[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
id = "sequence"
config.columns = { id = "_id", owner = { from = "owner", reference = "people" } }
"#;
/// As much as a process may hold, whatever the number of records.
const PEAK_MIB_MAX: u64 = 250;

/// So many records, of which so many, evenly, hold a marker.
fn story(records: u64, marked: u64, marker: &str) -> Story {
    let story = Story::new();
    let mut people = String::new();
    for id in 0..records {
        let mark = if id * marked % records < marked { format!(r#", "{marker}": true"#) } else { String::new() };
        let _ = writeln!(people, r#"{{"_id": {id}, "name": "person {id}"{mark}}}"#);
    }
    story.write("people.json", &people);
    story.write("schema.sql", "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT NOT NULL);");
    story.write("migration.toml", &manifest("figures", "mended", 1_000, ENTITIES));
    story
}

/// Runs a call to its end and says as a table's row what it took.
#[track_caller]
fn step(what: &str, call: Whimbrel, code: i32) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let file = |path| Stdio::from(fs::File::create(path).unwrap());
    let begun = Instant::now();
    let mut child = call.into_command().stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let mut peak_kib = 0;
    let ended = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak_kib = kib.unwrap_or(0).max(peak_kib);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (seconds, peak) = (begun.elapsed().as_secs_f64(), peak_kib / 1024);
    measured(&format!("{what}: {seconds:.1} s, at most {peak} MiB"));
    assert!(peak < PEAK_MIB_MAX, "{what}: {peak} MiB");
    let read = |path| fs::read_to_string(path).unwrap();
    Ended { code: ended.code(), stdout: read(&out), stderr: read(&err) }.expect(code)
}

fn count(database: &Database, of: &str) -> u64 {
    database.query(&format!("SELECT COUNT(*) FROM {of}"))[0][0].as_ref().unwrap().parse().unwrap()
}

/// Dead letters of a wrong version find their place, and the target is what a run of the right one leaves.
fn poison(database: &Database) {
    let (records, poison) = if figures_are_wanted() { (100_000, 1_000) } else { (2_000, 20) };
    let story = story(records, poison, "trap");
    story.activate("mended_v1");
    let run = |database: &Database| story.call(database, &["run"], &["--execute", "--yes"]);
    let what = format!("run, {records} records, {poison} of them poison to the version");
    let ended = step(&what, run(database), 3).json();
    assert_eq!(ended["entities"][0]["total"]["dead"], poison);
    story.activate("mended_v2");
    let replay = |more: &[&str]| story.replay(database, more);
    let predicted = step("replay, dry run", replay(&[]), 0).json();
    assert_eq!(predicted["entities"][0]["written"], poison);
    let done = step("replay", replay(&["--execute"]), 0).json();
    assert_eq!((&done["entities"][0]["written"], &done["entities"][0]["total"]["dead"]), (&poison.into(), &0.into()));
    let clean = database.another();
    step("a clean run of the right version", run(&clean), 0);
    same_text(&dump::all(database), &dump::all(&clean));
}

/// Rows that a wrong version wrote are found and written again, exactly those.
fn wrong(database: &Database) {
    let (records, wrong) = if figures_are_wanted() { (1_000_000, 1_234) } else { (5_000, 37) };
    let story = story(records, wrong, "wrong");
    story.activate("mended_v1");
    let what = format!("run, {records} records, {wrong} rows of them wrong");
    let ended = step(&what, story.call(database, &["run"], &["--execute", "--yes"]), 0).json();
    let from = ended["plugins"][0]["digest"].as_str().unwrap()[..12].to_owned();
    let is_wrong = "people WHERE name <> 'person ' || _id";
    assert_eq!(count(database, is_wrong), wrong);
    story.activate("mended_v2");
    let repair = |more: &[&str]| story.call(database, &["repair"], &[&["--from", &from], more].concat());
    for (what, more, left) in [("repair, dry run", &[][..], wrong), ("repair", &["--execute"], 0)] {
        let report = step(what, repair(more), 0).json();
        let people = &report["entities"][0];
        assert_eq!((&people["records"], &people["changed"]), (&records.into(), &wrong.into()), "{what}");
        let others =
            ["inserted", "removed", "depended_on", "theirs", "source_changed", "rejected", "refused", "failed"];
        assert!(others.iter().all(|other| people[other] == 0), "{what}: {people:#}");
        assert_eq!(count(database, is_wrong), left, "{what}");
    }
    assert_eq!(count(database, "people"), records);
    let verified = step("verify", story.call(database, &["verify"], &[]), 0).json();
    assert_eq!((&verified["status"], &verified["entities"][0]["rows"]), (&"equal".into(), &records.into()));
}

#[test]
fn poison_on_sqlite() {
    poison(&Database::sqlite());
}

#[test]
fn poison_on_postgres() {
    if let Some(database) = Database::postgres() {
        poison(&database);
    }
}

#[test]
fn wrong_on_sqlite() {
    wrong(&Database::sqlite());
}

#[test]
fn wrong_on_postgres() {
    if let Some(database) = Database::postgres() {
        wrong(&database);
    }
}

/// Ids of many records: nothing is kept of each in the process, so memory does not grow with their number.
fn numbered(database: &Database) {
    let records: u64 = if figures_are_wanted() { 1_000_000 } else { 5_000 };
    let story = Story::new();
    let (mut people, mut pets) = (String::new(), String::new());
    for id in 0..records {
        let _ = writeln!(people, r#"{{"_id": "person {id}", "name": "n{id}", "boss": "person {}"}}"#, records - 1 - id);
        let _ = writeln!(pets, r#"{{"_id": {id}, "owner": "person {}"}}"#, id * 7 % records);
    }
    story.write("people.json", &people);
    story.write("pets.json", &pets);
    let number = if database.kind() == "sqlite" { "INTEGER PRIMARY KEY" } else { "BIGSERIAL PRIMARY KEY" };
    let schema = format!(
        "CREATE TABLE people (id {number}, name TEXT NOT NULL, boss BIGINT);
         CREATE TABLE pets (id {number}, owner BIGINT NOT NULL REFERENCES people);"
    );
    story.write("schema.sql", &schema);
    story.write("migration.toml", &manifest("numbered", "mongo-to-sql", 1_000, NUMBERED));
    step(
        &format!("run, {records} numbered records, as many that refer to them"),
        story.call(database, &["run"], &["--execute", "--yes"]),
        0,
    );
    let wrong =
        format!("pets AS p JOIN people AS o ON o.id = p.owner WHERE o.name <> 'n' || ((p.id - 1) * 7 % {records})");
    assert_eq!((count(database, "people"), count(database, "pets"), count(database, &wrong)), (records, records, 0));
    let wrong = format!("people AS p JOIN people AS b ON b.id = p.boss WHERE p.id + b.id <> {records} + 1");
    assert_eq!((count(database, &wrong), count(database, "people WHERE boss IS NULL")), (0, 0));
}

#[test]
fn numbered_on_sqlite() {
    numbered(&Database::sqlite());
}

#[test]
fn numbered_on_postgres() {
    if let Some(database) = Database::postgres() {
        numbered(&database);
    }
}
