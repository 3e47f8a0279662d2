//! The process is killed at random times, again and again: what stands on disk adds up every time, and a migration that
//! was resumed ends as one that ran straight through.
//!
//! `WHIMBREL_KILLS` says how often (100 on each kind of target), `WHIMBREL_SEED` repeats a loop's times.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Child;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::crm::Crm;

/// Many small commits, so that there is much to be caught in the middle of.
pub const SMALL_COMMITS: &str = "transaction-rows = 300\nbatch-records = 100";
/// A process is killed so long after it has probably begun to commit, at most.
const WINDOW_MS: u64 = 700;
/// After so many kills the migration at hand is resumed to its end, whatever comes.
const KILLS_A_MIGRATION: u32 = 25;
const BACKENDS_GONE: Duration = Duration::from_secs(20);

/// The CRM's tables.
const TABLES: [&str; 8] = [
    "users",
    "accounts",
    "account_watchers",
    "contacts",
    "contact_tags",
    "opportunities",
    "documents",
    "document_accounts",
];

#[test]
fn killed_on_sqlite() {
    torture(&Database::sqlite());
}

#[test]
fn killed_on_postgres() {
    if let Some(database) = Database::postgres() {
        torture(&database);
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap())
}

#[allow(clippy::print_stdout, reason = "the seed and the phases are for people")]
fn torture(database: &Database) {
    let kills = number("WHIMBREL_KILLS").unwrap_or(100);
    let seed = number("WHIMBREL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{}: {kills} kills, WHIMBREL_SEED={seed}", database.kind());
    let mut random = Random(seed);
    let crm = Crm::new(SMALL_COMMITS);
    hurry(database);
    let begun = Instant::now();
    let mut process = start(&crm, database);
    while Standing::of(database).commits == 0 {
        assert!(process.try_wait().unwrap().is_none(), "the straight run ended without a commit");
        std::thread::sleep(Duration::from_millis(5));
    }
    let first_commit = begun.elapsed();
    assert_eq!(process.wait().unwrap().code(), Some(3));
    let commits = Standing::of(database).commits;
    println!("{}: straight, {commits} commits from {first_commit:.1?} to {:.1?}", database.kind(), begun.elapsed());
    conserved(database);
    let straight = dump::all(database);

    let mut phases: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut killed, mut completed, mut in_between, mut of_this) = (0, 0, 0, 0);
    let mut start_ms = u64::try_from(first_commit.as_millis()).unwrap();
    let mut target = database.another();
    hurry(&target);
    while killed < kills {
        let before = Standing::of(&target).commits;
        if of_this < KILLS_A_MIGRATION {
            let mut process = start(&crm, &target);
            // Most kills are to fall between two commits, and a migration has its first one late: tables come before it.
            if before == 0 && random.below(8) > 0 {
                while Standing::of(&target).commits == 0 && process.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                std::thread::sleep(Duration::from_millis(random.below(WINDOW_MS)));
            } else {
                std::thread::sleep(Duration::from_millis(start_ms / 2 + random.below(start_ms / 2 + WINDOW_MS)));
            }
            let ended = process.try_wait().unwrap();
            process.kill().unwrap();
            process.wait().unwrap();
            wait_for_backends(&target);
            conserved(&target);
            if ended.is_none() {
                killed += 1;
                of_this += 1;
                let after = Standing::of(&target);
                let phase = after.phase(before);
                *phases.entry(phase).or_default() += 1;
                in_between += u64::from(after.commits > 0 && !after.is_complete);
                // How long a process needs until it commits differs from machine to machine, and from hour to hour.
                let has_committed = after.commits > before;
                start_ms = if has_committed { start_ms * 9 / 10 } else { start_ms * 5 / 4 }.clamp(50, 20_000);
                continue;
            }
            assert_eq!(ended.and_then(|status| status.code()), Some(3));
        }
        ends_as_straight(&crm, &target, &straight);
        (completed, of_this, target) = (completed + 1, 0, target.another());
        hurry(&target);
    }
    ends_as_straight(&crm, &target, &straight);
    println!("{}: {} migrations completed, phases hit: {phases:#?}", database.kind(), completed + 1);
    assert!(in_between * 5 >= kills * 4, "expected four kills of five between the first and the last commit");
}

fn start(crm: &Crm, target: &Database) -> Child {
    crm.execute(&target.url).into_command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The server outlives its clients here, so it need not wait for the disk.
pub fn hurry(database: &Database) {
    if database.kind() == "postgres" {
        let name = database.query("SELECT current_database()::text AS name")[0][0].clone().unwrap();
        database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    }
}

/// Resumes to the end, and compares what stands there.
fn ends_as_straight(crm: &Crm, target: &Database, straight: &str) {
    crm.execute(&target.url).run().expect(3);
    conserved(target);
    same_text(&dump::all(target), straight);
}

/// Fails with the first lines that differ, not with megabytes.
#[track_caller]
pub fn same_text(found: &str, expected: &str) {
    let Some(at) = (found != expected).then(|| found.lines().zip(expected.lines()).position(|(a, b)| a != b)) else {
        return;
    };
    let at = at.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    let mut message = String::new();
    for (title, text) in [("found", found), ("expected", expected)] {
        let lines: Vec<&str> = text.lines().skip(at).take(3).collect();
        let _ = writeln!(message, "{title}, {} lines:\n{}", text.lines().count(), lines.join("\n"));
    }
    panic!("the targets differ from line {at} on; {message}");
}

/// The server ends a dead client's session when it next looks at the connection.
fn wait_for_backends(target: &Database) {
    if target.kind() == "sqlite" {
        return;
    }
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let begun = Instant::now();
    while !target.query(sql).is_empty() {
        assert!(begun.elapsed() < BACKENDS_GONE, "a dead client's session lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_own_tables(target: &Database) -> bool {
    let sql = match target.file() {
        Some(file) if !file.exists() => return false,
        Some(_) => "SELECT name FROM sqlite_schema WHERE name = 'whimbrel_run'",
        None => {
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'whimbrel' AND table_name = 'run'"
        }
    };
    !target.query(sql).is_empty()
}

/// Returns how many commits are on disk.
pub fn commits_of(target: &Database) -> u64 {
    Standing::of(target).commits
}

/// How far a migration has come, by what is on disk.
struct Standing {
    is_prepared: bool,
    commits: u64,
    is_complete: bool,
}

impl Standing {
    fn of(target: &Database) -> Self {
        if !has_own_tables(target) {
            return Self { is_prepared: false, commits: 0, is_complete: false };
        }
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM {}) AS commits,
                    (SELECT COUNT(*) FROM {} WHERE state = 'completed') AS completed",
            target.own("ledger"),
            target.own("checkpoint")
        );
        let counts = &target.query(&sql)[0];
        let (commits, completed) = (integer(&counts[0]), integer(&counts[1]));
        Self { is_prepared: true, commits, is_complete: completed == 5 }
    }

    /// Where a process was when it was killed.
    fn phase(&self, before: u64) -> &'static str {
        match self {
            Self { is_prepared: false, .. } => "1 nothing written yet",
            Self { commits: 0, .. } => "2 tables made, nothing committed",
            Self { is_complete: true, .. } => "5 after the last commit",
            Self { commits, .. } if *commits == before => "3 resumed, nothing committed yet",
            _ => "4 between two commits",
        }
    }
}

fn integer(cell: &Option<String>) -> u64 {
    cell.as_ref().unwrap().parse().unwrap()
}

fn json(cell: &Option<String>) -> Json {
    serde_json::from_str(cell.as_ref().unwrap()).unwrap()
}

/// Adds the numbers of a JSON object, and of the objects in it, to a sum by path.
fn add(sum: &mut BTreeMap<String, u64>, path: &str, value: &Json) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(name, value)| add(sum, &format!("{path}.{name}"), value)),
        value => *sum.entry(path.to_owned()).or_default() += value.as_u64().unwrap(),
    }
}

/// On disk, everything adds up, and the CRM's tables have as many rows as were inserted.
pub fn conserved(target: &Database) {
    if !has_own_tables(target) {
        return;
    }
    let inserted = inserted_by_ledger(target);
    let made = match target.kind() {
        "sqlite" => "SELECT 1 AS made FROM sqlite_master WHERE name = 'users'",
        _ => "SELECT 1 AS made WHERE to_regclass('users') IS NOT NULL",
    };
    if target.query(made).is_empty() {
        // The end came before the schema's tables: the note of who has the lock is made first.
        assert!(inserted.is_empty(), "{inserted:?}");
        return;
    }
    let counts = TABLES.map(|table| format!("(SELECT COUNT(*) FROM {table}) AS {table}"));
    let counts = &target.query(&format!("SELECT {}", counts.join(", ")))[0];
    for (table, count) in TABLES.iter().zip(counts) {
        assert_eq!(integer(count), inserted.get(*table).copied().unwrap_or(0), "{table}: rows");
    }
    if target.kind() == "sqlite" {
        assert!(target.query("PRAGMA foreign_key_check").is_empty());
        assert_eq!(target.query("PRAGMA quick_check"), [[Some("ok".to_owned())]]);
    }
}

/// Returns the rows that were inserted by table. Each entity's checkpoint is the sum of its ledger, the ledger has no gap,
/// and there are as many dead letters as records that died.
pub fn inserted_by_ledger(target: &Database) -> BTreeMap<String, u64> {
    let mut inserted: BTreeMap<String, u64> = BTreeMap::new();
    if !has_own_tables(target) {
        return inserted;
    }
    let mut ledgers = ledgers(target);
    let letters = format!(
        "SELECT entity, COUNT(*) AS letters FROM {} WHERE provisional = 0 AND state <> 'replayed' GROUP BY entity",
        target.own("dead_letter")
    );
    let letters = target.query(&letters).into_iter().map(|row| (row[0].clone().unwrap(), integer(&row[1])));
    let mut letters: BTreeMap<String, u64> = letters.collect();
    let checkpoints = format!("SELECT entity, document, token, batches, fates, rows FROM {}", target.own("checkpoint"));
    for row in target.query(&checkpoints) {
        let entity = row[0].clone().unwrap();
        let ledger = ledgers.remove(&entity).unwrap_or_default();
        let stored = (integer(&row[1]), row[2].clone().unwrap(), integer(&row[3]));
        assert_eq!(stored, (ledger.document, ledger.token, ledger.batches), "{entity}: stands where the ledger ends");
        let (fates, rows) = (json(&row[4]), json(&row[5]));
        let mut of_checkpoint = BTreeMap::new();
        add(&mut of_checkpoint, ".fates", &fates);
        add(&mut of_checkpoint, ".rows", &rows);
        // Reasons are in the ledger alone; each record that was left out has one.
        let (skips, counts): (BTreeMap<_, _>, BTreeMap<_, _>) =
            ledger.sum.into_iter().partition(|(place, _)| place.starts_with(".skips"));
        assert_eq!(fates["skipped"], skips.values().sum::<u64>(), "{entity}: {skips:?}");
        if ledger.batches > 0 {
            assert_eq!(of_checkpoint, counts, "{entity}: the checkpoint is the sum of its ledger");
        }
        let all = fates.as_object().unwrap().iter().filter(|(fate, _)| *fate != "read");
        assert_eq!(all.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>(), fates["read"].as_u64().unwrap());
        assert_eq!(fates["read"], ledger.document, "{entity}: every document is read once");
        assert_eq!(letters.remove(&entity).unwrap_or(0), fates["dead"].as_u64().unwrap(), "{entity}: dead letters");
        for (table, counts) in rows.as_object().unwrap() {
            *inserted.entry(table.clone()).or_default() += counts["inserted"].as_u64().unwrap();
        }
    }
    assert!(ledgers.is_empty(), "a ledger without its checkpoint");
    assert!(letters.is_empty(), "dead letters without a checkpoint: {letters:?}");
    inserted
}

/// An entity's ledger, added up.
#[derive(Default)]
struct Ledger {
    batches: u64,
    document: u64,
    token: String,
    sum: BTreeMap<String, u64>,
}

fn ledgers(target: &Database) -> BTreeMap<String, Ledger> {
    let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
    let sql = format!(
        "SELECT entity, sequence, first_document, end_document, end_token, counts FROM {} ORDER BY entity, sequence",
        target.own("ledger")
    );
    for row in target.query(&sql) {
        let ledger = ledgers.entry(row[0].clone().unwrap()).or_default();
        ledger.batches += 1;
        assert_eq!(integer(&row[1]), ledger.batches, "{row:?}: the ledger has a gap");
        assert_eq!(integer(&row[2]), ledger.document + 1, "{row:?}: an entry begins where the one before it ends");
        (ledger.document, ledger.token) = (integer(&row[3]), row[4].clone().unwrap());
        let mut counts = json(&row[5]);
        // Which record has which reason is no count.
        counts.as_object_mut().unwrap().remove("skipped");
        add(&mut ledger.sum, "", &counts);
    }
    ledgers
}

/// SplitMix64: a seed gives the same times again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}
