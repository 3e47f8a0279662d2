//! What stops a run from outside, and that the same command goes on: a limit, a signal, another process, a full disk.

use std::fs;
use std::process::Stdio;

use serde_json::Value as Json;
use tempfile::TempDir;
use whimbrel_tests::Database;
use whimbrel_tests::dump;
use whimbrel_tests::skipped;

use super::people::Migration;

#[test]
fn a_limit_stops_with_the_rest_to_do() {
    let migration = Migration::sqlite(20);
    for (number, read) in [(0, 5), (1, 10)] {
        let arguments = ["run", "migration.toml", "--execute", "--yes", "--json", "--limit", "5"];
        let report = migration.run(&arguments).json();
        assert_eq!(report["entities"][0]["total"]["read"], read, "{number}: {report:#}");
        assert_eq!((&report["entities"][0]["state"], &report["status"]), (&"partial".into(), &"limited".into()));
        let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
        assert_eq!(status["last_run"]["status"], "limited");
    }
    assert_eq!(migration.execute().expect(3).json()["entities"][0]["this_run"]["read"], 10);
}

/// Ctrl-C in the middle, then a resume, must leave what a straight run leaves.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_with_a_checkpoint() {
    let settings = "dead-letters-max = \"100%\"\nbatch-records = 5\ntransaction-rows = 5";
    let straight = Migration::of(400, settings, Database::sqlite());
    straight.execute().expect(3);
    let stopped = Migration::of(400, settings, Database::sqlite());
    // Each commit waits a little, so that the signal comes between the first and the last.
    let mut command = stopped
        .call(&["run", "migration.toml", "--execute", "--yes", "--json"])
        .env("FAILPOINTS", "commit-after=sleep(30)")
        .into_command();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_a_commit(&stopped);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], "stopped");
    let read = report["entities"][0]["total"]["read"].as_u64().unwrap();
    assert!(0 < read && read < 400, "{read} records were read");
    stopped.execute().expect(3);
    assert_eq!(dump::all(&stopped.database), dump::all(&straight.database));
}

/// Asked to stop when nothing is left to do, a run has done all that it was asked for.
#[cfg(unix)]
#[test]
fn ctrl_c_behind_the_last_commit_stops_nothing() {
    for database in Database::each() {
        let migration = Migration::of(9, "", database);
        let mut command = migration
            .call(&["run", "migration.toml", "--execute", "--yes", "--json"])
            .env("FAILPOINTS", "commit-after=sleep(1000)")
            .into_command();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_a_commit(&migration);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["status"], &report["entities"][0]["state"]), (&"completed".into(), &"completed".into()));
        let status = migration.run(&["status", "migration.toml", "--json"]).expect(0).json();
        assert_eq!(status["last_run"]["status"], "completed");
    }
}

fn wait_for_a_commit(migration: &Migration) {
    while migration.database.file().is_some_and(|file| !file.exists())
        || dump::checkpoints(&migration.database).is_empty()
    {
        std::thread::yield_now();
    }
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

/// The second process on one migration is told who has the first.
#[test]
fn a_second_process_is_refused_with_the_holders_name() {
    for database in Database::each() {
        let settings = "dead-letters-max = \"100%\"\nbatch-records = 5\ntransaction-rows = 5";
        let migration = Migration::of(100, settings, database);
        let mut command = migration
            .call(&["run", "migration.toml", "--execute", "--yes"])
            .env("FAILPOINTS", "commit-after=sleep(500)")
            .into_command();
        let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for_a_commit(&migration);
        let second = migration.run(&["run", "migration.toml", "--execute", "--yes"]).expect(1);
        let holder = format!("tester@{} (process {})", hostname(), first.id());
        assert!(second.stderr.contains(&holder), "expected `{holder}` in {second}");
        first.kill().unwrap();
        first.wait().unwrap();
        migration.execute().expect(3);
    }
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| String::new(), |name| name.trim().to_owned())
}

/// A disk of its own, as small as it is said to be.
#[cfg(target_os = "linux")]
struct Disk(TempDir);

#[cfg(target_os = "linux")]
impl Disk {
    fn new(kilobytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.mount(&format!("size={kilobytes}k")).then_some(disk)
    }

    fn mount(&self, options: &str) -> bool {
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(self.0.path())
            .output();
        mount.is_ok_and(|output| output.status.success())
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).output();
    }
}

/// A target without room fails, keeps what was committed, and goes on when there is room again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = Disk::new(400) else { return skipped("only root may mount a small disk") };
    let settings = "dead-letters-max = \"100%\"\nbatch-records = 50\ntransaction-rows = 50";
    let straight = Migration::of(2000, settings, Database::sqlite());
    straight.execute().expect(3);
    let full = Migration::of(2000, settings, Database::sqlite());
    let url = format!("sqlite:{}", disk.0.path().join("target.db").display());
    let arguments = ["run", "migration.toml", "--execute", "--yes"];
    let ended = full.call(&arguments).env("TARGET_URL", &url).run().expect(1);
    assert!(ended.stderr.contains("the target has no room left"), "{ended}");
    assert!(ended.stderr.contains("hint: make room and run the same command again"), "{ended}");
    assert!(disk.mount("remount,size=20m"));
    let resumed = full.call(&arguments).env("TARGET_URL", &url).run().expect(3);
    let status = full.call(&["status", "migration.toml", "--json"]).env("TARGET_URL", &url).run().expect(0).json();
    assert_eq!(status["entities"][0]["total"]["read"], 2000, "{resumed}");
    // The log of the writes is part of the target until it is folded in.
    rusqlite::Connection::open(disk.0.path().join("target.db"))
        .and_then(|connection| connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"))
        .unwrap();
    fs::copy(disk.0.path().join("target.db"), full.database.file().unwrap()).unwrap();
    assert_eq!(dump::all(&full.database), dump::all(&straight.database));
}
