//! Components that misbehave, each with what stops it. A guest that nobody lists here is a failure.

mod contained;
mod granted;
mod trial;

use std::fs;
use std::time::Duration;
use std::time::Instant;

use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;

use contained::*;
use granted::*;
use trial::only_the_marked_are_dead;
use trial::the_run_stops;
use trial::through;
use trial::trial;
use trial::trial_of;

/// Names every guest that has a test.
macro_rules! guests {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(const _: fn() = $name;)*
    };
}

guests! {
    counts_batches
    counts_records
    echo_bson
    echo_extended_json
    floods_log
    floods_output
    hoard
    malformed_row
    mended_v1
    mended_v2
    opens_socket
    panics_in_describe
    reads_clock
    reads_environment
    reads_file
    recurses
    skip_on_marker
    sleeps
    spin_on_marker
    spins_at_start
    spins_in_describe
    spins_in_host
    too_few
    too_many
    trap_on_500th
    trap_on_marker
    traps_at_start
    undeclared_table
    validator_bad_index
    validator_mended
    validator_spins
    validator_traps
    validator_wrong
    wrong_world
}

#[test]
fn echo_bson() {
    let came = through("echo_bson", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names(), (0..20).map(|number| format!("n{number}")).collect::<Vec<_>>());
}

#[test]
fn echo_extended_json() {
    let came = through("echo_extended_json", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(dump::tables(&came.trial.database), dump::tables(&through("echo_bson", "", "", &[]).trial.database));
}

#[test]
fn trap_on_marker() {
    let marked = [3, 4, 17];
    let came = through("trap_on_marker", "", "trap", &marked);
    only_the_marked_are_dead(&came, &marked, "plugin-trap", "trapped in `transform`");
}

#[test]
fn trap_on_500th() {
    let came = trial_of(1000, "trap_on_500th", "", "", &[]).run();
    assert_eq!(came.ended.code, Some(3), "{}", came.ended);
    let letters = came.trial.database.query("SELECT document, code, message FROM whimbrel_dead_letter");
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0][0].as_deref(), letters[0][1].as_deref()), (Some("500"), Some("plugin-trap")));
    assert!(letters[0][2].as_ref().unwrap().contains("found the 500th record"), "{letters:?}");
    assert_eq!(came.names().len(), 999);
}

#[test]
fn skip_on_marker() {
    let came = through("skip_on_marker", "", "skip", &[2, 11, 12]);
    // Twenty records of which three hold what the guest's columns do not know are seventeen rows.
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names().len(), 17);
    let entity = &came.report()["entities"][0];
    assert_eq!(entity["total"]["skipped"], 3);
    assert_eq!(entity["skip_reasons"], serde_json::json!({ "found the marker `skip`": 3 }));
}

#[test]
fn counts_batches() {
    let came = through("counts_batches", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names().len(), 20, "no instance has seen a second batch");
}

#[test]
fn counts_records() {
    use whimbrel::plugin::deterministic::DifferenceKind;
    // A run does not see it: every second record of a batch is refused.
    let came = through("counts_records", "", "", &[]);
    assert_eq!((came.ended.code, came.letters().len()), (Some(3), 10), "{}", came.ended);
    assert_eq!(differences("echo_bson"), []);
    assert_eq!(differences("counts_records"), [(1, DifferenceKind::Alone)]);
}

/// What comes to light when a guest gets ten documents together, alone, and both again.
fn differences(guest: &str) -> Vec<(usize, whimbrel::plugin::deterministic::DifferenceKind)> {
    use whimbrel::plugin;
    let path = components::guests().join(guest).with_extension("wasm");
    let component = plugin::Component::load(&plugin::Engine::new(None).unwrap(), &path, guest).unwrap();
    let setup = plugin::Setup {
        entity: "people".into(),
        key: vec!["_id".into()],
        into: Vec::new(),
        config_json: r#"{"columns": ["_id"]}"#.into(),
    };
    let pins = plugin::Pins { now_us: 0, seed: 1 };
    let (transformer, _) = plugin::Transformer::open(&component, setup, plugin::Limits::default(), pins).unwrap();
    let one = bson::rawdoc! { "_id": 1 }.into_bytes();
    let ranges: Vec<_> = (0..10).map(|number| number * one.len()..(number + 1) * one.len()).collect();
    let documents = plugin::Documents { bytes: &one.repeat(10), ranges: &ranges };
    let found = plugin::deterministic::differences(&transformer, documents).unwrap();
    found.into_iter().map(|difference| (difference.document, difference.kind)).collect()
}

#[test]
fn validator_traps() {
    let more = "validate = [\"validator-traps\"]";
    let trial = trial("echo_bson", more, "", &[]);
    trial.write(
        "people.json",
        &format!("{{\"_id\": 1, \"name\": \"n\"}}\n{{\"_id\": 2, \"name\": \"{}\"}}\n", "long".repeat(9)),
    );
    let came = trial.run();
    assert_eq!(came.ended.code, Some(3), "{}", came.ended);
    let letters = came.letters();
    assert!(
        letters.len() == 1 && letters[0].0 == "plugin-trap" && letters[0].1.contains("found a long row"),
        "{letters:?}"
    );
}

/// A name of 36 characters, and one of 360.
fn long_names(validator: &str) -> trial::Came {
    let trial = trial("echo_bson", &format!("validate = [\"{validator}\"]"), "", &[]);
    let record = |id: u8, name: &str| format!("{{\"_id\": {id}, \"name\": \"{name}\"}}\n");
    trial.write("people.json", &[record(1, &"long".repeat(9)), record(2, &"long".repeat(90))].concat());
    trial.run()
}

#[test]
fn validator_wrong() {
    let came = long_names("validator-wrong");
    assert_eq!(came.ended.code, Some(3), "{}", came.ended);
    let letters = came.letters();
    assert!(letters.len() == 1 && letters[0].0 == "plugin-trap", "{letters:?}");
}

#[test]
fn validator_mended() {
    let came = long_names("validator-mended");
    assert_eq!(came.ended.code, Some(3), "{}", came.ended);
    assert_eq!(came.letters(), [("too-long".to_owned(), "found a row that is too long".to_owned())]);
}

/// The oldest components that every later host must load and run.
#[test]
fn golden_components_still_run() {
    let golden = whimbrel_tests::root().join("tests/golden");
    for (from, to) in [("echo_bson", "transformer-0.1.0"), ("validator_traps", "validator-0.1.0")] {
        let golden = golden.join(format!("{to}.wasm"));
        if std::env::var_os("WHIMBREL_BLESS").is_some() {
            fs::copy(components::guests().join(from).with_extension("wasm"), &golden).unwrap();
        }
        assert!(fs::metadata(&golden).unwrap().len() < 150 << 10, "a golden component is small");
    }
    let path = |name: &str| format!("path = {:?}", golden.join(format!("{name}.wasm")));
    let more = format!(
        "validate = [\"golden-validator\"]\n[plugin.golden]\n{}\n[plugin.golden-validator]\n{}\n",
        path("transformer-0.1.0"),
        path("validator-0.1.0")
    );
    let came = through("golden", &more, "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert_eq!(came.names().len(), 20);
}

#[test]
fn five_components_load_quickly_from_the_cache() {
    use whimbrel::plugin;
    let cache = tempfile::tempdir().unwrap();
    let names = ["echo_bson", "echo_extended_json", "hoard", "too_few", "validator_traps"];
    let load = || {
        let begun = Instant::now();
        let engine = plugin::Engine::new(Some(cache.path().join("cache"))).unwrap();
        for name in names {
            plugin::Component::load(&engine, &components::guests().join(name).with_extension("wasm"), name).unwrap();
        }
        begun.elapsed()
    };
    components::guests();
    let (compiled, cached) = (load(), load());
    whimbrel_tests::measured(&format!("five components: {compiled:?} compiled, {cached:?} from the cache"));
    let most = if whimbrel_tests::figures_are_wanted() { 100 } else { 500 };
    assert!(cached <= Duration::from_millis(most), "{cached:?}");
}

#[test]
fn too_few() {
    the_run_stops(&through("too_few", "", "", &[]), 1, "10");
}

#[test]
fn too_many() {
    the_run_stops(&through("too_many", "", "", &[]), 1, "11");
}

#[test]
fn malformed_row() {
    let came = through("malformed_row", "", "malformed", &[1, 19]);
    only_the_marked_are_dead(&came, &[1, 19], "malformed-row", "");
}

#[test]
fn mended_v1() {
    only_the_marked_are_dead(&through("mended_v1", "", "reject", &[4]), &[4], "unknown-kind", "this version knows");
    only_the_marked_are_dead(&through("mended_v1", "", "trap", &[3, 9]), &[3, 9], "plugin-trap", "trapped");
    assert_eq!(through("mended_v1", "", "wrong", &[5]).names()[5], "wrong");
    assert_eq!(through("mended_v1", "", "lost", &[5]).names().len(), 19);
    assert_eq!(through("mended_v1", "", "extra", &[5]).names().len(), 21);
}

#[test]
fn mended_v2() {
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    for marker in ["reject", "trap", "wrong", "lost", "extra"] {
        assert_eq!(through("mended_v2", "", marker, &[4, 5]).names(), names, "{marker}");
    }
}

#[test]
fn undeclared_table() {
    let came = through("undeclared_table", "", "undeclared", &[2]);
    only_the_marked_are_dead(&came, &[2], "malformed-row", "7");
}

#[test]
fn validator_bad_index() {
    let came = through("echo_bson", "validate = [\"validator-bad-index\"]", "", &[]);
    the_run_stops(&came, 1, "row");
}

#[test]
fn wrong_world() {
    the_run_stops(&through("wrong_world", "", "", &[]), 2, "other:thing/greeter@1.0.0");
}

#[test]
fn what_cannot_be_loaded_can_be_looked_at() {
    let inspect = |file: &std::path::Path, more: &[&str]| {
        Whimbrel::new([&["plugin", "inspect", file.to_str().unwrap()], more].concat()).run().expect(2)
    };
    let guest = |name: &str| components::guests().join(name).with_extension("wasm");
    let socket = inspect(&guest("opens_socket"), &["--json"]).json();
    let size = fs::metadata(guest("opens_socket")).unwrap().len();
    assert_eq!((socket["size"].as_u64(), socket["digest"].as_str().unwrap().len()), (Some(size), 64));
    assert!(socket["error"].as_str().unwrap().contains("of `wasi:sockets/"), "{socket:#}");
    let imports = socket["imports"].as_array().unwrap();
    let import =
        imports.iter().find(|one| one["interface"].as_str().unwrap().starts_with("wasi:sockets/tcp@")).unwrap();
    assert_eq!(import["given"], "never");
    let text = inspect(&guest("opens_socket"), &[]);
    assert!(text.stdout.contains("it cannot be loaded") && text.stdout.contains("refused: no host gives it"), "{text}");
    assert!(text.stderr.contains("no plugin is ever granted the network"), "{text}");
    let world = inspect(&guest("wrong_world"), &["--json"]).json();
    assert_eq!(world["exports"], serde_json::json!(["other:thing/greeter@1.0.0"]));
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.wasm");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let script = inspect(&script, &["--json"]).json();
    assert_eq!((&script["size"], &script["imports"]), (&10.into(), &serde_json::json!([])));
    assert!(script["error"].as_str().unwrap().contains("a file that is not WebAssembly"), "{script:#}");
}

#[test]
fn every_guest_has_a_test() {
    // `swap` has tests of its own, with several versions of one component.
    let names: Vec<_> = components::guest_names().into_iter().filter(|name| !name.starts_with("fixable_")).collect();
    assert_eq!(names, TESTED);
}
