//! `whimbrel plugin build`: the component, checked as a run checks it, where a manifest can find it.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::inspect::Inspection;
use super::package::Package;
use crate::cli::DONE;
use crate::cli::report;
use crate::error::Failure;
use crate::plugin::Engine;

/// What `build` takes.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// The crate's folder
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// Copy the component here as well, with its cases beside it: a migration's `plugins`
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    into: Option<PathBuf>,
}

/// A component that was built.
#[derive(Debug, Serialize)]
pub struct BuildReport {
    /// Where it is.
    pub files: Vec<PathBuf>,
    /// What it is.
    #[serde(flatten)]
    pub inspection: Inspection,
}

/// Builds the component.
pub fn build(args: &BuildArgs, json: bool) -> Result<u8, Failure> {
    let package = Package::find(&args.folder)?;
    let built = package.build(&Engine::new(None)?)?;
    let own = package.component_path();
    install(&built.bytes, &own)?;
    let mut files = vec![own];
    if let Some(folder) = &args.into {
        let path = folder.join(format!("{}.wasm", package.library));
        // The cases first: whoever waits for the component then finds both.
        copy_cases(&package.cases(), &path.with_extension("cases"))?;
        install(&built.bytes, &path)?;
        files.push(path);
    }
    report::author::built(&BuildReport { files, inspection: Inspection::of(&built.component) }, json);
    Ok(DONE)
}

/// Writes a component through a temporary file: a reader never sees half of one.
fn install(bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let partial = path.with_extension("wasm.partial");
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&partial, bytes))
        .and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| unwritable(path, error))
}

/// Makes a folder hold the same cases as another.
fn copy_cases(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.is_dir() {
        return Ok(());
    }
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(|error| unwritable(to, error))?;
    }
    std::fs::create_dir_all(to).map_err(|error| unwritable(to, error))?;
    for entry in std::fs::read_dir(from).map_err(|error| unwritable(from, error))?.flatten() {
        if entry.file_name().to_string_lossy().ends_with(".json") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(|error| unwritable(to, error))?;
        }
    }
    Ok(())
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::failed(format!("cannot write `{}`", path.display())).cause(error)
}
