//! Three in the morning: a transformer turns out to be wrong in the middle of a run, and everything it touched is put right.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::scene::Scene;
use super::scene::digest;
use crate::recovery::same_text;

/// People, their pets, which may go without, and the pets' collars, which may not; cities have nothing to do with them.
const ENTITIES: &str = r#"
[[entity]]
name = "people"
from = "old.people"
into = ["people"]
dead-letters-max = 3

[[entity]]
name = "pets"
from = "old.pets"
into = ["pets"]
config.parent = "people"
references.parent = { on-missing = "null" }

[[entity]]
name = "collars"
from = "old.collars"
into = ["collars"]
config.parent = "people"
dead-letters-max = 10

[[entity]]
name = "cities"
from = "old.cities"
into = ["cities"]

[plugin.fixable]
canary-batches = 6
"#;
const PEOPLE: usize = 120;
const CITIES: usize = 600;
/// Nobody's fault but the record's: no version takes it.
const UNFIT: usize = 50;
/// Version 1 traps on these; the fourth is one too many.
const POISON: [usize; 4] = [14, 27, 62, 64];

fn is_wrong(number: usize) -> bool {
    number % 13 == 5
}

fn mark(number: usize) -> &'static str {
    match number {
        UNFIT => r#", "unfit": true"#,
        number if POISON.contains(&number) => r#", "poison": true"#,
        number if is_wrong(number) => r#", "wrong": true"#,
        _ => "",
    }
}

fn wrong_below(count: usize) -> u64 {
    (0..count).filter(|&number| is_wrong(number)).count() as u64
}

#[test]
fn on_sqlite_it_takes_over_by_itself() {
    story(Database::sqlite(), "auto");
}

#[test]
fn on_sqlite_somebody_promotes_it() {
    story(Database::sqlite(), "manual");
}

#[test]
fn on_postgres_it_takes_over_by_itself() {
    if let Some(database) = Database::postgres() {
        story(database, "auto");
    }
}

#[test]
fn on_postgres_somebody_promotes_it() {
    if let Some(database) = Database::postgres() {
        story(database, "manual");
    }
}

fn story(database: Database, promote: &str) {
    let scene = Scene::new(database, "fixable_v1", &format!("{ENTITIES}promote = \"{promote}\"\n"));
    scene.records("people", PEOPLE, mark);
    scene.records("pets", 60, |number| format!(r#", "parent": {}"#, (number * 2) % PEOPLE));
    scene.records("collars", 60, |number| format!(r#", "parent": {}"#, number + 10));
    scene.records("cities", CITIES, |number| if is_wrong(number) { r#", "wrong": true"# } else { "" });

    let mut running = scene.start("commit-before=sleep(20)", &[]);
    scene.until_held("people", &mut running);
    let cities = scene.ledger("cities").len();
    is_held(&scene);
    scene.until("cities end", &mut running, |scene| scene.state("cities") == "completed");
    assert!(cities < scene.ledger("cities").len(), "the others keep going while people wait");

    scene.install("fixable_v2");
    if promote == "manual" {
        let waits = |scene: &Scene| scene.status()["running"][0]["candidate"]["state"] == "waiting";
        scene.until("a candidate waits", &mut running, waits);
        let text = scene.call(&["status", "migration.toml"]).run().expect(0).stdout;
        assert!(text.contains("people.name: 5 other values") && text.contains("N18"), "{text}");
        scene.plugin(&["promote", "migration.toml", "fixable"]).expect(0);
    }
    let ended = running.wait().expect(3);
    assert_eq!((&ended.json()["status"], &ended.json()["conservation"]), (&"completed".into(), &"ok".into()));
    was_promoted(&scene, promote);

    let wrong = digest("fixable_v1");
    replayed(&scene);
    repaired(&scene, &wrong);
    let verified = scene.call(&["verify", "migration.toml", "--json"]).run().expect(0).json();
    assert_eq!((&verified["status"], &verified["differences"]), (&"equal".into(), &0.into()), "{verified:#}");
    tells_the_truth(&scene, &wrong);
    scene.same_as_a_clean_run();
    assert_eq!(scene.execute().expect(3).json()["status"], "nothing-to-do");
}

/// What somebody sees who is woken up.
fn is_held(scene: &Scene) {
    let status = scene.status();
    let state = |entity: usize| status["entities"][entity]["state"].as_str().unwrap();
    assert_eq!((state(0), state(1), state(2)), ("held", "pending", "pending"), "{status:#}");
    let reason = status["held"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("`people` has 5 dead letters, its `dead-letters-max` is 3"), "{reason}");
    assert_eq!(
        (&status["provisional"][0]["code"], &status["provisional"][0]["count"]),
        (&"plugin-trap".into(), &2.into())
    );
    assert_eq!(status["running"][0]["state"], "held");
    let text = scene.call(&["status", "migration.toml"]).run().expect(0).stdout;
    assert!(text.contains("`people` waits for another `fixable`"), "{text}");
}

fn was_promoted(scene: &Scene, promote: &str) {
    assert_eq!(scene.event_words("people"), ["active", "held", "candidate", "canary", "promoted"]);
    // The six committed batches were tried again, and the version before had got these wrong.
    let (reason, compared) = scene.told("people", "promoted");
    assert_eq!((&compared["batches"], &compared["records"]), (&6.into(), &60.into()), "{compared:#}");
    let counts = ["newly_refused", "mended", "other_rows"].map(|name| compared[name].as_u64().unwrap());
    assert_eq!(counts, [0, 2, 0], "{compared:#}");
    assert_eq!(compared["other_values"]["people.name"], wrong_below(60));
    assert_eq!(reason == "promoted by hand", promote == "manual", "{reason}");
    let (old, new) = (digest("fixable_v1"), digest("fixable_v2"));
    let ran: Vec<String> = scene.ledger("people").into_iter().map(|(digest, _, _)| digest).collect();
    assert_eq!(ran, [vec![old.clone(); 6], vec![new.clone(); 6]].concat());
    assert!(scene.ledger("cities").iter().all(|(digest, _, _)| *digest == old));
    assert!(scene.ledger("pets").iter().all(|(digest, _, _)| *digest == new));
}

/// Letters that were borne find their place, with all that waited for them.
fn replayed(scene: &Scene) {
    let replay = |more: &[&str]| {
        let words = [&["dead-letter", "replay", "migration.toml", "--json"], more].concat();
        scene.call(&words).run().expect(3).json()
    };
    let before = dump::all(&scene.database);
    let predicted = replay(&[]);
    same_text(&dump::all(&scene.database), &before);
    let done = replay(&["--execute"]);
    assert_eq!(outcomes(&predicted), outcomes(&done), "as predicted");
    let expected = [
        ("collars 14", "written"),
        ("collars 27", "written"),
        ("collars 50", "dead"),
        ("people 14", "written"),
        ("people 27", "written"),
        ("people 50", "dead"),
    ];
    assert_eq!(outcomes(&done), expected.map(|(letter, outcome)| (letter.to_owned(), outcome.to_owned())).into());
    // Of two pets with such an owner one has got it back; nobody has a pet called 27, and 50 is not there.
    let filled: Vec<u64> =
        done["entities"].as_array().unwrap().iter().filter_map(|one| one["filled"].as_u64()).collect();
    assert_eq!(filled.iter().sum::<u64>(), 1, "{done:#}");
}

/// The outcome of each letter, by its entity and the parent, or itself, that is at fault.
fn outcomes(report: &Json) -> BTreeMap<String, String> {
    let letters = report["letters"].as_array().unwrap().iter();
    let outcome = |letter: &Json| {
        let entity = letter["entity"].as_str().unwrap();
        let number = letter["document"].as_u64().unwrap() - 1;
        let person = if entity == "collars" { number + 10 } else { number };
        (format!("{entity} {person}"), letter["outcome"].as_str().unwrap().to_owned())
    };
    letters.map(outcome).collect()
}

/// Exactly the rows that version 1 wrote wrongly are written again.
fn repaired(scene: &Scene, wrong: &str) {
    let repair = |more: &[&str]| {
        let words = [&["repair", "migration.toml", "--from", &wrong[..12], "--json"], more].concat();
        scene.call(&words).run().expect(0).json()
    };
    let before = dump::all(&scene.database);
    let predicted = repair(&[]);
    same_text(&dump::all(&scene.database), &before);
    let done = repair(&["--execute"]);
    for report in [&predicted, &done] {
        let of = |name: &str| report["entities"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        for (name, count) in [("people", wrong_below(60)), ("pets", 0), ("collars", 0), ("cities", wrong_below(CITIES))]
        {
            assert_eq!(of(name)["changed"], count, "{name}: {report:#}");
            for nothing in ["inserted", "removed", "theirs", "rejected", "refused", "failed"] {
                assert_eq!(of(name)[nothing], 0, "{name}, {nothing}: {report:#}");
            }
        }
        let field = &of("people")["differences"][0]["fields"][0];
        assert_eq!(
            (&field["field"], &field["expected"], &field["found"]),
            (&"name".into(), &"n5".into(), &"N5".into())
        );
    }
}

/// Who did what, from the history.
fn tells_the_truth(scene: &Scene, wrong: &str) {
    let history = scene.plugin(&["history", "migration.toml"]).expect(0).json();
    let versions = history["versions"].as_array().unwrap();
    let of = |entity: &str, is_wrong: bool| {
        let found =
            versions.iter().find(|one| one["entity"] == entity && (one["digest"] == wrong) == is_wrong).unwrap();
        let counts = ["batches", "records", "replays", "repairs"].map(|name| found[name].as_u64().unwrap());
        (counts, found["left"].as_str().unwrap().to_owned())
    };
    let (people, left) = of("people", true);
    assert_eq!(people, [6, 60, 0, 0]);
    assert!(left.starts_with("promoted: "), "{left}");
    assert_eq!(of("people", false), ([6, 60, 1, 5], String::new()));
    assert_eq!(of("pets", false), ([6, 60, 0, 0], String::new()));
    let (collars, _) = of("collars", false);
    assert_eq!(collars[..2], [6, 60]);
    assert_eq!(of("cities", true), ([60, 600, 0, 0], String::new()));
    let (cities, _) = of("cities", false);
    assert_eq!(cities[..3], [0, 0, 0], "it has read nothing, and put right what another one wrote");
    assert!(cities[3] > 0, "{history:#}");
    assert!(versions.iter().all(|one| one["plugin"] == "fixable" && one["since"] != ""), "{history:#}");
}
