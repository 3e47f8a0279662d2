//! A small migration that several subjects are tested on: some people, of whom every tenth has no name.

use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;

pub const SCHEMA: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);";

/// A migration of some people; every tenth has no name.
pub struct Migration {
    pub folder: TempDir,
    pub database: Database,
}

impl Migration {
    pub fn of(records: usize, settings: &str, database: Database) -> Self {
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

    pub fn sqlite(records: usize) -> Self {
        Self::of(records, "dead-letters-max = \"10%\"", Database::sqlite())
    }

    pub fn call(&self, arguments: &[&str]) -> Whimbrel {
        Whimbrel::new(arguments).at(self.folder.path()).env("TARGET_URL", &self.database.url)
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.call(arguments).run()
    }

    pub fn execute(&self) -> Ended {
        self.run(&["run", "migration.toml", "--execute", "--yes", "--json"])
    }
}
