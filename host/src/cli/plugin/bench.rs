//! `whimbrel plugin bench`: how long a plugin takes for a record, over its golden cases.

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::package::Package;
use super::test;
use crate::cli::DONE;
use crate::cli::report;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::Engine;
use crate::plugin::Limits;
use crate::plugin::golden::Opened;

/// Records of one call, at least: what a run hands over by default.
const RECORDS_MIN: usize = 1000;

/// What `bench` takes.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The crate's folder; its cases are in `cases`
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// Also measure it without WebAssembly, which compiles the crate once more
    #[arg(long, conflicts_with = "component")]
    native: bool,
    /// How long each case is measured
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000)]
    milliseconds: u32,
    /// Measure this component, in whatever language it was written, and build nothing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    component: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct BenchReport {
    /// The plugin's name.
    pub plugin: String,
    /// The component's digest.
    pub digest: String,
    /// The component's size in bytes.
    pub size: usize,
    /// Each case that has records.
    pub cases: Vec<Measured>,
    /// Cases without records, or whose configuration is refused.
    pub left_out: Vec<String>,
}

/// One case.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// Records of one call.
    pub records_per_call: usize,
    /// Calls that were made.
    pub calls: u32,
    /// Records a second, one call after another.
    pub records_per_second: f64,
    /// Microseconds a record, the call's instance and `configure` included.
    pub record_us: f64,
    /// Microseconds a record without WebAssembly.
    pub native_record_us: Option<f64>,
}

/// Measures the plugin.
pub fn bench(args: &BenchArgs, json: bool) -> Result<u8, Failure> {
    let engine = Engine::new(None)?;
    let (component, cases, package) = match &args.component {
        Some(file) => {
            let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace('_', "-"));
            (Component::load(&engine, file, &name)?, test::read(&args.folder.join("cases"))?, None)
        }
        None => {
            let package = Package::find(&args.folder)?;
            let cases = test::read(&package.cases())?;
            (package.build(&engine)?.component, cases, Some(package))
        }
    };
    let time = Duration::from_millis(args.milliseconds.into());
    let (mut measured, mut left_out) = (Vec::new(), Vec::new());
    for case in &cases {
        let opened = case.open(&component, &Limits::default()).map_err(test::broken)?;
        if opened.records() == 0 {
            left_out.push(case.name.clone());
            continue;
        }
        measured.push(measure(&case.name, &opened.repeated(RECORDS_MIN), time)?);
    }
    if measured.is_empty() {
        return Err(Failure::usage("expected a case with documents or rows, found none"));
    }
    if let (true, Some(package)) = (args.native, package) {
        let milliseconds = [("WHIMBREL_CASES_TIMED_MS", args.milliseconds.to_string())];
        let answers = test::answers(&package, "WHIMBREL_CASES_TIMED", &milliseconds, true)?;
        for case in &mut measured {
            let answer = answers.get(&case.name);
            let number = |name: &str| answer.and_then(|answer| answer[name].as_f64()).filter(|number| *number > 0.0);
            case.native_record_us =
                number("nanoseconds").zip(number("records")).map(|(nanoseconds, records)| nanoseconds / records / 1e3);
        }
    }
    let report = BenchReport {
        plugin: component.name().to_owned(),
        digest: component.digest().to_owned(),
        size: component.outline().size,
        cases: measured,
        left_out,
    };
    report::author::measured(&report, json);
    Ok(DONE)
}

fn measure(name: &str, opened: &Opened, time: Duration) -> Result<Measured, Failure> {
    // The first call pays for what all others share.
    opened.call().map_err(test::broken)?;
    let (mut calls, begun) = (0_u32, Instant::now());
    while calls == 0 || begun.elapsed() < time {
        opened.call().map_err(test::broken)?;
        calls += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let records_per_call = opened.records();
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let records = f64::from(calls) * records_per_call as f64;
    Ok(Measured {
        name: name.to_owned(),
        records_per_call,
        calls,
        records_per_second: records / seconds,
        record_us: seconds * 1e6 / records,
        native_record_us: None,
    })
}
