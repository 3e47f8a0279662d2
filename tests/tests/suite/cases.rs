//! Every folder of `cases/`: predicted, run straight, interrupted at every named point and resumed, and run again.
//! All ways must leave the same target. A folder `fail-<name>` holds the commands and what they say on stderr.
//!
//! A case is `migration.toml` (target `${TARGET_URL}`), `schema.sql`, its source files, and what is expected. The plugins
//! and the guests stand beside it in `plugins`. `<file>.sqlite.<ext>` or `<file>.postgres.<ext>` takes the place of `<file>.<ext>`; `before.sql` runs behind
//! the schema, before the migration; `only` names the one kind of target that the case is for. `WHIMBREL_BLESS=1` writes
//! what is expected; read it before you commit it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::copy;
use whimbrel_tests::dump;
use whimbrel_tests::root;
use whimbrel_tests::skipped;

/// Where a run can be ended.
const POINTS: [&str; 4] = ["commit-rows", "commit-before", "commit-after", "finish-fill"];
/// Where the final step of a junction can be ended too.
const JUNCTION_POINTS: [&str; 2] = ["commit-junction", "junction-page"];
/// Interruptions of one case at one point: a case that takes more makes no progress.
const INTERRUPTIONS_MAX: usize = 200;

/// The names of all case folders, each with a test for every kind of target.
macro_rules! cases {
    ($check:path, $list:ident: $($name:ident)*) => {
        /// Every folder that has a test.
        pub const $list: &[&str] = &[$(stringify!($name)),*];
        $(mod $name {
            use whimbrel_tests::Database;

            #[test]
            fn sqlite() {
                $check(stringify!($name), Some(Database::sqlite()));
            }

            #[test]
            fn postgres() {
                $check(stringify!($name), Database::postgres());
            }
        })*
    };
}

cases! { super::check, CASES:
    allow_empty
    arrays
    budget_percent
    composite_keys
    conflict_fail
    conflict_skip
    conflict_update
    cycle_nullable
    cycle_of_three
    cycle_required
    deferrable
    duplicate_key
    empty_collection
    extended_json_forms
    firestore_documents
    firestore_export
    firestore_json
    firestore_rest
    given_ids
    gzip
    id_column
    id_keep
    junction
    junction_empty
    junction_further_columns
    junction_many_refused
    junction_sequence
    junction_standing
    junction_stored_ids
    merge
    merge_circle
    missing_parent_skip
    nested_and_children
    one_of_several
    parked_by_policy
    parked_given_ids
    parked_one_of_several
    parked_skip
    parked_to_itself
    quoted_names
    references
    refusals
    refusals_many
    refusals_update
    repeated_and_worse
    schema_in_part
    self_reference
    self_reference_refused
    self_reference_skip
    self_reference_update
    sequence
    sequence_standing
    skip_reasons
    skipped_rows
    trigger_insert
    trigger_update
    validators
    value_types
}

cases! { super::fails, FAILURES:
    fail_all_at_once
    fail_bad_json_line
    fail_bad_schema
    fail_bad_utf8_bson
    fail_bad_utf8_json
    fail_budget_count
    fail_changed_identity
    fail_changed_output
    fail_config_conflicts
    fail_config_schema
    fail_core_module
    fail_corrupt_bson_inside
    fail_corrupt_bson_length
    fail_cut_json_array
    fail_cut_json_lines
    fail_deep_nesting
    fail_duplicate_manifest_key
    fail_empty_table
    fail_firestore_corrupt
    fail_firestore_corrupt_skip
    fail_firestore_cut
    fail_firestore_manifest
    fail_firestore_missing_shard
    fail_given_id_in_key
    fail_huge_bson_length
    fail_ids
    fail_junction_difference
    fail_junction_empty
    fail_junction_missing
    fail_junction_orphans
    fail_junction_plan
    fail_manifest_syntax
    fail_many_problems
    fail_merge
    fail_missing_collection
    fail_missing_column
    fail_missing_schema
    fail_missing_table
    fail_no_component
    fail_one_of_several
    fail_parents_incomplete
    fail_read_only_target
    fail_reference_fail
    fail_schema_commits
    fail_schema_in_part
    fail_self_reference
    fail_self_reference_refused
    fail_sequence
    fail_several
    fail_target_is_folder
    fail_target_unreachable
    fail_truncated_bson
    fail_tuning_is_free
    fail_unfed_column
    fail_unknown_entity
    fail_unknown_keys
    fail_unknown_plugin
    fail_unknown_source
    fail_unknown_target
    fail_unset_variable
    fail_validator_as_transformer
    fail_values
    fail_wrong_world
}

/// A case in a folder of its own, with a target.
pub struct Case {
    name: String,
    kind: &'static str,
    folder: TempDir,
}

impl Case {
    pub fn new(name: &str, database: &Database) -> Option<Self> {
        let name = name.replace('_', "-");
        let source = root().join("tests/cases").join(&name);
        let kind = database.kind();
        if let Ok(only) = fs::read_to_string(source.join("only"))
            && only.trim() != kind
        {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        copy(&source, folder.path());
        for entry in fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()) {
            let file = entry.file_name().unwrap().to_str().unwrap();
            if let Some((stem, extension)) =
                file.split_once(&format!(".{kind}.")).filter(|(stem, _)| *stem != "expected")
            {
                fs::copy(&entry, folder.path().join(format!("{stem}.{extension}"))).unwrap();
            }
        }
        components::link(folder.path());
        Some(Self { name, kind, folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes what stands in the target before the migration.
    pub fn prepare(&self, database: &Database) {
        if let Ok(before) = fs::read_to_string(self.path().join("before.sql")) {
            database.execute(&fs::read_to_string(self.path().join("schema.sql")).unwrap());
            database.execute(&before);
        }
    }

    pub fn call(&self, database: &Database, arguments: &[&str]) -> Whimbrel {
        Whimbrel::new(arguments).at(self.path()).env("TARGET_URL", &database.url)
    }

    pub fn execute(&self, database: &Database) -> Whimbrel {
        self.call(database, &["run", "migration.toml", "--execute", "--yes", "--json"])
    }

    /// Compares a text with the expected file, or writes that.
    #[track_caller]
    fn expect(&self, file: &str, extension: &str, text: &str) {
        let folder = root().join("tests/cases").join(&self.name);
        let shared = folder.join(format!("{file}{extension}"));
        let own = folder.join(format!("{file}.{}{extension}", self.kind));
        if std::env::var_os("WHIMBREL_BLESS").is_some() {
            bless(&shared, &own, self.kind, text);
            return;
        }
        let path = if own.exists() { own } else { shared };
        let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(expected == text, "{}\n--- expected\n{expected}\n--- found\n{text}", path.display());
    }
}

/// SQLite's is the shared file; another kind of target gets its own where it gives something else.
fn bless(shared: &Path, own: &Path, kind: &str, text: &str) {
    let _ = fs::remove_file(own);
    if kind == "sqlite" || !shared.exists() {
        fs::write(shared, text).unwrap();
    } else if fs::read_to_string(shared).unwrap() != text {
        fs::write(own, text).unwrap();
    }
}

fn check(name: &str, database: Option<Database>) {
    let Some(database) = database else { return };
    let Some(case) = Case::new(name, &database) else { return };
    case.prepare(&database);
    let before = database.file().is_none_or(Path::exists).then(|| dump::all(&database));

    let predicted = case.call(&database, &["run", "migration.toml", "--json"]).run();
    assert_eq!(database.file().is_none_or(Path::exists), before.is_some(), "a dry run makes no file");
    assert_eq!(before.as_ref().map(|_| dump::all(&database)), before, "a dry run writes nothing");

    let straight = case.execute(&database).run();
    let left = dump::all(&database);
    let counts = counts(&straight);
    case.expect("expected", ".txt", &format!("{}\n{left}", outcome(&straight)));
    if !is_unpredicted(&predicted) {
        assert_eq!(counts, self::counts(&predicted), "{predicted}\n\n{straight}");
        assert_eq!(predicted.code, straight.code, "{predicted}\n\n{straight}");
    }

    let again = case.execute(&database).run();
    assert_eq!(again.code, straight.code, "{again}");
    if straight.code != Some(1) {
        assert_eq!(again.json()["status"], "nothing-to-do", "{again}");
    }
    assert_eq!(dump::all(&database), left, "run again, {again}");

    let manifest = fs::read_to_string(case.path().join("migration.toml")).expect("a case has a manifest");
    let has_junction = manifest.contains("[junction.");
    for point in POINTS.into_iter().chain(JUNCTION_POINTS.into_iter().filter(|_| has_junction)) {
        database.empty();
        database.execute(&fs::read_to_string(case.path().join("schema.sql")).unwrap());
        if let Ok(before) = fs::read_to_string(case.path().join("before.sql")) {
            database.execute(&before);
        }
        let resumed = interrupt(&case, &database, point);
        assert_eq!(resumed.code, straight.code, "interrupted at {point}, {resumed}");
        assert_eq!(dump::all(&database), left, "interrupted at {point}");
    }
}

/// Ends the process at the first hit of a point, then behind the first commit of each resume: every commit is hit.
fn interrupt(case: &Case, database: &Database, point: &str) -> Ended {
    let mut ended = case.execute(database).ending_at(&format!("{point}=return")).run();
    // Behind a commit the first hit is progress; before it the second one is, or a later one where a commit tries twice.
    let least = usize::from(point.starts_with("commit-") && point != "commit-after");
    let (mut passed, mut stood) = (least, String::new());
    for _ in 0..INTERRUPTIONS_MAX {
        if ended.code.is_some() {
            return ended;
        }
        let stands = dump::checkpoints(database);
        passed = if stands == stood { passed + 1 } else { least };
        stood = stands;
        ended = case.execute(database).ending_at(&format!("{point}={passed}*off->return")).run();
    }
    panic!("{}: interrupted {INTERRUPTIONS_MAX} times at {point} and not done", case.name);
}

/// What the report says that may not differ between a prediction and its run.
fn counts(ended: &Ended) -> Json {
    let mut report = ended.json();
    // A prediction says in its own words what the target would refuse.
    for reason in report["dead_letters"].as_array_mut().into_iter().flatten() {
        reason.as_object_mut().unwrap().remove("examples");
    }
    let entities: Vec<Json> = report["entities"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entity| {
            serde_json::json!({
                "name": entity["name"], "state": entity["state"],
                "total": entity["total"], "this_run": entity["this_run"], "rows": entity["rows"],
                "nulled_references": entity["nulled_references"], "skip_reasons": entity["skip_reasons"],
            })
        })
        .collect();
    let mut junctions = report["junctions"].take();
    for junction in junctions.as_array_mut().into_iter().flatten() {
        junction.as_object_mut().unwrap().remove("duration_ms");
        // Numbers that the target has not given yet are others in a prediction.
        for left_out in junction["left_out"].as_array_mut().into_iter().flatten() {
            left_out.as_object_mut().unwrap().remove("examples");
        }
    }
    serde_json::json!({
        "entities": entities, "status": report["status"], "conservation": report["conservation"],
        "dead_letters": report["dead_letters"], "error": report["error"], "junctions": junctions,
    })
}

fn is_unpredicted(predicted: &Ended) -> bool {
    predicted.json()["entities"].as_array().into_iter().flatten().any(|entity| entity.get("not_predicted").is_some())
}

fn outcome(ended: &Ended) -> String {
    let report = ended.json();
    let mut text = format!("exit {}, {}\n", ended.code.unwrap(), report["status"].as_str().unwrap_or("no report"));
    if let Some(error) = report["error"].as_str() {
        let _ = writeln!(text, "error: {error}");
    }
    text
}

/// Runs the commands of a folder, one a line of `steps`, and compares what they say.
#[allow(dead_code, reason = "there may be no folder")]
fn fails(name: &str, database: Option<Database>) {
    let Some(database) = database else { return };
    let Some(case) = Case::new(name, &database) else { return };
    case.prepare(&database);
    let steps = fs::read_to_string(case.path().join("steps"));
    let steps = steps.unwrap_or_else(|_| "run migration.toml --execute --yes".to_owned());
    let mut text = String::new();
    for step in steps.lines() {
        let arguments: Vec<&str> = step.split_whitespace().collect();
        let ended = case.call(&database, &arguments).run();
        let code = ended.code.unwrap_or_else(|| panic!("a signal ended it: {ended}"));
        assert_ne!(code, 255, "a failure of the user's making is no bug: {ended}");
        let _ = write!(text, "$ whimbrel {step}\n{}exit {code}\n\n", masked(&case, &database, &ended.stderr));
    }
    let is_left = database.file().is_none_or(Path::exists);
    if is_left {
        text.push_str(&dump::all(&database));
    }
    case.expect("stderr", "", &text);
}

/// Takes out what differs from place to place: folders, the target's address, digests.
fn masked(case: &Case, database: &Database, text: &str) -> String {
    let text = text.replace(case.path().to_str().unwrap(), "[FOLDER]").replace(&database.url, "[TARGET]");
    let text = match database.file() {
        Some(file) => text.replace(file.to_str().unwrap(), "[TARGET]"),
        None => text,
    };
    let mut out = String::new();
    let mut word = String::new();
    let end = |word: &mut String, out: &mut String| {
        let is_digest = word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        out.push_str(if is_digest { "[DIGEST]" } else { word });
        word.clear();
    };
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else {
            end(&mut word, &mut out);
            out.push(character);
        }
    }
    end(&mut word, &mut out);
    out
}

#[test]
fn every_folder_has_a_test() {
    let folders = fs::read_dir(root().join("tests/cases")).unwrap();
    let mut folders: Vec<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap().replace('-', "_")).collect();
    let mut tested: Vec<String> = CASES.iter().map(|&name| name.to_owned()).collect();
    tested.extend(FAILURES.iter().map(|&name| name.to_owned()));
    folders.sort();
    tested.sort();
    assert_eq!(folders, tested);
    if folders.is_empty() {
        skipped("there are no cases");
    }
}
