//! Guests that take more than they may have: time, memory, stack, output, log. Nobody else suffers from it.

use std::time::Duration;
use std::time::Instant;

use super::trial::only_the_marked_are_dead;
use super::trial::the_run_stops;
use super::trial::the_run_stops_with;
use super::trial::through;
use super::trial::trial;

#[test]
pub fn hoard() {
    let echoed = through("echo_bson", "", "", &[]).peak_mib;
    let came = through("hoard", "\n[plugin.hoard]\nmemory = \"8MiB\"\n", "hoard", &[5]);
    only_the_marked_are_dead(&came, &[5], "plugin-limit", "the limit `memory` of 8 MiB");
    // As much as it is given by default, and all that 32 bits can address.
    let all = "\n[plugin.hoard]\nmemory = \"4GiB\"\n";
    for (settings, limit) in [("", "256 MiB"), (all, "4 GiB")] {
        let came = through("hoard", settings, "hoard", &[5]);
        only_the_marked_are_dead(&came, &[5], "plugin-limit", &format!("the limit `memory` of {limit}"));
        // The guest never touches its memory, so all that the process has is the host's.
        let grown = came.peak_mib.saturating_sub(echoed);
        whimbrel_tests::measured(&format!("the host grew by {grown} MiB beside a guest that took {limit}"));
        assert!(grown < 64, "{grown} MiB");
    }
}

#[test]
pub fn spin_on_marker() {
    let came = through("spin_on_marker", "\n[plugin.spin-on-marker]\ndeadline = \"300ms\"\n", "spin", &[0]);
    the_run_stops(&came, 1, "plugin `spin-on-marker`: `transform` missed its deadline of 300ms");
    the_run_stops(&came, 1, "(entity `people`, documents 1 to 10 of `people.json`)");
    assert_eq!(came.report()["entities"][0]["total"]["dead"], 0, "a missed deadline makes no dead letter");
    came.ended_soon_after(Duration::from_millis(300));
}

#[test]
pub fn spins_in_host() {
    let came = through("spins_in_host", "\n[plugin.spins-in-host]\ndeadline = \"300ms\"\n", "spin", &[3]);
    the_run_stops(&came, 1, "`transform` missed its deadline of 300ms (entity `people`");
    came.ended_soon_after(Duration::from_millis(300));
}

#[test]
pub fn spins_in_describe() {
    let came = through("spins_in_describe", "\n[plugin.spins-in-describe]\ndeadline = \"300ms\"\n", "", &[]);
    the_run_stops(&came, 1, "`describe` missed its deadline of 300ms (entity `people`)");
    came.ended_soon_after(Duration::from_millis(300));
}

#[test]
pub fn panics_in_describe() {
    let came = through("panics_in_describe", "", "", &[]);
    the_run_stops(&came, 1, "trapped in `describe`");
    the_run_stops(&came, 1, "nothing to describe (entity `people`)");
}

#[test]
pub fn spins_at_start() {
    let came = through("spins_at_start", "\n[plugin.spins-at-start]\ndeadline = \"300ms\"\n", "", &[]);
    the_run_stops(&came, 1, "plugin `spins-at-start`: `about` missed its deadline of 300ms");
    came.ended_soon_after(Duration::from_millis(300));
}

#[test]
pub fn traps_at_start() {
    the_run_stops(&through("traps_at_start", "", "", &[]), 1, "plugin `traps-at-start`: trapped in `about`");
}

#[test]
pub fn recurses() {
    let came = through("recurses", "", "recurse", &[7]);
    only_the_marked_are_dead(&came, &[7], "plugin-limit", "the limit `stack` of 512 KiB");
    let came = through("recurses", "\n[plugin.recurses]\nstack = \"1MiB\"\n", "recurse", &[7]);
    only_the_marked_are_dead(&came, &[7], "plugin-limit", "the limit `stack` of 1 MiB");
}

#[test]
pub fn floods_output() {
    let echoed = through("echo_bson", "", "", &[]).peak_mib;
    let came = through("floods_output", "\n[plugin.floods-output]\nmemory = \"2GiB\"\n", "flood", &[4]);
    only_the_marked_are_dead(&came, &[4], "plugin-limit", "the limit `output-bytes` of 32 MiB");
    // The guest never touches its gigabyte, so all that the process has is the host's.
    let grown = came.peak_mib.saturating_sub(echoed);
    whimbrel_tests::measured(&format!("the process grew by {grown} MiB"));
    assert!(grown < 64, "{grown} MiB");
}

#[test]
pub fn floods_log() {
    let came = through("floods_log", "\n[plugin.floods-log]\nlog-lines = 3\ndeadline = \"60s\"\n", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    let lines = |text: &str| came.ended.stderr.matches(text).count();
    assert_eq!(lines("flood plugin"), 4, "two of three in each of two batches: {}", came.ended);
    assert_eq!(lines("over the limit `log-lines` of 3"), 2, "{}", came.ended);
    assert!(came.ended.stderr.contains(r#"entity="people" documents="11-20""#), "{}", came.ended);
    let came = through("floods_log", "\n[plugin.floods-log]\nlog-bytes = \"8B\"\ndeadline = \"60s\"\n", "", &[]);
    assert!(came.ended.stderr.contains("over the limit `log-bytes` of 8 bytes"), "{}", came.ended);
}

#[test]
pub fn sleeps() {
    let came = through("sleeps", "", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    assert!(came.took < Duration::from_secs(60), "an hour for each batch takes no time: {:?}", came.took);
}

#[test]
pub fn validator_spins() {
    let more = "validate = [\"validator-spins\"]\n[plugin.validator-spins]\ndeadline = \"300ms\"\n";
    let came = through("echo_bson", more, "", &[]);
    the_run_stops(&came, 1, "`validate` missed its deadline of 300ms (entity `people`, documents 1 to 10");
    came.ended_soon_after(Duration::from_millis(300));
}

#[test]
pub fn others_go_on_beside_a_guest_that_spins() {
    let healthy = r#"
[[entity]]
name = "healthy"
from = "old.healthy"
into = ["healthy"]
transform = "echo-bson"
batch-records = 10
transaction-rows = 10
config.columns = ["_id", "name"]

[plugin.spin-on-marker]
deadline = "3s"
"#;
    let trial = trial("spin_on_marker", healthy, "spin", &[0]);
    let export: String = (0..50_000).map(|number| format!("{{\"_id\": {number}, \"name\": \"h\"}}\n")).collect();
    trial.write("healthy.json", &export);
    let (mut last, mut gaps) = (0, Vec::new());
    let mut seen = Instant::now();
    let came = trial.run_with(&[], |database| {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let Ok(connection) = rusqlite::Connection::open_with_flags(database.file().unwrap(), flags) else { return };
        let sql = "SELECT batches FROM whimbrel_checkpoint WHERE entity = 'healthy'";
        let Ok(batches) = connection.query_row(sql, [], |row| row.get::<_, i64>(0)) else { return };
        if batches > last {
            if last > 0 {
                gaps.push(seen.elapsed());
            }
            (last, seen) = (batches, Instant::now());
        }
    });
    the_run_stops_with(&came, 1, "missed its deadline of 3s");
    let longest = gaps.iter().max().unwrap();
    whimbrel_tests::measured(&format!("{last} commits beside a guest that spins, the longest pause was {longest:?}"));
    assert!(last > 50, "{last} commits");
    let most = if whimbrel_tests::figures_are_wanted() { 500 } else { 1_000 };
    assert!(*longest < Duration::from_millis(most), "{longest:?}");
}
