//! A version takes over: from a held entity, or in the middle of a run, and what is recorded of it.

use std::os::unix::fs::PermissionsExt;

use whimbrel_tests::Database;

use super::scene::PEOPLE;
use super::scene::PETS_AND_CITIES;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::digest;
use super::scene::guest;
use super::scene::marks;

/// Every batch's digest in the ledger is that of the version that wrote into its rows who made them.
pub fn assert_recorded_is_what_ran(scene: &Scene) -> [usize; 2] {
    let made = scene.database.query("SELECT _id, made_by FROM people ORDER BY _id");
    let by: Vec<&str> = made.iter().map(|row| row[1].as_deref().unwrap()).collect();
    let versions = [("v1", digest("fixable_v1")), ("v2", digest("fixable_v2"))];
    let mut batches = [0, 0];
    for (recorded, first, end) in scene.ledger("people") {
        let version = versions.iter().position(|(_, digest)| *digest == recorded).unwrap();
        batches[version] += 1;
        for document in first..=end {
            let number = usize::try_from(document).unwrap() - 1;
            assert_eq!(by[number], versions[version].0, "document {document} was recorded as {recorded}");
        }
    }
    batches
}

#[test]
fn a_held_batch_goes_through_the_mended_version() {
    for database in Database::each() {
        let scene = Scene::of_people(database, "fixable_v1");
        let running = scene.start_until_held("people");
        let socket = std::fs::read_dir(scene.path("runtime/whimbrel")).unwrap().next().unwrap().unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&scene.path("runtime/whimbrel")), mode(&socket.path())), (0o700, 0o600));

        let answer = scene.swap("fixable_v2").expect(0).json();
        assert_eq!(answer["is_done"], true, "{answer:#}");
        let ended = running.wait().expect(0);
        assert_eq!(ended.json()["status"], "completed");
        assert!(!socket.path().exists(), "the socket goes with its run");

        assert_eq!(scene.event_words("people"), ["active", "held", "candidate", "canary", "promoted"]);
        let (old, new) = (digest("fixable_v1"), digest("fixable_v2"));
        let ran: Vec<String> = scene.ledger("people").into_iter().map(|(digest, _, _)| digest).collect();
        assert_eq!(ran, [vec![old.clone(); 3], vec![new.clone(); 7]].concat());
        assert_eq!(scene.fingerprint("people"), new);
        // The canary ran over the committed batches, and saw what version 1 had got wrong.
        let compared = scene.detail("canary");
        assert_eq!((&compared["batches"], &compared["records"]), (&3.into(), &30.into()));
        assert_eq!(compared["other_values"]["people.name"], 2);
        let example = &compared["examples"][0];
        assert_eq!((&example["document"], &example["field"]), (&15.into(), &"people.name".into()));
        assert_eq!((&example["active"], &example["candidate"]), (&"N14".into(), &"n14".into()));

        let status = scene.status();
        assert_eq!(status["versions"]["people"], new);
        assert_eq!(status["last_swap"]["event"], "promoted");
        assert_eq!(status["running"], serde_json::Value::Null);
        let history = scene.plugin(&["history", "migration.toml"]).expect(0).json();
        let left = history["versions"][0]["left"].as_str().unwrap();
        assert!(left.starts_with("promoted: compared on 30 records"), "{left}");
        assert_eq!((&history["versions"][0]["batches"], &history["versions"][1]["left"]), (&3.into(), &"".into()));
        assert_eq!((&history["versions"][1]["records"], &history["versions"][1]["replays"]), (&70.into(), &0.into()));

        // The next run has the new version, and nothing to do.
        assert_eq!(
            std::fs::read(scene.path("plugins/fixable.wasm")).unwrap(),
            std::fs::read(guest("fixable_v2")).unwrap()
        );
        assert_eq!(scene.execute().expect(0).json()["status"], "nothing-to-do");

        // What version 1 wrote is left to a repair; all the rest equals a clean run.
        scene.database.execute("UPDATE people SET name = lower(name)");
        scene.same_as_a_clean_run();
    }
}

#[test]
fn a_version_takes_over_between_two_batches() {
    for database in Database::each() {
        let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 0\n");
        let scene = Scene::new(database, "fixable_v1", &settings);
        scene.records("people", 600, |_| "");
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", 5, &mut running);
        scene.swap("fixable_v2").expect(0);
        running.wait().expect(0);
        let [old, new] = assert_recorded_is_what_ran(&scene);
        assert!(old >= 5 && new >= 1 && old + new == 60, "{old} and {new} batches");
        assert_eq!(scene.event_words("people"), ["active", "candidate", "promoted"]);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"));
    }
}

#[test]
fn a_canary_compares_running_batches_and_promotes_by_rule() {
    let scene = Scene::new(Database::sqlite(), "fixable_v1", &format!("{PEOPLE}{STAMPED}"));
    scene.records("people", 600, |_| "");
    let mut running = scene.start("commit-before=sleep(20)", &[]);
    scene.until_batches("people", 5, &mut running);
    let answer = scene.swap("fixable_v2").expect(0).json();
    assert_eq!(answer["entities"][0]["candidate"]["state"], "canary", "{answer:#}");
    running.wait().expect(0);
    assert_eq!(scene.event_words("people"), ["active", "candidate", "canary", "promoted"]);
    let compared = scene.detail("promoted");
    assert_eq!((&compared["batches"], &compared["records"]), (&3.into(), &30.into()));
    assert_eq!(compared["other_values"]["people.made_by"], 30);
    assert_eq!(compared["examples"].as_array().unwrap().len(), 20);
    let [old, new] = assert_recorded_is_what_ran(&scene);
    assert!(old >= 8 && new >= 1, "{old} and {new} batches");
}

#[test]
fn a_candidate_that_refuses_more_waits_for_a_person() {
    for database in Database::each() {
        let scene = Scene::new(database, "fixable_v2", &format!("{PEOPLE}[plugin.fixable]\nwatch-batches = 0\n"));
        // Not in the last committed batch, which the probe looks at, but in the one before.
        scene.records("people", 60, |number| match number {
            15 => r#", "poison": true"#,
            35 => r#", "unfit": true"#,
            _ => "",
        });
        let mut running = scene.start_until_held("people");
        let waits = |scene: &Scene| {
            let answer = scene.swap("fixable_v1").expect(0).json();
            let candidate = &answer["entities"][0]["candidate"];
            assert_eq!(
                (&candidate["state"], &candidate["comparison"]["newly_refused"]),
                (&"waiting".into(), &1.into())
            );
            let example = &candidate["comparison"]["examples"][0];
            assert_eq!((&example["document"], &example["active"]), (&16.into(), &"rows".into()));
            assert!(example["candidate"].as_str().unwrap().starts_with("plugin-trap"), "{example}");
        };
        waits(&scene);
        assert_eq!(scene.status()["running"][0]["candidate"]["state"], "waiting");
        let rejected = scene.plugin(&["reject", "migration.toml", "fixable", "--reason", "it knows no poison"]);
        assert_eq!(rejected.expect(0).json()["entities"][0].get("candidate"), None);
        assert_eq!(scene.reason("rejected"), "it knows no poison");
        scene.plugin(&["promote", "migration.toml", "fixable"]).expect(1);

        waits(&scene);
        scene.plugin(&["promote", "migration.toml", "fixable"]).expect(0);
        // It takes over, tries the batch that is held, and is held by the same record.
        let held = |scene: &Scene| scene.event_words("people").iter().filter(|word| *word == "held").count() == 2;
        scene.until("held again", &mut running, held);
        assert_eq!(scene.status()["running"][0]["active"]["fixable"], digest("fixable_v1"));
        running.interrupt();
        running.wait().expect(130);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v2"), "it has not committed a batch");
    }
}

#[test]
fn what_has_yet_to_begin_begins_with_the_version_that_took_over() {
    let scene = Scene::new(Database::sqlite(), "fixable_v1", &format!("{PEOPLE}{PETS_AND_CITIES}"));
    scene.records("people", 60, marks);
    scene.records("pets", 40, |_| r#", "parent": 7"#);
    scene.records("cities", 20, |_| "");
    let mut running = scene.start_until_held("people");
    scene.until("cities end", &mut running, |scene| scene.state("cities") == "completed");
    scene.swap("fixable_v2").expect(0);
    running.wait().expect(0);
    assert_eq!(scene.event_words("pets"), ["candidate", "promoted"]);
    assert!(scene.reason("promoted").contains("it has taken over in `people`"), "{}", scene.reason("promoted"));
    assert_eq!(scene.event_words("cities"), ["active"]);
    // What was done by then is done for the next run too, which finds the new version in the folder.
    for entity in ["people", "pets", "cities"] {
        assert_eq!(scene.fingerprint(entity), digest("fixable_v2"), "{entity}");
    }
    assert_eq!(scene.execute().expect(0).json()["status"], "nothing-to-do");
}

#[test]
fn the_socket_of_a_killed_run_is_taken_over() {
    let scene = Scene::of_people(Database::sqlite(), "fixable_v1");
    scene.start_until_held("people").kill();
    assert_eq!(std::fs::read_dir(scene.path("runtime/whimbrel")).unwrap().count(), 1);
    let ended = scene.swap("fixable_v2").expect(2);
    assert!(ended.stderr.contains("no run of `swapped` is going on"), "{ended}");
    let mut running = scene.start("", &[]);
    let is_asked = |scene: &Scene| scene.status()["running"][0]["state"] == "held";
    scene.until("held, and listening", &mut running, is_asked);
    scene.swap("fixable_v2").expect(0);
    running.wait().expect(0);
    assert_eq!(std::fs::read_dir(scene.path("runtime/whimbrel")).unwrap().count(), 0);
}

#[test]
fn nobody_is_there_to_be_asked() {
    let scene = Scene::new(Database::sqlite(), "fixable_v2", PEOPLE);
    scene.records("people", 1, |_| "");
    let next = "whimbrel run migration.toml --execute --accept-change";
    let file = guest("fixable_v1");
    for (words, hint) in [
        (vec!["swap", "migration.toml", "fixable", file.to_str().unwrap()], next),
        (vec!["promote", "migration.toml", "fixable"], next),
        (vec!["reject", "migration.toml", "fixable"], "put the version before back there"),
    ] {
        let ended = scene.plugin(&words).expect(2);
        assert!(ended.stderr.contains("no run of `swapped` is going on"), "{ended}");
        assert!(ended.stderr.contains("plugins folder") && ended.stderr.contains(hint), "{ended}");
    }
}
