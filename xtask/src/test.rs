//! `cargo xtask test`: builds what is missing and passes every test of every crate; a skipped test is said aloud.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;

use crate::plugins;
use crate::say;
use crate::server::Server;

/// What a test prints that could not do its work, followed by why.
const SKIPPED: &str = "SKIPPED";
/// Where nextest leaves the output of passed tests, as `.config/nextest.toml` says.
const JUNIT: &str = "nextest/default/junit.xml";

/// Says how many tests run side by side.
const THREADS: &str = "NEXTEST_TEST_THREADS";
/// Says which PostgreSQL the tests use.
const POSTGRES: &str = "WHIMBREL_TEST_POSTGRES";

/// Why the tests did not pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The components could not be built.
    #[error("the components could not be built")]
    Plugins(#[from] plugins::Error),
    /// Cargo could not be started, or its output not be read.
    #[error("cannot run `cargo {arguments}`")]
    Cargo {
        /// What cargo was asked.
        arguments: String,
        /// Why.
        source: io::Error,
    },
    /// Tests failed, or did not compile.
    #[error("`cargo {arguments}` failed")]
    Failed {
        /// What cargo was asked.
        arguments: String,
    },
}

/// Runs all tests; `filter` goes to the test runner as it is.
pub fn run(root: &Path, target: &Path, filter: &[String]) -> Result<(), Error> {
    say("components");
    plugins::build(root)?;
    let server = server();
    let tests = Tests { root, server: server.as_ref().map(Server::url) };
    let mut skipped = BTreeMap::new();
    // The guests are tested by the host, as components.
    let crates = ["--workspace", "--exclude", "guests"];
    if has_nextest(root) {
        say("tests, by cargo-nextest");
        let mut arguments = vec!["nextest", "run"];
        arguments.extend(crates);
        arguments.extend(filter.iter().map(String::as_str));
        tests.cargo(&arguments, &mut skipped)?;
        // A report that is not there leaves nothing to say: nextest itself would have failed.
        if let Ok(report) = std::fs::read_to_string(target.join(JUNIT)) {
            report.lines().for_each(|line| note(line, &mut skipped));
        }
    } else {
        say("tests, by cargo test (`cargo install cargo-nextest --locked` gives a quicker and clearer run)");
        let mut arguments = vec!["test"];
        arguments.extend(crates);
        arguments.extend(["--lib", "--bins", "--tests"]);
        arguments.extend(filter.iter().map(String::as_str));
        arguments.extend(["--", "--show-output"]);
        tests.cargo(&arguments, &mut skipped)?;
    }
    if filter.is_empty() {
        say("examples in the documentation");
        let mut arguments = vec!["test", "--quiet", "--doc"];
        arguments.extend(crates);
        tests.cargo(&arguments, &mut skipped)?;
    }
    for (why, count) in &skipped {
        say(&format!("!! {why} ({count} {})", if *count == 1 { "test" } else { "tests" }));
    }
    say(if skipped.is_empty() { "every test passed" } else { "every test passed but those SKIPPED above" });
    Ok(())
}

fn has_nextest(root: &Path) -> bool {
    let mut asked = Command::new(env!("CARGO"));
    asked.args(["nextest", "--version"]).current_dir(root).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// Starts a server for the tests, where none is named and one is installed.
fn server() -> Option<Server> {
    if env::var_os(POSTGRES).is_some() {
        return None;
    }
    match Server::start() {
        Ok(Some(server)) => {
            say(&format!("a PostgreSQL for these tests alone, at {}", server.url()));
            Some(server)
        }
        Ok(None) => None,
        Err(error) => {
            say(&format!("a PostgreSQL for these tests alone did not start: {error}"));
            None
        }
    }
}

/// Where tests run.
struct Tests<'a> {
    root: &'a Path,
    /// The server of their own, if they have one.
    server: Option<&'a str>,
}

impl Tests<'_> {
    /// Runs cargo, shows what it prints, and notes which tests were skipped.
    fn cargo(&self, arguments: &[&str], skipped: &mut BTreeMap<String, u64>) -> Result<(), Error> {
        let failed = |source| Error::Cargo { arguments: arguments.join(" "), source };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).current_dir(self.root).stdout(Stdio::piped());
        cargo.envs(self.server.map(|url| (POSTGRES, url)));
        if env::var_os(THREADS).is_none() {
            // Tests wait for servers, and for processes that they have ended, as much as for cores.
            let cores = thread::available_parallelism().map_or(1, usize::from);
            cargo.env(THREADS, (cores * 3 / 2).to_string());
        }
        let mut child = cargo.spawn().map_err(failed)?;
        if let Some(output) = child.stdout.take() {
            let mut shown = io::stdout().lock();
            for line in BufReader::new(output).split(b'\n') {
                let line = line.map_err(failed)?;
                note(&String::from_utf8_lossy(&line), skipped);
                // A closed stream leaves nobody to tell; the tests go on.
                let _ = shown.write_all(&line).and_then(|()| shown.write_all(b"\n"));
            }
        }
        if child.wait().map_err(failed)?.success() {
            return Ok(());
        }
        Err(Error::Failed { arguments: arguments.join(" ") })
    }
}

/// Counts the line where it says that a test was skipped.
fn note(line: &str, skipped: &mut BTreeMap<String, u64>) {
    if let Some((_, why)) = line.split_once(SKIPPED) {
        let why = why.split("</system-").next().unwrap_or(why);
        let why = why.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        *skipped.entry(format!("{SKIPPED}{}", why.trim_end())).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::note;

    #[test]
    fn skipped_tests_are_counted_by_reason() {
        let mut skipped = BTreeMap::new();
        note("<system-out>SKIPPED: no server &amp; no port</system-out>", &mut skipped);
        note("SKIPPED: no server & no port", &mut skipped);
        note("test skipped_tests ... ok", &mut skipped);
        assert_eq!(skipped, BTreeMap::from([("SKIPPED: no server & no port".to_owned(), 2)]));
    }
}
