//! `whimbrel dead-letter discard`: letters are given up with a reason; they are kept and counted.

use clap::Args;

use super::Which;
use super::check_entity;
use super::missing;
use super::open;
use crate::cli::DONE;
use crate::cli::ManifestArg;
use crate::cli::report;
use crate::connector::Target;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::Letters;

/// What `discard` takes.
#[derive(Debug, Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The dead letter's number, as `list` shows it
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..),
        required_unless_present_any = ["entity", "code"])]
    id: Option<i64>,
    #[command(flatten)]
    which: Which,
    /// Why they are given up
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    /// Discard; without it, only show how many it would be
    #[arg(long)]
    execute: bool,
}

/// Discards, or shows what would be discarded.
pub async fn discard(args: &DiscardArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    check_entity(&manifest, args.which.entity.as_ref())?;
    // Without a file there is nothing to discard, and none is to be made.
    let target = open(&manifest, Mode::ReadOnly).await?;
    let has_begun = target.has_own_tables().await?;
    let name = &manifest.tables.name;
    let mut count = 0;
    if has_begun && args.execute {
        let target = open(&manifest, Mode::ReadWrite).await?;
        let _lock = target.lock(name, &run::who::run_id(), "whimbrel dead-letter discard").await?;
        let books = Bookkeeping::new(&*target, name);
        let mut tx = target.begin().await?;
        count = books.discard(&mut *tx, &args.which.letters(args.id), &args.reason).await?;
        tx.commit().await?;
    } else if has_begun {
        let books = Bookkeeping::new(&*target, name);
        let mut tx = target.begin().await?;
        count = books.count_letters(&mut *tx, &args.which.letters(args.id)).await?;
        tx.rollback().await?;
    }
    if let Some(id) = args.id.filter(|_| count == 0) {
        check_letter(&manifest, &*target, has_begun, id).await?;
    }
    report::discarded(name, args.execute, count, &args.reason, json);
    Ok(DONE)
}

/// Refuses a letter that is not there; one that was discarded or replayed has nothing left to give up.
async fn check_letter(manifest: &Manifest, target: &dyn Target, has_begun: bool, id: i64) -> Result<(), Failure> {
    let mut count = 0;
    if has_begun {
        let books = Bookkeeping::new(target, &manifest.tables.name);
        let mut tx = target.begin().await?;
        let which = Letters { id: Some(id), committed: true, ..Letters::default() };
        count = books.count_letters(&mut *tx, &which).await?;
        tx.rollback().await?;
    }
    if count == 0 { Err(missing(manifest, id)) } else { Ok(()) }
}
