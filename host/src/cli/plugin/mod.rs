//! `whimbrel plugin`: what can be done with components, one file a command.

pub mod bench;
pub mod build;
pub mod inspect;
pub mod new;
mod package;
pub mod test;

use clap::Subcommand;

use crate::error::Failure;

/// What can be done with components.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Begin a plugin: a crate that builds, with a golden case
    New(new::NewArgs),
    /// Run a plugin's golden cases, natively and as a component
    Test(test::TestArgs),
    /// Build a plugin's component and check it as a run would
    Build(build::BuildArgs),
    /// Measure what a plugin takes for a record, over its golden cases
    Bench(bench::BenchArgs),
    /// Show a component's world, digest, imports and configuration schema
    Inspect(inspect::InspectArgs),
}

/// Does what was said about components.
pub fn plugin(command: &PluginCommand, json: bool) -> Result<u8, Failure> {
    // Cargo takes its time, and so may components.
    tokio::task::block_in_place(|| match command {
        PluginCommand::New(args) => new::new(args, json),
        PluginCommand::Test(args) => test::test(args, json),
        PluginCommand::Build(args) => build::build(args, json),
        PluginCommand::Bench(args) => bench::bench(args, json),
        PluginCommand::Inspect(args) => inspect::inspect(args, json),
    })
}
