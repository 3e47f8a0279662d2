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
    /// Build every plugin, and the components that the tests need
    Plugins,
    /// Measure what the sandbox costs; in a release build only
    Bench,
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
        Task::Plugins => {
            for component in plugins::build(root)? {
                let path = component.path.strip_prefix(root).unwrap_or(&component.path).display();
                say(&format!("{:>9} {path}", component.bytes));
            }
        }
        Task::Bench => {
            for measured in bench::transform::run(&root.join("plugins"))? {
                let [native, component] = [measured.native, measured.component].map(|time| 1.0 / time.as_secs_f64());
                say(&format!(
                    "{}: native {native:.0}, component {component:.0} documents/s; {:.2} × the native time",
                    measured.name,
                    measured.ratio()
                ));
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
