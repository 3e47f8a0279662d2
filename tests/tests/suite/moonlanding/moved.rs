//! The example as it is, moved by the command, against the oracle: straight, interrupted, and once more.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::root;
use xtask::generate::moonlanding::Format;
use xtask::generate::moonlanding::Options;

use super::Generated;
use super::oracle;
use super::small;
use crate::recovery::same_text;

/// The example in a folder of its own, with exports and a target.
pub(super) struct Moonlanding {
    pub(super) generated: Generated,
    pub(super) target: Database,
}

impl Moonlanding {
    pub(super) fn new(options: Options) -> Self {
        components::plugins();
        let generated = Generated::new(options);
        let example = root().join("examples/moonlanding");
        for file in ["migration.toml", "schema.sql"] {
            let text = fs::read_to_string(example.join(file)).unwrap();
            let plugins = format!("plugins = \"{}\"", root().join("plugins").display());
            fs::write(generated.path(file), text.replace("plugins = \"../../plugins\"", &plugins)).unwrap();
        }
        Self { generated, target: Database::sqlite() }
    }

    pub(super) fn call(&self, command: &[&str]) -> Whimbrel {
        let manifest = self.generated.path("migration.toml").display().to_string();
        let at = if command[0] == "merges" { 2 } else { 1 };
        let arguments: Vec<&str> = ["--json"]
            .iter()
            .chain(&command[..at])
            .chain([&manifest.as_str()])
            .chain(&command[at..])
            .copied()
            .collect();
        let source = |name: &str| match fs::metadata(self.generated.path(&format!("{name}.json"))) {
            Ok(_) => format!("firestore-json:{}", self.generated.path(&format!("{name}.json")).display()),
            Err(_) => format!("firestore-export:{}", self.generated.path(name).display()),
        };
        Whimbrel::new(arguments)
            .env("TARGET_URL", &self.target.url)
            .env("FRIDAY_URL", &source("friday"))
            .env("MWR_URL", &source("mwr"))
    }

    pub(super) fn run(&self) -> Whimbrel {
        self.call(&["run", "--execute", "--yes"])
    }

    fn expected(&self) -> PathBuf {
        self.generated.path("expected")
    }

    /// The target is what the oracle says, row by row, and nothing else.
    fn is_as_expected(&self) {
        let file = self.target.file().unwrap();
        let target = Connection::open(file).unwrap();
        let (found, compared) = oracle::differences(&self.expected(), &target, 20);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(compared, self.generated.summary.rows.values().sum::<u64>());
        let orphans: i64 =
            target.query_row("SELECT COUNT(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!(orphans, 0);
    }
}

#[test]
fn the_example_equals_its_oracle_straight_and_repeated_on_both_profiles() {
    for overlap in [0.12, 0.82] {
        let example = Moonlanding::new(Options { overlap, ..small() });
        example.run().run().expect(0);
        example.is_as_expected();
        let merges: Json = serde_json::from_str(&example.call(&["merges", "list"]).run().expect(0).stdout).unwrap();
        assert_eq!(merges["entities"][0]["merged"], example.generated.summary.merged, "{merges}");
        let before = dump::all(&example.target);
        example.run().run().expect(0);
        same_text(&dump::all(&example.target), &before);
        example.call(&["verify"]).run().expect(0);
        example.call(&["validate"]).run().expect(0);
    }
}

#[test]
fn the_json_of_both_projects_comes_to_the_same() {
    let example = Moonlanding::new(Options { format: Format::Json, ..small() });
    example.run().run().expect(0);
    example.is_as_expected();
}

#[test]
fn an_interrupted_run_equals_the_oracle() {
    let example = Moonlanding::new(Options { overlap: 0.82, ..small() });
    let points = ["commit-rows", "commit-before", "commit-after", "finish-fill"];
    let mut ended = 0;
    for (place, point) in points.iter().cycle().take(24).enumerate() {
        // So many times it is passed, and then the process is gone.
        let stop = format!("{point}={}*off->1*return->off", place % 7);
        if example.run().env("FAILPOINTS", &stop).run().code == Some(0) {
            break;
        }
        ended += 1;
    }
    assert!(ended > 10, "{ended}");
    example.run().run().expect(0);
    example.is_as_expected();
}

#[test]
fn dirt_is_set_aside_as_it_was_planted() {
    let example = Moonlanding::new(Options { overlap: 0.82, dirt: 6.0, ..small() });
    example.run().run().expect(3);
    example.is_as_expected();
    let letters = example.target.query("SELECT COUNT(*) FROM whimbrel_dead_letter WHERE state = 'dead'");
    let counts: Json =
        serde_json::from_str(&fs::read_to_string(example.expected().join("counts.json")).unwrap()).unwrap();
    let dead: u64 = counts["dead"].as_object().unwrap().values().map(total).sum();
    assert_eq!(letters[0][0].as_deref(), Some(dead.to_string().as_str()));
    example.call(&["verify"]).run().expect(0);
}

/// The sum of counts, nested or not.
fn total(counts: &Json) -> u64 {
    match counts {
        Json::Object(inner) => inner.values().map(total).sum(),
        count => count.as_u64().unwrap_or(0),
    }
}
