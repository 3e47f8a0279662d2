//! What the tests share: the built command, the components, throwaway databases, and their content as text.
#![allow(clippy::print_stdout, reason = "a skipped test has to say so, and a figure is to be read")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod command;
pub mod components;
pub mod database;
pub mod dump;
pub mod firestore;
pub mod mongodump;

pub use command::Ended;
pub use command::Whimbrel;
pub use database::Database;

use std::path::Path;
use std::path::PathBuf;

/// Returns the workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns a folder of real data that is no part of the project, or says that it is not there.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let folder = root().join("../shared/data").join(name);
    if folder.exists() {
        return Some(folder);
    }
    skipped(&format!("there is no `{}`", folder.display()));
    None
}

/// Says that a test, or a part of it, did not run, and why.
pub fn skipped(why: &str) {
    println!("SKIPPED: {why}");
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Shows a figure that a test has measured, as a table's row, to whoever runs it with `--no-capture`.
pub fn measured(figure: &str) {
    println!("| `{}` | {figure} |", std::thread::current().name().unwrap_or_default());
}

/// Returns whether figures are wanted in full, and held against what is promised: `cargo xtask torture --figures`, on a
/// machine that does nothing else. Otherwise they are small, and bounds are wide.
pub fn figures_are_wanted() -> bool {
    std::env::var_os("WHIMBREL_FIGURES").is_some()
}
