//! A version that has taken over and turns out to be worse is swapped back, before its bad batch is committed.

use whimbrel_tests::Database;

use super::promote::assert_recorded_is_what_ran;
use super::scene::PEOPLE;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::digest;

/// Swaps in a version whose trouble begins far behind its canary.
fn swapped_back(database: Database, version: &str, trouble: &'static str, settings: &str) -> Scene {
    let plugin = "[plugin.fixable]\nwatch-batches = 1000\n";
    let scene = Scene::new(database, "fixable_v2", &format!("{PEOPLE}{settings}{plugin}"));
    scene.records("people", 600, |number| if number >= 400 { trouble } else { "" });
    let mut running = scene.start("commit-before=sleep(40)", &[]);
    scene.until_batches("people", 3, &mut running);
    scene.swap(version).expect(0);
    running.wait().expect(0);
    assert_eq!(scene.event_words("people"), ["active", "candidate", "canary", "promoted", "reverted"]);
    assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
    assert_eq!(scene.database.query("SELECT COUNT(*) AS people FROM people"), [[Some("600".to_owned())]]);
    scene
}

#[test]
fn a_trap_swaps_back() {
    for database in Database::each() {
        let scene = swapped_back(database, "fixable_v1", r#", "poison": true"#, STAMPED);
        assert_eq!(scene.reason("reverted"), "it trapped on document 401, or went over a limit");
        let [worse, good] = assert_recorded_is_what_ran(&scene);
        assert!(worse >= 1 && good >= 2, "{worse} and {good} batches");
        let status = scene.status();
        assert_eq!(status["last_swap"]["event"], "reverted");
        assert_eq!(status["entities"][0]["total"]["dead"], 0);
    }
}

#[test]
fn more_rejections_swap_back() {
    let scene =
        swapped_back(Database::sqlite(), "fixable_strict", r#", "wrong": true"#, "dead-letters-max = \"100%\"\n");
    let reason = scene.reason("reverted");
    assert!(reason.contains("before it took over 0.00% were dead letters"), "{reason}");
    assert_eq!(scene.status()["entities"][0]["total"]["dead"], 0);
}

#[test]
fn a_version_whose_first_batch_fails_is_told_and_does_not_go_on() {
    for database in Database::each() {
        let settings = "on-plugin-failure = \"fail\"\n[plugin.fixable]\ncanary-batches = 0\nwatch-batches = 0\n";
        let scene = Scene::new(database, "fixable_v2", &format!("{PEOPLE}{settings}"));
        scene.records("people", 600, |_| r#", "wrong": true"#);
        let mut running = scene.start("commit-before=sleep(40)", &[]);
        scene.until_batches("people", 3, &mut running);
        scene.install("fixable_strict");
        running.wait().expect(1);
        assert_eq!(scene.event_words("people"), ["active", "candidate", "promoted", "reverted"]);
        let reason = scene.reason("reverted");
        assert!(reason.starts_with("it has committed nothing: `people` has 10 dead letters"), "{reason}");
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));

        let ended = scene.execute().expect(0);
        assert!(ended.stderr.contains("which an earlier run has turned down: it has committed nothing"), "{ended}");
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
    }
}
