//! Runs a plugin natively over golden cases: `cases/<name>.input.json` and `cases/<name>.expected.json`.
//!
//! An input holds the setup and the documents (or, for a validator, the rows) in Extended JSON:
//!
//! ```json
//! {"setup": {"entity": "users", "key": ["_id"], "into": ["Users"], "config": {}}, "documents": [{"_id": 1}]}
//! {"setup": {"entity": "users", "tables": {"Users": {"name": "text"}}, "config": {}}, "rows": [{"table": "Users", "row": {"name": ""}}]}
//! ```
//!
//! `key` may be left out (`_id`), `into` and `config` too. The expected file holds the problems or the description, and the
//! outcomes or violations. `WHIMBREL_BLESS=1 cargo test` writes it from what the plugin does; read the difference before
//! you commit it. `whimbrel plugin test` runs the same cases natively and as a component.
//!
//! ```no_run
//! # use whimbrel_sdk::*;
//! # struct Users;
//! # impl Transformer for Users {
//! #     const SUMMARY: &'static str = "";
//! #     type Config = Empty;
//! #     fn describe(_: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> { Ok(Description::new()) }
//! #     fn new(_: &Setup, _: Empty) -> Result<Self, Vec<Problem>> { Ok(Self) }
//! #     fn transform(&self, _: Record<'_>) -> Outcome { Ok(Accepted::Skip(String::new())) }
//! # }
//! // In a test of the plugin:
//! whimbrel_sdk::testing::run_cases::<Users>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
//! ```

mod asked;
mod case;
mod difference;
mod extended_json;

use std::path::Path;

use serde_json::Value;

pub use extended_json::from_bson;
pub use extended_json::to_bson;

use crate::Transformer;
use crate::Validator;

/// Runs a transformer over every case of a folder. Each document is transformed in one instance with the others and in
/// one of its own, which must not differ.
///
/// # Panics
/// Where a case differs from what is expected, is broken, or there is none.
pub fn run_cases<T: Transformer>(folder: impl AsRef<Path>) {
    run(folder.as_ref(), case::transformer::<T>, case::transformer_call::<T>);
}

/// Runs a validator over every case of a folder.
///
/// # Panics
/// Where a case differs from what is expected, is broken, or there is none.
pub fn run_validator_cases<V: Validator>(folder: impl AsRef<Path>) {
    run(folder.as_ref(), case::validator::<V>, case::validator_call::<V>);
}

/// Returns the `config` of every case in a folder with the case's name, to check against the plugin's schema.
///
/// # Panics
/// Where a case is broken.
pub fn configs(folder: impl AsRef<Path>) -> Vec<(String, Value)> {
    let cases = inputs(folder.as_ref()).into_iter();
    cases.map(|(name, input)| (name, case::config(&input))).collect()
}

fn run(folder: &Path, actual: fn(&Value) -> Result<Value, String>, call: case::MakeCall) {
    let cases = inputs(folder);
    assert!(!cases.is_empty(), "expected cases (`<name>.input.json`) in `{}`, found none", folder.display());
    if asked::answer(&cases, actual, call) {
        return;
    }
    let bless = std::env::var_os("WHIMBREL_BLESS").is_some();
    let mut failures = String::new();
    for (name, input) in cases {
        let file = folder.join(format!("{name}.expected.json"));
        let value = match actual(&input) {
            Ok(found) => found,
            Err(message) => {
                failures.push_str(&format!("case `{name}`: {message}\n"));
                continue;
            }
        };
        let found = difference::pretty(&value);
        if bless {
            std::fs::write(&file, &found).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", file.display()));
            continue;
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        // The order of columns, and how the file is indented, say nothing.
        if serde_json::from_str::<Value>(&expected).ok() != Some(value) {
            failures
                .push_str(&format!("case `{name}` (- expected, + found):\n{}\n", difference::lines(&expected, &found)));
        }
    }
    assert!(failures.is_empty(), "{failures}WHIMBREL_BLESS=1 accepts what was found");
}

fn inputs(folder: &Path) -> Vec<(String, Value)> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.expect("an entry of a folder that was opened").path();
            let name = path.file_name()?.to_str()?.strip_suffix(".input.json")?.to_owned();
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read `{name}`: {error}"));
            let input = serde_json::from_str(&text).unwrap_or_else(|error| panic!("case `{name}`: {error}"));
            Some((name, input))
        })
        .collect();
    inputs.sort_by(|(one, _), (other, _)| one.cmp(other));
    inputs
}
