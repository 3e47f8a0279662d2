//! What was moved beside what stands in the target: nothing is found where nothing is wrong, and all that is wrong is found.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use whimbrel_tests::Database;

use super::cases::CASES;
use super::cases::Case;
use super::replay::Story;

#[test]
fn every_case_is_as_it_was_written() {
    for database in Database::each() {
        let mut equal = 0;
        for name in CASES {
            database.empty();
            let Some(case) = Case::new(name, &database) else { continue };
            case.prepare(&database);
            if !matches!(case.execute(&database).run().code, Some(0 | 3)) {
                continue;
            }
            let mut words = vec!["verify", "migration.toml", "--json"];
            // What stood there before was written by nobody.
            if case.path().join("before.sql").exists() {
                words.push("--skip-extra");
            }
            let ended = case.call(&database, &words).run();
            let is_empty = ended.stdout.contains("nothing was compared");
            assert!(ended.code == Some(0) || is_empty, "{name} on {}: {ended}", database.kind());
            equal += u32::from(!is_empty);
        }
        assert!(equal > 20, "{equal} cases have rows");
    }
}

/// Rows that stood there before and were skipped are known to the ledger; one that no record met is nobody's.
#[test]
fn skipped_rows_are_not_extra() {
    for database in Database::each() {
        for (name, extra) in [("skipped_rows", vec![]), ("conflict_skip", vec!["extra people (id = 50) {}"])] {
            database.empty();
            let case = Case::new(name, &database).unwrap();
            case.prepare(&database);
            case.execute(&database).run().expect(0);
            let found = case.call(&database, &["verify", "migration.toml", "--json"]).run();
            let found = found.expect(i32::from(!extra.is_empty())).json();
            assert_eq!(differences(&found), extra);
        }
    }
}

/// Each difference as what, table or entity, key and fields.
fn differences(report: &Json) -> Vec<String> {
    let parts = report["entities"].as_array().unwrap().iter().chain(report["tables"].as_array().unwrap());
    let told = parts.flat_map(|part| part["differences"].as_array().unwrap());
    let text = |value: &Json| value.as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = told
        .map(|told| {
            let fields = told["fields"].as_array().unwrap().iter();
            let fields: BTreeMap<String, String> = fields
                .map(|f| (text(&f["field"]), format!("{}/{}", text(&f["expected"]), text(&f["found"]))))
                .collect();
            format!("{} {} {} {fields:?}", text(&told["what"]), text(&told["table"]), text(&told["key"]))
        })
        .collect();
    lines.sort();
    lines
}

fn finds_all_that_is_wrong(database: &Database) {
    let story = Story::new();
    story.run(database, "mended_v2").expect(3);
    let clean = story.call(database, &["verify"], &[]).run().expect(0).json();
    assert_eq!((&clean["status"], &clean["differences"]), (&"equal".into(), &0.into()), "{clean}");
    assert_eq!(clean["tables"][0]["rows"], clean["entities"][0]["rows"], "every row is looked at");

    database.execute(
        "DELETE FROM toys WHERE _id = 8;
         UPDATE toys SET name = 'other' WHERE _id = 10;
         UPDATE pets SET name = NULL, friend = 3 WHERE _id = 1;
         UPDATE pets SET friend = NULL WHERE _id = 2;
         UPDATE people SET boss = NULL WHERE _id = 31;
         INSERT INTO toys (_id, name, pet) VALUES (70000, 'unknown', 0), (70001, 'unknown', 1);",
    );
    let expected = [
        "changed people (_id = 31) {\"boss\": \"10/NULL\"}",
        "changed pets (_id = 1) {\"friend\": \"7/3\", \"name\": \"pet 1/NULL\"}",
        "changed pets (_id = 2) {\"friend\": \"14/NULL\"}",
        "changed toys (_id = 10) {\"name\": \"toy 10/other\"}",
        "extra toys (_id = 70000) {}",
        "extra toys (_id = 70001) {}",
        "missing toys (_id = 8) {}",
    ];
    let found = story.call(database, &["verify"], &[]).run().expect(1).json();
    assert_eq!(differences(&found), expected);
    assert_eq!(found["differences"], expected.len());

    // Ended in the middle and gone on with, it comes to the same, and counts nothing twice.
    for batches in [1, 4] {
        let ended = story.call(database, &["verify"], &[]).ending_at(&format!("verify-batch={batches}*off->return"));
        assert_eq!(ended.run().code, None);
        let again = story.call(database, &["verify"], &[]).run().expect(1).json();
        assert_eq!((&again["entities"], &again["tables"]), (&found["entities"], &found["tables"]));
    }

    // A source that has changed, and a component that fails, are told and end nothing.
    let people = std::fs::read_to_string(story.path().join("people.json")).unwrap();
    story.write("people.json", &people.replace("\"person 6\"", "\"person six\""));
    let changed = story.call(database, &["verify"], &["--entity", "people"]).run().expect(1).json();
    assert_eq!(changed["entities"][0]["source_changed"], 1, "{changed}");
    story.write("people.json", &people);
    story.activate("too_few");
    let failed = story.call(database, &["verify"], &["--entity", "toys"]).run().expect(1).json();
    assert_eq!(failed["entities"][0]["failed"], failed["entities"][0]["batches"], "{failed}");
}

#[test]
fn finds_all_that_is_wrong_on_sqlite() {
    finds_all_that_is_wrong(&Database::sqlite());
}

#[test]
fn finds_all_that_is_wrong_on_postgres() {
    if let Some(database) = Database::postgres() {
        finds_all_that_is_wrong(&database);
    }
}

/// A record that was left out comes to a row now, and somebody has written one of that key.
#[test]
fn a_row_in_the_place_of_a_record_is_one_difference() {
    for database in Database::each() {
        let story = Story::new();
        let line = |id: u32| {
            let marker = if id % 100 == 50 { r#", "lost": true"# } else { "" };
            format!("{{\"_id\": {id}, \"name\": \"person {id}\", \"boss\": null{marker}}}\n")
        };
        story.write("people.json", &(0..1000).map(line).collect::<String>());
        story.write("pets.json", "");
        story.write("toys.json", "");
        story.run(&database, "mended_v1").expect(0);
        story.activate("mended_v2");
        for id in (50..1000).step_by(100) {
            database.execute(&format!("INSERT INTO people (_id, name) VALUES ({id}, 'theirs')"));
        }
        let verify = || story.call(&database, &["verify"], &[]);
        let found = verify().run().expect(1).json();
        assert_eq!((&found["differences"], &found["entities"][0]["changed"]), (&10.into(), &10.into()), "{found:#}");
        assert_eq!((&found["tables"][0]["extra"], &found["tables"][0]["rows"]), (&0.into(), &1000.into()), "{found:#}");
        assert_eq!(verify().ending_at("verify-batch=2*off->return").run().code, None);
        let again = verify().run().expect(1).json();
        assert_eq!((&again["entities"], &again["tables"]), (&found["entities"], &found["tables"]));
    }
}

/// Records are told by their bytes: those behind one that is gone, or that came, are what they were.
#[test]
fn a_source_that_has_lost_records_is_told_of_these_alone() {
    for database in Database::each() {
        let story = Story::new();
        story.run(&database, "mended_v2").expect(3);
        let people = std::fs::read_to_string(story.path().join("people.json")).unwrap();
        let lines: Vec<&str> = people.lines().collect();
        let verify = |lines: &[&str]| {
            story.write("people.json", &format!("{}\n", lines.join("\n")));
            story.call(&database, &["verify"], &["--entity", "people", "--limit", "1000"])
        };
        let told = |report: &Json| {
            let told = report["entities"][0]["differences"].as_array().unwrap().clone();
            let number = |told: &Json, key: &str| told[key].as_u64();
            let lines =
                told.iter().map(|told| (told["what"].clone(), number(told, "document"), number(told, "through")));
            lines.collect::<Vec<_>>()
        };
        let changed = |first: u64, last: Option<u64>| vec![("source-changed".into(), Some(first), last)];

        let lost = [&lines[..20], &lines[21..]].concat();
        let report = verify(&lost).run().expect(1).json();
        assert_eq!((told(&report), &report["differences"]), (changed(21, None), &1.into()));
        assert_eq!(report["entities"][0]["records"], lines.len(), "all the others are compared");
        // Gone on with in the middle, it knows where it is.
        for batches in [1, 3] {
            let ended = verify(&lost).ending_at(&format!("verify-batch={batches}*off->return"));
            assert_eq!(ended.run().code, None);
            assert_eq!(told(&verify(&lost).run().expect(1).json()), changed(21, None), "{batches}");
        }

        // More than a batch has, and told once.
        let lost_many = &lines[700..];
        let report = verify(lost_many).run().expect(1).json();
        assert_eq!((told(&report), &report["differences"]), (changed(1, Some(700)), &700.into()));
        // Those that have come since are told, wherever they are, and nothing else.
        let new = |id: u32| format!(r#"{{"_id": {id}, "name": "new", "boss": 1}}"#);
        let [first, between, last] = [600_000, 600_001, 600_002].map(new);
        let came = [first.as_str(); 800].into_iter().chain(lines[..500].iter().copied());
        let came = came.chain([between.as_str()]).chain(lines[500..].iter().copied()).chain([last.as_str()]);
        let came: Vec<&str> = came.collect();
        let report = verify(&came).run().expect(1).json();
        assert_eq!(report["entities"][0]["source_changed"], 802, "{report}");
        assert_eq!(report["differences"], 802, "{report}");
        let keys = report["entities"][0]["differences"].as_array().unwrap().iter();
        let mut keys: Vec<&str> = keys.map(|told| told["key"].as_str().unwrap()).collect();
        keys.dedup();
        assert_eq!(keys, ["i600000", "i600001", "i600002"]);
        let others: Vec<String> = lines.iter().map(|line| line.replace("person", "somebody")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        // The last ones, which are dead letters, are as they were.
        let report = verify(&others).run().expect(1).json();
        assert_eq!(told(&report), changed(1, Some(lines.len() as u64 - 2)), "{}", report["differences"]);
    }
}

#[test]
fn nothing_to_compare_is_a_failure() {
    let story = Story::new();
    let database = Database::sqlite();
    story.activate("mended_v2");
    let ended = story.call(&database, &["verify"], &[]).run().expect(2);
    assert!(ended.stderr.contains("has not begun") && !database.file().unwrap().exists(), "{ended}");
    story.write("people.json", "");
    story.write("pets.json", "");
    story.write("toys.json", "");
    story.run(&database, "mended_v2").expect(0);
    let ended = story.call(&database, &["verify"], &[]).run().expect(1);
    assert!(ended.stderr.contains("nothing was compared"), "{ended}");
}
