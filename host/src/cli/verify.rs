//! `whimbrel verify`: what was moved beside what stands in the target. Only how far it has come is written.

use clap::Args;

use super::DONE;
use super::ManifestArg;
use super::STOPPED;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::shutdown::Shutdown;
use crate::run::verify;

/// There are differences.
const DIFFERENT: u8 = 1;

/// What `verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Only this entity; may be given several times
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// Do not look for rows that nobody wrote: the tables had rows before the migration
    #[arg(long)]
    skip_extra: bool,
    /// Begin anew where an earlier look was ended
    #[arg(long)]
    restart: bool,
    /// Show so many differences
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// Verifies, prints what differs and returns the exit code.
pub async fn verify(args: &VerifyArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let shutdown = Shutdown::default();
    shutdown.listen();
    let options =
        verify::Options { entities: args.entities.clone(), skip_extra: args.skip_extra, restart: args.restart };
    let found = verify::verify(manifest, &options, &shutdown).await?;
    report::verified(&found, args.limit, json);
    Ok(match found.status {
        "equal" => DONE,
        "different" => DIFFERENT,
        _ => STOPPED,
    })
}
