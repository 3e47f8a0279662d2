//! `whimbrel merges`: which records have become one, and where the values come from.

use clap::Args;
use clap::Subcommand;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::merges;

/// There is no such merge.
const NOT_FOUND: u8 = 1;

/// What can be asked about merges.
#[derive(Debug, Subcommand)]
pub enum MergesCommand {
    /// List which records have become one
    List(ListArgs),
    /// Show one merge, with the record that each value is of; exit code 1 where the record was not merged with others
    Show(ShowArgs),
}

/// What `merges list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Only those of this merged entity
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// So many of each entity at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// What `merges show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The entity: one that is merged, or the one that it is merged into
    #[arg(value_name = "ENTITY")]
    entity: String,
    /// The record's key there; of the merged entity, what its records are known by
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    key: String,
}

/// Prints merges.
pub async fn merges(command: &MergesCommand, json: bool) -> Result<u8, Failure> {
    match command {
        MergesCommand::List(args) => {
            let manifest = Manifest::read(&args.manifest.manifest)?;
            let found = merges::list(&manifest, args.entity.as_deref(), args.limit).await?;
            report::merges(&found, json);
            Ok(DONE)
        }
        MergesCommand::Show(args) => {
            let manifest = Manifest::read(&args.manifest.manifest)?;
            let found = merges::show(&manifest, &args.entity, &args.key).await?;
            report::merge(found.as_ref(), &args.entity, &args.key, json);
            Ok(if found.is_some() { DONE } else { NOT_FOUND })
        }
    }
}
