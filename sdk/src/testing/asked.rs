//! What `whimbrel plugin test` and `whimbrel plugin bench` ask of the cases: to be run, or timed, and not to be judged.
//!
//! The command says so by an environment variable that names a folder; one file a case goes there.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use super::case::MakeCall;

/// Names the folder for `<case>.json`: `{"found": …}`, or `{"error": "…"}` where the case came to nothing.
const FOUND: &str = "WHIMBREL_CASES_FOUND";
/// Names the folder for `<case>.json`: `{"records": …, "nanoseconds": …}`, or `{"error": "…"}`.
const TIMED: &str = "WHIMBREL_CASES_TIMED";
/// How many milliseconds a case is timed.
const TIMED_MS: &str = "WHIMBREL_CASES_TIMED_MS";
/// Records of one timed call, at least.
const RECORDS_MIN: usize = 1000;

/// Returns whether something was asked.
pub(super) fn answer(cases: &[(String, Value)], actual: fn(&Value) -> Result<Value, String>, call: MakeCall) -> bool {
    let folder = |name| std::env::var_os(name).map(std::path::PathBuf::from);
    if let Some(folder) = folder(FOUND) {
        for (name, input) in cases {
            write(&folder, name, actual(input).map(|found| json!({"found": found})));
        }
        return true;
    }
    if let Some(folder) = folder(TIMED) {
        for (name, input) in cases {
            write(&folder, name, timed(input, call));
        }
        return true;
    }
    false
}

fn timed(input: &Value, call: MakeCall) -> Result<Value, String> {
    let milliseconds = std::env::var(TIMED_MS).ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let (mut call, records) = call(input, RECORDS_MIN)?;
    call();
    let (mut calls, begun) = (0, Instant::now());
    while calls == 0 || begun.elapsed() < Duration::from_millis(milliseconds) {
        call();
        calls += 1;
    }
    let nanoseconds = u64::try_from(begun.elapsed().as_nanos()).map_err(|error| error.to_string())?;
    Ok(json!({"records": records * calls, "nanoseconds": nanoseconds}))
}

fn write(folder: &Path, name: &str, answer: Result<Value, String>) {
    let answer = answer.unwrap_or_else(|error| json!({"error": error}));
    let file = folder.join(format!("{name}.json"));
    std::fs::write(&file, answer.to_string())
        .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", file.display()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Accepted;
    use crate::Description;
    use crate::Empty;
    use crate::Outcome;
    use crate::Problem;
    use crate::Record;
    use crate::Setup;
    use crate::Transformer;
    use crate::testing::case;

    struct Skips;

    impl Transformer for Skips {
        const SUMMARY: &'static str = "";
        type Config = Empty;
        fn describe(_: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> {
            Ok(Description::new())
        }
        fn new(_: &Setup, _: Empty) -> Result<Self, Vec<Problem>> {
            Ok(Self)
        }
        fn transform(&self, _: Record<'_>) -> Outcome {
            Ok(Accepted::Skip(String::new()))
        }
    }

    #[test]
    fn a_case_is_timed_over_a_thousand_records_a_call() {
        let input = json!({"setup": {"entity": "e"}, "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}]});
        let (mut call, records) = case::transformer_call::<Skips>(&input, RECORDS_MIN).expect("the case is sound");
        call();
        assert_eq!(records, 1002);
        let answer = timed(&input, case::transformer_call::<Skips>).expect("the case is sound");
        assert!(answer["records"].as_u64() >= Some(1002) && answer["nanoseconds"].as_u64() > Some(0), "{answer}");
        let refused = json!({"setup": {"entity": "e", "config": {"unknown": 1}}, "documents": [{"_id": 1}]});
        assert!(timed(&refused, case::transformer_call::<Skips>).is_err_and(|error| error.contains("unknown")));
    }
}
