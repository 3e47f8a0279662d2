//! Builds the plugins, and the guests of the tests, as components.
//!
//! Plugins, those of the examples too, go to `plugins/<name_with_underscores>.wasm`, guests to `target/guests/<name>.wasm`. A nested cargo uses a
//! target directory of its own, as the outer one holds the lock of the usual one.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Folders with a plugin in each of their folders, or a library that some of them share.
const PLUGINS: [&str; 2] = ["plugins", "examples/nextcrm/transformers"];
const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";
/// What the name of a component's export begins with.
const CONTRACT: &[u8] = b"whimbrel:plugin/";
/// The first eight bytes of a component; a core module ends otherwise.
const COMPONENT_HEADER: [u8; 8] = [0x00, b'a', b's', b'm', 0x0d, 0x00, 0x01, 0x00];
/// The one guest that exports nothing of the contract, on purpose.
const GUEST_WITHOUT_CONTRACT: &str = "wrong_world";

/// One component that was built.
#[derive(Debug)]
pub struct Component {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: usize,
}

/// Why the components could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that should be there could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program ended with an error, which it printed itself.
    #[error("`{command}` failed")]
    Failed {
        /// The program and its arguments.
        command: String,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} `{}`", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was built is not a component of the contract.
    #[error("expected `{}` to be a component that exports `whimbrel:plugin/…`, found {found}", path.display())]
    Contract {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
}

/// Builds every plugin and every guest of this workspace; returns them in the order of their names, plugins first.
pub fn build(root: &Path) -> Result<Vec<Component>, Error> {
    ensure_target(root)?;
    let mut plugins = Vec::new();
    for folder in PLUGINS {
        plugins.extend(names(&root.join(folder), package)?);
    }
    let guests = names(&root.join("tests/guests/examples"), |path| {
        path.extension().is_some_and(|extension| extension == "rs").then(|| file_name(&path.with_extension("")))
    })?;

    let target = root.join("target/wasm");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", TARGET, "--lib"]);
    for name in &plugins {
        cargo.args(["--package", name]);
    }
    run(cargo.arg("--target-dir").arg(&target).current_dir(root))?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", TARGET, "--package", "guests", "--examples"]);
    run(cargo.arg("--target-dir").arg(&target).current_dir(root))?;

    let built = target.join(TARGET).join(PROFILE);
    let mut components = Vec::new();
    for name in plugins.iter().map(|name| format!("{}.wasm", name.replace('-', "_"))) {
        components.push(install(&built.join(&name), &root.join("plugins").join(&name), true)?);
    }
    for guest in &guests {
        let name = format!("{guest}.wasm");
        let has_contract = guest != GUEST_WITHOUT_CONTRACT;
        components.push(install(
            &built.join("examples").join(&name),
            &root.join("target/guests").join(&name),
            has_contract,
        )?);
    }
    Ok(components)
}

/// Returns the name of the package in a folder, where that makes a component.
fn package(folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))?;
    manifest.contains("cdylib").then(|| name.to_owned())
}

/// Adds the compilation target where rustup knows it to be missing. Without rustup, the build says what is wrong.
fn ensure_target(root: &Path) -> Result<(), Error> {
    let mut rustup = Command::new("rustup");
    let Ok(listed) = rustup.args(["target", "list", "--installed"]).current_dir(root).output() else { return Ok(()) };
    if !listed.status.success() || String::from_utf8_lossy(&listed.stdout).lines().any(|target| target == TARGET) {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root))
}

fn run(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| Error::Start { program: program.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    Err(Error::Failed { command: format!("{program} {}", words.join(" ")) })
}

/// Copies a component to its place, through a temporary file: a reader never sees half of one.
fn install(from: &Path, to: &Path, has_contract: bool) -> Result<Component, Error> {
    let file = |verb, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { verb, path, source }
    };
    let bytes = fs::read(from).map_err(file("read", from))?;
    check(from, &bytes, has_contract)?;
    let is_installed = fs::read(to).is_ok_and(|installed| installed == bytes);
    if !is_installed {
        let folder = to.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(file("create", folder))?;
        let partial = to.with_extension("wasm.partial");
        fs::write(&partial, &bytes).map_err(file("write", &partial))?;
        fs::rename(&partial, to).map_err(file("write", to))?;
    }
    Ok(Component { path: to.to_owned(), bytes: bytes.len() })
}

fn check(path: &Path, bytes: &[u8], has_contract: bool) -> Result<(), Error> {
    let found = if !bytes.starts_with(&COMPONENT_HEADER) {
        "something else"
    } else if has_contract && !bytes.windows(CONTRACT.len()).any(|window| window == CONTRACT) {
        "a component without it"
    } else {
        return Ok(());
    };
    Err(Error::Contract { path: path.to_owned(), found })
}

/// Returns the names that `name` finds in a folder, sorted.
fn names(folder: &Path, name: impl Fn(&Path) -> Option<String>) -> Result<Vec<String>, Error> {
    let error = |source| Error::File { verb: "read", path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(error)?.collect::<Result<Vec<_>, _>>().map_err(error)?;
    let mut names: Vec<_> = entries.iter().filter_map(|entry| name(&entry.path())).collect();
    names.sort();
    Ok(names)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
