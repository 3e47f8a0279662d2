//! `cargo xtask torture`: the tests' loops of kills and of swaps, as often as one likes, and the figures that tests measure.

use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::benchmarks;

/// What stands above the figures in docs/benchmarks.md.
const FIGURES: &str = "
The tests' own figures, each held against its promise by the test that measures it: `cargo xtask torture --figures`. The host
is not optimised there; what counts is that nothing is lost, doubled or kept in memory.

";

const HEAD: &str = "| test | measured |\n| --- | --- |";

/// Kills a migration so often, half of it on each kind of target.
pub fn kill(root: &Path, kills: u32) -> io::Result<()> {
    test(root, &["recovery::killed"], &[("WHIMBREL_KILLS", kills.div_ceil(2))]).map(drop)
}

/// Swaps a component so often while a migration runs, half of it on each kind of target.
pub fn swap(root: &Path, swaps: u32) -> io::Result<()> {
    test(root, &["swap::thousand"], &[("WHIMBREL_SWAPS", swaps.div_ceil(2))]).map(drop)
}

/// Measures in full what is promised of components that misbehave, holds it against the promise, and writes it into
/// docs/benchmarks.md.
pub fn figures(root: &Path) -> io::Result<()> {
    let names = [
        "figures::",
        "swap::thousand",
        "swap::refuse",
        "plugin::contained",
        "five_components_load_quickly_from_the_cache",
    ];
    let rows = test(root, &names, &[("WHIMBREL_FIGURES", 1), ("WHIMBREL_SWAPS", 500)])?;
    benchmarks::write_figures(root, &format!("{FIGURES}{}\n{}\n", HEAD, rows.join("\n")))
}

/// Runs tests one after another; prints the figures that they measure as the rows of a table, and returns these.
fn test(root: &Path, names: &[&str], variables: &[(&str, u32)]) -> io::Result<Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        // With the features that `cargo xtask test` has built everything with.
        .args(["test", "--workspace", "--exclude", "guests", "--test", "suite"])
        .args(["--", "--nocapture", "--test-threads=1"])
        .args(names)
        .envs(variables.iter().map(|(name, value)| (*name, value.to_string())))
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut out = io::stdout().lock();
    let mut rows = Vec::new();
    writeln!(out, "{HEAD}")?;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line?;
        // The first figure of a test stands behind its name.
        match line.find("| `") {
            Some(at) => {
                writeln!(out, "{}", &line[at..])?;
                rows.push(line[at..].to_owned());
            }
            None => crate::say(&line),
        }
    }
    let status = child.wait()?;
    if status.success() {
        Ok(rows)
    } else {
        Err(io::Error::other(format!("{} found something: {status}", names.join(", "))))
    }
}
