//! Components that misbehave, each with what stops it. A guest that nobody lists here is a failure.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

/// Names every guest that has a test.
macro_rules! guests {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(const _: fn() = $name;)*
    };
}

guests! {
    echo_bson
    echo_extended_json
    hoard
    malformed_row
    mended_v1
    mended_v2
    skip_on_marker
    spin_on_marker
    too_few
    too_many
    trap_on_marker
    undeclared_table
    validator_bad_index
    wrong_world
}

/// What a run with one guest came to.
struct Came {
    ended: Ended,
    database: Database,
    _folder: tempfile::TempDir,
}

impl Came {
    fn report(&self) -> Json {
        self.ended.json()
    }

    /// Returns code and message of every dead letter, in the order of the source; provisional ones too.
    fn letters(&self) -> Vec<(String, String)> {
        let sql = "SELECT code, message FROM whimbrel_dead_letter ORDER BY document";
        let rows = self.database.query(sql).into_iter();
        rows.map(|mut row| (row.remove(0).unwrap(), row.remove(0).unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        let rows = self.database.query("SELECT name FROM people ORDER BY _id").into_iter();
        rows.map(|mut row| row.remove(0).unwrap()).collect()
    }
}

/// Runs twenty records through a guest; those in `marked` hold the marker.
fn run(settings: &str, marker: &str, marked: &[usize]) -> Came {
    let folder = tempfile::tempdir().unwrap();
    components::link(folder.path());
    let manifest = format!(
        r#"
version = 1
name = "guests"

[source.old]
url = "mongoexport:."

[target]
url = "${{TARGET_URL}}"
schema = "schema.sql"

{settings}
"#
    );
    let mut export = String::new();
    for number in 0..20 {
        let marks = if marked.contains(&number) { format!(r#", "{marker}": true"#) } else { String::new() };
        let _ = writeln!(export, r#"{{"_id": {number}, "name": "n{number}"{marks}}}"#);
    }
    fs::write(folder.path().join("migration.toml"), manifest).unwrap();
    fs::write(folder.path().join("schema.sql"), "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT);").unwrap();
    fs::write(folder.path().join("people.json"), export).unwrap();
    let database = Database::sqlite();
    let ended = Whimbrel::new(["run", "migration.toml", "--execute", "--yes", "--json"])
        .at(folder.path())
        .env("TARGET_URL", &database.url)
        .run();
    Came { ended, database, _folder: folder }
}

fn through(guest: &str, more: &str, marker: &str, marked: &[usize]) -> Came {
    let guest = guest.replace('_', "-");
    let entity = format!(
        r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
transform = "{guest}"
batch-records = 10
dead-letters-max = "5"
config.columns = ["_id", "name"]
{more}
"#
    );
    run(&entity, marker, marked)
}

#[track_caller]
fn only_the_marked_are_dead(came: &Came, marked: &[usize], code: &str, message: &str) {
    assert_eq!(came.ended.code, Some(3), "{}", came.ended);
    let letters = came.letters();
    assert_eq!(letters.len(), marked.len(), "{letters:?}");
    for (found, said) in letters {
        assert!(found == code && said.contains(message), "{found}: {said}");
    }
    assert_eq!(came.names().len(), 20 - marked.len());
    assert_eq!(came.report()["conservation"], "ok");
}

#[track_caller]
fn the_run_stops(came: &Came, code: i32, message: &str) {
    assert_eq!(came.ended.code, Some(code), "{}", came.ended);
    assert!(came.ended.stderr.contains(message), "{}", came.ended);
    if came.database.file().unwrap().exists() {
        assert!(!dump::all(&came.database).contains("\tn0"), "nothing of the batch is written");
    }
}

#[test]
fn echo_bson() {
    let came = through("echo_bson", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names(), (0..20).map(|number| format!("n{number}")).collect::<Vec<_>>());
}

#[test]
fn echo_extended_json() {
    let came = through("echo_extended_json", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(dump::tables(&came.database), dump::tables(&through("echo_bson", "", "", &[]).database));
}

#[test]
fn trap_on_marker() {
    let marked = [3, 4, 17];
    let came = through("trap_on_marker", "", "trap", &marked);
    only_the_marked_are_dead(&came, &marked, "plugin-trap", "trapped in `transform`");
}

#[test]
fn skip_on_marker() {
    let came = through("skip_on_marker", "", "skip", &[2, 11, 12]);
    // Twenty records of which three hold what the guest's columns do not know are seventeen rows.
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names().len(), 17);
    let entity = &came.report()["entities"][0];
    assert_eq!(entity["total"]["skipped"], 3);
    assert_eq!(entity["skip_reasons"], serde_json::json!({ "found the marker `skip`": 3 }));
}

#[test]
fn hoard() {
    let came = through("hoard", "\n[plugin.hoard]\nmemory = \"8MiB\"\n", "hoard", &[5]);
    only_the_marked_are_dead(&came, &[5], "plugin-limit", "the limit `memory` of 8 MiB");
}

#[test]
fn spin_on_marker() {
    let came = through("spin_on_marker", "\n[plugin.spin-on-marker]\ndeadline = \"300ms\"\n", "spin", &[0]);
    the_run_stops(&came, 1, "deadline");
    assert_eq!(came.report()["entities"][0]["total"]["dead"], 0, "a missed deadline makes no dead letter");
}

#[test]
fn too_few() {
    the_run_stops(&through("too_few", "", "", &[]), 1, "10");
}

#[test]
fn too_many() {
    the_run_stops(&through("too_many", "", "", &[]), 1, "11");
}

#[test]
fn malformed_row() {
    let came = through("malformed_row", "", "malformed", &[1, 19]);
    only_the_marked_are_dead(&came, &[1, 19], "malformed-row", "");
}

#[test]
fn mended_v1() {
    only_the_marked_are_dead(&through("mended_v1", "", "reject", &[4]), &[4], "unknown-kind", "this version knows");
    only_the_marked_are_dead(&through("mended_v1", "", "trap", &[3, 9]), &[3, 9], "plugin-trap", "trapped");
    assert_eq!(through("mended_v1", "", "wrong", &[5]).names()[5], "wrong");
    assert_eq!(through("mended_v1", "", "lost", &[5]).names().len(), 19);
    assert_eq!(through("mended_v1", "", "extra", &[5]).names().len(), 21);
}

#[test]
fn mended_v2() {
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    for marker in ["reject", "trap", "wrong", "lost", "extra"] {
        assert_eq!(through("mended_v2", "", marker, &[4, 5]).names(), names, "{marker}");
    }
}

#[test]
fn undeclared_table() {
    let came = through("undeclared_table", "", "undeclared", &[2]);
    only_the_marked_are_dead(&came, &[2], "malformed-row", "7");
}

#[test]
fn validator_bad_index() {
    let came = through("echo_bson", "validate = [\"validator-bad-index\"]", "", &[]);
    the_run_stops(&came, 1, "row");
}

#[test]
fn wrong_world() {
    the_run_stops(&through("wrong_world", "", "", &[]), 2, "other:thing/greeter@1.0.0");
}

#[test]
fn every_guest_has_a_test() {
    assert_eq!(components::guest_names(), TESTED);
}
