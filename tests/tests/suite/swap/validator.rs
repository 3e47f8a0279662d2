//! A validator that is wrong, swapped while a migration runs: the same life as a transformer's.

use whimbrel_tests::Database;

use super::scene::Scene;
use super::scene::digest;

const ENTITIES: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
validate = ["checks"]
dead-letters-max = 2

[[entity]]
name = "cities"
from = "old.cities"
into = ["cities"]
"#;

/// The first validator traps on long names; the other one takes them, and refuses the longest.
fn scene(database: Database) -> Scene {
    let scene = Scene::new(database, "fixable_v2", ENTITIES);
    scene.install_as("checks", "validator_wrong");
    let mut export = String::new();
    for number in 0..100 {
        let name = match number {
            14 | 33 | 34 => "long".repeat(9),
            70 => "longest".repeat(60),
            _ => format!("n{number}"),
        };
        export += &format!("{{\"_id\": {number}, \"name\": \"{name}\"}}\n");
    }
    std::fs::write(scene.path("people.json"), export).unwrap();
    scene.records("cities", 200, |_| "");
    scene
}

#[test]
fn a_validator_is_swapped_like_a_transformer() {
    for database in Database::each() {
        let scene = scene(database);
        let (old, new) = (digest("validator_wrong"), digest("validator_mended"));
        let mut running = scene.start_until_held("people");
        scene.until("cities end", &mut running, |scene| scene.state("cities") == "completed");
        let held = scene.status()["held"][0].clone();
        assert_eq!((&held["plugin"], &held["digest"]), (&"checks".into(), &old.as_str().into()), "{held:#}");
        assert!(running.said().contains("whimbrel plugin swap migration.toml checks"), "{}", running.said());

        scene.install_as("checks", "validator_mended");
        running.wait().expect(3);
        let of_checks: Vec<(String, String)> =
            scene.events("people").into_iter().filter(|(_, digest)| *digest == old || *digest == new).collect();
        let words: Vec<&str> = of_checks.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(words, ["active", "held", "candidate", "canary", "promoted"]);
        let (_, compared) = scene.told("people", "promoted");
        let counts = ["records", "newly_refused", "mended", "other_rows"].map(|name| compared[name].as_u64().unwrap());
        assert_eq!(counts, [30, 0, 1, 0], "{compared:#}");
        assert_eq!(scene.fingerprint_of("people", "checks"), new);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"), "the transformer is what it was");

        let words = ["dead-letter", "replay", "migration.toml", "--execute", "--json"];
        let replayed = scene.call(&words).run().expect(3).json();
        let letters: Vec<(u64, &str)> = replayed["letters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|letter| (letter["document"].as_u64().unwrap(), letter["outcome"].as_str().unwrap()))
            .collect();
        assert_eq!(letters, [(15, "written"), (71, "dead")]);
        scene.call(&["verify", "migration.toml"]).run().expect(0);
        let history = scene.plugin(&["history", "migration.toml"]).expect(0).json();
        let of = |digest: &str| {
            let found = history["versions"].as_array().unwrap().iter().find(|one| one["digest"] == digest).unwrap();
            assert_eq!((&found["entity"], &found["plugin"]), (&"people".into(), &"checks".into()));
            found["left"].as_str().unwrap().to_owned()
        };
        assert!(of(&old).starts_with("promoted: compared on 30 records"), "{history:#}");
        assert_eq!(of(&new), "");
        scene.same_as_a_clean_run();
    }
}

#[test]
fn a_transformer_does_not_take_its_place() {
    let scene = scene(Database::sqlite());
    let running = scene.start_until_held("people");
    let file = super::scene::guest("fixable_v2");
    let ended = scene.plugin(&["swap", "migration.toml", "checks", file.to_str().unwrap()]).expect(1);
    let message = ended.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("expected a validator, found a transformer"), "{message}");
    running.interrupt();
    running.wait().expect(130);
}
