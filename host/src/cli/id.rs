//! `whimbrel id`: from a source key to the id in the target, and back.

use std::io::IsTerminal;

use clap::Args;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::identify;

/// There is no such record, or it has no id.
const NOT_FOUND: u8 = 1;

/// What `id` takes.
#[derive(Debug, Args)]
pub struct IdArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The entity
    #[arg(value_name = "ENTITY")]
    entity: String,
    /// The record's key: as messages have it (`s65a0…`, `i42`), or as JSON (`"smith"`, `42`, `{"$oid": "…"}`, `["a", 1]`)
    #[arg(value_name = "KEY", allow_hyphen_values = true, required_unless_present = "of")]
    key: Option<String>,
    /// Find the record that has this id instead
    #[arg(long, value_name = "ID", allow_hyphen_values = true, conflicts_with = "key")]
    of: Option<String>,
}

/// Prints the id of a key, or the key of an id, and returns the exit code: 1 where there is none.
pub async fn id(args: &IdArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let found = match (&args.of, &args.key) {
        (Some(id), _) => identify::key_of(manifest, &args.entity, id, std::io::stderr().is_terminal()).await?,
        (None, Some(key)) => identify::id_of(manifest, &args.entity, key).await?,
        (None, None) => return Err(Failure::usage("expected a key, or `--of` and an id")),
    };
    report::identity(&found, args.of.is_some(), json);
    let is_found = if args.of.is_some() { found.key.is_some() } else { found.id.is_some() };
    Ok(if is_found { DONE } else { NOT_FOUND })
}
