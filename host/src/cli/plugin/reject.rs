//! `whimbrel plugin reject`: a candidate is turned down, and the active version stays.

use clap::Args;

use super::asked;
use crate::cli::ManifestArg;
use crate::error::Failure;
use crate::run::swap::control::Request;

/// What `reject` takes.
#[derive(Debug, Args)]
pub struct RejectArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The component's name in the manifest
    #[arg(value_name = "PLUGIN")]
    plugin: String,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Rejects the candidate of a run.
pub async fn reject(args: &RejectArgs, json: bool) -> Result<u8, Failure> {
    asked(&args.manifest, &Request::Reject { plugin: args.plugin.clone(), reason: args.reason.clone() }, json).await
}
