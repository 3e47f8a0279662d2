//! `whimbrel plugin`: what can be done with components, one file a command.

pub mod bench;
pub mod build;
pub mod history;
pub mod inspect;
pub mod new;
mod package;
pub mod promote;
pub mod reject;
pub mod swap;
pub mod test;

use clap::Subcommand;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::swap::control;
use crate::run::swap::control::Request;

/// The run said no.
const REFUSED: u8 = 1;

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
    /// Try another version of a component in the run that is going on
    Swap(swap::SwapArgs),
    /// Let a candidate take over
    Promote(promote::PromoteArgs),
    /// Turn a candidate down
    Reject(reject::RejectArgs),
    /// Show every version that ran, and why it left
    History(history::HistoryArgs),
}

/// Does what was said about components.
pub async fn plugin(command: &PluginCommand, json: bool) -> Result<u8, Failure> {
    // Cargo takes its time, and so may components.
    let here = |does: &dyn Fn() -> Result<u8, Failure>| tokio::task::block_in_place(does);
    match command {
        PluginCommand::New(args) => here(&|| new::new(args, json)),
        PluginCommand::Test(args) => here(&|| test::test(args, json)),
        PluginCommand::Build(args) => here(&|| build::build(args, json)),
        PluginCommand::Bench(args) => here(&|| bench::bench(args, json)),
        PluginCommand::Inspect(args) => here(&|| inspect::inspect(args, json)),
        PluginCommand::Swap(args) => swap::swap(args, json).await,
        PluginCommand::Promote(args) => promote::promote(args, json).await,
        PluginCommand::Reject(args) => reject::reject(args, json).await,
        PluginCommand::History(args) => history::history(args, json).await,
    }
}

/// Asks the run of a manifest, and prints its answer.
async fn asked(manifest: &ManifestArg, request: &Request, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&manifest.manifest)?;
    let answer = control::ask(&manifest, request).await?.ok_or_else(|| nobody(&manifest, request))?;
    report::answer(&answer, json);
    Ok(if answer.is_done { DONE } else { REFUSED })
}

/// Says that no run is there to be asked, and what the next one does.
fn nobody(manifest: &Manifest, request: &Request) -> Failure {
    let next = format!("`whimbrel run {} --execute --accept-change`", manifest.file);
    let hint = match request {
        Request::Swap { .. } => format!("copy the file into the plugins folder: the next run takes it, {next}"),
        Request::Reject { .. } => {
            "a candidate goes with its run; the next one takes the file from the plugins folder, so put the \
             version before back there"
                .to_owned()
        }
        _ => format!("a candidate goes with its run; the next one takes the file from the plugins folder, {next}"),
    };
    Failure::usage(format!("no run of `{}` is going on", manifest.tables.name)).hint(hint)
}
