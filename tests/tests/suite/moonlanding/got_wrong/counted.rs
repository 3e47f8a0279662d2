//! What is refused is counted, what is checked is held against the source, and once more changes nothing.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::DEAD_LETTERS;
use super::FRIDAY;
use super::MWR;
use super::Moonlanding;
use super::bear_dead_letters;
use super::count;
use super::declare;
use super::example;
use super::highlight;
use super::put;
use super::review;
use super::rows;
use crate::recovery::same_text;

#[test]
fn what_the_target_refuses_is_a_dead_letter_and_counted() {
    let twice =
        json!([highlight(json!({ "id": "h", "color": "red" })), highlight(json!({ "id": "h", "color": "grey" }))]);
    let removed = json!({ "id": "h", "deletedAt": 1_706_702_400_000_u64, "deletedBy": "U1" });
    let example = example(&[
        (MWR, "myworkreview/users/list/U1", json!({ "name": "u" })),
        // A key twice, UNIQUE, NOT NULL, CHECK, FOREIGN KEY.
        (MWR, "myworkreview/reviews/list/V1", review(json!({ "highlights": twice }))),
        (FRIDAY, "friday/clients/list/C1", json!({ "name": "c", "client_code": "twice" })),
        (FRIDAY, "friday/clients/list/C2", json!({ "name": "c", "client_code": "twice" })),
        (FRIDAY, "emails/M1", json!({ "from": "a@example.org", "date": "31/01/24 14:05" })),
        (FRIDAY, "friday/teams/list/T1", json!({ "name": "t", "context": "nowhere" })),
        (MWR, "myworkreview/removedHighlights/list/nobody/highlights/H1", removed),
    ]);
    declare(&example, "subject = { from = \"subject\", required = true }", "subject = \"subject\"");
    let schema = example.path("schema.sql");
    let with_codes = fs::read_to_string(&schema).unwrap() + "CREATE UNIQUE INDEX client_codes ON clients (code);";
    fs::write(schema, with_codes).unwrap();
    let manifest = fs::read_to_string(example.path("migration.toml")).unwrap();
    bear_dead_letters(&example);
    let report = example.run().run().expect(DEAD_LETTERS).json();
    let codes = rows(&example.target, "SELECT entity, code FROM whimbrel_dead_letter WHERE state = 'dead' ORDER BY 1");
    let expected = [
        "clients | unique",
        "friday-emails | not-null",
        "friday-teams | check",
        "removed-highlights | missing-parent",
        "reviews | duplicate-key",
    ];
    assert_eq!(codes, expected);
    let mut letters = 0;
    let mut inserted: BTreeMap<String, u64> = BTreeMap::new();
    for entity in report["entities"].as_array().unwrap() {
        let fate = |name: &str| entity["total"][name].as_u64().unwrap();
        let fates = ["written", "unchanged", "skipped", "dead", "parked", "merged"].map(fate);
        assert_eq!(fates.iter().sum::<u64>(), fate("read"), "{entity}");
        assert!(fate("read") > 0, "{entity}");
        letters += fate("dead");
        for (table, rows) in entity["rows"].as_object().unwrap() {
            *inserted.entry(table.clone()).or_default() += rows["inserted"].as_u64().unwrap();
        }
    }
    // What is counted stands, and is not what was tried.
    assert!(inserted.len() > 20, "{inserted:?}");
    for (table, rows) in inserted {
        assert_eq!(count(&example.target, &table) as u64, rows, "{table}");
    }
    assert_eq!(letters, 5);
    assert_eq!(rows(&example.target, "PRAGMA foreign_key_check"), [""; 0]);
    // And where none is borne the first ends the run: nine of ten are not enough.
    fs::write(example.path("migration.toml"), manifest.replace("dead-letters-max = \"10%\"", "")).unwrap();
    let target = Database::sqlite();
    let refused = example.run().env("TARGET_URL", &target.url).run().expect(1);
    assert!(refused.stdout.contains("dead-letters-max"), "{refused}");
    assert_eq!(count(&target, "clients WHERE code = 'twice'"), 0);
}

/// A check of the target: code and field of what it has found.
fn validated(example: &Moonlanding, check: &str, code: i32) -> Vec<(String, String)> {
    let found = example.call(&["validate", "--only", check]).run().expect(code).json();
    let check = &found["checks"][0];
    assert!(check["compared"].as_u64().unwrap() > 0, "{check}");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    check["failed"].as_array().unwrap().iter().map(|failed| (text(&failed["code"]), text(&failed["field"]))).collect()
}

#[test]
fn validate_compares_coordinates_and_counts_with_the_source() {
    let rect =
        json!({ "x1": 0.1 + 0.2, "y1": -0.0, "x2": 5e-324, "y2": 1.0, "width": 0.5, "height": 612.0, "pageNumber": 1 });
    let position = json!({ "boundingRect": rect, "rects": [rect], "pageNumber": 1, "usePdfCoordinates": false });
    let highlights = json!([highlight(json!({ "id": "h1", "position": position }))]);
    let example = example(&[(MWR, "myworkreview/reviews/list/V1", review(json!({ "highlights": highlights })))]);
    example.run().run().expect(0);
    assert_eq!(validated(&example, "coordinates", 0), []);
    assert_eq!(validated(&example, "row-count", 0), []);

    // Numbers all of them, and others than in the source: the next double, and zero with another sign.
    let change = |from: &str, to: &str| {
        let sql = format!("UPDATE highlights SET rects = replace(rects, '{from}', '{to}') WHERE legacy_id = 'h1'");
        example.target.execute(&sql);
    };
    for (from, to, field) in [
        ("0.30000000000000004", "0.3000000000000001", "rects#/0/x1"),
        ("-0.0", "0.0", "rects#/0/y1"),
        ("612.0", "613.0", "rects#/0/height"),
    ] {
        change(from, to);
        let found = validated(&example, "coordinates", 1);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, field);
        change(to, from);
    }
    assert_eq!(validated(&example, "coordinates", 0), []);

    // A row that is gone, and a document that nobody has moved.
    example.target.execute("DELETE FROM flags WHERE id = (SELECT min(id) FROM flags)");
    assert_eq!(validated(&example, "row-count", 1).len(), 1);
    put(&example, &(MWR, "myworkreview/logs/list/new", json!({ "message": "m", "timestamp": 1_706_702_400_000_u64 })));
    assert_eq!(validated(&example, "row-count", 1).len(), 2);
}

#[test]
fn a_second_run_doubles_nothing_and_ids_are_the_same_in_every_database() {
    let example = example(&[]);
    example.run().run().expect(0);
    let once = dump::tables(&example.target);
    example.run().run().expect(0);
    same_text(&dump::tables(&example.target), &once);
    let other = Database::sqlite();
    example.run().env("TARGET_URL", &other.url).run().expect(0);
    same_text(&dump::tables(&other), &once);
    // Not even where whimbrel has forgotten all that it had done.
    example.call(&["reset", "--execute"]).run().expect(0);
    declare(&example, "[defaults]\n", "[defaults]\non-conflict = \"skip\"\n");
    let report = example.run().run().expect(0).json();
    same_text(&dump::tables(&example.target), &once);
    for entity in report["entities"].as_array().unwrap() {
        assert_eq!(entity["total"]["written"], 0, "{entity}");
    }
}
