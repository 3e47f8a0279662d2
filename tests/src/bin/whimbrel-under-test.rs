//! `whimbrel`, built with the named points at which a test can end it (`FAILPOINTS`).

use std::process::ExitCode;

fn main() -> ExitCode {
    let _scenario = fail::FailScenario::setup();
    whimbrel::cli::main()
}
