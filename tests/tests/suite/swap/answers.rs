//! A run that probes a candidate answers, goes on, and ends when it is asked to.

use std::time::Duration;
use std::time::Instant;

use whimbrel_tests::Database;

use super::scene::PEOPLE;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::digest;

/// A probe takes so many milliseconds.
fn scene_with_probes_of(milliseconds: u64) -> (Scene, super::scene::Running) {
    let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 1000\n");
    let scene = Scene::new(Database::sqlite(), "fixable_v1", &settings);
    scene.records("people", 5000, |_| "");
    let mut running = scene.start(&format!("commit-before=sleep(20);swap-probe=sleep({milliseconds})"), &[]);
    scene.until_batches("people", 3, &mut running);
    (scene, running)
}

fn state(scene: &Scene) -> String {
    let candidate = scene.status()["running"][0]["candidate"].clone();
    format!("{} {}", candidate["state"].as_str().unwrap_or("none"), candidate["digest"].as_str().unwrap_or_default())
}

#[test]
fn while_a_candidate_is_probed() {
    let (scene, mut running) = scene_with_probes_of(120_000);
    scene.install("fixable_v2");
    let probed = format!("probe {}", digest("fixable_v2"));
    scene.until("probed", &mut running, |scene| state(scene) == probed);
    let text = scene.call(&["status", "migration.toml"]).run().expect(0).stdout;
    assert!(text.contains(": probe, 1000 batches to compare") && !text.contains("0 records in 0 batches"), "{text}");

    let done = scene.ledger("people").len();
    scene.until_batches("people", done + 3, &mut running);
    for decision in ["promote", "reject"] {
        let message = scene.plugin(&[decision, "migration.toml", "fixable"]).expect(1).json()["message"].clone();
        assert!(message.as_str().unwrap().contains("is no candidate yet: it is being probed"), "{message}");
    }

    let asked = Instant::now();
    running.interrupt();
    running.wait().expect(130);
    assert!(asked.elapsed() < Duration::from_secs(30), "it has waited for the probe: {:?}", asked.elapsed());
    assert_eq!(scene.event_words("people"), ["active", "candidate"]);
    assert_eq!(scene.fingerprint("people"), digest("fixable_v1"));
}

#[test]
fn one_file_is_looked_at_after_another() {
    let (scene, mut running) = scene_with_probes_of(1_500);
    scene.install("fixable_v2");
    scene.until("probed", &mut running, |scene| state(scene).starts_with("probe "));
    // It waits for its turn, and for its own answer.
    let refused = scene.swap("fixable_describes_more_columns_than_others").code;
    assert_eq!(refused, Some(2), "there is no such file");
    let refused = scene.swap("fixable_refuses_config").expect(1).json();
    assert!(refused["message"].as_str().unwrap().contains("it refuses the configuration"), "{refused:#}");
    assert_eq!(refused["entities"][0]["candidate"]["digest"], digest("fixable_v2"), "the first is a candidate");
    assert_eq!(scene.event_words("people"), ["active", "candidate", "candidate", "refused"]);
    running.interrupt();
    running.wait().expect(130);
}
