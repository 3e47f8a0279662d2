//! `whimbrel validate`: the checks of a finished target. Nothing is written.

use std::io::IsTerminal as _;

use clap::Args;

use super::DONE;
use super::ManifestArg;
use super::STOPPED;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::shutdown::Shutdown;
use crate::run::validate;

/// A check has failed, or none has compared anything.
const FAILED: u8 = 1;

/// What `validate` takes.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Only these checks, or validators of the manifest; one that has nothing to look at fails then
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Do not look for rows that nobody wrote: the tables had rows before the migration
    #[arg(long)]
    skip_extra: bool,
    /// Show so many failures of each check
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// Runs the checks, prints what they have found and returns the exit code.
pub async fn validate(args: &ValidateArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let shutdown = Shutdown::default();
    shutdown.listen();
    let options = validate::Options {
        only: args.only.clone(),
        skip_extra: args.skip_extra,
        terminal: std::io::stderr().is_terminal(),
    };
    let found = validate::validate(manifest, &options, &shutdown).await?;
    report::validated(&found, args.limit, json);
    Ok(match found.status {
        "passed" => DONE,
        "failed" => FAILED,
        _ => STOPPED,
    })
}
