//! `cargo xtask torture`: the recovery test's loop of kills, as often as one likes.

use std::io;
use std::path::Path;
use std::process::Command;

/// Runs the loop with so many kills, half of them on each kind of target.
pub fn run(root: &Path, kills: u32) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--package", "whimbrel-tests", "--test", "suite", "--", "recovery::killed", "--nocapture"])
        .arg("--test-threads=1")
        .env("WHIMBREL_KILLS", kills.div_ceil(2).to_string())
        .current_dir(root)
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the kills found something: {status}"))) }
}
