//! The command line: what can be said, and which file does it. Completions and man pages come from the same definitions.

pub mod dead_letter;
pub mod generate;
pub mod id;
pub mod merges;
pub mod plan;
pub mod plugin;
pub mod repair;
pub mod report;
pub mod reset;
pub mod run;
pub mod status;
pub mod validate;
pub mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::error::Failure;
use crate::error::Kind;
use crate::telemetry;

/// Done.
pub const DONE: u8 = 0;
/// Done, with dead letters.
pub const DEAD_LETTERS: u8 = 3;
/// Stopped with a checkpoint.
pub const STOPPED: u8 = 130;

/// Move a team's data from an old system to a new one, and lose nothing
///
/// Exit codes: 0 done, 1 failed, 2 usage or manifest, 3 done with dead letters, 130 stopped with a checkpoint, 255 a bug.
#[derive(Debug, Parser)]
#[command(name = "whimbrel", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Print the result as JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Log lines from this level on, such as `info` or `whimbrel=debug`
    #[arg(long, global = true, value_name = "LEVEL", env = "WHIMBREL_LOG", default_value = "info")]
    pub log: String,
    /// Write log lines to this file instead of stderr
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Write log lines as JSON
    #[arg(long, global = true)]
    pub log_json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Everything that can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a migration would move, and what its mapping leaves out
    Plan(plan::PlanArgs),
    /// Run a migration; without --execute, only predict what it would do
    Run(run::RunArgs),
    /// Forget a migration's checkpoints, dead letters and ledger; its rows stay
    Reset(reset::ResetArgs),
    /// Show where every entity of a migration stands
    Status(status::StatusArgs),
    /// Look at the records that were set aside, and try them again
    #[command(subcommand)]
    DeadLetter(dead_letter::DeadLetterCommand),
    /// Compare every moved record with what stands in the target; exit code 1 where they differ
    Verify(verify::VerifyArgs),
    /// Run the checks of a finished target; exit code 1 where one fails or nothing was compared
    Validate(validate::ValidateArgs),
    /// Make right what one version of a component wrote; without --execute, only show what differs
    Repair(repair::RepairArgs),
    /// Print the id that a source key has in the target, or the key of an id; exit code 1 where there is none
    Id(id::IdArgs),
    /// Show which records have become one, and where their values come from
    #[command(subcommand)]
    Merges(merges::MergesCommand),
    /// Write, test and look at components
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Print shell completions
    Completions(generate::CompletionsArgs),
    /// Write man pages into a folder
    Man(generate::ManArgs),
    /// Print the JSON Schema of the manifest, for editors
    Schema,
}

/// The manifest that most commands work on.
#[derive(Debug, Args)]
pub struct ManifestArg {
    /// The migration's manifest
    #[arg(value_name = "MANIFEST", value_hint = clap::ValueHint::FilePath)]
    pub manifest: PathBuf,
}

/// Parses the command line, does what it says and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            let text = error.render().to_string();
            let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            report::failure(&Failure::usage(message).hint("`--help` shows what can be said"), true);
            return ExitCode::from(Kind::Usage.exit_code());
        }
        Err(error) => error.exit(),
    };
    let json = cli.json;
    // The panic itself has been printed; what is left is to end as a bug of ours does.
    let result = std::panic::catch_unwind(|| start(cli)).unwrap_or_else(|_| {
        Err(Failure::bug("whimbrel panicked").hint("the last checkpoint stands; please report this"))
    });
    match result {
        Ok(DONE | DEAD_LETTERS) if report::is_cut() => ExitCode::from(Kind::Failed.exit_code()),
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            report::failure(&failure, json);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn start(cli: Cli) -> Result<u8, Failure> {
    telemetry::start(&cli.log, cli.log_json, cli.log_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)))
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("cannot start the runtime").cause(error))?;
    let code = runtime.block_on(dispatch(cli));
    // A guest that is still at work must not keep the process.
    runtime.shutdown_background();
    code
}

async fn dispatch(cli: Cli) -> Result<u8, Failure> {
    let json = cli.json;
    match cli.command {
        Command::Plan(args) => plan::plan(&args, json).await,
        Command::Run(args) => run::run(&args, json).await,
        Command::Reset(args) => reset::reset(&args, json).await,
        Command::Status(args) => status::status(&args, json).await,
        Command::DeadLetter(command) => dead_letter::dead_letter(&command, json).await,
        Command::Verify(args) => verify::verify(&args, json).await,
        Command::Validate(args) => validate::validate(&args, json).await,
        Command::Repair(args) => repair::repair(&args, json).await,
        Command::Id(args) => id::id(&args, json).await,
        Command::Merges(command) => merges::merges(&command, json).await,
        Command::Plugin(command) => plugin::plugin(&command, json).await,
        Command::Completions(args) => generate::completions(&args, json),
        Command::Man(args) => generate::man(&args, json),
        Command::Schema => {
            report::json(&crate::plan::tables::schema());
            Ok(DONE)
        }
    }
}
