//! What a migration may take for granted of its target: tables that stay, one order where entities share one, keys that hold.

use std::fs;

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::people::Migration;
use super::people::SCHEMA;

const RUN: [&str; 4] = ["run", "migration.toml", "--execute", "--yes"];

/// Made again by the schema file it would be empty, and the migration complete.
#[test]
fn a_table_that_is_gone_with_its_rows_is_not_made_again() {
    for database in Database::each() {
        let migration = Migration::of(40, "dead-letters-max = \"100%\"", database);
        migration.run(&[&RUN[..], &["--limit", "20"]].concat()).expect(3);
        for step in ["partly moved", "complete"] {
            let kept = dump::tables(&migration.database);
            migration.database.execute("ALTER TABLE people RENAME TO hidden");
            for arguments in [&RUN[..], &RUN[..2]] {
                let refused = migration.run(arguments).expect(1);
                for words in ["`people`", "has moved", "whimbrel reset migration.toml --execute"] {
                    assert!(refused.stderr.contains(words), "{step}, {words}: {refused}");
                }
            }
            migration.database.execute("ALTER TABLE hidden RENAME TO people");
            assert_eq!(dump::tables(&migration.database), kept, "{step}");
            migration.run(&RUN).expect(3);
        }
        // What the hint says to do.
        migration.database.execute("DROP TABLE people");
        migration.run(&["reset", "migration.toml", "--execute"]).expect(0);
        migration.run(&RUN).expect(3);
        assert_eq!(migration.database.query("SELECT COUNT(*) AS n FROM people")[0][0].as_deref(), Some("36"));
    }
}

/// What decides which rows a table takes belongs to what a migration has begun with.
#[test]
fn a_table_that_has_changed_is_named() {
    for database in Database::each() {
        let changes = [
            ("ALTER TABLE people ADD COLUMN kind TEXT DEFAULT 'x'", "tables.people.columns.kind: was not there"),
            ("CREATE UNIQUE INDEX by_name ON people (name)", "uniques.by_name: was not there, is `name`"),
            ("ALTER TABLE people ADD COLUMN boss INTEGER REFERENCES people (id)", "references.people"),
        ];
        let (check, trigger) = match database.kind() {
            "sqlite" => (
                "ALTER TABLE people ADD COLUMN size INTEGER CONSTRAINT small CHECK (size < 9)",
                "CREATE TRIGGER watch AFTER INSERT ON people BEGIN SELECT 1; END",
            ),
            _ => (
                "ALTER TABLE people ADD CONSTRAINT small CHECK (age < 9)",
                "CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                 CREATE TRIGGER watch BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION watch()",
            ),
        };
        let more = [(check, "check constraint `small`"), (trigger, "trigger `watch`: was not there, is `in force`")];
        let migration = Migration::of(40, "dead-letters-max = \"100%\"", database);
        migration.run(&[&RUN[..], &["--limit", "5"]].concat()).expect(0);
        for (change, words) in changes.into_iter().chain(more) {
            // Nothing has changed yet.
            assert_ne!(migration.run(&[&RUN[..], &["--limit", "1"]].concat()).code, Some(2), "before {change}");
            migration.database.execute(change);
            let refused = migration.run(&RUN).expect(2);
            // A foreign key without a name has another one in each kind of target.
            let words = words.replace(
                "references.people",
                &format!(
                    "references.people{}",
                    match migration.database.kind() {
                        "sqlite" => "(boss) references people: was not there, is `boss → people (id)`",
                        _ => "_boss_fkey: was not there, is `boss → people (id)`",
                    }
                ),
            );
            for words in [words.as_str(), "has begun with other output", "--accept-change"] {
                assert!(refused.stderr.contains(words), "`{words}` of {change}: {refused}");
            }
            migration.run(&[&RUN[..], &["--limit", "1", "--accept-change"]].concat());
        }
        migration.run(&RUN).expect(3);
        migration.run(&RUN).expect(3);
    }
}

/// Side by side, chance would decide whose row stands where both have one of the same key.
#[test]
fn entities_that_feed_one_table_go_one_after_the_other() {
    for database in Database::each() {
        let migration = Migration::of(30, "dead-letters-max = \"100%\"", database);
        let path = migration.folder.path().join("migration.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        let (head, entity) = manifest.split_once("[[entity]]").unwrap();
        let other = entity.replace("name = \"people\"", "name = \"more\"").replace("old.people", "old.more");
        fs::write(&path, format!("{head}[[entity]]{other}\n[[entity]]{entity}")).unwrap();
        fs::copy(migration.folder.path().join("people.json"), migration.folder.path().join("more.json")).unwrap();
        let refused = migration.run(&[&RUN[..], &["--entity", "people"]].concat()).expect(2);
        assert!(refused.stderr.contains("`people` feeds a table after `more`, which is not complete"), "{refused}");
        let written = |report: &serde_json::Value| {
            let of = |index: usize| {
                (report["entities"][index]["name"].clone(), report["entities"][index]["total"]["written"].clone())
            };
            (of(0), of(1))
        };
        let dry = migration.run(&["run", "migration.toml", "--json"]).json();
        let first = (("more".into(), 27.into()), ("people".into(), 0.into()));
        assert_eq!(written(&dry), first, "{dry:#}");
        let real = migration.run(&[&RUN[..], &["--json"]].concat()).json();
        assert_eq!(written(&real), first, "{real:#}");
    }
}

/// SQLite lets a key be NULL, and a row without one would be there twice after the next run.
#[test]
fn a_reference_in_the_key_is_never_written_null() {
    let migration = Migration::of(10, "", Database::sqlite());
    let path = migration.folder.path().join("migration.toml");
    let manifest = fs::read_to_string(&path).unwrap().replace("id = \"keep\"\n", "");
    let manifest = manifest.replace("id = \"_id\"\n", "id = { from = \"_id\", reference = \"people\" }\n");
    fs::write(&path, format!("{manifest}\n[entity.references.id]\non-missing = \"null\"\n")).unwrap();
    fs::write(
        migration.folder.path().join("schema.sql"),
        SCHEMA.replace("id INTEGER PRIMARY KEY", "id TEXT REFERENCES people (name), PRIMARY KEY (id)").replace(
            "id TEXT REFERENCES people (name), PRIMARY KEY (id), name TEXT NOT NULL, age INTEGER",
            "id TEXT REFERENCES people (name), name TEXT NOT NULL UNIQUE, age INTEGER, PRIMARY KEY (id)",
        ),
    )
    .unwrap();
    let refused = migration.run(&["plan", "migration.toml"]).expect(2);
    assert!(refused.stderr.contains("cannot be NULL"), "{refused}");
}

/// What was asked for is lost: that is no success.
#[cfg(target_os = "linux")]
#[test]
fn a_report_that_nobody_can_write_is_a_failure() {
    let migration = Migration::of(10, "dead-letters-max = \"100%\"", Database::sqlite());
    let mut command = migration.call(&["run", "migration.toml", "--json"]).into_command();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
}
