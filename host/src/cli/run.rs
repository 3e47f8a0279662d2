//! `whimbrel run`: a dry run by default, the real one with `--execute`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::DEAD_LETTERS;
use super::DONE;
use super::ManifestArg;
use super::STOPPED;
use super::report;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run;
use crate::run::report::Report;
use crate::run::report::Status;
use crate::run::shutdown::Shutdown;

/// Time to change one's mind, on a terminal.
const COUNTDOWN_S: u64 = 5;

/// What `run` takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Write to the target; without it nothing is written
    #[arg(long)]
    execute: bool,
    /// Skip the countdown before writing
    #[arg(long, short = 'y')]
    yes: bool,
    /// Only this entity; may be given several times
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// Read so many records at most, for each entity
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Go on although configuration, components or target tables have changed since the first run
    #[arg(long)]
    accept_change: bool,
    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs, prints the report and returns the exit code.
pub async fn run(args: &RunArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let shutdown = Shutdown::default();
    shutdown.listen();
    let terminal = std::io::stderr().is_terminal();
    if args.execute && !args.yes && terminal {
        for left in (1..=COUNTDOWN_S).rev() {
            report::countdown(&manifest.tables.name, left);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if shutdown.is_asked() {
                report::stopped_before_writing();
                return Ok(STOPPED);
            }
        }
        report::countdown(&manifest.tables.name, 0);
    }
    let options = run::Options {
        execute: args.execute,
        entities: args.entities.clone(),
        limit: args.limit,
        accept_change: args.accept_change,
        terminal,
    };
    let run::Ended { report, failure } = run::run(manifest, &options, &shutdown).await?;
    if let (Some(path), Ok(report)) = (&args.report, serde_json::to_value(&report)) {
        std::fs::write(path, format!("{report:#}\n"))
            .map_err(|error| Failure::failed(format!("cannot write the report `{}`", path.display())).cause(error))?;
    }
    if let Some(failure) = failure {
        if !json {
            report::run(&report, false);
        }
        return Err(failure.with_report(report));
    }
    report::run(&report, json);
    report::what_next(&report, &args.manifest.manifest);
    if matches!(report.status, Status::Stopped | Status::Held) && args.execute {
        report::resume_hint(&args.manifest.manifest);
    }
    Ok(exit_code(&report))
}

fn exit_code(report: &Report) -> u8 {
    match report.status {
        Status::Stopped | Status::Held => STOPPED,
        _ if report.conservation != "ok" => 255,
        _ if report.has_dead_letters() => DEAD_LETTERS,
        _ => DONE,
    }
}
