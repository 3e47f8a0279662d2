//! A file that is dropped into the plugins folder of a run: tried once it is whole, and only if the run uses it.

use std::fs;
use std::time::Duration;

use whimbrel_tests::Database;

use super::scene::PEOPLE;
use super::scene::Running;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::digest;
use super::scene::guest;

#[test]
fn dropped_into_the_folder_of_a_held_run() {
    for database in Database::each() {
        let scene = Scene::of_people(database, "fixable_v1");
        let running = scene.start_until_held("people");
        scene.install("fixable_v2");
        let ended = running.wait().expect(0);
        assert_eq!(ended.json()["status"], "completed");
        assert_eq!(scene.event_words("people"), ["active", "held", "candidate", "canary", "promoted"]);
        scene.database.execute("UPDATE people SET name = lower(name)");
        scene.same_as_a_clean_run();
    }
}

#[test]
fn half_a_file_is_waited_for_and_other_files_are_not_tried() {
    let scene = Scene::of_people(Database::sqlite(), "fixable_v1");
    let running = scene.start_until_held("people");
    fs::copy(guest("fixable_v2"), scene.path("plugins/another.wasm")).unwrap();
    fs::write(scene.path("plugins/fixable.txt"), "no component").unwrap();
    let whole = fs::read(guest("fixable_v2")).unwrap();
    for part in [0, whole.len() / 3, whole.len() - 1] {
        fs::write(scene.path("plugins/fixable.wasm"), &whole[..part]).unwrap();
        // Longer than a file has to be quiet before it is taken.
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(scene.event_words("people"), ["active", "held"], "{part} bytes");
    }
    fs::write(scene.path("plugins/fixable.wasm"), &whole).unwrap();
    running.wait().expect(0);
    assert_eq!(scene.event_words("people"), ["active", "held", "candidate", "canary", "promoted"]);
}

#[test]
fn a_file_that_never_becomes_whole_is_refused_in_the_end() {
    let scene = Scene::of_people(Database::sqlite(), "fixable_v1");
    let mut running = scene.start_until_held("people");
    let whole = fs::read(guest("fixable_v2")).unwrap();
    fs::write(scene.path("plugins/fixable.wasm"), &whole[..whole.len() / 2]).unwrap();
    let is_refused = |scene: &Scene| scene.event_words("people").last().is_some_and(|last| last == "refused");
    scene.until("refused", &mut running, is_refused);
    assert!(scene.reason("refused").contains("the component is not valid"), "{}", scene.reason("refused"));
    scene.install("fixable_v2");
    running.wait().expect(0);
}

#[test]
fn a_folder_that_is_replaced_is_watched_again() {
    let scene = Scene::of_people(Database::sqlite(), "fixable_v1");
    let mut running = scene.start_until_held("people");
    fs::create_dir(scene.path("other")).unwrap();
    fs::copy(guest("fixable_refuses_config"), scene.path("other/fixable.wasm")).unwrap();
    fs::rename(scene.path("plugins"), scene.path("plugins.old")).unwrap();
    fs::rename(scene.path("other"), scene.path("plugins")).unwrap();
    // What lay in it is seen, and what comes later too.
    let is_refused = |scene: &Scene| scene.event_words("people").last().is_some_and(|last| last == "refused");
    scene.until("refused", &mut running, is_refused);
    scene.install("fixable_v2");
    running.wait().expect(0);
}

fn count(scene: &Scene, event: &str, version: &str) -> usize {
    let digest = digest(version);
    scene.events("people").iter().filter(|found| found.0 == event && found.1 == digest).count()
}

#[track_caller]
fn until_said(scene: &Scene, running: &mut Running, text: &str) {
    let is_said = |scene: &Scene| fs::read_to_string(scene.path("stderr")).unwrap().contains(text);
    scene.until(text, running, is_said);
}

#[test]
fn a_file_that_was_turned_down_is_not_tried_again_and_says_why() {
    let scene = Scene::of_people(Database::sqlite(), "fixable_v1");
    let mut running = scene.start("", &["--log", "info"]);
    scene.until_held("people", &mut running);
    scene.install("fixable_refuses_config");
    scene.until("refused", &mut running, |scene| count(scene, "refused", "fixable_refuses_config") == 1);
    scene.install("fixable_refuses_config");
    until_said(&scene, &mut running, "is not tried again: it was refused: `people`: it refuses the configuration");
    assert_eq!(count(&scene, "candidate", "fixable_refuses_config"), 1);
    running.interrupt();
    running.wait().expect(130);
}

#[test]
fn a_file_that_was_displaced_is_tried_again() {
    let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 1000\n");
    let scene = Scene::new(Database::sqlite(), "fixable_v1", &settings);
    scene.records("people", 5000, |_| "");
    let mut running = scene.start("commit-before=sleep(20)", &[]);
    scene.until_batches("people", 3, &mut running);
    for (version, times) in [("fixable_v2", 1), ("fixable_strict", 1), ("fixable_v2", 2)] {
        scene.install(version);
        scene.until(version, &mut running, |scene| count(scene, "candidate", version) == times);
    }
    assert_eq!(scene.reason("rejected"), "another candidate came");
    running.interrupt();
    running.wait().expect(130);
}

#[test]
fn a_file_that_was_swapped_away_can_be_put_back() {
    let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 0\nwatch-batches = 0\n");
    let scene = Scene::new(Database::sqlite(), "fixable_v1", &settings);
    scene.records("people", 5000, |_| "");
    let mut running = scene.start("commit-before=sleep(20)", &[]);
    scene.until_batches("people", 3, &mut running);
    for (version, times) in [("fixable_v2", 1), ("fixable_v1", 1), ("fixable_v2", 2)] {
        scene.install(version);
        scene.until(version, &mut running, |scene| count(scene, "promoted", version) == times);
    }
    running.interrupt();
    running.wait().expect(130);
    assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
}
