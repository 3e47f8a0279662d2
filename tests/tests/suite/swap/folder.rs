//! A file that is dropped into the plugins folder of a run: tried once it is whole, and only if the run uses it.

use std::fs;
use std::time::Duration;

use whimbrel_tests::Database;

use super::scene::Scene;
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
