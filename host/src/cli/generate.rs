//! `whimbrel completions` and `whimbrel man`: made from the same definitions as the command line itself.

use std::path::PathBuf;

use clap::Args;
use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::DONE;
use super::report;
use crate::error::Failure;

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What `man` takes.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder that gets one page a command
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Prints completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "whimbrel", &mut script);
    report::raw(&script);
    Ok(DONE)
}

/// Writes the man pages.
pub fn man(args: &ManArgs) -> Result<u8, Failure> {
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder))
        .map_err(|error| {
            Failure::failed(format!("cannot write man pages to `{}`", args.folder.display())).cause(error)
        })?;
    Ok(DONE)
}
