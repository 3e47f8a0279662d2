//! A run that loses its lock: it takes it again, or another run takes over and the first one writes nothing more.
//!
//! Whatever happens, the target ends as a straight run's: the second run is never disturbed, and what the first had in
//! flight either counts for both or for none.

use std::process::Child;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use whimbrel_tests::Database;

use super::faults::PATIENCE;
use super::faults::Trouble;
use super::faults::end;
use super::faults::signal;
use super::recovery::SMALL_COMMITS;

const TAKEN_OVER: &str = "error: the migration `crm` was taken over by tester@";

/// A run that goes slowly enough to be met in the middle.
fn start(trouble: &Trouble, points: &str) -> Child {
    let mut call = trouble.crm.execute(&trouble.target.url).ending_at(points).into_command();
    call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn lock_file(target: &Database) -> String {
    format!("{}.whimbrel-lock", target.file().unwrap().display())
}

/// Takes the lock away from a process, as a lost network or a person who tidies up does; returns whether it had it.
pub fn lose_lock(target: &Database, process: u32) -> bool {
    if target.kind() == "sqlite" {
        let is_its =
            std::fs::read_to_string(lock_file(target)).is_ok_and(|text| text.contains(&format!("process {process})")));
        return is_its && std::fs::remove_file(lock_file(target)).is_ok();
    }
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'whimbrel: %(process {process})'"
    );
    !target.query(&sql).is_empty()
}

fn has_lock(target: &Database, process: u32) -> bool {
    if target.kind() == "sqlite" {
        return std::fs::read_to_string(lock_file(target))
            .is_ok_and(|text| text.contains(&format!("process {process})")));
    }
    let sql = format!(
        "SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE datname = current_database()
         AND application_name LIKE 'whimbrel: %(process {process})' AND locktype = 'advisory' AND granted"
    );
    !target.query(&sql).is_empty()
}

#[test]
fn a_process_that_is_paused_and_lost_its_lock_writes_nothing() {
    let Some(trouble) = Trouble::new(SMALL_COMMITS) else { return };
    let mut zombie = trouble.start(&trouble.target.url);
    trouble.wait_for_commits(10, &mut zombie);
    // Paused where no transaction of its own is open, or the second process would have to wait for it.
    let begun = Instant::now();
    let busy = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'whimbrel'
        AND (state <> 'idle' OR xact_start IS NOT NULL)";
    loop {
        signal(&zombie, "STOP");
        // A statement that is under way ends first.
        std::thread::sleep(Duration::from_millis(20));
        if trouble.target.query(busy).is_empty() {
            break;
        }
        signal(&zombie, "CONT");
        assert!(zombie.try_wait().unwrap().is_none(), "the run ended before it could be paused");
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(3));
    }
    let refused = trouble.crm.execute(&trouble.target.url).run().expect(1);
    let holder = format!("process {}", zombie.id());
    assert!(refused.stderr.contains(&holder), "the refusal names the holder: {refused}");
    assert!(lose_lock(&trouble.target, zombie.id()));
    trouble.crm.execute(&trouble.target.url).run().expect(3);
    trouble.ends_as_straight();
    signal(&zombie, "CONT");
    let (code, log) = end(zombie);
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(log.matches(TAKEN_OVER).count(), 1, "{log}");
    trouble.ends_as_straight();
}

/// SQLite has one writer: what is in flight there keeps a second process from looking at anything.
#[test]
fn what_a_run_has_in_flight_is_waited_for_and_is_its_last() {
    let Some(trouble) = Trouble::new(SMALL_COMMITS) else { return };
    // Paused before a COMMIT.
    let mut zombie = start(&trouble, "commit-before=12*off->1*sleep(3000)->off");
    trouble.wait_for_commits(12, &mut zombie);
    let in_flight = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'whimbrel' AND xact_start < now() - interval '1 s'";
    trouble.wait_for(in_flight, &mut zombie);
    signal(&zombie, "STOP");
    assert!(lose_lock(&trouble.target, zombie.id()));
    let mut second = trouble.start(&trouble.target.url);
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'whimbrel: %' AND wait_event = 'advisory'";
    trouble.wait_for(waits, &mut second);
    assert_eq!(trouble.target.query(in_flight).len(), 1, "it is in flight still");
    signal(&zombie, "CONT");
    let (code, log) = end(second);
    assert_eq!(code, Some(3), "{log}");
    assert!(!log.contains("error"), "the second is not disturbed: {log}");
    let (code, log) = end(zombie);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(TAKEN_OVER), "{log}");
    trouble.ends_as_straight();
}

#[test]
fn a_run_is_taken_over_while_it_works() {
    for trouble in Trouble::each(SMALL_COMMITS) {
        // Between its transactions: SQLite has no queue, and whoever writes all the time keeps everybody else out.
        let mut zombie = start(&trouble, "commit-after=sleep(200)");
        trouble.wait_for_commits(5, &mut zombie);
        let (process, is_over) = (zombie.id(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            // It would take the lock again.
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    lose_lock(&trouble.target, process);
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let begun = Instant::now();
            let second = loop {
                let second = trouble.crm.execute(&trouble.target.url).run();
                if !second.stderr.contains("is being run by") || begun.elapsed() > PATIENCE {
                    break second;
                }
            };
            is_over.store(true, Ordering::Relaxed);
            second.expect(3);
        });
        let (code, log) = end(zombie);
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains(TAKEN_OVER), "{log}");
        assert!(log.contains("has written nothing since"), "{log}");
        trouble.ends_as_straight();
    }
}

#[test]
fn a_lock_that_nobody_else_has_is_taken_again() {
    for trouble in Trouble::each(SMALL_COMMITS) {
        let mut process = start(&trouble, "commit-before=60*sleep(150)->off");
        trouble.wait_for_commits(5, &mut process);
        assert!(lose_lock(&trouble.target, process.id()));
        let begun = Instant::now();
        std::thread::sleep(Duration::from_millis(100));
        while !has_lock(&trouble.target, process.id()) {
            assert!(process.try_wait().unwrap().is_none(), "the run has ended before");
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        // It is not to end while the other one asks.
        signal(&process, "STOP");
        let refused = trouble.crm.execute(&trouble.target.url).run().expect(1);
        signal(&process, "CONT");
        assert!(refused.stderr.contains("is being run by tester@"), "{refused}");
        let (code, log) = end(process);
        assert_eq!(code, Some(3), "{log}");
        assert!(log.contains("the lock") && log.contains(" again"), "{log}");
        trouble.ends_as_straight();
    }
}

#[cfg(unix)]
#[test]
fn a_database_file_that_is_removed_is_noticed() {
    let trouble = Trouble::of(Database::sqlite(), SMALL_COMMITS);
    let mut process = start(&trouble, "commit-before=sleep(50)");
    trouble.wait_for_commits(5, &mut process);
    std::fs::remove_file(trouble.target.file().unwrap()).unwrap();
    let (code, log) = end(process);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("the file was removed or replaced after it was opened"), "{log}");
}
