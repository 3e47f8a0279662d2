//! `whimbrel plugin test`: a plugin's golden cases, natively and as a component, and whether it judges each record by itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value as Json;

use super::package::Package;
use crate::cli::DONE;
use crate::cli::report;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::Engine;
use crate::plugin::Limits;
use crate::plugin::deterministic::DifferenceKind;
use crate::plugin::golden::Case;
use crate::plugin::golden::CaseError;
use crate::plugin::golden::Difference;
use crate::plugin::golden::Opened;
use crate::plugin::golden::Unsteady;
use crate::plugin::golden::differences;

/// What `test` takes.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The crate's folder; its cases are in `cases`
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
    /// Also compare batches of 1 and of N, each twice: what is kept between records shows
    #[arg(long)]
    deterministic: bool,
    /// Write what was found as what is expected
    #[arg(long)]
    bless: bool,
    /// Test this component, in whatever language it was written, and build nothing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    component: Option<PathBuf>,
}

/// How the cases went.
#[derive(Debug, Serialize)]
pub struct TestReport {
    /// The plugin's name.
    pub plugin: String,
    /// The digest of the component.
    pub digest: String,
    /// Whether the cases ran natively as well.
    pub is_native: bool,
    /// Whether batches of 1 and of N were compared.
    pub is_deterministic: bool,
    /// Each case.
    pub cases: Vec<CaseReport>,
    /// How many cases went wrong.
    pub failed: usize,
}

/// How one case went.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// The file with its input.
    pub input: PathBuf,
    /// The file with what is expected.
    pub expected: PathBuf,
    /// Whether everything was as expected.
    pub passed: bool,
    /// Whether the expected file was written.
    pub blessed: bool,
    /// What is wrong, in words.
    pub errors: Vec<String>,
    /// Natively: where it differs from what is expected.
    pub native: Vec<PlacedDifference>,
    /// As a component: where it differs from what is expected, or from what was expected before it was blessed.
    pub component: Vec<PlacedDifference>,
    /// Records with two outcomes.
    pub unsteady: Vec<UnsteadyReport>,
}

/// One difference, and in words where it is.
#[derive(Debug, PartialEq, Serialize)]
pub struct PlacedDifference {
    /// Such as `document 2 (_id 7), row 0, email`.
    pub place: String,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
}

/// One record with two outcomes.
#[derive(Debug, Serialize)]
pub struct UnsteadyReport {
    /// Which record.
    pub place: String,
    /// What was done twice.
    pub what: &'static str,
    /// What came of it.
    pub before: Json,
    /// What came of it the other time.
    pub after: Json,
}

/// What a case came to natively, by its name.
type Native = BTreeMap<String, Result<Json, String>>;

/// Runs the cases.
pub fn test(args: &TestArgs, json: bool) -> Result<u8, Failure> {
    let engine = Engine::new(None)?;
    let (component, cases, native) = match &args.component {
        Some(file) => {
            let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace('_', "-"));
            let folder = args.folder.strip_prefix(".").unwrap_or(&args.folder);
            (Component::load(&engine, file, &name)?, read(&folder.join("cases"))?, None)
        }
        None => {
            let package = Package::find(&args.folder)?;
            let cases = read(&package.cases())?;
            let native = natively(&package)?;
            (package.build(&engine)?.component, cases, Some(native))
        }
    };
    let mut reports = Vec::new();
    for case in &cases {
        reports.push(judge(case, &component, native.as_ref(), args)?);
    }
    let failed = reports.iter().filter(|case| !case.passed).count();
    let report = TestReport {
        plugin: component.name().to_owned(),
        digest: component.digest().to_owned(),
        is_native: native.is_some(),
        is_deterministic: args.deterministic,
        cases: reports,
        failed,
    };
    if failed == 0 {
        report::author::tested(&report, json);
        return Ok(DONE);
    }
    let failure = Failure::failed(format!("{failed} of {} failed", of_cases(report.cases.len())));
    let is_blessable = report.cases.iter().any(|case| !case.component.is_empty());
    let failure = if is_blessable && !args.bless {
        failure.hint("`whimbrel plugin test --bless` accepts what was found; read the difference first")
    } else {
        failure
    };
    if json {
        return Err(failure.with_report(&report));
    }
    report::author::tested(&report, false);
    Err(failure)
}

fn of_cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

/// Reads the cases of a folder; none is a failure.
pub fn read(folder: &Path) -> Result<Vec<Case>, Failure> {
    let cases = if folder.is_dir() { Case::read_all(folder).map_err(broken)? } else { Vec::new() };
    if cases.is_empty() {
        let message = format!("expected cases (`<name>.input.json`) in `{}`, found none", folder.display());
        return Err(Failure::usage(message).hint("docs/plugins.md shows one"));
    }
    Ok(cases)
}

/// Makes a failure of a case that says nothing about the component.
pub fn broken(error: CaseError) -> Failure {
    match error {
        CaseError::Plugin(error) => error.into(),
        error => {
            let failure = Failure::usage(error.to_string());
            match std::error::Error::source(&error) {
                Some(source) => failure.cause(source.to_string()),
                None => failure,
            }
        }
    }
}

fn natively(package: &Package) -> Result<Native, Failure> {
    let answers = answers(package, "WHIMBREL_CASES_FOUND", &[], false)?;
    if answers.is_empty() {
        return Err(Failure::usage(format!("no test of `{}` runs its cases", package.name)).hint(
            "a test calls `whimbrel_sdk::testing::run_cases`, or `run_validator_cases`; `plugin new` writes one",
        ));
    }
    let outcome = |mut answer: Json| match answer["error"].take() {
        Json::String(error) => Err(error),
        _ => Ok(answer["found"].take()),
    };
    Ok(answers.into_iter().map(|(name, answer)| (name, outcome(answer))).collect())
}

/// Asks the crate's own tests about its cases and returns what they say of each.
pub fn answers(
    package: &Package,
    question: &str,
    more: &[(&str, String)],
    is_optimised: bool,
) -> Result<BTreeMap<String, Json>, Failure> {
    let unwritable = |error| Failure::failed("cannot make a temporary folder").cause(error);
    let folder = tempfile::tempdir().map_err(unwritable)?;
    let mut variables = vec![(question, folder.path().as_os_str().to_owned())];
    variables.extend(more.iter().map(|(name, value)| (*name, value.into())));
    package.test(&variables, is_optimised)?;
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder.path()).map_err(unwritable)?.flatten() {
        let name = entry.file_name().to_string_lossy().trim_end_matches(".json").to_owned();
        let answer = std::fs::read(entry.path()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        answers.insert(name, answer.unwrap_or_default());
    }
    Ok(answers)
}

fn judge(case: &Case, component: &Component, native: Option<&Native>, args: &TestArgs) -> Result<CaseReport, Failure> {
    let mut report = CaseReport {
        name: case.name.clone(),
        input: case.input_path.clone(),
        expected: case.expected_path.clone(),
        passed: false,
        blessed: false,
        errors: Vec::new(),
        native: Vec::new(),
        component: Vec::new(),
        unsteady: Vec::new(),
    };
    let opened = case.open(component, &Limits::default()).and_then(|opened| Ok((opened.found()?, opened)));
    let (found, opened) = match opened {
        Ok(opened) => opened,
        Err(CaseError::Plugin(error)) => {
            report.errors.push(format!("as a component: {error}"));
            return Ok(report);
        }
        Err(error) => return Err(broken(error)),
    };
    let native = native.map(|native| match native.get(&case.name) {
        Some(Ok(found)) => Ok(found),
        Some(Err(error)) => Err(format!("natively: {error}")),
        None => Err("no test of the crate runs this case".to_owned()),
    });
    let native = native.transpose().unwrap_or_else(|error| {
        report.errors.push(error);
        None
    });
    if args.deterministic {
        report.unsteady = unsteady(case, &opened)?;
    }
    let expected = match case.expected() {
        // What cannot be read is written anew.
        Err(_) if args.bless => None,
        expected => expected.map_err(broken)?,
    };
    if let Some(expected) = &expected {
        report.component = placed(case, expected, &found);
        report.native = native.map_or_else(Vec::new, |native| placed(case, expected, native));
    }
    if args.bless {
        bless(&mut report, case, expected.is_none(), &found, native)?;
    } else if expected.is_none() {
        let file = case.expected_path.display();
        report.errors.push(format!("there is no `{file}`; `--bless` writes what is found"));
    }
    let is_as_expected = report.blessed || (report.component.is_empty() && report.native.is_empty());
    report.passed = is_as_expected && report.errors.is_empty() && report.unsteady.is_empty();
    Ok(report)
}

fn placed(case: &Case, expected: &Json, found: &Json) -> Vec<PlacedDifference> {
    let place = |difference| PlacedDifference { place: place(case, &difference), difference };
    differences(expected, found).into_iter().map(place).collect()
}

fn unsteady(case: &Case, opened: &Opened) -> Result<Vec<UnsteadyReport>, Failure> {
    let found = opened.unsteady().map_err(broken)?.into_iter();
    let report = |unsteady: Unsteady| UnsteadyReport {
        place: record_place(case, unsteady.record),
        what: match unsteady.kind {
            DifferenceKind::Repeated => "the same call gave two outcomes",
            DifferenceKind::Alone => "alone it comes to something else than among others",
        },
        before: unsteady.before,
        after: unsteady.after,
    };
    Ok(found.map(report).collect())
}

/// Writes what was found as what is expected, unless that would be nothing to expect.
fn bless(
    report: &mut CaseReport,
    case: &Case,
    is_new: bool,
    found: &Json,
    native: Option<&Json>,
) -> Result<(), Failure> {
    let faults = faults(case, found).into_iter().map(|fault| format!("cannot be what is expected: {fault}"));
    report.errors.extend(faults);
    if native.is_some_and(|native| native != found) {
        report.errors.push("natively it comes to something else than as a component".to_owned());
    }
    if !report.errors.is_empty() || !report.unsteady.is_empty() || (!is_new && report.component.is_empty()) {
        return Ok(());
    }
    let path = &case.expected_path;
    let unwritable = |error: std::io::Error| Failure::failed(format!("cannot write `{}`", path.display())).cause(error);
    let text = serde_json::to_string_pretty(found).map_err(|error| unwritable(error.into()))?;
    std::fs::write(path, text + "\n").map_err(unwritable)?;
    report.blessed = true;
    Ok(())
}

/// Lists records that trapped, or whose rows are malformed.
fn faults(case: &Case, found: &Json) -> Vec<String> {
    let list = found.get("outcomes").or_else(|| found.get("violations")).and_then(Json::as_array);
    let faults = list.into_iter().flatten().enumerate().filter_map(|(index, outcome)| {
        let fault = outcome.get("fault")?;
        let record = outcome["row"].as_u64().and_then(|row| usize::try_from(row).ok()).unwrap_or(index);
        let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
        Some(format!("{}: {}: {}", record_place(case, record), text("code"), text("message")))
    });
    faults.collect()
}

/// Says where a difference is, in words.
fn place(case: &Case, difference: &Difference) -> String {
    let steps: Vec<&str> = difference.pointer.split('/').skip(1).collect();
    let number = |step: &str| step.parse().unwrap_or(usize::MAX);
    let (mut words, rest) = match steps.as_slice() {
        ["outcomes", outcome, "rows", row, "row", rest @ ..] => {
            (vec![record_place(case, number(outcome)), format!("row {row}")], rest)
        }
        ["outcomes", outcome, rest @ ..] => (vec![record_place(case, number(outcome))], rest),
        ["violations", violation, rest @ ..] => {
            let shown = difference.found.as_ref().or(difference.expected.as_ref());
            let row = shown.and_then(|violation| violation["row"].as_u64()).map(|row| format!(" (row {row})"));
            (vec![format!("violation {violation}{}", row.unwrap_or_default())], rest)
        }
        [first, rest @ ..] => (vec![(*first).to_owned()], rest),
        [] => return "the whole".to_owned(),
    };
    if !rest.is_empty() {
        words.push(rest.join(".").replace("~1", "/").replace("~0", "~"));
    }
    words.join(", ")
}

fn record_place(case: &Case, index: usize) -> String {
    let record = case.record(index);
    let kind = if case.is_of_rows() { "row" } else { "document" };
    let id = record.and_then(|record| record.get("_id")).map(|id| format!(" (_id {id})"));
    format!("{kind} {index}{}", id.unwrap_or_default())
}
