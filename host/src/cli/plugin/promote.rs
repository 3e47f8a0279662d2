//! `whimbrel plugin promote`: a candidate takes over because a person says so.

use clap::Args;

use super::asked;
use crate::cli::ManifestArg;
use crate::error::Failure;
use crate::run::swap::control::Request;

/// What `promote` takes.
#[derive(Debug, Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The component's name in the manifest
    #[arg(value_name = "PLUGIN")]
    plugin: String,
}

/// Promotes the candidate of a run.
pub async fn promote(args: &PromoteArgs, json: bool) -> Result<u8, Failure> {
    asked(&args.manifest, &Request::Promote { plugin: args.plugin.clone() }, json).await
}
