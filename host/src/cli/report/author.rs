//! What the commands for plugin authors say.

use std::fmt::Write as _;

use super::json;
use super::print;
use super::table::table;
use super::to_stderr;
use crate::cli::plugin::bench::BenchReport;
use crate::cli::plugin::build::BuildReport;
use crate::cli::plugin::new::Made;
use crate::cli::plugin::new::WorldArg;
use crate::cli::plugin::test::CaseReport;
use crate::cli::plugin::test::PlacedDifference;
use crate::cli::plugin::test::TestReport;

/// Characters of a value that are shown; all of it is in the JSON.
const SHOWN_CHARS_MAX: usize = 300;

/// Says what is being done, as it takes a while.
pub fn step(what: &str) {
    to_stderr(&format!("{what}\n"));
}

/// Hands on the words of another program.
pub fn words(text: &str) {
    to_stderr(text);
}

/// Prints what was made, and how to go on.
pub fn made(made: &Made, as_json: bool) {
    if as_json {
        return json(made);
    }
    let Made { name, sdk, files, .. } = made;
    let mut text = format!("made `{name}` with {}\n", files.join(", "));
    let _ = writeln!(text, "the SDK is {sdk}, as Cargo.toml says");
    let _ = writeln!(text, "\n  cd {name}\n  whimbrel plugin test\n  whimbrel plugin build");
    if made.world == WorldArg::Transformer {
        let _ = writeln!(text, "  whimbrel run example/migration.toml --execute");
    }
    print(&text);
}

/// Prints what was built.
pub fn built(report: &BuildReport, as_json: bool) {
    if as_json {
        return json(report);
    }
    super::inspection(&report.inspection, false);
    let files: Vec<String> = report.files.iter().map(|file| format!("  {}\n", file.display())).collect();
    print(&format!("built\n{}", files.concat()));
}

/// Prints how the cases went.
pub fn tested(report: &TestReport, as_json: bool) {
    if as_json {
        return json(report);
    }
    let how = if report.is_native { "natively and as a component" } else { "as a component" };
    let steady = if report.is_deterministic { ", in batches of 1 and of N" } else { "" };
    let cases = if report.cases.len() == 1 { "1 case".to_owned() } else { format!("{} cases", report.cases.len()) };
    let mut text = format!("{}: {cases}, {how}{steady}\n", report.plugin);
    for case in &report.cases {
        let state = match (case.passed, case.blessed) {
            (true, true) => "blessed",
            (true, false) => "ok",
            (false, _) => "FAILED",
        };
        let _ = writeln!(text, "  {state:<7} {}", case.name);
        if !case.passed || case.blessed {
            details(&mut text, case);
        }
    }
    print(&text);
}

fn details(text: &mut String, case: &CaseReport) {
    for error in &case.errors {
        let _ = writeln!(text, "    {error}");
    }
    let file = case.expected.display();
    if case.blessed {
        let _ = writeln!(text, "    written to {file}{}", if case.component.is_empty() { "" } else { ":" });
        differences(text, &case.component, ("was", "is"));
    } else if case.native == case.component {
        differences_from(text, "natively and as a component", &file.to_string(), &case.native);
    } else {
        differences_from(text, "natively", &file.to_string(), &case.native);
        differences_from(text, "as a component", &file.to_string(), &case.component);
    }
    for unsteady in &case.unsteady {
        let _ = writeln!(text, "    {}: {}", unsteady.place, unsteady.what);
        let _ = writeln!(text, "      one time   {}", shown(Some(&unsteady.before)));
        let _ = writeln!(text, "      other time {}", shown(Some(&unsteady.after)));
    }
}

fn differences_from(text: &mut String, how: &str, file: &str, found: &[PlacedDifference]) {
    if !found.is_empty() {
        let _ = writeln!(text, "    {how}, not as {file} says:");
        differences(text, found, ("expected", "found"));
    }
}

fn differences(text: &mut String, differences: &[PlacedDifference], (before, after): (&str, &str)) {
    let width = before.len();
    for PlacedDifference { place, difference } in differences {
        let _ = writeln!(text, "      {place}");
        let _ = writeln!(text, "        {before:<width$} {}", shown(difference.expected.as_ref()));
        let _ = writeln!(text, "        {after:<width$} {}", shown(difference.found.as_ref()));
    }
}

fn shown(value: Option<&serde_json::Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Prints what was measured.
pub fn measured(report: &BenchReport, as_json: bool) {
    if as_json {
        return json(report);
    }
    let mut text = format!("{}: {} bytes, digest {}\n\n", report.plugin, report.size, report.digest);
    let has_native = report.cases.iter().any(|case| case.native_record_us.is_some());
    let rows = report.cases.iter().map(|case| {
        let mut row = vec![
            case.name.clone(),
            case.records_per_call.to_string(),
            case.calls.to_string(),
            format!("{:.0}", case.records_per_second),
            format!("{:.2}", case.record_us),
        ];
        if has_native {
            let native = case.native_record_us;
            row.push(native.map_or_else(String::new, |us| format!("{us:.2}")));
            row.push(native.map_or_else(String::new, |us| format!("{:.1}", case.record_us / us)));
        }
        row
    });
    let head = ["case", "records/call", "calls", "records/s", "µs/record", "native µs", "times native"];
    table(&mut text, if has_native { &head } else { &head[..5] }, rows.collect());
    if !report.left_out.is_empty() {
        let _ = writeln!(text, "\nnothing to measure in {}", report.left_out.join(", "));
    }
    print(&text);
}
