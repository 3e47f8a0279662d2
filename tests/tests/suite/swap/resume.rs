//! A run that is killed while a candidate is tried.

use whimbrel_tests::Database;

use super::promote::assert_recorded_is_what_ran;
use super::scene::PEOPLE;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::digest;

#[test]
fn killed_in_the_middle_of_a_canary() {
    for database in Database::each() {
        let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 1000\n");
        let scene = Scene::new(database, "fixable_v1", &settings);
        scene.records("people", 600, |_| "");
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", 3, &mut running);
        scene.swap("fixable_v2").expect(0);
        let tried = scene.ledger("people").len() + 3;
        scene.until_batches("people", tried, &mut running);
        running.kill();

        // The candidate has left nothing behind: the version that was active goes on.
        assert_eq!(scene.fingerprint("people"), digest("fixable_v1"));
        let done = scene.ledger("people").len();
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", done + 3, &mut running);
        running.kill();
        // Put in its place by hand, it is a candidate still.
        scene.install("fixable_v2");
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", done + 6, &mut running);
        running.kill();
        assert_eq!(scene.fingerprint("people"), digest("fixable_v1"));
        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        let [old, new] = assert_recorded_is_what_ran(&scene);
        assert!(old >= done + 6 && new >= 1, "{old} and {new} batches");
        assert_eq!(scene.event_words("people"), ["active", "candidate", "candidate", "active"]);
    }
}

#[test]
fn killed_while_a_file_from_the_folder_was_tried() {
    for database in Database::each() {
        let settings = format!("{PEOPLE}{STAMPED}[plugin.fixable]\ncanary-batches = 1000\n");
        let scene = Scene::new(database, "fixable_v1", &settings);
        scene.records("people", 2000, |_| "");
        let candidates = |scene: &Scene| scene.event_words("people").iter().filter(|word| *word == "candidate").count();
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", 3, &mut running);
        scene.install("fixable_v2");
        scene.until("a candidate", &mut running, |scene| candidates(scene) == 1);
        running.kill();

        // Where the version before is not kept, a person has to say what is to go on.
        let elsewhere = scene.path("nothing-kept");
        let execute = ["run", "migration.toml", "--execute", "--yes"];
        let refused = scene.call(&execute).env("XDG_CACHE_HOME", elsewhere.to_str().unwrap()).run().expect(2);
        assert!(
            refused.stderr.contains(&format!("{}, is not kept on this machine", digest("fixable_v1"))),
            "{refused}"
        );
        assert!(refused.stderr.contains("`--accept-change`"), "{refused}");

        // Where it is, it goes on, and the file is tried again.
        let predicted = scene.call(&["run", "migration.toml"]).run().expect(0);
        assert!(predicted.stderr.contains(&digest("fixable_v2")), "{predicted}");
        let done = scene.ledger("people").len();
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until("tried again", &mut running, |scene| candidates(scene) == 2);
        scene.until_batches("people", done + 3, &mut running);
        let said = running.said();
        assert!(
            said.contains(&format!("{}, a candidate that an earlier run was trying", digest("fixable_v2"))),
            "{said}"
        );
        assert_eq!(scene.fingerprint("people"), digest("fixable_v1"));
        scene.plugin(&["reject", "migration.toml", "fixable", "--reason", "not yet"]).expect(0);
        running.kill();

        // Once it was turned down, it only lies there.
        let done = scene.ledger("people").len();
        let mut running = scene.start("commit-before=sleep(20)", &[]);
        scene.until_batches("people", done + 5, &mut running);
        let said = running.said();
        assert!(said.contains("which an earlier run has turned down: not yet"), "{said}");
        running.kill();
        assert_eq!(candidates(&scene), 2);
        assert_eq!(scene.fingerprint("people"), digest("fixable_v1"));

        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        let [old, new] = assert_recorded_is_what_ran(&scene);
        assert!(old >= done + 5 && new >= 1, "{old} and {new} batches");
    }
}
