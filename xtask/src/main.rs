//! The tasks of this workspace: `cargo xtask <task>`.

mod bench;
mod benchmarks;
mod demo;
mod orders;
mod plugins;
mod server;
mod test;
mod torture;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use xtask::generate;

/// Tasks of the workspace.
#[derive(Debug, Parser)]
enum Task {
    /// Measure whole migrations against bare loops, and write docs/benchmarks.md
    Bench(bench::Args),
    /// Build everything, generate the source of an example, and move it
    Demo {
        /// A CRM's MongoDB dump into SQLite; the whole of NextCRM into SQLite, or into TARGET_URL; or a shop's orders from
        /// PostgreSQL to PostgreSQL
        #[arg(value_enum, default_value_t = Example::Crm)]
        example: Example,
    },
    /// Build whatever is missing and pass every test
    Test {
        /// Names of tests, or options of the test runner
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Build every plugin, and the components that the tests need
    Plugins,
    /// Write the source of an example
    #[command(subcommand)]
    Generate(Generate),
    /// Kill a migration or swap its component again and again, and see that nothing is lost or doubled
    Torture {
        /// How often, half of it on SQLite and half on PostgreSQL
        #[arg(long, default_value_t = 1_000)]
        kills: u32,
        /// Swap a component so often while a migration runs, half of it on each, instead of killing it
        #[arg(long, conflicts_with = "kills")]
        swaps: Option<u32>,
        /// Measure what is promised of components that misbehave, as a table; fails where a promise is not kept
        #[arg(long, conflicts_with_all = ["kills", "swaps"])]
        figures: bool,
    },
}

/// An example that is run from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Example {
    /// `examples/crm`
    Crm,
    /// `examples/nextcrm`
    Nextcrm,
    /// `examples/orders`
    Orders,
    /// `examples/moonlanding`
    Moonlanding,
}

/// Sources of examples.
#[derive(Debug, clap::Subcommand)]
enum Generate {
    /// Write the CRM example's dump
    Crm {
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
    /// Write NextCRM's dump, and beside it a list of what was planted
    Nextcrm {
        /// The dump's folder
        #[arg(long, default_value = "examples/nextcrm/dump/nextcrm")]
        into: PathBuf,
        /// Documents of all collections together, about
        #[arg(long, default_value_t = 20_000)]
        records: usize,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Documents with dirt, in a hundred
        #[arg(long, default_value_t = 2.0)]
        dirt: f64,
    },
    /// Write the two Firestore projects of the Moonlanding example, and beside them what a migration must make of them
    Moonlanding {
        /// The folder of `friday`, `mwr`, `expected` and `planted.jsonl`
        #[arg(long, default_value = "examples/moonlanding/dump")]
        out: PathBuf,
        /// How many times 230,000 documents
        #[arg(long, default_value_t = 0.05)]
        scale: f64,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The share of MyWorkReview's users who are users of Friday, too
        #[arg(long, default_value_t = 0.12)]
        overlap: f64,
        /// Documents with dirt, in a hundred of the collections that have it
        #[arg(long, default_value_t = 0.0)]
        dirt: f64,
        /// The form of the source
        #[arg(long, value_enum, default_value_t = generate::moonlanding::Format::Export)]
        format: generate::moonlanding::Format,
    },
    /// Fill a PostgreSQL database with the orders example's source
    Orders(orders::Args),
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
        Task::Demo { example: Example::Crm } => demo::run(root, &target_folder(root))?,
        Task::Demo { example: Example::Nextcrm } => demo::nextcrm(root, &target_folder(root))?,
        Task::Demo { example: Example::Orders } => orders::demo(root, &target_folder(root))?,
        Task::Demo { example: Example::Moonlanding } => demo::moonlanding(root, &target_folder(root))?,
        Task::Test { filter } => test::run(root, &target_folder(root), &filter)?,
        Task::Plugins => {
            for component in plugins::build(root)? {
                let path = component.path.strip_prefix(root).unwrap_or(&component.path).display();
                say(&format!("{:>9} {path}", component.bytes));
            }
        }
        Task::Generate(Generate::Orders(args)) => orders::generate(root, &target_folder(root), &args)?,
        Task::Generate(Generate::Crm { into, seed, scale }) => {
            let summary = generate::crm(&root.join(into), generate::Options { seed, scale })?;
            say(&format!("{} documents, {} of them dirty", summary.total(), summary.planted.values().sum::<u64>()));
        }
        Task::Generate(Generate::Nextcrm { into, records, seed, dirt }) => {
            let options = generate::nextcrm::Options { records, seed, dirt };
            let summary = generate::nextcrm::nextcrm(&root.join(into), options)?;
            let (documents, dirty) = (summary.documents.values().sum::<u64>(), summary.planted.values().sum::<u64>());
            say(&format!("{documents} documents, {dirty} of them dirty as `planted.jsonl` beside them says"));
        }
        Task::Generate(Generate::Moonlanding { out, scale, seed, overlap, dirt, format }) => {
            let options = generate::moonlanding::Options { scale, seed, overlap, dirt, format };
            let summary = generate::moonlanding::moonlanding(&root.join(out), options)?;
            let (documents, dirty) = (summary.total(), summary.planted.values().sum::<u64>());
            say(&format!("{documents} documents, {dirty} of them dirty, {} users merged", summary.merged));
        }
        Task::Torture { figures: true, .. } => torture::figures(root)?,
        Task::Torture { swaps: Some(swaps), .. } => torture::swap(root, swaps)?,
        Task::Torture { kills, swaps: None, .. } => torture::kill(root, kills)?,
    }
    Ok(())
}

/// Returns cargo's folder: this program is in one of its profiles.
fn target_folder(root: &Path) -> PathBuf {
    let program = std::env::current_exe().ok();
    program.and_then(|program| program.ancestors().nth(2).map(Path::to_owned)).unwrap_or_else(|| root.join("target"))
}

/// Tells the person at the terminal; a closed stream leaves nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
