//! `examples/moonlanding` run for real: straight, interrupted and repeated, on both profiles, clean and with dirt, from every
//! form of the source, and held beside the oracle.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::root;
use xtask::generate::moonlanding::Format;
use xtask::generate::moonlanding::Options;

use super::Generated;
use super::oracle;
use super::small;

/// What whimbrel's exit code says of a source with dirt in it: done, with dead letters.
const DEAD_LETTERS: i32 = 3;

/// The example in a folder of its own.
pub(super) struct Example {
    pub(super) generated: Generated,
    format: Format,
}

impl Example {
    pub(super) fn new(options: Options) -> Self {
        components::plugins();
        let generated = Generated::new(options);
        let example = root().join("examples/moonlanding");
        let text = fs::read_to_string(example.join("migration.toml")).unwrap();
        let plugins = format!("plugins = \"{}\"", root().join("plugins").display());
        let text = text.replace("plugins = \"../../plugins\"", &plugins);
        fs::write(generated.path("migration.toml"), text).unwrap();
        fs::copy(example.join("schema.sql"), generated.path("schema.sql")).unwrap();
        Self { generated, format: options.format }
    }

    pub(super) fn whimbrel(&self, command: &[&str]) -> Whimbrel {
        let manifest = self.generated.path("migration.toml").display().to_string();
        let mut arguments = vec!["--json", command[0], manifest.as_str()];
        arguments.extend(&command[1..]);
        let source = |project: &str| {
            let path = |name: &str| self.generated.path(name).display().to_string();
            match self.format {
                Format::Export => format!("firestore-export:{}", path(project)),
                Format::Json => format!("firestore-json:{}", path(&format!("{project}.json"))),
                Format::Rest => format!("firestore-rest:{}", path(project)),
            }
        };
        let target = format!("sqlite:{}", self.target().display());
        Whimbrel::new(arguments)
            .env("FRIDAY_URL", &source("friday"))
            .env("MWR_URL", &source("mwr"))
            .env("TARGET_URL", &target)
    }

    fn execute(&self) -> Whimbrel {
        self.whimbrel(&["run", "--execute", "--yes"])
    }

    fn target(&self) -> PathBuf {
        self.generated.path("moonlanding.db")
    }

    #[track_caller]
    fn is_as_expected(&self) {
        let target = Connection::open(self.target()).unwrap();
        let (found, compared) = oracle::differences(&self.generated.path("expected"), &target, 20);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(compared, self.generated.summary.rows.values().sum::<u64>());
        let orphans: i64 =
            target.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
        assert_eq!(orphans, 0);
    }

    fn counts(&self, sql: &str) -> BTreeMap<String, u64> {
        let target = Connection::open(self.target()).unwrap();
        let mut select = target.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

#[test]
fn both_profiles_become_what_the_oracle_expects_and_stay_so() {
    for overlap in [0.12, 0.82] {
        let example = Example::new(Options { overlap, ..small() });
        example.execute().run().expect(0);
        example.is_as_expected();
        example.execute().run().expect(0);
        example.is_as_expected();
        example.whimbrel(&["verify"]).run().expect(0);
        example.whimbrel(&["validate"]).run().expect(0);
        let merged = example.counts("SELECT 'all', SUM(json_array_length(members) - 1) FROM whimbrel_merge");
        assert_eq!(merged["all"], example.generated.summary.merged);
    }
}

#[test]
fn every_form_of_the_source_becomes_the_same() {
    for format in [Format::Json, Format::Rest] {
        let example = Example::new(Options { overlap: 0.82, format, ..small() });
        example.execute().run().expect(0);
        example.is_as_expected();
    }
}

#[test]
fn what_was_planted_becomes_what_the_list_says() {
    let example = Example::new(Options { overlap: 0.82, dirt: 6.0, ..small() });
    example.execute().run().expect(DEAD_LETTERS);
    example.is_as_expected();
    let summary = &example.generated.summary;
    let dead = example.counts("SELECT code, count(*) FROM whimbrel_dead_letter WHERE state = 'dead' GROUP BY code");
    let wanted: BTreeMap<String, u64> = summary.dead.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect();
    assert_eq!(dead, wanted);
    let nulled = example.counts("SELECT 'all', count(*) FROM whimbrel_nulled_reference");
    assert_eq!(nulled["all"], summary.nulled.values().sum::<u64>());
}

#[test]
fn a_run_that_is_interrupted_again_and_again_comes_to_the_same() {
    let example = Example::new(Options { overlap: 0.82, ..small() });
    let text = fs::read_to_string(example.generated.path("migration.toml")).unwrap();
    let text = text.replace("[defaults]\n", "[defaults]\ntransaction-rows = 200\nbatch-records = 50\n");
    fs::write(example.generated.path("migration.toml"), text).unwrap();
    let mut interruptions = 0;
    for (batches, point) in (0..60).zip(["commit-before", "commit-after"].into_iter().cycle()) {
        let ended = example.execute().ending_at(&format!("{point}={}*off->return", batches % 7)).run();
        if ended.code == Some(0) {
            break;
        }
        assert_eq!(ended.code, None, "{}", ended.stderr);
        interruptions += 1;
    }
    assert!(interruptions > 10, "{interruptions}");
    example.execute().run().expect(0);
    example.is_as_expected();
}
