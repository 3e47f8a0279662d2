//! What groups of people come to under the policies, and what the configuration is told.
#![allow(clippy::unwrap_used, reason = "a test says so by its panic")]

use serde_json::Value;
use serde_json::json;
use user_dedup::UserDedup;
use whimbrel_sdk::Accepted;
use whimbrel_sdk::Group;
use whimbrel_sdk::Member;
use whimbrel_sdk::Merger;
use whimbrel_sdk::MergerSetup;
use whimbrel_sdk::Table;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::config::parse;
use whimbrel_sdk::testing::from_bson;
use whimbrel_sdk::testing::to_bson;

fn setup() -> MergerSetup {
    let users = ["email", "name", "role", "tags", "seen", "size"];
    let users = users.iter().fold(Table::new("users").id("id"), |table, column| table.column(*column));
    let teams =
        ["user_id", "team", "place"].iter().fold(Table::new("user_teams"), |table, column| table.column(*column));
    MergerSetup {
        entity: "users".to_owned(),
        sources: vec!["old".to_owned(), "new".to_owned()],
        tables: vec![users, teams],
    }
}

fn merger(config: &Value) -> Result<UserDedup, String> {
    let problems = |found: Vec<whimbrel_sdk::Problem>| {
        found
            .into_iter()
            .map(|problem| format!("{}: {}", problem.pointer, problem.message))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let config = parse(&config.to_string()).map_err(|problem| problems(vec![problem]))?;
    UserDedup::new(&setup(), config).map_err(problems)
}

/// A member of a source: its key, its own row, and its teams.
fn member(source: i32, key: &str, row: Value, teams: &[&str]) -> Value {
    let mut row = row;
    row["id"] = json!({ "$ref": if source == 0 { "old" } else { "new" }, "$id": key });
    let mut rows = vec![json!({ "table": 0, "row": row })];
    for (place, team) in teams.iter().enumerate() {
        rows.push(
            json!({ "table": 1, "row": { "user_id": { "$ref": "x", "$id": key }, "team": team, "place": place } }),
        );
    }
    json!({ "source": source, "key": format!("s{key}"), "rows": rows })
}

fn merged(config: &Value, members: &[Value]) -> Result<Vec<Value>, String> {
    let group = to_bson(&json!({ "_id": "x", "identity": "x", "members": members })).unwrap();
    let document = Document::new(&group).unwrap();
    let accepted = merger(config)?.merge(&Group::read(document).unwrap()).map_err(|rejection| {
        format!("{} {}: {}", rejection.code, rejection.field.unwrap_or_default(), rejection.message)
    })?;
    let Accepted::Rows(rows) = accepted else { panic!("expected rows, found {accepted:?}") };
    Ok(rows.into_iter().map(|row| from_bson(&row.into_body()).unwrap()).collect())
}

fn own(config: &Value, members: &[Value]) -> Value {
    merged(config, members).unwrap().remove(0)
}

#[test]
fn a_member_is_known_by_its_address() {
    let merger = merger(&json!({ "key": "email", "normalize": { "plus-tags": true } })).unwrap();
    let known = |row: Value| {
        let bytes = to_bson(&member(0, "a", row, &[])).unwrap();
        merger.identify(Member::read(Document::new(&bytes).unwrap()).unwrap())
    };
    assert_eq!(known(json!({ "email": " A+x@B.c " })).as_deref(), Some("a@b.c"));
    for row in [json!({}), json!({ "email": null }), json!({ "email": " " }), json!({ "email": 7 })] {
        assert_eq!(known(row.clone()), None, "{row}");
    }
}

#[test]
fn the_first_value_that_is_not_empty_stands() {
    let members = [
        member(0, "a", json!({ "name": "", "role": null, "tags": { "$json": "[]" } }), &[]),
        member(0, "b", json!({ "name": "B", "size": 0 }), &[]),
        member(1, "c", json!({ "name": "C", "role": "r", "tags": { "$json": "[1]" }, "size": 5 }), &[]),
    ];
    let row = own(&json!({ "key": "email" }), &members);
    assert_eq!(row["id"]["$id"], "a");
    assert_eq!((&row["name"], &row["role"], &row["tags"]["$json"]), (&json!("B"), &json!("r"), &json!("[1]")));
    // Zero says something.
    assert_eq!(row["size"], 0);
    // Where nobody says anything, an empty text is not made nothing of.
    let row = own(&json!({ "key": "email" }), &[member(0, "a", json!({ "name": "" }), &[])]);
    assert_eq!(row["name"], "");
}

#[test]
fn who_survives_is_said_by_the_policy() {
    let date = |day: u8| json!({ "$date": format!("2024-01-{day:02}T00:00:00Z") });
    let finer = json!({ "$instant": "2024-01-03T00:00:00.000001Z" });
    let members = [
        member(0, "a", json!({ "seen": date(2), "name": "a" }), &[]),
        member(0, "b", json!({ "name": "b", "role": "b", "size": 1 }), &[]),
        member(1, "c", json!({ "seen": date(3), "name": "c" }), &[]),
        member(1, "d", json!({ "seen": finer, "name": "d" }), &[]),
    ];
    let survivor = |config: Value| own(&config, &members)["id"]["$id"].as_str().unwrap().to_owned();
    assert_eq!(survivor(json!({ "key": "email" })), "a");
    assert_eq!(survivor(json!({ "key": "email", "survivor": "newest", "by": "seen" })), "d");
    assert_eq!(survivor(json!({ "key": "email", "survivor": "oldest", "by": "seen" })), "a");
    assert_eq!(survivor(json!({ "key": "email", "survivor": "most-complete" })), "b");
    // The order of equal ones is that of the sources.
    let twins = [member(0, "a", json!({}), &[]), member(1, "b", json!({}), &[])];
    assert_eq!(own(&json!({ "key": "email", "survivor": "newest", "by": "seen" }), &twins)["id"]["$id"], "a");
}

#[test]
fn single_columns_go_their_own_way() {
    let members = [
        member(0, "a", json!({ "name": null, "size": 3, "tags": "[1, 1.0, \"x\"]" }), &[]),
        member(1, "b", json!({ "name": "b", "size": 7, "tags": "[\"x\", {\"a\": 1e400}]" }), &[]),
    ];
    let fields = json!({ "name": "survivor", "size": "max", "tags": "union" });
    let row = own(&json!({ "key": "email", "fields": fields }), &members);
    assert_eq!(row["size"], 7);
    assert_eq!(row["tags"], "[1,1.0,\"x\",{\"a\": 1e400}]");
    assert_eq!(row["name"], Value::Null);
    let error = merged(
        &json!({ "key": "email", "fields": { "name": "union" } }),
        &[member(0, "a", json!({ "name": "x" }), &[])],
    );
    assert_eq!(error.unwrap_err(), "not-an-array name: expected arrays to unite, found a text that is no JSON array");
}

#[test]
fn words_of_a_source_are_translated_or_refused() {
    let config = json!({ "key": "email", "values": { "new": { "role": { "r1": "partner" } } } });
    let role = |source, role: &str| merged(&config, &[member(source, "a", json!({ "role": role }), &[])]);
    assert_eq!(role(1, "r1").unwrap()[0]["role"], "partner");
    assert_eq!(role(0, "anything").unwrap()[0]["role"], "anything");
    assert_eq!(role(1, "r2").unwrap_err(), "unknown-value role: expected one of `r1` from `new`, found `r2`");
}

#[test]
fn further_rows_are_kept_once_each_and_counted_anew() {
    let members = [member(0, "a", json!({}), &["x", "y"]), member(1, "b", json!({}), &["y", "z"])];
    let teams = |policy: Value| {
        let rows = merged(&json!({ "key": "email", "children": { "user_teams": policy } }), &members).unwrap();
        let teams = rows[1..].iter().map(|row| format!("{}{}", row["place"], row["team"].as_str().unwrap()));
        teams.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(teams(json!({})), "0x 1y 0y 1z");
    assert_eq!(teams(json!({ "unique": ["team"], "position": "place" })), "0x 1y 2z");
    assert_eq!(teams(json!({ "keep": "survivor" })), "0x 1y");
}

#[test]
fn every_name_that_nobody_has_is_told() {
    let config = json!({
        "key": "mail", "survivor": "newest", "fields": { "nam": "first" }, "values": { "olde": { "roll": {} } },
        "children": { "user_team": {}, "user_teams": { "unique": ["tem"], "position": "plac" } }
    });
    let told = merger(&config).err().unwrap();
    for (pointer, words) in [
        ("/key", "has no column `mail`"),
        ("/fields/nam", "has no column `nam`"),
        ("/values/olde", "expected one of `old`, `new`, found `olde`"),
        ("/values/olde/roll", "has no column `roll`"),
        ("/children/user_team", "no"),
        ("/children/user_teams/unique/0", "has no column `tem`"),
        ("/children/user_teams/position", "has no column `plac`"),
        ("/survivor", "expected `by`"),
    ] {
        assert!(told.contains(&format!("{pointer}: ")) && told.contains(words), "{pointer}: {told}");
    }
    let told = merger(&json!({ "key": "email", "by": "seen" })).err().unwrap();
    assert!(told.starts_with("/by: "), "{told}");
}

#[test]
fn the_schema_takes_what_the_plugin_takes() {
    let schema: Value = serde_json::from_str(UserDedup::CONFIG_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let full = json!({
        "key": "email", "normalize": { "plus-tags": true, "dots": ["gmail.com"] }, "survivor": "newest", "by": "seen",
        "fields": { "name": "union" }, "values": { "old": { "role": { "a": "b" } } },
        "children": { "user_teams": { "keep": "all", "unique": ["team"], "position": "place" } }
    });
    assert!(validator.is_valid(&full) && merger(&full).is_ok());
    for wrong in [json!({}), json!({ "key": "email", "survivor": "last" }), json!({ "key": "email", "feilds": {} })] {
        assert!(!validator.is_valid(&wrong) && merger(&wrong).is_err(), "{wrong}");
    }
}
