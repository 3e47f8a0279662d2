//! `cargo xtask torture`: the tests' loops of kills and of swaps, as often as one likes.

use std::io;
use std::path::Path;
use std::process::Command;

/// Kills a migration so often, half of it on each kind of target.
pub fn kill(root: &Path, kills: u32) -> io::Result<()> {
    test(root, "recovery::killed", "WHIMBREL_KILLS", kills)
}

/// Swaps a component so often while a migration runs, half of it on each kind of target.
pub fn swap(root: &Path, swaps: u32) -> io::Result<()> {
    test(root, "swap::thousand", "WHIMBREL_SWAPS", swaps)
}

fn test(root: &Path, name: &str, variable: &str, times: u32) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--package", "whimbrel-tests", "--test", "suite", "--", name, "--nocapture"])
        .arg("--test-threads=1")
        .env(variable, times.div_ceil(2).to_string())
        .current_dir(root)
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("`{name}` found something: {status}"))) }
}
