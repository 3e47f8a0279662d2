//! `cargo xtask demo`: the main job from nothing: components and host built, a CRM dump generated, and moved into SQLite.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::generate;
use crate::plugins;
use crate::say;

const EXAMPLE: &str = "examples/crm";
const MANIFEST: &str = "examples/crm/migration.toml";
/// What whimbrel's exit code says of a dump with dirt in it: done, with dead letters.
const DEAD_LETTERS: i32 = 3;

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The components could not be built.
    #[error("the components could not be built")]
    Plugins(#[from] plugins::Error),
    /// The dump could not be written.
    #[error("the dump could not be written")]
    Dump(#[source] io::Error),
    /// What an earlier demo left could not be removed.
    #[error("cannot remove `{}`", path.display())]
    Leftover {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A command ended otherwise than it should.
    #[error("`{command}`: expected exit code {expected}, found {found}")]
    Ended {
        /// The command.
        command: String,
        /// What it should have said.
        expected: i32,
        /// What it said.
        found: String,
    },
}

/// Runs the demo. `target` is cargo's folder.
pub fn run(root: &Path, target: &Path) -> Result<(), Error> {
    step("1/5", "building whimbrel and its components");
    build(root)?;

    step("2/5", "generating a CRM's MongoDB dump");
    let dump = root.join(EXAMPLE).join("dump/crm");
    remove(&dump)?;
    let summary = generate::crm(&dump, generate::Options::default()).map_err(Error::Dump)?;
    let dirty: u64 = summary.planted.values().sum();
    say(&format!("{} documents in {EXAMPLE}/dump/crm, {dirty} of them dirty on purpose", summary.total()));
    remove_sqlite(&root.join(EXAMPLE), "crm.db")?;

    let whimbrel = whimbrel(target);
    let shown = whimbrel.strip_prefix(root).unwrap_or(&whimbrel).display().to_string();
    step("3/5", "what would be moved, and in which order");
    whimbrel_says(root, &whimbrel, &["plan", MANIFEST], 0)?;
    step("4/5", "dry run: everything but the writing");
    whimbrel_says(root, &whimbrel, &["run", MANIFEST], DEAD_LETTERS)?;
    step("5/5", &format!("the migration, into {EXAMPLE}/crm.db"));
    whimbrel_says(root, &whimbrel, &["run", MANIFEST, "--execute", "--yes"], DEAD_LETTERS)?;

    say(&format!(
        "\nDone. Both runs ended with exit code {DEAD_LETTERS}, which means: done, with dead letters. That is right here, because of the \
         planted dirt;\n{EXAMPLE}/README.md lists it, and every piece of it is accounted for above.\n\nTo look further:"
    ));
    for next in [
        format!("{shown} status {MANIFEST}"),
        format!("{shown} dead-letter list {MANIFEST}"),
        format!("{shown} dead-letter show {MANIFEST} 4"),
        format!("{shown} run {MANIFEST} --execute      # says that there is nothing to do"),
        format!("sqlite3 {EXAMPLE}/crm.db 'SELECT name, status FROM accounts LIMIT 5'"),
    ] {
        say(&format!("  {next}"));
    }
    Ok(())
}

/// Runs NextCRM's example: into SQLite, or into the target that TARGET_URL names.
pub fn nextcrm(root: &Path, target: &Path) -> Result<(), Error> {
    const FOLDER: &str = "examples/nextcrm";
    const MANIFEST: &str = "examples/nextcrm/migration.toml";
    step("1/4", "building whimbrel and its components");
    build(root)?;
    step("2/4", "generating NextCRM's MongoDB dump");
    let dump = root.join(FOLDER).join("dump/nextcrm");
    remove(&dump)?;
    let summary = generate::nextcrm::nextcrm(&dump, generate::nextcrm::Options::default()).map_err(Error::Dump)?;
    let documents: u64 = summary.documents.values().sum();
    say(&format!("{documents} documents in {FOLDER}/dump/nextcrm; planted.jsonl there lists what is wrong with some"));
    if std::env::var_os("TARGET_URL").is_none() {
        remove_sqlite(&root.join(FOLDER), "nextcrm.db")?;
    }
    let whimbrel = whimbrel(target);
    let says = |arguments: &[&str], code| {
        say(&format!("$ whimbrel {}\n", arguments.join(" ")));
        expect(Command::new(&whimbrel).args(arguments).current_dir(root), code)
    };
    step("3/4", "the migration");
    says(&["run", MANIFEST, "--execute", "--yes"], DEAD_LETTERS)?;
    step("4/4", "every row again, from a fresh look at the dump");
    says(&["verify", MANIFEST], 0)?;
    say(&format!("\nDone. {FOLDER}/README.md says what there is to see."));
    Ok(())
}

/// Runs Moonlanding's example: two Firestore projects into one SQLite database.
pub fn moonlanding(root: &Path, target: &Path) -> Result<(), Error> {
    const FOLDER: &str = "examples/moonlanding";
    const MANIFEST: &str = "examples/moonlanding/migration.toml";
    step("1/5", "building whimbrel and its components");
    build(root)?;
    step("2/5", "generating the exports of two Firestore projects");
    let dump = root.join(FOLDER).join("dump");
    remove(&dump)?;
    let options = generate::moonlanding::Options { scale: 0.05, ..generate::moonlanding::Options::default() };
    let summary = generate::moonlanding::moonlanding(&dump, options).map_err(Error::Dump)?;
    say(&format!("{} documents in {FOLDER}/dump; {} users are in both projects", summary.total(), summary.merged));
    remove_sqlite(&root.join(FOLDER), "moonlanding.db")?;
    let whimbrel = whimbrel(target);
    let says = |arguments: &[&str], code| {
        say(&format!("$ whimbrel {}\n", arguments.join(" ")));
        expect(Command::new(&whimbrel).args(arguments).current_dir(root), code)
    };
    step("3/5", "the migration");
    says(&["run", MANIFEST, "--execute", "--yes"], 0)?;
    step("4/5", "who has become whom");
    says(&["merges", "list", MANIFEST, "--limit", "3"], 0)?;
    step("5/5", "every row again, from a fresh look at the exports");
    says(&["verify", MANIFEST], 0)?;
    says(&["validate", MANIFEST], 0)?;
    say(&format!("\nDone. {FOLDER}/README.md says what there is to see."));
    Ok(())
}

fn build(root: &Path) -> Result<(), Error> {
    // What the tests build decides on the features, so that they find everything built that this builds, and the reverse.
    let build = ["build", "--workspace", "--exclude", "guests", "--bin", "whimbrel"];
    expect(Command::new(env!("CARGO")).args(build).current_dir(root), 0)?;
    plugins::build(root)?;
    Ok(())
}

/// Begins a step, for the person at the terminal.
pub fn step(number: &str, what: &str) {
    say(&format!("\n== {number} {what}"));
}

/// Runs whimbrel on SQLite, whatever the environment says.
fn whimbrel_says(root: &Path, whimbrel: &Path, arguments: &[&str], code: i32) -> Result<(), Error> {
    say(&format!("$ whimbrel {}\n", arguments.join(" ")));
    expect(Command::new(whimbrel).args(arguments).env_remove("TARGET_URL").current_dir(root), code)
}

/// Runs a command to its end, which has to be this exit code.
pub fn expect(command: &mut Command, code: i32) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| Error::Start { program: program.clone(), source })?;
    if status.code() == Some(code) {
        return Ok(());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let found = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
    Err(Error::Ended { command: format!("{program} {}", words.join(" ")), expected: code, found })
}

/// Returns where the build puts the command.
pub fn whimbrel(target: &Path) -> PathBuf {
    target.join("debug").join(format!("whimbrel{}", std::env::consts::EXE_SUFFIX))
}

/// Removes a SQLite database with all that lies beside it.
fn remove_sqlite(folder: &Path, name: &str) -> Result<(), Error> {
    ["", "-wal", "-shm", ".whimbrel-lock"].iter().try_for_each(|end| remove(&folder.join(format!("{name}{end}"))))
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Leftover { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
