//! `whimbrel dead-letter replay`: a prediction by default, the real thing with `--execute`.

use clap::Args;

use crate::cli::DEAD_LETTERS;
use crate::cli::DONE;
use crate::cli::ManifestArg;
use crate::cli::STOPPED;
use crate::cli::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::replay;
use crate::run::report::Status;
use crate::run::shutdown::Shutdown;

/// What `replay` takes.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Write to the target; without it nothing is written
    #[arg(long)]
    execute: bool,
    /// Only letters of this entity, and those that waited for its records; may be given several times
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// Only letters with this code, such as `plugin-trap`, and those that waited for their records
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Show so many single letters
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// Replays, prints what became of the letters and returns the exit code.
pub async fn replay(args: &ReplayArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let shutdown = Shutdown::default();
    shutdown.listen();
    let options = replay::Options { execute: args.execute, entities: args.entities.clone(), code: args.code.clone() };
    let replayed = replay::replay(manifest, &options, &shutdown).await?;
    report::replay(&replayed, args.limit, json);
    Ok(match replayed.status {
        Status::Stopped => STOPPED,
        _ if replayed.has_dead_letters() => DEAD_LETTERS,
        _ => DONE,
    })
}
