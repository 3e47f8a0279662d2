//! `whimbrel repair`: what one version of a component wrote, made right by the active one; a comparison by default.

use clap::Args;

use super::DEAD_LETTERS;
use super::DONE;
use super::ManifestArg;
use super::STOPPED;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::repair;
use crate::run::shutdown::Shutdown;

/// What `repair` takes.
#[derive(Debug, Args)]
pub struct RepairArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// How the digest of the wrong version begins
    #[arg(long, value_name = "DIGEST")]
    from: String,
    /// Write to the target; without it nothing is written
    #[arg(long)]
    execute: bool,
    /// Only this entity; may be given several times
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// Show so many rows
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// Repairs, prints what was done and returns the exit code: 3 where something was left alone.
pub async fn repair(args: &RepairArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let shutdown = Shutdown::default();
    shutdown.listen();
    let options = repair::Options {
        from: args.from.to_ascii_lowercase(),
        execute: args.execute,
        entities: args.entities.clone(),
    };
    let repaired = repair::repair(manifest, &options, &shutdown).await?;
    report::repaired(&repaired, args.limit, json);
    Ok(match repaired.status {
        "stopped" => STOPPED,
        _ if repaired.entities.iter().any(|part| part.counts.left_alone() > 0) => DEAD_LETTERS,
        _ => DONE,
    })
}
