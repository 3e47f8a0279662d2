//! Guests that reach for files, variables, clocks and sockets: what they get, and which line of the manifest says so.

use super::trial::Trial;
use super::trial::the_run_stops;
use super::trial::through;
use super::trial::trial;

#[test]
pub fn reads_clock() {
    let came = trial("reads_clock", "", "", &[]).run_with(&["--limit", "5"], |_| ());
    let first = came.names();
    let came = came.trial.run();
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
    let names = came.names();
    assert_eq!((first.len(), names.len()), (5, 20));
    assert!(names.iter().all(|name| *name == first[0]), "{names:?}");
}

#[test]
pub fn opens_socket() {
    let came = through("opens_socket", "", "", &[]);
    the_run_stops(&came, 2, "of `wasi:sockets/");
    the_run_stops(&came, 2, "no plugin is ever granted the network");
}

#[test]
pub fn reads_file() {
    let granted = "\n[plugin.reads-file]\ngrant.files = [{ path = \"./lookups\", as = \"/lookups\" }]\n";
    let came = through("reads_file", "", "", &[]);
    the_run_stops(&came, 2, "found `get-directories` of `wasi:filesystem/preopens@0.2");
    the_run_stops(
        &came,
        2,
        "the line `grant.files = [{ path = \"./folder\", as = \"/folder\" }]` under `[plugin.reads-file]`",
    );

    let came = through("reads_file", "\n[plugin.reads-file]\ngrant.files = []\n", "", &[]);
    assert!(came.letters().iter().all(|(code, _)| code == "no-file"), "{:?}", came.letters());

    let came = through("reads_file", granted, "", &[]);
    the_run_stops(&came, 2, "migration.toml:23:");
    the_run_stops(&came, 2, "expected a folder that can be read, found `");

    let trial = trial("reads_file", granted, "", &[]);
    trial.write("lookups/name", "Ada");
    let came = trial.run_with(&["--limit", "5"], |_| ());
    assert_eq!(came.names(), ["Ada"; 5], "{}", came.ended);
    assert!(!came.trial.folder.path().join("lookups/other").exists(), "a granted folder is for reading");
    came.trial.write("lookups/name", "Bob");
    let came = came.trial.run();
    assert_eq!(came.ended.code, Some(2), "{}", came.ended);
    assert!(came.ended.stderr.contains("people.plugins.reads-file.granted./lookups: was"), "{}", came.ended);
    let came = came.trial.run_with(&["--accept-change"], |_| ());
    assert_eq!(came.names()[4..6], ["Ada", "Bob"], "{}", came.ended);
}

#[test]
pub fn reads_environment() {
    let came = through("reads_environment", "", "", &[]);
    assert_eq!(came.ended.code, Some(1), "{}", came.ended);
    let (code, message) = &came.letters()[0];
    assert_eq!(code, "plugin-trap");
    assert!(
        message.contains("NotPresent")
            && message.contains("`grant.env = [\"NAME\"]` under `[plugin.reads-environment]`"),
        "{message}"
    );

    let granting = |names: &str| format!("\n[plugin.reads-environment]\ngrant.env = [{names}]\n");
    let came = trial("reads_environment", &granting("\"GUEST_NAME\""), "", &[]).variable("GUEST_NAME", "Ada").run();
    assert_eq!(came.names(), ["Ada"; 20], "{}", came.ended);
    let came = Trial { variables: vec![("GUEST_NAME", "Bob".to_owned())], ..came.trial }.run();
    assert_eq!(came.ended.code, Some(2), "{}", came.ended);
    assert!(came.ended.stderr.contains("granted.$GUEST_NAME: was"), "{}", came.ended);
    assert!(!came.ended.stderr.contains("Bob"), "a value is never shown");

    for (names, problem) in [
        ("\"TARGET_URL\"", "the variable `TARGET_URL` is part of `target.url`"),
        ("\"PGPASSWORD\"", "the variable `PGPASSWORD` is one that connections to PostgreSQL are made of"),
        ("\"GUEST_SURNAME\"", "the environment variable `GUEST_SURNAME` is not set"),
        ("\"COPY\"", "the variable `COPY` is the URL of a source or of the target"),
    ] {
        let trial = trial("reads_environment", &granting(names), "", &[]);
        let url = trial.database.url.clone();
        let came = trial.variable("COPY", &url).run();
        the_run_stops(&came, 2, problem);
        the_run_stops(&came, 2, "migration.toml:23:");
    }
}

#[test]
pub fn a_limit_that_is_none_is_a_problem_with_its_line() {
    let more = "\n[plugin.echo-bson]\nstack = \"2MiB\"\nlog-bytes = \"much\"\ndeadline = \"0s\"\nmemory = \"5GiB\"\n";
    let came = through("echo_bson", more, "", &[]);
    for problem in [
        "23:1: expected `1MiB` at most",
        "24:1: expected a size",
        "25:1: expected a time",
        "26:1: expected `4GiB` at most",
    ] {
        the_run_stops(&came, 2, problem);
    }
}

#[test]
pub fn a_limit_of_nothing_is_a_problem_with_its_line_and_a_hint() {
    let keys = ["memory", "stack", "output-bytes", "deadline"];
    let texts: String = keys.iter().map(|key| format!("{key} = \"0\"\n")).collect();
    let came = through("echo_bson", &format!("\n[plugin.echo-bson]\n{texts}"), "", &[]);
    for (line, key) in keys.iter().enumerate() {
        the_run_stops(&came, 2, &format!("{}:1: expected ", line + 23));
        the_run_stops(&came, 2, &format!("leave `{key}` out for the usual "));
    }
    let keys = ["output-rows", "table-elements", "tables", "instances"];
    let counts: String = keys.iter().map(|key| format!("{key} = 0\n")).collect();
    let came = through("echo_bson", &format!("\n[plugin.echo-bson]\n{counts}"), "", &[]);
    for (line, key) in keys.iter().enumerate() {
        the_run_stops(&came, 2, &format!("{}:1: expected at least 1, found `0`", line + 23));
        the_run_stops(&came, 2, &format!("leave `{key}` out for the usual "));
    }
    // Nobody has to want a log.
    let came = through("echo_bson", "\n[plugin.echo-bson]\nlog-lines = 0\nlog-bytes = \"0\"\n", "", &[]);
    assert_eq!(came.ended.code, Some(0), "{}", came.ended);
}
