//! NextCRM whole, against an oracle that knows the dump and the target's catalogs only. Each thing that the team's own
//! scripts got wrong is a test here, named after what must hold instead.

mod oracle;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::root;
use xtask::generate::nextcrm::Options;
use xtask::generate::nextcrm::Summary;
use xtask::generate::nextcrm::nextcrm;

use oracle::Expected;
use oracle::JUNCTIONS;

/// What whimbrel's exit code says of a dump with dirt in it: done, with dead letters.
const DEAD_LETTERS: i32 = 3;

/// The example in a folder of its own, with a dump and a target.
struct NextCrm {
    folder: tempfile::TempDir,
    target: Database,
    planted: Summary,
}

impl NextCrm {
    fn new(target: Database, options: Options) -> Self {
        components::plugins();
        let folder = tempfile::tempdir().unwrap();
        let example = root().join("examples/nextcrm");
        for file in ["migration.toml", "schema.postgres.sql", "schema.sqlite.sql"] {
            let text = fs::read_to_string(example.join(file)).unwrap();
            let plugins = format!("plugins = \"{}\"", root().join("plugins").display());
            fs::write(folder.path().join(file), text.replace("plugins = \"../../plugins\"", &plugins)).unwrap();
        }
        let planted = nextcrm(&folder.path().join("dump/nextcrm"), options).unwrap();
        Self { folder, target, planted }
    }

    fn small(target: Database) -> Self {
        Self::new(target, Options { records: 2_000, seed: 5, dirt: 6.0 })
    }

    fn dump(&self) -> PathBuf {
        self.folder.path().join("dump/nextcrm")
    }

    fn whimbrel(&self, command: &[&str]) -> Whimbrel {
        let manifest = self.folder.path().join("migration.toml").display().to_string();
        let mut arguments = vec!["--json"];
        arguments.push(command[0]);
        arguments.push(&manifest);
        arguments.extend(&command[1..]);
        Whimbrel::new(arguments).env("TARGET_URL", &self.target.url)
    }

    fn execute(&self) -> Json {
        self.whimbrel(&["run", "--execute", "--yes"]).run().expect(DEAD_LETTERS).json()
    }

    fn expected(&self) -> Expected {
        oracle::expected(&self.dump(), &self.target)
    }

    /// Compares every row, dead letter, nulled reference and link with the oracle.
    fn is_as_expected(&self) -> Expected {
        let expected = self.expected();
        for (table, rows) in &expected.rows {
            let standing = oracle::standing(&self.target, table);
            for (id, row) in rows {
                assert_eq!(standing.get(id), Some(row), "{table} {id}");
            }
            assert_eq!(standing.len(), rows.len(), "{table} has rows that nobody expects");
        }
        let sql = format!("SELECT entity, document, code FROM {} WHERE state = 'dead'", self.target.own("dead_letter"));
        let dead: BTreeMap<(String, u64), String> = self
            .target
            .query(&sql)
            .into_iter()
            .map(|row| ((text(&row[0]), text(&row[1]).parse().unwrap()), text(&row[2])))
            .collect();
        let wanted: BTreeMap<(String, u64), String> = expected
            .dead
            .iter()
            .map(|((name, place), code)| (((*name).to_owned(), *place), (*code).to_owned()))
            .collect();
        same(&dead, &wanted, "dead letters");
        let sql = format!(
            "SELECT entity, column_name, count(*) AS number FROM {} GROUP BY 1, 2",
            self.target.own("nulled_reference")
        );
        let nulled: BTreeMap<(String, String), u64> = self
            .target
            .query(&sql)
            .into_iter()
            .map(|row| ((text(&row[0]), text(&row[1])), text(&row[2]).parse().unwrap()))
            .collect();
        let wanted: BTreeMap<(String, String), u64> = expected
            .nulled
            .iter()
            .map(|((name, column), count)| (((*name).to_owned(), column.clone()), *count))
            .collect();
        same(&nulled, &wanted, "nulled references");
        for (table, [left, right], _) in JUNCTIONS {
            assert_eq!(self.links(table, left.0, right.0), expected.links[table], "{table}");
        }
        expected
    }

    fn links(&self, table: &str, left: &str, right: &str) -> BTreeSet<[String; 2]> {
        let found = self.target.query(&format!("SELECT \"{left}\", \"{right}\" FROM \"{table}\""));
        found.into_iter().map(|row| [text(&row[0]), text(&row[1])]).collect()
    }
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

/// Fails with the first differences, not with all that is alike.
#[track_caller]
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    found: &BTreeMap<K, V>,
    wanted: &BTreeMap<K, V>,
    what: &str,
) {
    let keys: BTreeSet<&K> = found.keys().chain(wanted.keys()).collect();
    let differing: Vec<_> = keys
        .into_iter()
        .filter(|key| found.get(key) != wanted.get(key))
        .map(|key| format!("{key:?}: found {:?}, expected {:?}", found.get(key), wanted.get(key)))
        .take(10)
        .collect();
    assert!(differing.is_empty(), "{what}:\n{}", differing.join("\n"));
}

/// Runs a test on a database of every kind there is here.
fn each(test: impl Fn(NextCrm)) {
    for target in Database::each() {
        test(NextCrm::small(target));
    }
}

#[test]
fn everything_is_as_the_oracle_says() {
    for target in Database::each() {
        let crm = NextCrm::new(target, Options { records: 10_000, ..Options::default() });
        let predicted = crm.whimbrel(&["run"]).run().expect(DEAD_LETTERS).json();
        let done = crm.execute();
        assert_eq!(done["conservation"], "ok");
        assert_eq!(predicted["dead_letters"], done["dead_letters"]);
        let expected = crm.is_as_expected();
        // What was planted came out as it was planted; what else died has lost its parent.
        let mut planted: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((collection, dirt), count) in &crm.planted.planted {
            if let Some(code) = dirt.code() {
                *planted.entry((collection, code)).or_default() += count;
            }
        }
        let mut dead: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((collection, _), code) in &expected.dead {
            *dead.entry((collection, code)).or_default() += 1;
        }
        for ((collection, code), count) in planted {
            let found = dead.remove(&(collection, code)).unwrap_or_default();
            assert!(
                found == count || (code == "missing-parent" && found > count),
                "{collection} {code}: {found}, {count}"
            );
        }
        assert!(dead.keys().all(|(_, code)| *code == "missing-parent"), "{dead:?}");
        crm.whimbrel(&["verify"]).run().expect(0);
    }
}

#[test]
fn every_junction_has_the_union_of_both_sides_and_none_stays_empty() {
    each(|crm| {
        crm.execute();
        let expected = crm.is_as_expected();
        for (table, _, fields) in JUNCTIONS {
            assert!(!expected.links[table].is_empty(), "{table} is not tried");
            assert!(expected.links[table].len() > fields.len(), "{table}");
        }
    });
}

#[test]
fn counts_are_compared_with_the_source_and_never_nothing_with_nothing() {
    each(|crm| {
        let done = crm.execute();
        let expected = crm.expected();
        let entities = done["entities"].as_array().unwrap();
        assert_eq!(entities.len(), 29);
        let read: u64 = entities.iter().map(|entity| entity["total"]["read"].as_u64().unwrap()).sum();
        assert_eq!(read, expected.documents);
        assert!(entities.iter().all(|entity| entity["total"]["read"].as_u64() > Some(0)));
        // A table that loses its rows is not the same as a source without any.
        crm.target.execute("DELETE FROM \"AccountWatchers\"; DELETE FROM \"tasksComments\"");
        let found = crm.whimbrel(&["verify"]).run();
        assert_ne!(found.code, Some(0), "{}", found.stdout);
        assert!(found.stdout.contains("AccountWatchers") && found.stdout.contains("tasksComments"), "{}", found.stdout);
    });
}

#[test]
fn a_second_run_inserts_nothing_and_ids_never_change() {
    each(|crm| {
        crm.execute();
        let first = dump::tables(&crm.target);
        crm.execute();
        assert_eq!(dump::tables(&crm.target), first);
        // A new start in an empty target gives the same ids.
        crm.target.empty();
        crm.execute();
        assert_eq!(dump::tables(&crm.target), first);
    });
}

#[test]
fn a_resume_goes_on_where_it_stopped_in_the_middle_of_a_table() {
    each(|crm| {
        crm.execute();
        let straight = dump::tables(&crm.target);
        for batches in [1, 9, 25] {
            crm.target.empty();
            let ended = crm.whimbrel(&["run", "--execute", "--yes"]);
            ended.ending_at(&format!("commit-before={batches}*off->return")).run();
            crm.execute();
            assert_eq!(dump::tables(&crm.target), straight, "ended at the commit {batches}");
        }
    });
}

#[test]
fn one_bad_row_is_one_dead_letter_and_not_a_thousand() {
    each(|crm| {
        crm.execute();
        let expected = crm.is_as_expected();
        let sections = expected.dead.keys().filter(|(collection, _)| *collection == "Sections").count();
        assert!(sections > 0 && sections < expected.rows["Sections"].len());
    });
}

#[test]
fn no_value_is_replaced_unseen_neither_by_null_nor_by_a_default_nor_by_now() {
    each(|crm| {
        let done = crm.execute();
        let expected = crm.is_as_expected();
        let nulled: u64 = expected.nulled.values().sum();
        assert!(nulled > 0);
        let told: u64 = done["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entity| entity["nulled_references"].as_u64().unwrap_or_default())
            .sum();
        assert_eq!(told, nulled);
        let codes: BTreeSet<&str> = expected.dead.values().copied().collect();
        for code in ["required", "enum-value", "date-format", "number", "missing-parent"] {
            assert!(codes.contains(code), "{code} is not tried");
        }
    });
}

#[test]
fn a_comment_finds_its_task_of_either_kind() {
    each(|crm| {
        crm.execute();
        let expected = crm.is_as_expected();
        let comments = &expected.rows["tasksComments"];
        for tasks in ["Tasks", "crm_Accounts_Tasks"] {
            let on = comments.values().filter(|row| expected.rows[tasks].contains_key(row["task"].as_ref().unwrap()));
            assert!(on.count() > 0, "{tasks}");
        }
    });
}

#[test]
fn an_object_id_and_its_text_are_one_key_and_other_text_is_a_key_too() {
    each(|crm| {
        crm.execute();
        crm.is_as_expected();
        let planted: BTreeSet<&str> = crm.planted.planted.keys().map(|(_, dirt)| dirt.name()).collect();
        assert!(planted.contains("hex-id") && planted.contains("text-id"));
    });
}
