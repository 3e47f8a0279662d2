//! A source that is another one than it was when its entity was completed: said, refused, accepted, moved again.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::cases::Case;
use super::people::Migration;

const RUN: [&str; 4] = ["run", "migration.toml", "--execute", "--yes"];

#[test]
fn a_source_that_has_changed_is_not_called_complete() {
    let database = Database::sqlite();
    let case = Case::new("fail_parents_incomplete", &database).unwrap();
    let call = |arguments: &[&str]| case.call(&database, arguments).run();
    call(&RUN).expect(0);
    assert_eq!(
        case.call(&database, &["run", "migration.toml", "--json"]).run().expect(0).json()["status"],
        "nothing-to-do"
    );
    let moved = dump::all(&database);
    let people = case.path().join("export/people.json");
    let before = fs::read_to_string(&people).unwrap();

    for (change, now) in [("grown", format!("{before}{{\"_id\": 3}}\n")), ("as long", before.replace("two", "TWO"))] {
        fs::write(&people, &now).unwrap();
        for arguments in [&RUN[..], &RUN[..2]] {
            let refused = call(arguments).expect(1);
            let sizes = [before.len(), now.len()].map(|bytes| format!("`people.json` of {bytes} bytes"));
            for words in [&sizes[0], &sizes[1], "`people`", "on-conflict", "whimbrel reset", "--accept-change"] {
                assert!(refused.stderr.contains(words), "{change}, {words}: {refused}");
            }
        }
        let planned = call(&["plan", "migration.toml"]).expect(0);
        assert!(planned.stdout.contains("has changed since"), "{change}: {planned}");
        // What has not changed is no matter of this.
        call(&[&RUN[..], &["--entity", "pets"]].concat()).expect(0);
        assert_eq!(dump::all(&database), moved, "{change}");
    }
    fs::write(&people, &before).unwrap();
    call(&RUN).expect(0);

    fs::write(&people, format!("{before}{{\"_id\": 3}}\n")).unwrap();
    call(&[&RUN[..], &["--accept-change"]].concat()).expect(0);
    call(&RUN).expect(0);
    assert_eq!(dump::all(&database), moved, "accepted, and left as it was moved");
}

/// What the messages say to do is done, to the end.
#[test]
fn after_a_reset_the_policy_moves_everything_again() {
    let database = Database::sqlite();
    let case = Case::new("fail_parents_incomplete", &database).unwrap();
    let call = |arguments: &[&str]| case.call(&database, arguments).run();
    call(&RUN).expect(0);
    let people = case.path().join("export/people.json");
    let grown = format!("{}{{\"_id\": 3}}\n", fs::read_to_string(&people).unwrap().replace("two", "TWO"));
    fs::write(&people, grown).unwrap();
    let reset = call(&["reset", "migration.toml", "--execute"]).expect(0);
    assert!(reset.stdout.contains("`on-conflict`"), "{reset}");

    let refused = call(&RUN).expect(1);
    for policy in ["on-conflict = \"skip\"", "\"update\"", "--accept-change"] {
        assert!(refused.stderr.contains(policy), "{policy}: {refused}");
    }
    let path = case.path().join("migration.toml");
    let manifest = fs::read_to_string(&path).unwrap();
    fs::write(&path, manifest.replace("id = \"keep\"", "id = \"keep\"\non-conflict = \"update\"")).unwrap();
    call(&[&RUN[..], &["--accept-change"]].concat()).expect(0);
    let names = database.query("SELECT name FROM people ORDER BY id");
    assert_eq!(names, [[Some("one".to_owned())], [Some("TWO".to_owned())], [None]]);
}

/// What was added while it was read has been read with the rest, and is no change.
#[test]
fn a_source_that_grows_while_it_is_read_is_remembered_as_read() {
    let settings = "batch-records = 5\ntransaction-rows = 5\ndead-letters-max = \"100%\"";
    let migration = Migration::of(100, settings, Database::sqlite());
    let mut command = migration.call(&RUN).env("FAILPOINTS", "commit-after=sleep(100)").into_command();
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while migration.database.file().is_some_and(|file| !file.exists())
        || dump::checkpoints(&migration.database).is_empty()
    {
        std::thread::yield_now();
    }
    let people = migration.folder.path().join("people.json");
    let append = |line: &str| writeln!(fs::File::options().append(true).open(&people).unwrap(), "{line}").unwrap();
    append(r#"{"_id": 101, "name": "late"}"#);
    assert_eq!(run.wait().unwrap().code(), Some(3));
    let again = migration.execute().expect(3).json();
    assert_eq!((&again["status"], &again["entities"][0]["total"]["read"]), (&"nothing-to-do".into(), &101.into()));
    append(r#"{"_id": 102, "name": "later"}"#);
    migration.execute().expect(1);
}
