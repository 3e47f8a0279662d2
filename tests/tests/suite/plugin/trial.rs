//! A run of one guest: its manifest, its records, and what came of it.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

/// A folder with one guest's migration, and the database that it goes to.
pub struct Trial {
    pub folder: tempfile::TempDir,
    pub database: Database,
    pub variables: Vec<(&'static str, String)>,
}

/// What a run with one guest came to.
pub struct Came {
    pub ended: Ended,
    pub trial: Trial,
    pub took: Duration,
    /// The most memory that the process had, in MiB.
    pub peak_mib: u64,
}

impl Trial {
    /// Records with ids from 0; those in `marked` hold the marker.
    pub fn new(settings: &str, records: usize, marker: &str, marked: &[usize]) -> Self {
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
        for number in 0..records {
            let marks = if marked.contains(&number) { format!(r#", "{marker}": true"#) } else { String::new() };
            let _ = writeln!(export, r#"{{"_id": {number}, "name": "n{number}"{marks}}}"#);
        }
        let table = |name: &str| format!("CREATE TABLE {name} (_id INTEGER PRIMARY KEY, name TEXT);");
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        fs::write(folder.path().join("schema.sql"), table("people") + &table("healthy")).unwrap();
        fs::write(folder.path().join("people.json"), export).unwrap();
        Self { folder, database: Database::sqlite(), variables: Vec::new() }
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub fn run(self) -> Came {
        self.run_with(&[], |_| ())
    }

    /// Runs with more arguments; `watch` is called again and again while the process lives.
    pub fn run_with(self, more: &[&str], mut watch: impl FnMut(&Database)) -> Came {
        let arguments = ["run", "migration.toml", "--execute", "--yes", "--json"];
        let mut command = Whimbrel::new(arguments.iter().chain(more)).at(self.folder.path());
        command = command.env("TARGET_URL", &self.database.url);
        for (name, value) in &self.variables {
            command = command.env(name, value);
        }
        let begun = Instant::now();
        let mut child = command.into_command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let read = |mut from: Box<dyn Read + Send>| {
            std::thread::spawn(move || {
                let mut text = String::new();
                from.read_to_string(&mut text).unwrap();
                text
            })
        };
        let stdout = read(Box::new(child.stdout.take().unwrap()));
        let stderr = read(Box::new(child.stderr.take().unwrap()));
        let mut peak_kib = 0;
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
            peak_kib = kib.unwrap_or(0).max(peak_kib);
            watch(&self.database);
            std::thread::sleep(Duration::from_millis(2));
        };
        let ended = Ended { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() };
        Came { ended, took: begun.elapsed(), peak_mib: peak_kib / 1024, trial: self }
    }
}

impl Came {
    pub fn report(&self) -> Json {
        self.ended.json()
    }

    /// Returns code and message of every dead letter, in the order of the source; provisional ones too.
    pub fn letters(&self) -> Vec<(String, String)> {
        let sql = "SELECT code, message FROM whimbrel_dead_letter ORDER BY document";
        let rows = self.trial.database.query(sql).into_iter();
        rows.map(|mut row| (row.remove(0).unwrap(), row.remove(0).unwrap())).collect()
    }

    pub fn names(&self) -> Vec<String> {
        let rows = self.trial.database.query("SELECT name FROM people ORDER BY _id").into_iter();
        rows.map(|mut row| row.remove(0).unwrap()).collect()
    }

    /// Fails the test unless the run ended soon behind a deadline.
    #[track_caller]
    pub fn ended_soon_after(self, deadline: Duration) {
        // Once more, now that nothing has to be compiled.
        let (took, quick) = (self.trial.run().took, through("echo_bson", "", "", &[]).took);
        let late = took.saturating_sub(deadline).saturating_sub(quick);
        whimbrel_tests::measured(&format!(
            "stopped about {late:?} past the deadline of {deadline:?}, the whole run took {took:?}"
        ));
        let most = if whimbrel_tests::figures_are_wanted() { 200 } else { 2_000 };
        assert!(late < Duration::from_millis(most), "{late:?}: {}", self.ended);
    }
}

pub fn trial(guest: &str, more: &str, marker: &str, marked: &[usize]) -> Trial {
    trial_of(20, guest, more, marker, marked)
}

pub fn trial_of(records: usize, guest: &str, more: &str, marker: &str, marked: &[usize]) -> Trial {
    let guest = guest.replace('_', "-");
    let batch = if records > 100 { 1000 } else { 10 };
    let entity = format!(
        r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
transform = "{guest}"
batch-records = {batch}
dead-letters-max = "10"
config.columns = ["_id", "name"]
{more}
"#
    );
    Trial::new(&entity, records, marker, marked)
}

pub fn through(guest: &str, more: &str, marker: &str, marked: &[usize]) -> Came {
    trial(guest, more, marker, marked).run()
}

#[track_caller]
pub fn only_the_marked_are_dead(came: &Came, marked: &[usize], code: &str, message: &str) {
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
pub fn the_run_stops_with(came: &Came, code: i32, message: &str) {
    assert_eq!(came.ended.code, Some(code), "{}", came.ended);
    assert!(came.ended.stderr.contains(message), "{}", came.ended);
}

#[track_caller]
pub fn the_run_stops(came: &Came, code: i32, message: &str) {
    the_run_stops_with(came, code, message);
    if came.trial.database.file().unwrap().exists() {
        assert!(!dump::all(&came.trial.database).contains("\tn0"), "nothing of the batch is written");
    }
}
