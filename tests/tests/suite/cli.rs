//! The command line: what every command prints, in text and as JSON, how it ends, and what stops it from outside.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value as Json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::skipped;

const SCHEMA: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);";

/// A migration of some people; every tenth has no name.
struct Migration {
    folder: TempDir,
    database: Database,
}

impl Migration {
    fn of(records: usize, settings: &str, database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        components::link(folder.path());
        let manifest = format!(
            r#"
version = 1
name = "people"

[source.old]
url = "mongoexport:."

[target]
url = "${{TARGET_URL}}"
schema = "schema.sql"

[[entity]]
name = "people"
from = "old.people"
transform = "mongo-to-sql"
into = ["people"]
id = "keep"
{settings}
[entity.config.columns]
id = "_id"
name = "name"
"#
        );
        let mut export = String::new();
        for number in 1..=records {
            let name = if number % 10 == 0 { String::new() } else { format!(r#", "name": "n{number}", "extra": 1"#) };
            let _ = writeln!(export, r#"{{"_id": {number}{name}}}"#);
        }
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        fs::write(folder.path().join("schema.sql"), SCHEMA).unwrap();
        fs::write(folder.path().join("people.json"), export).unwrap();
        Self { folder, database }
    }

    fn sqlite(records: usize) -> Self {
        Self::of(records, "dead-letters-max = \"10%\"", Database::sqlite())
    }

    fn call(&self, arguments: &[&str]) -> Whimbrel {
        Whimbrel::new(arguments).at(self.folder.path()).env("TARGET_URL", &self.database.url)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.call(arguments).run()
    }

    fn execute(&self) -> Ended {
        self.run(&["run", "migration.toml", "--execute", "--yes", "--json"])
    }
}

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
fn a_limit_stops_with_the_rest_to_do() {
    let migration = Migration::sqlite(20);
    for (number, read) in [(0, 5), (1, 10)] {
        let arguments = ["run", "migration.toml", "--execute", "--yes", "--json", "--limit", "5"];
        let report = migration.run(&arguments).json();
        assert_eq!(report["entities"][0]["total"]["read"], read, "{number}: {report:#}");
        assert_eq!(report["entities"][0]["state"], "partial");
    }
    assert_eq!(migration.execute().expect(3).json()["entities"][0]["this_run"]["read"], 10);
}

/// Ctrl-C in the middle, then a resume, must leave what a straight run leaves.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_with_a_checkpoint() {
    let settings = "dead-letters-max = \"100%\"\nbatch-records = 5\ntransaction-rows = 5";
    let straight = Migration::of(400, settings, Database::sqlite());
    straight.execute().expect(3);
    let stopped = Migration::of(400, settings, Database::sqlite());
    // Each commit waits a little, so that the signal comes between the first and the last.
    let mut command = stopped
        .call(&["run", "migration.toml", "--execute", "--yes", "--json"])
        .env("FAILPOINTS", "commit-after=sleep(30)")
        .into_command();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !stopped.database.file().is_some_and(Path::exists) || dump::checkpoints(&stopped.database).is_empty() {
        assert!(stopped.folder.path().exists());
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "stopped");
    let read = report["entities"][0]["total"]["read"].as_u64().unwrap();
    assert!(0 < read && read < 400, "{read} records were read");
    stopped.execute().expect(3);
    assert_eq!(dump::all(&stopped.database), dump::all(&straight.database));
}

/// The second process on one migration is told who has the first.
#[test]
fn a_second_process_is_refused_with_the_holders_name() {
    for database in Database::each() {
        let settings = "dead-letters-max = \"100%\"\nbatch-records = 5\ntransaction-rows = 5";
        let migration = Migration::of(100, settings, database);
        let mut command = migration
            .call(&["run", "migration.toml", "--execute", "--yes"])
            .env("FAILPOINTS", "commit-after=sleep(500)")
            .into_command();
        let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while migration.database.file().is_some_and(|file| !file.exists())
            || dump::checkpoints(&migration.database).is_empty()
        {
            std::thread::yield_now();
        }
        let second = migration.run(&["run", "migration.toml", "--execute", "--yes"]).expect(1);
        let holder = format!("tester@{} (process {})", hostname(), first.id());
        assert!(second.stderr.contains(&holder), "expected `{holder}` in {second}");
        first.kill().unwrap();
        first.wait().unwrap();
        migration.execute().expect(3);
    }
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| String::new(), |name| name.trim().to_owned())
}

/// A disk of its own, as small as it is said to be.
#[cfg(target_os = "linux")]
struct Disk(TempDir);

#[cfg(target_os = "linux")]
impl Disk {
    fn new(kilobytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.mount(&format!("size={kilobytes}k")).then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0.path())
            .output();
        mount.is_ok_and(|output| output.status.success())
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).output();
    }
}

/// A target without room fails, keeps what was committed, and goes on when there is room again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = Disk::new(400) else { return skipped("only root may mount a small disk") };
    let settings = "dead-letters-max = \"100%\"\nbatch-records = 50\ntransaction-rows = 50";
    let straight = Migration::of(2000, settings, Database::sqlite());
    straight.execute().expect(3);
    let full = Migration::of(2000, settings, Database::sqlite());
    let url = format!("sqlite:{}", disk.0.path().join("target.db").display());
    let arguments = ["run", "migration.toml", "--execute", "--yes"];
    let ended = full.call(&arguments).env("TARGET_URL", &url).run().expect(1);
    assert!(ended.stderr.contains("the target has no room left"), "{ended}");
    assert!(ended.stderr.contains("hint: make room and run the same command again"), "{ended}");
    assert!(disk.mount("remount,size=20m"));
    let resumed = full.call(&arguments).env("TARGET_URL", &url).run().expect(3);
    let status = full.call(&["status", "migration.toml", "--json"]).env("TARGET_URL", &url).run().expect(0).json();
    assert_eq!(status["entities"][0]["total"]["read"], 2000, "{resumed}");
    // The log of the writes is part of the target until it is folded in.
    rusqlite::Connection::open(disk.0.path().join("target.db"))
        .and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .unwrap();
    fs::copy(disk.0.path().join("target.db"), full.database.file().unwrap()).unwrap();
    assert_eq!(dump::all(&full.database), dump::all(&straight.database));
}

/// An account that may not write is told so before anything is done.
#[test]
fn no_permission_is_named() {
    let Some(database) = Database::postgres() else { return };
    let migration = Migration::of(20, "", database);
    migration.database.execute(SCHEMA);
    let role = format!("{}_reader", migration.database.url.rsplit('/').next().unwrap());
    migration
        .database
        .execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT SELECT ON people TO {role}"));
    let (scheme, rest) = migration.database.url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://{role}:secret@{host}");
    let ended = migration.call(&["run", "migration.toml", "--execute", "--yes"]).env("TARGET_URL", &url).run();
    let left = dump::all(&migration.database);
    migration.database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    if ended.stderr.contains("cannot reach") {
        return skipped("the server lets no new role in");
    }
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("no permission to"), "{ended}");
    assert!(!ended.stderr.contains("secret"), "{ended}");
    assert_eq!(left, "## people: id, name, age\n\n");
}

/// Takes the rights of nobody for a call: root may write everywhere.
#[cfg(unix)]
fn without_rights(call: Whimbrel) -> Whimbrel {
    call.under(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
}

/// A folder or a file that may be read but not written: nothing is done, and what is missing is named.
#[cfg(unix)]
#[test]
fn an_unwritable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let migration = Migration::sqlite(20);
    let file = migration.database.file().unwrap();
    let folder = file.parent().unwrap();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(folder, 0o555);
    allow(migration.folder.path(), 0o755);
    let is_root = fs::write(folder.join("probe"), "").is_ok();
    let call = |arguments: &[&str]| {
        let call = migration.call(arguments);
        if is_root { without_rights(call) } else { call }
    };
    let execute = ["run", "migration.toml", "--execute", "--yes"];
    if is_root {
        fs::remove_file(folder.join("probe")).unwrap();
        let can_drop = without_rights(Whimbrel::new(["--version"])).into_command().output();
        if !can_drop.is_ok_and(|output| output.status.success()) {
            return skipped("the tests run as root, and `setpriv` gives nobody's rights to no program here");
        }
    }
    let ended = call(&execute).run().expect(1);
    assert!(ended.stderr.contains("error: no permission to open the database"), "{ended}");
    assert!(!file.exists());
    // Without `--execute` there is nothing to write.
    call(&["run", "migration.toml"]).run().expect(3);

    allow(folder, 0o755);
    rusqlite::Connection::open(file).and_then(|connection| connection.execute_batch(SCHEMA)).unwrap();
    allow(file, 0o444);
    let before = fs::read(file).unwrap();
    for mode in [0o555, 0o777] {
        allow(folder, mode);
        let ended = call(&execute).run().expect(1);
        assert!(ended.stderr.contains("error: no permission to"), "{ended}");
        assert_eq!(fs::read(file).unwrap(), before);
        call(&["run", "migration.toml"]).run().expect(3);
    }
    allow(folder, 0o755);
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
