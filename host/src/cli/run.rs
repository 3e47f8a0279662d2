//! `whimbrel run`: a dry run by default, the real one with `--execute`.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::DEAD_LETTERS;
use super::DONE;
use super::ManifestArg;
use super::STOPPED;
use super::report;
use crate::error::Failure;
use crate::plan::Draft;
use crate::run;
use crate::run::report::Report;
use crate::run::report::Status;
use crate::run::shown::ShowRows;
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
    /// The time of a first run, for filters and components, such as 2024-06-01T00:00:00Z; every later run has the same
    #[arg(long, value_name = "INSTANT")]
    now: Option<jiff::Timestamp>,
    /// Go on although configuration, components or target tables have changed since the first run
    #[arg(long)]
    accept_change: bool,
    /// With a dry run: show so many records of each entity field by field, before and after, and as many that are refused
    #[arg(long, value_name = "RECORDS", conflicts_with = "execute", value_parser = clap::value_parser!(u16).range(1..=1000))]
    show_rows: Option<u16>,
    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs, prints the report and returns the exit code.
pub async fn run(args: &RunArgs, json: bool) -> Result<u8, Failure> {
    let draft = Draft::read(&args.manifest.manifest)?;
    if let Some(path) = &args.report {
        check_report(path).map_err(|error| {
            Failure::usage(unwritable(path)).cause(error).hint("nothing was begun; name another file")
        })?;
    }
    let shutdown = Shutdown::default();
    shutdown.listen();
    let terminal = std::io::stderr().is_terminal();
    let options = run::Options {
        execute: args.execute,
        entities: args.entities.clone(),
        limit: args.limit,
        now_us: args.now.map(jiff::Timestamp::as_microsecond),
        accept_change: args.accept_change,
        terminal,
        show_rows: args.show_rows.map(|records| Arc::new(ShowRows::new(records.into()))),
    };
    if args.execute && !args.yes && terminal {
        // Nobody is to wait for a run that cannot begin.
        let name = run::check_plan(draft.clone(), &options).await?;
        if !count_down(&name, &shutdown).await {
            report::stopped_before_writing(&name, json);
            return Ok(STOPPED);
        }
    }
    let run::Ended { report, mut failure } = run::run(draft, &options, &shutdown).await?;
    let unwritten = args.report.as_deref().and_then(|path| write_report(path, &report).err());
    failure = match (failure, unwritten) {
        (Some(mut failure), unwritten) => {
            failure.also.extend(unwritten);
            Some(failure)
        }
        (None, unwritten) => unwritten,
    };
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

/// Leaves time to change one's mind; returns whether nobody did.
async fn count_down(migration: &str, shutdown: &Shutdown) -> bool {
    for left in (1..=COUNTDOWN_S).rev() {
        report::countdown(migration, left);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if shutdown.is_asked() {
            return false;
        }
    }
    report::countdown(migration, 0);
    true
}

fn exit_code(report: &Report) -> u8 {
    match report.status {
        Status::Stopped | Status::Held => STOPPED,
        _ if report.conservation != "ok" => 255,
        _ if report.has_dead_letters() => DEAD_LETTERS,
        _ => DONE,
    }
}

/// Fails where the report could not be written at the end of the run. One that stands there stays until then.
fn check_report(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        // A pipe has nothing to try.
        Ok(there) if !there.is_file() && !there.is_dir() => Ok(()),
        Ok(_) => File::options().append(true).open(path).map(drop),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map(drop)
        }
    }
}

fn write_report(path: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_value(report).map_err(|error| Failure::bug("the report is no JSON").cause(error))?;
    std::fs::write(path, format!("{text:#}\n")).map_err(|error| Failure::failed(unwritable(path)).cause(error))
}

fn unwritable(path: &Path) -> String {
    format!("cannot write the report `{}`", path.display())
}
