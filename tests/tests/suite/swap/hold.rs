//! A component that cannot go on holds its entity, and those that wait for it; the others go on.

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::scene::Scene;

const PEOPLE: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
"#;

const OTHERS: &str = r#"
[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
config.parent = "people"

[[entity]]
name = "cities"
from = "old.cities"
into = ["cities"]
"#;

fn poisoned(database: Database, more: &str) -> Scene {
    let scene = Scene::new(database, "fixable_v1", &format!("{PEOPLE}{more}{OTHERS}"));
    scene.records("people", 50, |number| if number == 33 { r#", "poison": true"# } else { "" });
    scene.records("pets", 20, |_| r#", "parent": 7"#);
    scene.records("cities", 200, |_| "");
    scene
}

#[test]
fn others_go_on_dependents_wait_and_a_stop_leaves_a_checkpoint() {
    for database in Database::each() {
        let scene = poisoned(database, "");
        let mut running = scene.start("", &[]);
        scene.until_held("people", &mut running);
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
        let clean = Scene::new(scene.database.another(), "fixable_v2", &format!("{PEOPLE}{OTHERS}"));
        for collection in ["people", "pets", "cities"] {
            std::fs::copy(scene.path(&format!("{collection}.json")), clean.path(&format!("{collection}.json")))
                .unwrap();
        }
        clean.execute().expect(0);
        assert_eq!(dump::all(&scene.database), dump::all(&clean.database));
    }
}

#[test]
fn the_first_batch_can_be_held() {
    for database in Database::each() {
        let scene = Scene::new(database, "fixable_v1", PEOPLE);
        scene.records("people", 30, |number| if number == 0 { r#", "poison": true"# } else { "" });
        for _ in 0..2 {
            let mut running = scene.start("", &[]);
            scene.until_held("people", &mut running);
            scene.until("told", &mut running, |_| true);
            running.interrupt();
            running.wait().expect(130);
        }
        scene.install("fixable_v2");
        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        assert_eq!(scene.ledger("people").len(), 3);
    }
}

#[test]
fn without_consent_to_wait_the_run_fails_with_the_same_message() {
    let scene = poisoned(Database::sqlite(), "on-plugin-failure = \"fail\"\n");
    let ended = scene.execute().expect(1);
    assert!(ended.stderr.contains("document 34"), "{ended}");
    assert_eq!(scene.state("people"), "partial");
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
    let mut running = scene.start("", &[]);
    scene.until_held("people", &mut running);
    assert!(running.said().contains("missed its deadline of 300ms"), "{}", running.said());
    running.interrupt();
    let ended = running.wait().expect(130).json();
    assert_eq!(ended["entities"][0]["total"]["dead"], 0);
    assert_eq!(scene.status()["provisional"].as_array().unwrap().len(), 0);
}
