//! The tasks of this workspace: `cargo xtask <task>`.

mod bench;
mod generate;
mod plugins;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Tasks of the workspace.
#[derive(Debug, Parser)]
enum Task {
    /// Measure whole migrations against bare loops, and write docs/benchmarks.md
    Bench(bench::Args),
    /// Build every plugin, and the components that the tests need
    Plugins,
    /// Write the CRM example's dump
    Generate {
        /// The dump's folder
        #[arg(long, default_value = "examples/crm/dump/crm")]
        into: PathBuf,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many times 22,000 documents
        #[arg(long, default_value_t = 1)]
        scale: u32,
    },
}

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace");
    match run(root, Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            let mut source = error.source();
            while let Some(cause) = source {
                say(&format!("caused by: {cause}"));
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, task: Task) -> Result<(), Box<dyn Error>> {
    match task {
        Task::Bench(args) => bench::run(root, &args)?,
        Task::Plugins => {
            for component in plugins::build(root)? {
                let path = component.path.strip_prefix(root).unwrap_or(&component.path).display();
                say(&format!("{:>9} {path}", component.bytes));
            }
        }
        Task::Generate { into, seed, scale } => {
            let summary = generate::crm(&root.join(into), generate::Options { seed, scale })?;
            say(&format!("{} documents, {} of them dirty", summary.total(), summary.planted.values().sum::<u64>()));
        }
    }
    Ok(())
}

/// Tells the person at the terminal; a closed stream leaves nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
