//! The tasks of the orders example, in a program that speaks to PostgreSQL.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use super::Args;
use super::build;
use super::database;
use crate::demo::expect;
use crate::demo::step;
use crate::demo::whimbrel;
use crate::generate::orders;
use crate::generate::orders::NOW;
use crate::generate::orders::Options;
use crate::plugins;
use crate::say;

const EXAMPLE: &str = "examples/orders";
const MANIFEST: &str = "examples/orders/migration.toml";
/// Says where the server is on which the demo makes its databases.
const SERVER: &str = "WHIMBREL_DEMO_POSTGRES";
const DEFAULT_SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";
/// The variables with which the manifest's URLs are said, and the databases that are made where they are not.
const DATABASES: [(&str, &str); 2] =
    [("ORDERS_SOURCE", "whimbrel_orders_source"), ("TARGET_URL", "whimbrel_orders_target")];
/// What whimbrel's exit code says of a source with dirt in it: done, with dead letters.
const DEAD_LETTERS: i32 = 3;

/// Fills a database.
pub fn generate(root: &Path, _target: &Path, args: &Args) -> Result<(), Box<dyn Error>> {
    let options = Options { records: args.records, seed: args.seed, dirt: args.dirt };
    let written = database::fill(&args.url, |execute| orders::orders(options, execute))?;
    let list = root.join(&args.planted);
    fs::write(&list, written.list())?;
    for (table, rows) in &written.rows {
        say(&format!("{rows:>9} {table}"));
    }
    say(&format!("{} rows, {} of them dirty or odd: {}", written.total(), written.planted.len(), list.display()));
    say(&format!("they lie around {NOW}: `whimbrel run … --now {NOW}` is for them"));
    Ok(())
}

/// Runs the demo.
pub fn demo(root: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    step("1/5", "building whimbrel and its components");
    build(root)?;
    plugins::build(root)?;

    step("2/5", "making a shop's database");
    let server = std::env::var(SERVER).unwrap_or_else(|_| DEFAULT_SERVER.to_owned());
    let mut urls = Vec::new();
    for (variable, name) in DATABASES {
        let url = match std::env::var(variable) {
            Ok(url) => url,
            Err(_) => database::make_anew(&server, name)
                .map_err(|error| format!("{server}: {error}; {SERVER} says where a server is"))?,
        };
        urls.push((variable, url));
    }
    let planted = PathBuf::from(EXAMPLE).join("planted.csv");
    let args = Args { url: urls[0].1.clone(), records: Some(20_000), seed: 1, dirt: 2, planted };
    generate(root, target, &args)?;

    let whimbrel = whimbrel(target);
    let shown = whimbrel.strip_prefix(root).unwrap_or(&whimbrel).display().to_string();
    let says = |arguments: &[&str], code: i32| {
        say(&format!("$ whimbrel {}\n", arguments.join(" ")));
        expect(Command::new(&whimbrel).args(arguments).envs(urls.clone()).current_dir(root), code)
    };
    step("3/5", "what would be moved, and in which order");
    says(&["plan", MANIFEST, "--now", NOW], 0)?;
    step("4/5", "dry run: everything but the writing");
    says(&["run", MANIFEST, "--now", NOW], DEAD_LETTERS)?;
    step("5/5", "the migration");
    says(&["run", MANIFEST, "--now", NOW, "--execute", "--yes"], DEAD_LETTERS)?;
    says(&["verify", MANIFEST], 0)?;

    say(&format!(
        "\nDone. The exit code {DEAD_LETTERS} of the runs means: done, with dead letters. That is right here, because of the planted \
         dirt,\nwhich {EXAMPLE}/planted.csv lists row by row.\n\nTo look further:"
    ));
    for (variable, url) in &urls {
        say(&format!("  export {variable}={url}"));
    }
    for next in ["dead-letter list", "status", "verify"] {
        say(&format!("  {shown} {next} {MANIFEST}"));
    }
    Ok(())
}
