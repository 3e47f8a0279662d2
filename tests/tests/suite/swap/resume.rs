//! A run that is killed while a candidate is tried.

use whimbrel_tests::Database;

use super::promote::PEOPLE;
use super::promote::STAMPED;
use super::promote::assert_recorded_is_what_ran;
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
        // With the candidate in its place, a person has to say so.
        scene.install("fixable_v2");
        let refused = scene.execute().expect(2);
        assert!(refused.stderr.contains(&digest("fixable_v1")[..40]), "{refused}");
        scene.call(&["run", "migration.toml", "--execute", "--accept-change"]).run().expect(0);
        let [old, new] = assert_recorded_is_what_ran(&scene);
        assert!(old >= done + 3 && new >= 1, "{old} and {new} batches");
        assert_eq!(scene.event_words("people"), ["active", "candidate", "active"]);
    }
}
