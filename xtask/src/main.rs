//! The tasks of this workspace: `cargo xtask <task>`.

mod plugins;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

/// Tasks of the workspace.
#[derive(Debug, Parser)]
enum Task {
    /// Build every plugin, and the components that the tests need.
    Plugins,
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace");
    let done = match Task::parse() {
        Task::Plugins => plugins::build(root),
    };
    // A closed stream leaves nobody to tell.
    match done {
        Ok(components) => {
            for component in components {
                let path = component.path.strip_prefix(root).unwrap_or(&component.path).display();
                let _ = writeln!(std::io::stdout(), "{:>9} {path}", component.bytes);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                let _ = writeln!(std::io::stderr(), "caused by: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}
