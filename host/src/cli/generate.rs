//! `whimbrel completions` and `whimbrel man`: made from the same definitions as the command line itself.

use std::path::Path;
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
pub fn completions(args: &CompletionsArgs, json: bool) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "whimbrel", &mut script);
    if json {
        let script = String::from_utf8_lossy(&script);
        report::json(&serde_json::json!({ "shell": args.shell.to_string(), "script": script }));
    } else {
        report::raw(&script);
    }
    Ok(DONE)
}

/// Writes the man pages.
pub fn man(args: &ManArgs, json: bool) -> Result<u8, Failure> {
    let pages = std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder))
        .and_then(|()| pages(&args.folder))
        .map_err(|error| {
            Failure::failed(format!("cannot write man pages to `{}`", args.folder.display())).cause(error)
        })?;
    if json {
        report::json(&serde_json::json!({ "folder": args.folder, "pages": pages }));
    }
    Ok(DONE)
}

/// Returns the names of the pages in a folder.
fn pages(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        pages.push(entry?.file_name().to_string_lossy().into_owned());
    }
    pages.retain(|name| name.starts_with("whimbrel") && name.ends_with(".1"));
    pages.sort();
    Ok(pages)
}
