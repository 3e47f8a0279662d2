//! As what a database was read: one snapshot for a whole run, another one for each run that goes on, and for one whose session
//! was lost.

use std::process::Stdio;

use whimbrel_tests::Database;
use whimbrel_tests::dump;

use super::tables::Small;
use super::tables::THINGS;

const RUN: [&str; 4] = ["run", "--execute", "--yes", "--json"];

fn things(rows: u32) -> String {
    let values: Vec<String> = (1..=rows).map(|id| format!("({id}, 'note {id}')")).collect();
    format!("CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO things VALUES {};", values.join(", "))
}

fn two_entities() -> String {
    let others = THINGS.replace("\"things\"", "\"others\"").replace("old.things", "old.others");
    format!("{THINGS}{others}")
}

#[test]
fn a_run_reads_all_entities_as_they_stood_at_one_moment() {
    for source in Database::each() {
        let old = format!(
            "{} CREATE TABLE others AS SELECT * FROM things; CREATE UNIQUE INDEX o ON others (id);",
            things(20)
        );
        let old = match source.file() {
            Some(_) => {
                old.replace("TABLE others AS SELECT * FROM things", "TABLE others (id INTEGER PRIMARY KEY, note TEXT)")
            }
            None => format!("{old} ALTER TABLE others ALTER COLUMN id SET NOT NULL;"),
        };
        let new = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE others (id INTEGER PRIMARY KEY, note TEXT);";
        let small = Small::new(source, &old, &two_entities(), new);
        let done = small.call(&RUN).run().expect(0).json();
        assert_eq!(done["consistent"], true, "{done:#}");
        let at = |entity: usize| done["entities"][entity]["snapshots"].clone();
        assert_eq!(at(0).as_array().map(Vec::len), Some(1), "{done:#}");
        assert_eq!((&at(0)[0]["source"], &at(0)[0]["after"]), (&"old".into(), &0.into()));
        assert_eq!(at(0), at(1));
        let status = small.call(&["status", "--json"]).run().expect(0).json();
        assert_eq!((&status["consistent"], &status["entities"][1]["snapshots"]), (&true.into(), &at(1)));
        let text = small.call(&["status"]).run().expect(0).stdout;
        assert!(!text.contains("not consistent"), "{text}");
    }
}

#[test]
fn a_run_that_goes_on_says_what_was_read_when() {
    for source in Database::each() {
        let small = Small::new(source, &things(60), THINGS, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
        let first = small.call(&[&RUN[..], &["--limit", "30"]].concat()).run().expect(0).json();
        assert_eq!(first["consistent"], true);
        small.source.execute("UPDATE things SET note = 'changed'");
        let done = small.call(&["run", "--execute", "--yes"]).run().expect(0).stdout;
        assert!(done.contains("not consistent, read at several times: `old` of "), "{done}");
        assert!(done.contains("(things); `old` of ") && done.contains("(things behind record 30)"), "{done}");
        let status = small.call(&["status", "--json"]).run().expect(0).json();
        assert_eq!(status["consistent"], false);
        let after = |index: usize| status["entities"][0]["snapshots"][index]["after"].clone();
        assert_eq!([after(0), after(1)], [0, 30], "{status:#}");
        let changed = small.target.query("SELECT count(*) FROM things WHERE note = 'changed'");
        assert_eq!(changed, [[Some("30".to_owned())]]);
    }
}

#[test]
fn an_unchanged_file_is_the_same_whenever_it_is_read() {
    let new = "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)";
    let small = Small::new(Database::sqlite(), &things(60), THINGS, new);
    small.call(&[&RUN[..], &["--limit", "30"]].concat()).run().expect(0);
    let done = small.call(&RUN).run().expect(0).json();
    assert_eq!((&done["consistent"], &done["entities"][0]["state"]), (&true.into(), &"completed".into()), "{done:#}");
}

#[test]
fn a_session_that_is_lost_is_opened_again() {
    let Some(source) = Database::postgres() else { return };
    let small = Small::new(source, &things(5_000), THINGS, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
    let mut command = small.call(&RUN).env("FAILPOINTS", "commit-after=sleep(2)").into_command();
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it reads, its session is taken away, and what is left changes.
    let killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'whimbrel'";
    while small.target.file().is_some_and(|file| !file.exists()) || dump::checkpoints(&small.target).is_empty() {
        std::thread::yield_now();
    }
    while small.source.query(killed) == [[Some("0".to_owned())]] {
        std::thread::yield_now();
    }
    small.source.execute("UPDATE things SET note = 'changed' WHERE id > 4990");
    let done = run.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{stdout}\n{stderr}");
    assert!(stderr.contains("the source was lost, opening it again"), "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["consistent"], false, "{report:#}");
    assert_eq!(report["entities"][0]["total"]["written"], 5_000);
    let found = "SELECT count(*), count(DISTINCT id), sum(CASE WHEN note = 'changed' THEN 1 ELSE 0 END) FROM things";
    assert_eq!(small.target.query(found), [["5000", "5000", "10"].map(|count| Some(count.to_owned()))]);
}

#[test]
fn a_server_that_stays_away_ends_the_run_with_its_checkpoint() {
    let Some(source) = Database::postgres() else { return };
    let manifest =
        THINGS.replace("transaction-rows = 3\nbatch-records = 3", "transaction-rows = 50\nbatch-records = 50");
    let small = Small::new(source, &things(400), &manifest, "CREATE TABLE things (id INTEGER PRIMARY KEY, note TEXT)");
    small.call(&[&RUN[..], &["--limit", "100"]].concat()).run().expect(0);
    let gone = small.call(&RUN).env("OLD", "postgres://postgres@127.0.0.1:1/nowhere").run().expect(2);
    assert!(gone.stderr.contains("cannot reach the source"), "{gone}");
    let done = small.call(&RUN).run().expect(0).json();
    assert_eq!(done["entities"][0]["total"]["written"], 400);
}
