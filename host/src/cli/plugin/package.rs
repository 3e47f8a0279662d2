//! A plugin's crate: found, tested and built by cargo, whose own words go to stderr as they come.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::io::IsTerminal as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value as Json;

use crate::cli::report;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::Engine;

const TARGET: &str = "wasm32-wasip2";
const INSTALL: &str = "install Rust from https://rustup.rs";

/// A crate that makes a component.
#[derive(Debug)]
pub struct Package {
    /// Where its `Cargo.toml` is.
    pub folder: PathBuf,
    /// Its name, which the plugin has as well.
    pub name: String,
    /// The name of its library: the file's stem.
    pub library: String,
}

/// A component that was just built.
#[derive(Debug)]
pub struct Built {
    /// Loaded as a run loads it.
    pub component: Component,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Package {
    /// Asks cargo about the crate in a folder.
    pub fn find(folder: &Path) -> Result<Self, Failure> {
        // What is said of files is shorter without.
        let folder = folder.strip_prefix(".").unwrap_or(folder);
        let manifest = folder.join("Cargo.toml");
        if !manifest.exists() {
            let message = format!("expected a plugin's crate, found no `{}`", manifest.display());
            return Err(Failure::usage(message).hint("`whimbrel plugin new` makes one; name its folder, or go there"));
        }
        let mut command = cargo(folder);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = run(&mut command)?;
        let metadata: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(package) = packages.iter().find(|package| is_same(&package["manifest_path"], &manifest)) else {
            return Err(Failure::usage(format!("expected a crate in `{}`, cargo found none", manifest.display()))
                .hint("cargo's own words are above"));
        };
        let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let has_kind = |target: &&Json, kind: &str| {
            target["crate_types"].as_array().is_some_and(|kinds| kinds.iter().any(|found| found == kind))
        };
        let Some(library) = targets.iter().find(|target| has_kind(target, "cdylib")) else {
            return Err(Failure::usage(format!("expected a library of the type `cdylib` in `{}`", manifest.display()))
                .hint("say `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`"));
        };
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            folder: folder.to_owned(),
            name: text(&package["name"]),
            library: text(&library["name"]).replace('-', "_"),
        })
    }

    /// Returns the folder of its golden cases.
    pub fn cases(&self) -> PathBuf {
        self.folder.join("cases")
    }

    /// Returns where `plugin build` puts the component.
    pub fn component_path(&self) -> PathBuf {
        self.folder.join("target").join(format!("{}.wasm", self.library))
    }

    /// Builds the component and loads it as a run would; what a run would refuse is refused.
    pub fn build(&self, engine: &Engine) -> Result<Built, Failure> {
        self.ensure_target()?;
        let mut command = cargo(&self.folder);
        command.args(["build", "--release", "--lib", "--target", TARGET, "--package", &self.name]);
        command.args(["--message-format", "json-render-diagnostics"]).args(quiet());
        let output = run(&mut command)?;
        if !output.status.success() {
            return Err(Failure::failed(format!("`{}` does not build", self.name)).hint("cargo's own words are above"));
        }
        let manifest = self.folder.join("Cargo.toml");
        let messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let made = messages.filter(|message: &Json| {
            message["reason"] == "compiler-artifact" && is_same(&message["manifest_path"], &manifest)
        });
        let files: Vec<String> = made
            .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
            .filter_map(|file| Some(file.as_str()?.to_owned()).filter(|file| file.ends_with(".wasm")))
            .collect();
        let Some(path) = files.last().map(Path::new) else {
            return Err(Failure::failed(format!("cargo built `{}`, and no component came of it", self.name)));
        };
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::failed(format!("cannot read `{}`", path.display())).cause(error))?;
        Ok(Built { component: Component::from_bytes(engine, &bytes, &self.name)?, bytes })
    }

    /// Runs the crate's own tests, which leave an answer for each case in `answers`.
    pub fn test(&self, question: &[(&str, OsString)], is_optimised: bool) -> Result<(), Failure> {
        let mut command = cargo(&self.folder);
        command.args(["test", "--lib", "--tests", "--package", &self.name]).args(quiet());
        if is_optimised {
            // Link-time optimisation is for the component; natively it would take minutes.
            command.args(["--release", "--config", "profile.release.lto=false"]);
            command.args(["--config", "profile.release.codegen-units=16"]);
        }
        // The command blesses by itself.
        command.env_remove("WHIMBREL_BLESS").envs(question.iter().map(|(name, value)| (name, value)));
        let output = run(&mut command)?;
        if output.status.success() {
            return Ok(());
        }
        report::author::words(&String::from_utf8_lossy(&output.stdout));
        Err(Failure::failed(format!("the tests of `{}` do not pass", self.name)).hint("cargo's own words are above"))
    }

    /// Adds the compilation target where it is missing.
    fn ensure_target(&self) -> Result<(), Failure> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(rustc);
        command.args(["--print", "target-libdir", "--target", TARGET]).current_dir(or_here(&self.folder));
        // A rustc that cannot be asked is one that cargo will say more about.
        let Ok(output) = command.stderr(Stdio::null()).output() else { return Ok(()) };
        let libraries = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || Path::new(&libraries).exists() {
            return Ok(());
        }
        report::author::step(&format!("adding the target `{TARGET}`: rustup target add {TARGET}"));
        let mut rustup = Command::new("rustup");
        rustup
            .args(["target", "add", TARGET])
            .current_dir(or_here(&self.folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        match rustup.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Failure::failed(format!("`rustup target add {TARGET}` failed")).hint("its words are above")),
            Err(error) => {
                let message = format!("the target `{TARGET}` is not installed, and `rustup` cannot be started");
                Err(Failure::failed(message).cause(error).hint(format!("{INSTALL}, or add the target yourself")))
            }
        }
    }
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(or_here(folder)).stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// On a terminal cargo says what it is doing; elsewhere only what is wrong.
fn quiet() -> Option<&'static str> {
    (!std::io::stderr().is_terminal()).then_some("--quiet")
}

fn run(command: &mut Command) -> Result<Output, Failure> {
    command.stdout(Stdio::piped()).output().map_err(|error| {
        let failure = Failure::failed(format!("cannot start `{}`", command.get_program().to_string_lossy()));
        let is_missing = error.kind() == ErrorKind::NotFound;
        let failure = failure.cause(error);
        if is_missing { failure.hint(INSTALL) } else { failure }
    })
}

fn is_same(found: &Json, path: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    found.as_str().is_some_and(|found| canonical(Path::new(found)) == canonical(path))
}
