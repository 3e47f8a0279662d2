//! The command line: what every command prints, in text and as JSON, and how it ends.

use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use super::people::Migration;
use super::people::SCHEMA;

#[track_caller]
fn has_keys(value: &Json, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("expected an object, found {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "`{key}` is missing in {value:#}");
    }
}

#[test]
fn help_names_every_command_and_exit_code() {
    let help = Whimbrel::new(["--help"]).run().expect(0).stdout;
    for word in [
        "plan",
        "run",
        "reset",
        "status",
        "dead-letter",
        "verify",
        "repair",
        "id",
        "plugin",
        "completions",
        "man",
        "--json",
        "130",
        "255",
    ] {
        assert!(help.contains(word), "`{word}` is missing in\n{help}");
    }
    let help = Whimbrel::new(["run", "--help"]).run().expect(0).stdout;
    for word in ["--execute", "--yes", "--entity", "--limit", "--accept-change", "--report"] {
        assert!(help.contains(word), "`{word}` is missing in\n{help}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["rum"][..], &["run"], &["run", "m.toml", "--limit", "0"], &["run", "m.toml", "--exceute"]] {
        let ended = Whimbrel::new(arguments).run().expect(2);
        assert!(ended.stdout.is_empty() && ended.stderr.contains("error:"), "{ended}");
    }
}

#[test]
fn completions_and_man_pages_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = Whimbrel::new(["completions", shell]).run().expect(0).stdout;
        assert!(script.contains("dead-letter") && script.contains("accept-change"), "{shell}");
        let json = Whimbrel::new(["completions", shell, "--json"]).run().expect(0).json();
        assert_eq!((&json["shell"], &json["script"]), (&shell.into(), &script.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(Whimbrel::new(["man", path]).run().expect(0).stdout, "");
    let json = Whimbrel::new(["man", path, "--json"]).run().expect(0).json();
    assert_eq!(json["folder"], path);
    let pages = json["pages"].as_array().unwrap();
    assert_eq!(pages.len(), fs::read_dir(path).unwrap().count());
    assert!(pages.contains(&"whimbrel-dead-letter-show.1".into()), "{json:#}");
    assert!(fs::read_to_string(folder.path().join("whimbrel-run.1")).unwrap().contains("accept"));
}

#[test]
fn the_report_has_its_stable_keys() {
    let migration = Migration::sqlite(20);
    let written = migration.folder.path().join("report.json");
    let dry = migration.run(&["run", "migration.toml", "--json"]).expect(3).json();
    let arguments = ["run", "migration.toml", "--execute", "--yes", "--json", "--report", "report.json"];
    let executed = migration.run(&arguments).expect(3).json();
    let repeated = migration.execute().expect(3).json();
    assert_eq!(serde_json::from_str::<Json>(&fs::read_to_string(written).unwrap()).unwrap(), executed);
    for (report, mode, status) in
        [(&dry, "dry-run", "completed"), (&executed, "execute", "completed"), (&repeated, "execute", "nothing-to-do")]
    {
        let keys =
            ["run", "migration", "mode", "status", "started_at", "duration_ms", "entities", "plugins", "conservation"];
        has_keys(report, &keys);
        assert_eq!((&report["mode"], &report["status"]), (&mode.into(), &status.into()), "{report:#}");
        assert_eq!(report["conservation"], "ok");
        let entity = &report["entities"][0];
        has_keys(entity, &["name", "state", "total", "this_run", "rows", "batches", "records_per_second"]);
        for fates in [&entity["total"], &entity["this_run"]] {
            has_keys(fates, &["read", "written", "unchanged", "skipped", "dead", "parked", "merged"]);
        }
        has_keys(
            &entity["rows"]["people"],
            &["inserted", "updated", "unchanged", "skipped", "collapsed", "deferred", "refused"],
        );
        has_keys(&report["plugins"][0], &["name", "digest", "world"]);
        assert_eq!(entity["total"]["read"], 20);
        assert_eq!(entity["total"]["dead"], 2);
    }
    assert_eq!(repeated["entities"][0]["this_run"]["read"], 0);
}

#[test]
fn every_command_speaks_json_and_text() {
    let migration = Migration::sqlite(20);
    let plan = migration.run(&["plan", "migration.toml", "--json"]).expect(0).json();
    has_keys(&plan, &["migration", "namespace", "target", "creates", "entities", "plugins"]);
    has_keys(
        &plan["entities"][0],
        &["name", "from", "key", "id", "transform", "validate", "after", "tables", "source"],
    );
    assert_eq!(plan["entities"][0]["source"]["documents"], 20);
    assert_eq!(plan["entities"][0]["source"]["unmapped"]["extra"], 18);
    let text = migration.run(&["plan", "migration.toml"]).expect(0).stdout;
    for word in ["people", "extra (18)", "mongo-to-sql", "not fed: age"] {
        assert!(text.contains(word), "`{word}` is missing in\n{text}");
    }
    migration.execute().expect(3);

    let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
    has_keys(&status["entities"][0], &["name", "state", "total", "position", "updated_at"]);
    let list = migration.run(&["dead-letter", "list", "migration.toml", "--json"]).expect(0).json();
    assert_eq!(list["reasons"][0]["count"], 2, "{list:#}");
    assert_eq!(list["total"], 2);
    let cut = migration.run(&["dead-letter", "list", "migration.toml", "--limit=1"]).expect(0).stdout;
    assert!(cut.contains("and 1 more, which a larger `--limit` shows"), "{cut}");
    let letter = &list["dead_letters"][0];
    let keys = ["number", "entity", "document", "position", "key", "stage", "code", "field", "message", "plugin"];
    has_keys(letter, &keys);
    has_keys(letter, &["digest", "attempts", "run", "at", "original", "provisional"]);
    let number = letter["number"].to_string();
    let mut shown = migration.run(&["dead-letter", "show", "migration.toml", &number, "--json"]).expect(0).json();
    let history = shown["history"].take();
    has_keys(&history[0], &["attempt", "run", "at", "digest", "fate", "stage", "code", "field", "message"]);
    shown.as_object_mut().unwrap().remove("history");
    assert_eq!(&shown, letter);
    let text = migration.run(&["dead-letter", "show", "migration.toml", &number]).expect(0).stdout;
    assert!(text.contains("\"_id\"") && text.contains("try 1"), "{text}");

    let digest = &plan["plugins"][0]["digest"].as_str().unwrap()[..12];
    let calls: [(&[&str], i32, &[&str], &str); 5] = [
        (&["dead-letter", "replay"], 3, &["run", "mode", "status", "entities", "letters", "permanent"], "dead again"),
        (
            &["dead-letter", "discard", "--code=not-null", "--reason=x"],
            0,
            &["executed", "discarded"],
            "would be discarded",
        ),
        (&["dead-letter", "export", "--force"], 0, &["folder", "files", "left_out"], "people.json: 2 records"),
        (&["verify"], 0, &["migration", "status", "entities", "tables", "differences"], "the target is what"),
        (&["repair", "--from", digest], 0, &["run", "mode", "status", "from", "entities"], "nothing was written"),
    ];
    for (words, code, keys, said) in calls {
        let folder = if words.contains(&"export") { Some("letters") } else { None };
        let words: Vec<&str> = words.iter().copied().chain(["migration.toml"]).chain(folder).collect();
        let text = migration.run(&words).expect(code).stdout;
        assert!(text.contains(said), "{words:?}: {text}");
        let words = [words.as_slice(), &["--json"]].concat();
        has_keys(&migration.run(&words).expect(code).json(), keys);
    }

    let component = components::plugins().join("mongo_to_sql.wasm");
    let component = component.to_str().unwrap();
    let about = Whimbrel::new(["plugin", "inspect", component, "--json"]).run().expect(0).json();
    has_keys(&about, &["name", "world", "version", "digest", "size", "imports", "config_schema"]);
    assert_eq!(about["config_schema"]["type"], "object");
    let schema = Whimbrel::new(["schema"]).run().expect(0).json();
    has_keys(&schema, &["$schema", "properties"]);

    let kept = dump::all(&migration.database);
    let reset = migration.run(&["reset", "migration.toml", "--json"]).expect(0).json();
    assert_eq!((&reset["executed"], &reset["rows_stay"]), (&false.into(), &true.into()));
    assert_eq!(reset["forgotten"]["checkpoint"], 1, "{reset:#}");
    assert_eq!(dump::all(&migration.database), kept, "only `--execute` forgets");
    migration.run(&["reset", "migration.toml", "--execute"]).expect(0);
    assert_eq!(dump::bookkeeping(&migration.database), "", "nothing is remembered");
    assert!(dump::tables(&migration.database).contains("n1"), "rows stay");
}

#[test]
fn a_failure_as_json_says_what_the_text_says() {
    let migration = Migration::of(20, "", Database::sqlite());
    let ended = migration.execute().expect(1);
    let failure = ended.json();
    has_keys(&failure, &["error", "causes", "hint", "entities", "conservation"]);
    assert_eq!(failure["status"], "failed");
    assert!(ended.stderr.contains(failure["error"].as_str().unwrap()), "{ended}");
}

#[test]
fn a_wrong_manifest_as_json_has_its_problems_one_by_one() {
    let migration = Migration::sqlite(1);
    let manifest = migration.folder.path().join("migration.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("version = 1", "version = 2").replace("schema.sql", "schema.sq")).unwrap();
    let failure = migration.run(&["plan", "migration.toml", "--json"]).expect(2).json();
    has_keys(&failure, &["error", "causes", "hint", "exit_code", "file", "problems"]);
    let problems = failure["problems"].as_array().unwrap();
    let places: Vec<_> = problems.iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/version", "/target/schema"]);
    assert_eq!(problems[1]["hint"], "did you mean `schema.sql`?");
    assert!(problems[1]["line"].as_u64() > problems[0]["line"].as_u64(), "{failure:#}");
    assert!(!migration.database.file().unwrap().exists(), "nothing is touched");
}

/// The same folder is the same source, however its path ends.
#[test]
fn a_slash_at_the_end_is_no_other_source() {
    let migration = Migration::sqlite(20);
    migration.run(&["run", "migration.toml", "--execute", "--yes", "--limit", "5"]).expect(0);
    let manifest = migration.folder.path().join("migration.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("mongoexport:.", "mongoexport:./")).unwrap();
    migration.run(&["run", "migration.toml", "--execute", "--yes", "--limit", "2"]).expect(0);
}

/// `--entity` and `--limit` move a sample, and a dry run of it says what the real one does.
#[test]
fn a_sample_of_one_entity_is_predicted_and_moved() {
    let migration = Migration::sqlite(20);
    let path = migration.folder.path().join("migration.toml");
    let manifest = fs::read_to_string(&path).unwrap();
    let (head, entity) = manifest.split_once("[[entity]]").unwrap();
    let other = entity.replace("\"people\"", "\"pets\"").replace("old.people", "old.pets");
    fs::write(&path, format!("{head}[[entity]]{entity}\n[[entity]]{other}")).unwrap();
    fs::write(migration.folder.path().join("schema.sql"), format!("{SCHEMA}{}", SCHEMA.replace("people", "pets")))
        .unwrap();
    fs::write(migration.folder.path().join("pets.json"), "{\"_id\": 1, \"name\": \"rex\"}\n").unwrap();
    let sample = ["run", "migration.toml", "--json", "--entity", "people", "--limit", "7"];
    let dry = migration.run(&sample).expect(0).json();
    assert!(!migration.database.file().unwrap().exists());
    let executed = migration.run(&[&sample[..], &["--execute", "--yes"]].concat()).expect(0).json();
    for report in [&dry, &executed] {
        assert_eq!(report["entities"].as_array().unwrap().len(), 1, "{report:#}");
        let entity = &report["entities"][0];
        assert_eq!((&entity["name"], &entity["state"]), (&"people".into(), &"partial".into()));
        assert_eq!(entity["total"]["read"], 7);
        assert_eq!(entity["rows"], dry["entities"][0]["rows"]);
    }
    assert_eq!(migration.database.query("SELECT COUNT(*) FROM people"), [[Some("7".to_owned())]]);
    assert_eq!(migration.database.query("SELECT COUNT(*) FROM pets"), [[Some("0".to_owned())]]);
    let unknown = migration.run(&["run", "migration.toml", "--entity", "poeple"]).expect(2);
    assert!(unknown.stderr.contains("did you mean `people`?"), "{unknown}");
}
