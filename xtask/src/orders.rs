//! `cargo xtask generate orders` fills a PostgreSQL database with the source of `examples/orders`; `cargo xtask demo orders`
//! does so and moves it.
//!
//! What speaks to PostgreSQL is not part of an ordinary build of this program: it builds itself with it, together with the
//! rest of the workspace, and starts itself again.

#[cfg(feature = "postgres")]
mod database;
#[cfg(feature = "postgres")]
mod tasks;

#[cfg(not(feature = "postgres"))]
use std::error::Error;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::demo;

/// What to write, and where.
#[derive(Debug, Clone, clap::Args)]
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "the whole build reads them"))]
pub struct Args {
    /// The database, which has none of the tables yet, such as postgres://user@host/database
    #[arg(long)]
    url: String,
    /// About so many carts, orders, items and reservations; without it a small set without dirt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(100..))]
    records: Option<u64>,
    /// The same seed gives the same rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Dirty rows in a hundred
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=50))]
    dirt: u8,
    /// Where to list the planted rows, each with what must become of it, as CSV
    #[arg(long, value_name = "FILE", default_value = "examples/orders/planted.csv")]
    planted: PathBuf,
}

/// Builds what a task of this file needs.
fn build(root: &Path) -> Result<(), demo::Error> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--workspace", "--exclude", "guests", "--bin", "whimbrel", "--bin", "xtask"]);
    demo::expect(build.args(["--features", "xtask/postgres"]).current_dir(root), 0)
}

/// Builds this program whole and starts the same task again.
#[cfg(not(feature = "postgres"))]
fn again(root: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    build(root)?;
    let program = target.join("debug").join(format!("xtask{}", std::env::consts::EXE_SUFFIX));
    let ended = Command::new(program).args(std::env::args_os().skip(1)).current_dir(root).status()?;
    if ended.success() { Ok(()) } else { Err("the task failed".into()) }
}

/// Fills a database.
#[cfg(not(feature = "postgres"))]
pub fn generate(root: &Path, target: &Path, _args: &Args) -> Result<(), Box<dyn Error>> {
    again(root, target)
}

/// Runs the demo.
#[cfg(not(feature = "postgres"))]
pub fn demo(root: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    again(root, target)
}

#[cfg(feature = "postgres")]
pub use tasks::demo;
#[cfg(feature = "postgres")]
pub use tasks::generate;
