//! A component that cannot go on holds its entity, and those that wait for it; the others go on.

use whimbrel_tests::Database;

use super::scene::PEOPLE;
use super::scene::PETS_AND_CITIES;
use super::scene::Scene;
use super::scene::digest;
use crate::takeover::lose_lock;

fn poisoned(database: Database, more: &str) -> Scene {
    let scene = Scene::new(database, "fixable_v1", &format!("{PEOPLE}{more}{PETS_AND_CITIES}"));
    scene.records("people", 50, |number| if number == 33 { r#", "poison": true"# } else { "" });
    scene.records("pets", 20, |_| r#", "parent": 7"#);
    scene.records("cities", 200, |_| "");
    scene
}

#[test]
fn others_go_on_dependents_wait_and_a_stop_leaves_a_checkpoint() {
    for database in Database::each() {
        let scene = poisoned(database, "");
        let mut running = scene.start_until_held("people");
        scene.until("cities end", &mut running, |scene| scene.state("cities") == "completed");
        assert_eq!(scene.state("pets"), "pending");
        assert_eq!(scene.status()["provisional"][0]["code"], "plugin-trap");
        let said = running.said();
        for part in ["`people` is held", "document 34", "whimbrel plugin swap migration.toml fixable", "Ctrl-C"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        running.interrupt();
        let ended = running.wait().expect(130);
        assert_eq!(ended.json()["status"], "held");
        let state = |index: usize| ended.json()["entities"][index]["state"].clone();
        assert_eq!((state(0), state(1), state(2)), ("held".into(), "pending".into(), "completed".into()));
        assert_eq!(scene.ledger("people").len(), 3, "the batch with the poison is not there");

        // The mended one goes on from there, with consent, as after any change.
        scene.install("fixable_v2");
        scene.execute().expect(2);
        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        scene.same_as_a_clean_run();
    }
}

#[test]
fn the_first_batch_can_be_held() {
    for database in Database::each() {
        let scene = Scene::new(database, "fixable_v1", PEOPLE);
        scene.records("people", 30, |number| if number == 0 { r#", "poison": true"# } else { "" });
        for _ in 0..2 {
            let running = scene.start_until_held("people");
            running.interrupt();
            running.wait().expect(130);
        }
        scene.install("fixable_v2");
        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        assert_eq!(scene.ledger("people").len(), 3);
    }
}

#[test]
fn a_version_that_fails_too_leaves_the_entity_held() {
    for database in Database::each() {
        let scene = Scene::new(database, "fixable_v2", PEOPLE);
        // No version takes the first of these, and the second one traps on the other.
        scene.records("people", 60, |number| match number {
            35 => r#", "unfit": true"#,
            37 => r#", "poison": true"#,
            _ => "",
        });
        let mut running = scene.start_until_held("people");
        scene.swap("fixable_v1").expect(0);
        let is_held_again =
            |scene: &Scene| scene.event_words("people").iter().filter(|word| *word == "held").count() == 2;
        scene.until("held again", &mut running, is_held_again);
        assert_eq!(
            scene.event_words("people"),
            ["active", "held", "candidate", "canary", "promoted", "reverted", "held"]
        );
        let reason = scene.reason("held");
        let expected = format!("`fixable` {} took over and is out: it trapped on document 38", digest("fixable_v1"));
        assert!(reason.starts_with(&expected), "{reason}");
        assert!(reason.ends_with("the version before could not go on either"), "{reason}");
        assert_eq!(scene.status()["running"][0]["active"]["fixable"], digest("fixable_v2"));
        running.interrupt();
        running.wait().expect(130);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
        assert_eq!(scene.ledger("people").len(), 3);
    }
}

#[test]
fn without_consent_to_wait_the_run_fails_with_the_same_message() {
    let scene = poisoned(Database::sqlite(), "on-plugin-failure = \"fail\"\n");
    let ended = scene.execute().expect(1);
    assert!(ended.stderr.contains("document 34"), "{ended}");
    assert_eq!(scene.state("people"), "failed");
    assert_eq!(scene.ledger("people").len(), 3);
}

#[test]
fn a_missed_deadline_makes_no_dead_letter() {
    let scene = Scene::new(
        Database::sqlite(),
        "spin_on_marker",
        "dead-letters-max = 100\n[plugin.fixable]\ndeadline = \"300ms\"\n[[entity]]\nname = \"people\"\nfrom = \"old.people\"\ninto = [\"people\"]\nconfig.columns = [\"_id\", \"name\"]\n",
    );
    scene.records("people", 30, |number| if number == 15 { r#", "spin": true"# } else { "" });
    let running = scene.start_until_held("people");
    assert!(running.said().contains("missed its deadline of 300ms"), "{}", running.said());
    running.interrupt();
    let ended = running.wait().expect(130).json();
    assert_eq!(ended["entities"][0]["total"]["dead"], 0);
    assert_eq!(scene.status()["provisional"].as_array().unwrap().len(), 0);
}

#[test]
fn a_held_run_that_was_taken_over_learns_of_it() {
    for database in Database::each() {
        let scene = poisoned(database, "");
        let mut running = scene.start("", &[]);
        scene.until_held("people", &mut running);
        let process = running.id();
        scene.until("taken over", &mut running, |scene| {
            lose_lock(&scene.database, process);
            scene.call(&["reset", "migration.toml", "--execute"]).run().code == Some(0)
        });
        let ended = running.wait().expect(1);
        assert!(ended.stderr.contains("error: the migration `swapped` was taken over by whimbrel reset"), "{ended}");
    }
}

#[test]
fn a_run_of_the_same_manifest_into_another_target_is_not_meant() {
    let scene = poisoned(Database::sqlite(), "");
    let mut running = scene.start("", &[]);
    scene.until_held("people", &mut running);
    let other = Database::sqlite();
    let call = |words: &[&str]| scene.call(words).env("TARGET_URL", &other.url).run();
    assert!(scene.status()["running"].is_array());
    assert!(
        call(&["status", "migration.toml", "--json"]).expect(0).json().get("running").is_none_or(|it| it.is_null())
    );
    let refused = call(&["plugin", "promote", "migration.toml", "fixable"]).expect(2);
    assert!(refused.stderr.contains("no run of `swapped` is going on"), "{refused}");
    running.interrupt();
    running.wait().expect(130);
}
