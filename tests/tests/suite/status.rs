//! What `status` says of the last run: that it failed and why, that it goes on, or that its process is gone.

use std::process::Stdio;

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::people::Migration;

/// Each batch is one commit of five records.
const SMALL: &str = "dead-letters-max = \"100%\"\nbatch-records = 5\ntransaction-rows = 5";

#[test]
fn a_failed_run_and_its_entity_say_why() {
    let migration = Migration::of(20, "", Database::sqlite());
    let before = migration.run(&["status", "migration.toml"]).expect(0);
    assert!(before.stdout.contains("it has not been run yet"), "{before}");
    let report = migration.execute().expect(1).json();
    assert_eq!(report["entities"][0]["state"], "failed");
    assert_eq!(report["provisional"][0]["count"], 2, "{report:#}");
    let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
    assert_eq!((&status["last_run"]["status"], &status["last_run"]["run"]), (&"failed".into(), &report["run"]));
    assert_eq!(status["last_run"]["error"], report["error"]);
    let entity = &status["entities"][0];
    assert_eq!((&entity["state"], &entity["failure"]), (&"failed".into(), &report["entities"][0]["failure"]));
    let text = migration.run(&["status", "migration.toml"]).expect(0).stdout;
    for words in
        ["ended as failed", "error: `people` has 2 dead letters", "hint: `whimbrel dead-letter list migration.toml`"]
    {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
}

#[test]
fn a_killed_run_is_told_from_one_that_goes_on() {
    for database in Database::each() {
        let migration = Migration::of(100, SMALL, database);
        let mut command = migration
            .call(&["run", "migration.toml", "--execute", "--yes"])
            .env("FAILPOINTS", "commit-after=sleep(500)")
            .into_command();
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while migration.database.file().is_some_and(|file| !file.exists())
            || dump::checkpoints(&migration.database).is_empty()
        {
            std::thread::yield_now();
        }
        let last_run = || migration.run(&["status", "migration.toml", "--json"]).expect(0).json()["last_run"].clone();
        let living = last_run();
        run.kill().unwrap();
        run.wait().unwrap();
        // A server learns of it when it next has something to say.
        let mut killed = last_run();
        while migration.database.file().is_none() && killed["status"] == "running" {
            killed = last_run();
        }
        let holder = living["holder"].as_str().unwrap_or_default();
        assert_eq!(living["status"], "running", "{living:#}");
        assert!(holder.ends_with(&format!("(process {})", run.id())), "{living:#}");
        assert_eq!((&killed["status"], &killed["run"]), (&"interrupted".into(), &living["run"]), "{killed:#}");
        migration.execute().expect(3);
        assert_eq!(last_run()["status"], "completed");
        let table = if migration.database.file().is_some() { "whimbrel_run" } else { "whimbrel.run" };
        let stored = migration.database.query(&format!("SELECT status FROM {table} ORDER BY started_at"));
        assert_eq!(stored, [[Some("interrupted".to_owned())], [Some("completed".to_owned())]]);
    }
}

/// Whoever runs a migration every night wants to see that it ran; what failed before is told all the same.
#[test]
fn a_run_with_nothing_to_do_is_the_last_one() {
    let migration = Migration::sqlite(20);
    migration.execute().expect(3);
    let idle = migration.execute().expect(3).json();
    let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
    let last = &status["last_run"];
    assert_eq!((&last["status"], &last["run"]), (&"nothing-to-do".into(), &idle["run"]), "{last:#}");
    assert!(last["ended_at"].is_string(), "{last:#}");
    let text = migration.run(&["status", "migration.toml"]).expect(0).stdout;
    assert!(text.contains("had nothing to do"), "{text}");
}

#[test]
fn discarded_dead_letters_are_shown_apart() {
    let migration = Migration::sqlite(20);
    migration.execute().expect(3);
    migration.run(&["dead-letter", "discard", "migration.toml", "1", "--reason=test", "--execute"]).expect(0);
    let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
    assert_eq!((&status["dead_letters"][0]["count"], &status["discarded"][0]["count"]), (&1.into(), &1.into()));
    assert_eq!(status["entities"][0]["total"]["dead"], 2);
    let text = migration.run(&["status", "migration.toml"]).expect(0).stdout;
    assert!(text.contains("discarded dead letters:"), "{text}");
}
