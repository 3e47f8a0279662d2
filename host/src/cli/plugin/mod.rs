//! `whimbrel plugin`: what can be done with components, one file a command.

pub mod inspect;

use clap::Subcommand;

use crate::error::Failure;

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Show a component's world, digest, imports and configuration schema
    Inspect(inspect::InspectArgs),
}

/// Does what was said about components.
pub fn plugin(command: &PluginCommand, json: bool) -> Result<u8, Failure> {
    match command {
        PluginCommand::Inspect(args) => inspect::inspect(args, json),
    }
}
