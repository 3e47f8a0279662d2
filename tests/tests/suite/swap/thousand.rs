//! Two good versions swapped for one another again and again, while a loaded run goes on.
//!
//! `WHIMBREL_SWAPS` says how often (20); `cargo xtask torture --swaps 1000` asks for more.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Database;

use super::promote::assert_recorded_is_what_ran;
use super::scene::PEOPLE;
use super::scene::STAMPED;
use super::scene::Scene;
use super::scene::guest;

/// What the log grows by in about three commits.
const LOG_BYTES: u64 = 400;
/// Records that are enough for one swap, whatever the machine does beside it.
const RECORDS_A_SWAP: usize = 4_000;

#[test]
fn swapped_on_sqlite() {
    swapped(Database::sqlite());
}

#[test]
fn swapped_on_postgres() {
    if let Some(database) = Database::postgres() {
        swapped(database);
    }
}

fn swapped(database: Database) {
    let swaps: usize = std::env::var("WHIMBREL_SWAPS").map_or(20, |swaps| swaps.parse().unwrap());
    let kind = database.kind();
    let settings = "batch-records = 200\ntransaction-rows = 200\n";
    let plugin = "[plugin.fixable]\ncanary-batches = 0\nwatch-batches = 0\n";
    let scene = Scene::new(database, "fixable_v1", &format!("{PEOPLE}{settings}{STAMPED}{plugin}"));
    scene.records("people", swaps * RECORDS_A_SWAP, |_| "");
    let log = ["--log", "whimbrel::run::entity=debug", "--log-json", "--log-file", "commits.log"];
    let mut running = scene.start("", &log);
    scene.until_batches("people", 2, &mut running);
    let socket = std::fs::read_dir(scene.path("runtime/whimbrel")).unwrap().next().unwrap().unwrap().path();
    let (mut done, mut asked) = (0, Duration::ZERO);
    for swap in 0..swaps {
        let version = ["fixable_v2", "fixable_v1"][swap % 2];
        let begun = Instant::now();
        let Some(answer) = ask(&socket, &json!({ "ask": "swap", "plugin": "fixable", "file": guest(version) })) else {
            break;
        };
        if answer["message"] == "every entity that uses `fixable` has ended" {
            break;
        }
        assert_eq!(answer["is_done"], true, "{answer:#}");
        asked += begun.elapsed();
        done += 1;
        // It is to make some batches before the next one comes.
        let log = || std::fs::metadata(scene.path("commits.log")).map_or(0, |log| log.len());
        let (before, begun) = (log(), Instant::now());
        while log() < before + LOG_BYTES && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    running.wait_long().expect(0);
    assert!(done == swaps, "{kind}: the run ended after {done} of {swaps} swaps");

    // Nothing lost, nothing doubled, and every batch is recorded as what made it.
    let count = (swaps * RECORDS_A_SWAP).to_string();
    let counted =
        scene.database.query("SELECT COUNT(*) AS all_of_them, COUNT(DISTINCT _id) AS one_of_each FROM people");
    assert_eq!(counted, [[Some(count.clone()), Some(count)]]);
    let by_version = assert_recorded_is_what_ran(&scene);
    let (ledger, times) = (scene.ledger("people"), commit_times(&scene));
    assert_eq!(ledger.len(), times.len(), "one line a commit");
    let mut next = 1;
    for (_, first, end) in &ledger {
        assert_eq!(*first, next, "a gap, or a batch twice");
        next = end + 1;
    }

    // Between two commits: with another version behind the gap, and without.
    let mut gaps: BTreeMap<bool, Vec<i64>> = BTreeMap::new();
    for at in 1..ledger.len() {
        gaps.entry(ledger[at].0 != ledger[at - 1].0).or_default().push(times[at] - times[at - 1]);
    }
    gaps.values_mut().for_each(|gaps| gaps.sort_unstable());
    let at = |is_swap: bool, percent: usize| gaps[&is_swap][(gaps[&is_swap].len() - 1) * percent / 100];
    let median = at(false, 50);
    let pause = at(true, 99) - median;
    whimbrel_tests::measured(&format!(
        "{done} swaps in {} batches ({by_version:?} by version), {} changes seen between two batches; a swap took {:?} to answer; \
         between two commits {median} µs (median), p99 {} µs; around a swap p50 {} µs, p99 {} µs: pause p99 {pause} µs",
        ledger.len(),
        gaps[&true].len(),
        asked / u32::try_from(done.max(1)).unwrap(),
        at(false, 99),
        at(true, 50),
        at(true, 99),
    ));
    assert!(pause < 50_000 || !whimbrel_tests::figures_are_wanted(), "{pause} µs");
}

/// Returns when each batch was committed, in microseconds, by the run's log.
fn commit_times(scene: &Scene) -> Vec<i64> {
    let log = std::fs::read_to_string(scene.path("commits.log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let mut times: Vec<i64> = Vec::new();
    for line in lines.filter(|line| line["fields"]["message"] == "committed") {
        // Such as `2026-01-31T23:59:59.123456Z`.
        let clock = line["timestamp"].as_str().unwrap().split_once('T').unwrap().1.trim_end_matches('Z').to_owned();
        let parts: Vec<i64> = clock.split([':', '.']).map(|part| part.parse().unwrap()).collect();
        let time = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1_000_000 + parts[3];
        let is_next_day = times.last().is_some_and(|&before| time + 43_200_000_000 < before);
        times.push(if is_next_day { time + 86_400_000_000 } else { time });
    }
    times
}

/// Asks as `whimbrel plugin swap` does; `None` where the run has gone.
fn ask(socket: &Path, question: &Json) -> Option<Json> {
    let mut stream = UnixStream::connect(socket).ok()?;
    writeln!(stream, "{question}").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}
