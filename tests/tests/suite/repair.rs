//! Rows that a wrong version wrote, made right by the active one: exactly those, and none that somebody else has touched.

use std::fmt::Write as _;

use serde_json::Value as Json;
use whimbrel_tests::Database;

use super::replay::Story;

const PEOPLE: u32 = 20_000;

const fn is_wrong(id: u32) -> bool {
    id % 97 == 5
}

const fn is_lost(id: u32) -> bool {
    id % 501 == 7 && !is_wrong(id)
}

const fn has_extra(id: u32) -> bool {
    id % 777 == 3 && !is_wrong(id) && !is_lost(id)
}

/// So many of them.
fn count(is: fn(u32) -> bool) -> u64 {
    u64::try_from((0..PEOPLE).filter(|&id| is(id)).count()).unwrap()
}

/// A version that wrote wrong values, left records out and added rows, among 20,000.
fn gone_wrong(database: &Database) -> Story {
    let story = Story::new();
    let mut people = String::new();
    for id in 0..PEOPLE {
        let marker = match id {
            id if is_wrong(id) => r#", "wrong": true"#,
            id if is_lost(id) => r#", "lost": true"#,
            id if has_extra(id) => r#", "extra": true"#,
            _ => "",
        };
        // Some bosses come later, and one never.
        let boss = if id == 100 { 5_000_000 } else { (id * 3 + 1) % PEOPLE };
        let _ = writeln!(people, r#"{{"_id": {id}, "name": "person {id}", "boss": {boss}{marker}}}"#);
    }
    story.write("people.json", &people);
    story.write("pets.json", "");
    story.write("toys.json", "");
    story.write(
        "schema.sql",
        "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT NOT NULL, boss INTEGER REFERENCES people);
         CREATE TABLE pets (_id INTEGER PRIMARY KEY, name TEXT, owner INTEGER NOT NULL REFERENCES people,
             friend INTEGER REFERENCES people);
         CREATE TABLE toys (_id INTEGER PRIMARY KEY, name TEXT, pet INTEGER NOT NULL REFERENCES pets);
         CREATE TABLE notes (_id INTEGER PRIMARY KEY, person INTEGER REFERENCES people);",
    );
    let manifest = std::fs::read_to_string(story.path().join("migration.toml")).unwrap();
    let manifest = manifest.replace("batch-records = 100", "batch-records = 500");
    story.write("migration.toml", &manifest.replace("transaction-rows = 300", "transaction-rows = 1500"));
    story.run(database, "mended_v1").expect(0);
    story
}

fn wrong_digest(database: &Database) -> String {
    let sql = format!("SELECT DISTINCT digest FROM {}", database.own("ledger"));
    let digests = database.query(&sql);
    assert_eq!(digests.len(), 1);
    digests[0][0].clone().unwrap()
}

fn people(report: &Json) -> &Json {
    let entities = report["entities"].as_array().unwrap();
    entities.iter().find(|entity| entity["name"] == "people").unwrap()
}

fn counts(report: &Json) -> [u64; 7] {
    let people = people(report);
    ["inserted", "changed", "removed", "depended_on", "theirs", "source_changed", "rejected"]
        .map(|name| people[name].as_u64().unwrap())
}

fn rows(database: &Database) -> Vec<Vec<Option<String>>> {
    database.query("SELECT _id, name, boss FROM people ORDER BY _id")
}

/// Fails with the first rows that differ.
#[track_caller]
fn same_rows(found: &[Vec<Option<String>>], expected: &[Vec<Option<String>>]) {
    let differing: Vec<_> = found.iter().zip(expected).filter(|(found, expected)| found != expected).take(3).collect();
    assert!(differing.is_empty() && found.len() == expected.len(), "{}: {differing:?}", found.len());
}

/// What a clean run with the right version leaves.
fn clean(story: &Story, database: &Database) -> Vec<Vec<Option<String>>> {
    let clean = database.another();
    story.run(&clean, "mended_v2").expect(0);
    rows(&clean)
}

fn conserved(database: &Database) {
    let sql = format!("SELECT fates, rows FROM {} WHERE entity = 'people'", database.own("checkpoint"));
    let row = &database.query(&sql)[0];
    let json = |cell: &Option<String>| serde_json::from_str::<Json>(cell.as_ref().unwrap()).unwrap();
    let (fates, counts) = (json(&row[0]), json(&row[1]));
    assert_eq!(fates["read"], PEOPLE);
    let parts = fates.as_object().unwrap().iter().filter(|(fate, _)| *fate != "read");
    assert_eq!(parts.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>(), u64::from(PEOPLE));
    assert_eq!(counts["people"]["inserted"], rows(database).len(), "rows that stand there by this migration");
}

fn exactly_those(database: &Database) {
    let story = gone_wrong(database);
    let clean = clean(&story, database);
    let before = rows(database);
    let prefix = wrong_digest(database)[..10].to_owned();
    let all = [count(is_lost), count(is_wrong), count(has_extra), 0, 0, 0, 0];
    assert!(all[..3].iter().all(|count| *count > 20), "{all:?}");

    let found = story.call(database, &["verify"], &["--entity", "people"]).run().expect(1).json();
    let verified = ["missing", "changed", "extra"].map(|name| people(&found)[name].as_u64().unwrap());
    assert_eq!(verified, [all[0], all[1], all[2]]);

    let predicted = story.call(database, &["repair"], &["--from", &prefix]).run().expect(0).json();
    assert_eq!(counts(&predicted), all);
    let told = people(&predicted)["differences"].as_array().unwrap();
    let changed = told.iter().find(|told| told["what"] == "changed").unwrap();
    let field = serde_json::json!([{ "field": "name", "expected": "person 5", "found": "wrong" }]);
    assert_eq!((&changed["key"], &changed["fields"]), (&"(_id = 5)".into(), &field));
    assert_eq!(rows(database), before, "a prediction writes nothing");

    let skipped = || {
        let status = story.call(database, &["status"], &[]).run().expect(0).json();
        let reasons = people(&status)["skip_reasons"].as_object().unwrap().values().filter_map(Json::as_u64);
        reasons.sum::<u64>()
    };
    assert_eq!(skipped(), all[0]);
    let repaired = story.call(database, &["repair"], &["--from", &prefix, "--execute"]).run().expect(0).json();
    assert_eq!(counts(&repaired), all);
    assert_eq!(skipped(), 0, "they are not left out any more");
    same_rows(&rows(database), &clean);
    conserved(database);
    let sql = format!("SELECT COUNT(*) FROM {} WHERE kind = 'repair'", database.own("ledger"));
    assert_ne!(database.query(&sql)[0][0].as_deref(), Some("0"));
    story.call(database, &["verify"], &[]).run().expect(0);
    let again = story.call(database, &["repair"], &["--from", &prefix, "--execute"]).run().expect(0).json();
    assert_eq!(counts(&again), [0; 7], "nothing is left to do");
    same_rows(&rows(database), &clean);
}

#[test]
fn exactly_those_on_sqlite() {
    exactly_those(&Database::sqlite());
}

#[test]
fn exactly_those_on_postgres() {
    if let Some(database) = Database::postgres() {
        exactly_those(&database);
    }
}

fn what_others_touched_is_left_alone(database: &Database) {
    let story = gone_wrong(database);
    let clean = clean(&story, database);
    let digest = wrong_digest(database);
    story.activate("mended_v2");
    let wrong: Vec<u32> = (0..PEOPLE).filter(|&id| is_wrong(id)).collect();
    let extra: Vec<u32> = (0..PEOPLE).filter(|&id| has_extra(id)).collect();
    let (by_hand, removed, changed) = (wrong[3], wrong[10], wrong[20]);
    let (noted, touched) = (extra[2] + 1_000_000, extra[4] + 1_000_000);
    database.execute(&format!(
        "UPDATE people SET name = 'by hand' WHERE _id = {by_hand};
         UPDATE people SET boss = NULL WHERE boss = {removed};
         DELETE FROM people WHERE _id = {removed};
         INSERT INTO notes VALUES (1, {noted});
         UPDATE people SET name = 'kept' WHERE _id = {touched};
         UPDATE people SET boss = 1 WHERE _id IN ({}, {});",
        wrong[30], 19_000
    ));
    let source = std::fs::read_to_string(story.path().join("people.json")).unwrap();
    let name = format!("\"person {changed}\"");
    story.write("people.json", &source.replace(&name, "\"another person\""));

    let call = |more: &[&str]| {
        let words = [&["--from", digest.as_str(), "--entity", "people"], more].concat();
        let report = story.call(database, &["repair"], &words).run().expect(3).json();
        let told = people(&report)["differences"].as_array().unwrap().iter();
        let left: Vec<(String, u64)> = told
            .filter(|told| ["theirs", "depended-on", "source-changed"].contains(&told["what"].as_str().unwrap()))
            .map(|told| (told["what"].as_str().unwrap().to_owned(), told["document"].as_u64().unwrap()))
            .collect();
        (counts(&report), left)
    };
    let predicted = call(&[]);
    let done = call(&["--execute"]);
    assert_eq!(predicted, done, "as predicted");
    let (found, left) = done;
    // Three who lost their boss by hand are told too.
    for (what, id) in [
        ("theirs", by_hand),
        ("theirs", removed),
        ("theirs", extra[4]),
        ("theirs", wrong[30]),
        ("theirs", 19_000),
        ("depended-on", extra[2]),
        ("source-changed", changed),
    ] {
        assert!(left.contains(&(what.to_owned(), u64::from(id) + 1)), "{what} {id}: {left:?}");
    }
    assert_eq!((found[1], found[2]), (count(is_wrong) - 4, count(has_extra) - 2), "{found:?}");
    assert_eq!((found[3], found[5]), (1, 1), "{found:?}");
    let stands = |id: u32| {
        let sql = format!("SELECT name FROM people WHERE _id = {id}");
        database.query(&sql).first().map(|row| row[0].clone().unwrap())
    };
    assert_eq!(stands(by_hand).as_deref(), Some("by hand"));
    assert_eq!(stands(removed), None);
    assert_eq!(stands(changed).as_deref(), Some("wrong"));
    assert_eq!(stands(touched).as_deref(), Some("kept"));
    assert!(stands(noted).is_some());
    // A boss who came later is told from one whom somebody has put there since.
    let sql = format!("SELECT boss, name FROM people WHERE _id = {}", wrong[30]);
    assert_eq!(database.query(&sql)[0], ["1", "wrong"].map(|text| Some(text.to_owned())));
    let is_others = |row: &Vec<Option<String>>| {
        let id: u32 = row[0].as_ref().unwrap().parse().unwrap();
        [by_hand, removed, changed, noted, touched, wrong[30], 19_000].contains(&id) || (row[2].is_none() && id != 100)
    };
    let found: Vec<_> = rows(database).into_iter().filter(|row| !is_others(row)).collect();
    let clean: std::collections::HashSet<_> = clean.into_iter().collect();
    assert!(found.len() > 19_900 && found.iter().all(|row| clean.contains(row)), "the others are right");
}

#[test]
fn what_others_touched_is_left_alone_on_sqlite() {
    what_others_touched_is_left_alone(&Database::sqlite());
}

#[test]
fn what_others_touched_is_left_alone_on_postgres() {
    if let Some(database) = Database::postgres() {
        what_others_touched_is_left_alone(&database);
    }
}

#[test]
fn killed_and_done_again_is_done_once() {
    let database = Database::sqlite();
    let story = gone_wrong(&database);
    let clean = clean(&story, &database);
    let digest = wrong_digest(&database);
    let file = database.file().unwrap();
    let wrong = story.path().join("wrong.db");
    database.execute("PRAGMA wal_checkpoint(TRUNCATE);");
    std::fs::copy(file, &wrong).unwrap();
    for point in ["commit-before=2*off->return", "repair-batch=return", "repair-batch=3*off->return"] {
        database.empty();
        std::fs::copy(&wrong, file).unwrap();
        let words = ["--from", digest.as_str(), "--execute"];
        let killed = story.call(&database, &["repair"], &words).ending_at(point).run();
        assert_eq!(killed.code, None, "{point}: {killed}");
        let done = story.call(&database, &["repair"], &words).run().expect(0).json();
        assert_eq!(counts(&done), [count(is_lost), count(is_wrong), count(has_extra), 0, 0, 0, 0], "{point}");
        same_rows(&rows(&database), &clean);
        conserved(&database);
    }
}

#[test]
fn a_digest_must_be_one_that_wrote_something() {
    let database = Database::sqlite();
    let story = Story::new();
    story.run(&database, "mended_v1").expect(3);
    let ended = story.call(&database, &["repair"], &["--from", "ffff00001111"]).run().expect(2);
    assert!(ended.stderr.contains("no component whose digest begins with"), "{ended}");
    assert!(ended.stderr.contains(&wrong_digest(&database)), "{ended}");
    let ended = story.call(&database, &["repair"], &["--from", ""]).run().expect(2);
    assert!(ended.stderr.contains("expected how a component's digest begins, found nothing"), "{ended}");
    assert!(ended.stderr.contains(&wrong_digest(&database)), "{ended}");
}
