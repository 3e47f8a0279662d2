//! `whimbrel plugin swap`: another version of a component, for a run that is going on.

use std::path::PathBuf;

use clap::Args;

use super::asked;
use crate::cli::ManifestArg;
use crate::error::Failure;
use crate::run::swap::control::Request;

/// What `swap` takes.
#[derive(Debug, Args)]
pub struct SwapArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The component's name in the manifest
    #[arg(value_name = "PLUGIN")]
    plugin: String,
    /// Its next version
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// Hands the file to the run, and prints what became of it.
pub async fn swap(args: &SwapArgs, json: bool) -> Result<u8, Failure> {
    let file = args
        .file
        .canonicalize()
        .map_err(|error| Failure::usage(format!("cannot read the component `{}`", args.file.display())).cause(error))?;
    asked(&args.manifest, &Request::Swap { plugin: args.plugin.clone(), file }, json).await
}
