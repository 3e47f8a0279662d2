//! `whimbrel plugin`: what a component is, before anybody runs it.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use serde::Serialize;

use super::DONE;
use super::report;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::Engine;
use crate::plugin::Payload;

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show a component's world, digest, imports and configuration schema
    Inspect(InspectArgs),
}

/// What `inspect` takes.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// What a component is.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Its name: the file's stem.
    pub name: String,
    /// `transformer` or `validator`.
    pub world: String,
    /// The version of the contract it was built against.
    pub version: String,
    /// Its sha-256, hexadecimal.
    pub digest: String,
    /// The file's size in bytes.
    pub size: usize,
    /// One sentence of its own.
    pub summary: String,
    /// How it wants document bodies: `bson` or `extended-json`.
    pub payload: String,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
}

/// Prints what a component is.
pub fn plugin(command: &PluginCommand, json: bool) -> Result<u8, Failure> {
    let PluginCommand::Inspect(args) = command;
    let name = args.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace('_', "-"));
    let component = Component::load(&Engine::new(None)?, &args.file, &name)?;
    let about = component.about();
    let inspection = Inspection {
        name,
        world: component.world().name().to_owned(),
        version: component.version().to_owned(),
        digest: component.digest().to_owned(),
        size: component.size(),
        summary: about.summary.clone(),
        payload: match about.payload {
            Payload::Bson => "bson",
            Payload::ExtendedJson => "extended-json",
        }
        .to_owned(),
        imports: component.imports().to_vec(),
        config_schema: serde_json::from_str(&about.config_schema).unwrap_or_default(),
    };
    report::inspection(&inspection, json);
    Ok(DONE)
}
