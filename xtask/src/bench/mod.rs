//! `cargo xtask bench`: how whole migrations compare with bare loops that write the same rows, and what they hold in memory.
//!
//! Both sides of a ratio are measured by turns in one run, so that a busy machine slows both. The task builds itself and
//! whimbrel optimised and starts itself again: an unoptimised bare loop would flatter the ratios.

#[cfg(feature = "bench")]
mod dump;
#[cfg(feature = "bench")]
mod measure;
#[cfg(feature = "bench")]
mod nextcrm;
#[cfg(feature = "bench")]
mod postgres;
#[cfg(feature = "bench")]
mod process;
#[cfg(feature = "bench")]
mod sqlite;
#[cfg(feature = "bench")]
mod transform;

use std::error::Error;
use std::path::Path;
#[cfg(not(feature = "bench"))]
use std::process::Command;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "the optimised build reads them"))]
pub struct Args {
    /// Runs of each kind, of which the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Documents of the shorter migrations
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    /// How many times as many the longer ones have, which show whether memory and time grow; 0 leaves them out
    #[arg(long, default_value_t = 10)]
    times: u64,
    /// Documents of NextCRM
    #[arg(long, default_value_t = 250_000)]
    nextcrm: usize,
    /// Measure NextCRM alone
    #[arg(long)]
    nextcrm_only: bool,
    /// Only print; docs/benchmarks.md stays as it is
    #[arg(long)]
    no_write: bool,
}

/// What is optimised beyond the usual: the libraries are so in every build.
#[cfg(not(feature = "bench"))]
const OPTIMISED: [&str; 4] = ["mongo-to-sql", "whimbrel", "whimbrel-sdk", "xtask"];

/// Builds what is measured, optimised, and measures it.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _args: &Args) -> Result<(), Box<dyn Error>> {
    // One at a time: built together, each would get the features of the other's libraries, and these be built anew.
    for package in ["whimbrel", "xtask"] {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--package", package]).current_dir(root);
        if package == "xtask" {
            build.args(["--features", "bench"]);
        }
        for optimised in OPTIMISED {
            for setting in ["opt-level=3", "debug-assertions=false", "overflow-checks=false"] {
                build.arg("--config").arg(format!("profile.dev.package.{optimised}.{setting}"));
            }
        }
        if !build.status()?.success() {
            return Err("the build failed".into());
        }
    }
    // The same task and arguments again, in the program just built.
    let measured = Command::new(root.join("target/debug/xtask")).args(std::env::args_os().skip(1)).status()?;
    if measured.success() { Ok(()) } else { Err("measuring failed".into()) }
}

/// Measures, prints and writes docs/benchmarks.md.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &Args) -> Result<(), Box<dyn Error>> {
    measure::run(root, args)
}
