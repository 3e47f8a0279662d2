//! `whimbrel reset`: forgets a migration's bookkeeping; rows stay.

use clap::Args;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::connector;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run;
use crate::run::bookkeeping::Bookkeeping;

/// What `reset` takes.
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Forget; without it, only show what would be forgotten
    #[arg(long)]
    execute: bool,
}

/// Forgets, or shows what would be forgotten.
pub async fn reset(args: &ResetArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let name = &manifest.tables.name;
    let mode = if args.execute { Mode::ReadWrite } else { Mode::ReadOnly };
    let target = connector::open_target(&manifest.tables.target.url, &manifest.folder, mode).await?;
    if !target.has_own_tables().await? {
        report::reset(name, args.execute, &[], json);
        return Ok(DONE);
    }
    let books = Bookkeeping::new(&*target, name);
    let forgotten = if args.execute {
        let _lock = target.lock(name, &run::who::run_id(), "whimbrel reset").await?;
        let mut tx = target.begin().await?;
        let forgotten = books.reset(&mut *tx).await?;
        tx.commit().await?;
        forgotten
    } else {
        let mut tx = target.begin().await?;
        let counts = books.count(&mut *tx).await?;
        tx.rollback().await?;
        counts
    };
    report::reset(name, args.execute, &forgotten, json);
    Ok(DONE)
}
