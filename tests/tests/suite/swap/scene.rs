//! A migration that runs in the background while its components are swapped.

use std::fmt::Display;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use crate::recovery::same_text;

/// Nothing here takes so long, even where others use the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An entity that stands alone.
pub const PEOPLE: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
"#;
/// Behind an entity: its rows say which version made them.
pub const STAMPED: &str = "config.stamp = true\n";
/// Two more entities: one waits for people, one for nobody.
pub const PETS_AND_CITIES: &str = r#"
[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
config.parent = "people"

[[entity]]
name = "cities"
from = "old.cities"
into = ["cities"]
"#;

/// One record in the fourth batch is poison to version 1, and it writes two names of the second wrongly.
pub fn marks(number: usize) -> &'static str {
    match number {
        33 => r#", "poison": true"#,
        14 | 17 => r#", "wrong": true"#,
        _ => "",
    }
}

/// A manifest with its folder and its target.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub database: Database,
}

/// A run in the background.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Scene {
    /// Makes a manifest with these entities and settings; `fixable` is the only component.
    pub fn new(database: Database, version: &str, entities: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { folder, database };
        for inside in ["plugins", "runtime"] {
            fs::create_dir(scene.path(inside)).unwrap();
        }
        let manifest = format!(
            r#"
version = 1
name = "swapped"

[source.old]
url = "mongoexport:."

[target]
url = "${{TARGET_URL}}"
schema = "schema.sql"

[defaults]
transform = "fixable"
id = "keep"
batch-records = 10
transaction-rows = 10
on-plugin-failure = "hold"
{entities}
"#
        );
        fs::write(scene.path("migration.toml"), manifest).unwrap();
        let schema = "CREATE TABLE people (_id INTEGER PRIMARY KEY, name TEXT, made_by TEXT);
            CREATE TABLE pets (_id INTEGER PRIMARY KEY, name TEXT, parent INTEGER REFERENCES people);
            CREATE TABLE collars (_id INTEGER PRIMARY KEY, name TEXT, parent INTEGER NOT NULL REFERENCES people);
            CREATE TABLE cities (_id INTEGER PRIMARY KEY, name TEXT);";
        fs::write(scene.path("schema.sql"), schema).unwrap();
        scene.install(version);
        scene
    }

    /// A hundred people, of whom version 1 maps thirty and then traps.
    pub fn of_people(database: Database, version: &str) -> Self {
        let scene = Self::new(database, version, PEOPLE);
        scene.records("people", 100, marks);
        scene
    }

    /// Writes so many records; `more` adds fields to some.
    pub fn records<T: Display>(&self, collection: &str, count: usize, more: impl Fn(usize) -> T) {
        let mut export = String::new();
        for number in 0..count {
            let _ = writeln!(export, r#"{{"_id": {number}, "name": "n{number}"{}}}"#, more(number));
        }
        fs::write(self.path(&format!("{collection}.json")), export).unwrap();
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Copies a version to where the manifest looks for it.
    pub fn install(&self, version: &str) {
        self.install_as("fixable", version);
    }

    /// Copies a guest to where the manifest looks for this component.
    pub fn install_as(&self, plugin: &str, version: &str) {
        fs::copy(guest(version), self.path(&format!("plugins/{plugin}.wasm"))).unwrap();
    }

    /// Fails unless everything in the target is what the components that are installed now make of the same source in a
    /// run of their own. Returns that run's target.
    #[track_caller]
    pub fn same_as_a_clean_run(&self) -> Database {
        let folder = tempfile::tempdir().unwrap();
        whimbrel_tests::copy(self.folder.path(), folder.path());
        let clean = Self { folder, database: self.database.another() };
        let ended = clean.execute();
        assert!(matches!(ended.code, Some(0 | 3)), "{ended}");
        same_text(&dump::all(&self.database), &dump::all(&clean.database));
        clean.database
    }

    /// A call of the command in the scene's folder.
    pub fn call(&self, words: &[&str]) -> Whimbrel {
        Whimbrel::new(words)
            .at(self.folder.path())
            .env("TARGET_URL", &self.database.url)
            .env("XDG_RUNTIME_DIR", self.path("runtime").to_str().unwrap())
    }

    /// Runs to the end.
    pub fn execute(&self) -> Ended {
        self.call(&["run", "migration.toml", "--execute", "--yes", "--json"]).run()
    }

    /// Starts a run and waits until an entity of it is held.
    #[track_caller]
    pub fn start_until_held(&self, entity: &str) -> Running {
        let mut running = self.start("", &[]);
        self.until_held(entity, &mut running);
        running
    }

    /// Starts a run.
    pub fn start(&self, points: &str, more: &[&str]) -> Running {
        let words = ["run", "migration.toml", "--execute", "--yes", "--json"];
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        let mut command = self.call(&[&words, more].concat()).ending_at(points).into_command();
        let child = command
            .stdout(Stdio::from(fs::File::create(&out).unwrap()))
            .stderr(Stdio::from(fs::File::create(&err).unwrap()))
            .spawn()
            .unwrap();
        Running { child, out, err }
    }

    pub fn plugin(&self, words: &[&str]) -> Ended {
        self.call(&[&["plugin"], words, &["--json"]].concat()).run()
    }

    pub fn swap(&self, version: &str) -> Ended {
        self.swap_file(&guest(version))
    }

    pub fn swap_file(&self, file: &Path) -> Ended {
        self.plugin(&["swap", "migration.toml", "fixable", file.to_str().unwrap()])
    }

    pub fn status(&self) -> Json {
        self.call(&["status", "migration.toml", "--json"]).run().expect(0).json()
    }

    /// Returns the state of one entity.
    pub fn state(&self, entity: &str) -> String {
        let status = self.status();
        let found = status["entities"].as_array().unwrap().iter().find(|found| found["name"] == entity);
        found.unwrap()["state"].as_str().unwrap().to_owned()
    }

    /// Returns event and digest of what happened to the components of an entity, in order.
    pub fn events(&self, entity: &str) -> Vec<(String, String)> {
        let sql = format!(
            "SELECT event, digest FROM {} WHERE entity = '{entity}' ORDER BY id",
            self.database.own("plugin_event")
        );
        let rows = self.database.query(&sql).into_iter();
        rows.map(|mut row| (row.remove(0).unwrap(), row.remove(0).unwrap())).collect()
    }

    /// Returns the words of the events alone.
    pub fn event_words(&self, entity: &str) -> Vec<String> {
        self.events(entity).into_iter().map(|(event, _)| event).collect()
    }

    /// Returns the reason of the last event of this kind.
    pub fn reason(&self, event: &str) -> String {
        let sql = format!(
            "SELECT reason FROM {} WHERE event = '{event}' ORDER BY id DESC",
            self.database.own("plugin_event")
        );
        self.database.query(&sql).into_iter().next().and_then(|mut row| row.remove(0)).unwrap_or_default()
    }

    /// Returns the detail of the last event of this kind.
    pub fn detail(&self, event: &str) -> Json {
        let sql = format!(
            "SELECT detail FROM {} WHERE event = '{event}' ORDER BY id DESC",
            self.database.own("plugin_event")
        );
        let row = self.database.query(&sql).into_iter().next().unwrap_or_else(|| panic!("no event `{event}`"));
        serde_json::from_str(row[0].as_ref().unwrap()).unwrap()
    }

    /// Returns reason and detail of the last event of this kind that happened to the components of an entity.
    pub fn told(&self, entity: &str, event: &str) -> (String, Json) {
        let of = format!("FROM {} WHERE event = '{event}' AND entity = '{entity}'", self.database.own("plugin_event"));
        let mut row = self.database.query(&format!("SELECT reason, detail {of} ORDER BY id DESC")).remove(0);
        let detail = serde_json::from_str(&row.remove(1).unwrap()).unwrap();
        (row.remove(0).unwrap_or_default(), detail)
    }

    /// Returns digest, first and last document of each batch of an entity.
    pub fn ledger(&self, entity: &str) -> Vec<(String, i64, i64)> {
        let sql = format!(
            "SELECT digest, first_document, end_document FROM {} WHERE entity = '{entity}' ORDER BY sequence",
            self.database.own("ledger")
        );
        let rows = self.database.query(&sql).into_iter();
        rows.map(|row| {
            let number = |index: usize| row[index].as_ref().unwrap().parse().unwrap();
            (row[0].clone().unwrap(), number(1), number(2))
        })
        .collect()
    }

    /// Returns the digest of `fixable` in the stored fingerprint of an entity.
    pub fn fingerprint(&self, entity: &str) -> String {
        self.fingerprint_of(entity, "fixable")
    }

    /// Returns the digest of a component in the stored fingerprint of an entity.
    pub fn fingerprint_of(&self, entity: &str, plugin: &str) -> String {
        let sql = format!("SELECT output FROM {}", self.database.own("migration"));
        let output: Json = serde_json::from_str(self.database.query(&sql)[0][0].as_ref().unwrap()).unwrap();
        output["entities"][entity]["plugins"][plugin]["digest"].as_str().unwrap().to_owned()
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, what: &str, running: &mut Running, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none(), "{what}: the run ended with {ended:?}\n{}", running.said());
            assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}\n{}", running.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the entity has committed so many batches.
    #[track_caller]
    pub fn until_batches(&self, entity: &str, count: usize, running: &mut Running) {
        self.until(&format!("{count} batches"), running, |scene| {
            scene.has_begun() && scene.ledger(entity).len() >= count
        });
    }

    /// Waits until this run says that the entity is held: the target may say so of the run before.
    #[track_caller]
    pub fn until_held(&self, entity: &str, running: &mut Running) {
        let is_said =
            |scene: &Self| fs::read_to_string(scene.path("stderr")).unwrap().contains(&format!("`{entity}` is held"));
        self.until("held", running, |scene| is_said(scene) && scene.state(entity) == "held");
    }

    fn has_begun(&self) -> bool {
        let sql = match self.database.file() {
            Some(file) if !file.exists() => return false,
            Some(_) => "SELECT name FROM sqlite_schema WHERE name = 'whimbrel_plugin_event'",
            None => "SELECT table_name FROM information_schema.tables WHERE table_name = 'plugin_event'",
        };
        !self.database.query(sql).is_empty()
    }
}

impl Running {
    /// Sends Ctrl-C.
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Returns everything it has said on stderr so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_for(PATIENCE)
    }

    /// Waits for the end of a run that is long on purpose.
    #[track_caller]
    pub fn wait_long(self) -> Ended {
        self.wait_for(PATIENCE * 60)
    }

    #[track_caller]
    fn wait_for(mut self, patience: Duration) -> Ended {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() > patience {
                self.child.kill().unwrap();
                panic!("the run does not end\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout: fs::read_to_string(&self.out).unwrap(),
            stderr: self.said(),
        }
    }
}

/// Returns the file of a guest.
pub fn guest(version: &str) -> PathBuf {
    components::guests().join(format!("{version}.wasm"))
}

/// Returns the digest that a guest is recorded by.
pub fn digest(version: &str) -> String {
    let ended = Whimbrel::new(["plugin", "inspect", guest(version).to_str().unwrap(), "--json"]).run();
    ended.expect(0).json()["digest"].as_str().unwrap().to_owned()
}
