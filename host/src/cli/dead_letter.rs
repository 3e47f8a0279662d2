//! `whimbrel dead-letter`: the records that were set aside, by reason and one by one.

use clap::Args;
use clap::Subcommand;

use super::DONE;
use super::ManifestArg;
use super::report;
use crate::connector;
use crate::connector::Target;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::schema::nearest;
use crate::run::bookkeeping::Bookkeeping;

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// Show the dead letters, grouped by reason
    List(ListArgs),
    /// Show one dead letter in full, with its original
    Show(ShowArgs),
}

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Only this entity
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// Show so many single ones too
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(i64).range(0..=10_000))]
    limit: i64,
}

/// What `show` takes.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The dead letter's number, as `list` shows it
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    id: i64,
}

/// Prints dead letters.
pub async fn dead_letter(command: &DeadLetterCommand, json: bool) -> Result<u8, Failure> {
    let (DeadLetterCommand::List(ListArgs { manifest, .. }) | DeadLetterCommand::Show(ShowArgs { manifest, .. })) =
        command;
    let manifest = Manifest::read(&manifest.manifest)?;
    let target = connector::open_target(&manifest.tables.target.url, &manifest.folder, Mode::ReadOnly).await?;
    match command {
        DeadLetterCommand::List(args) => list(args, &manifest, &*target, json).await,
        DeadLetterCommand::Show(args) => show(args, &manifest, &*target, json).await,
    }
}

async fn list(args: &ListArgs, manifest: &Manifest, target: &dyn Target, json: bool) -> Result<u8, Failure> {
    let known: Vec<String> = manifest.tables.entity.iter().map(|entity| entity.name.clone()).collect();
    if let Some(name) = args.entity.as_ref().filter(|name| !known.contains(name)) {
        let hint = nearest(name, &known)
            .map_or_else(|| format!("there is {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        return Err(Failure::usage(format!("there is no entity `{name}`")).hint(hint));
    }
    let (mut reasons, mut letters) = (Vec::new(), Vec::new());
    if target.has_own_tables().await? {
        let books = Bookkeeping::new(target, &manifest.tables.name);
        let mut tx = target.begin().await?;
        for provisional in [false, true] {
            reasons.extend(books.reasons(&mut *tx, provisional).await?.into_iter().map(|reason| (provisional, reason)));
        }
        letters = books.dead_letters(&mut *tx, args.entity.as_deref(), 0, args.limit).await?;
        tx.rollback().await?;
    }
    reasons.retain(|(_, reason)| args.entity.as_ref().is_none_or(|entity| reason.entity == *entity));
    report::dead_letters(&reasons, &letters, json);
    Ok(DONE)
}

async fn show(args: &ShowArgs, manifest: &Manifest, target: &dyn Target, json: bool) -> Result<u8, Failure> {
    let missing = || {
        Failure::usage(format!("the migration `{}` has no dead letter {}", manifest.tables.name, args.id))
            .hint("`whimbrel dead-letter list` shows their numbers")
    };
    if !target.has_own_tables().await? {
        return Err(missing());
    }
    let books = Bookkeeping::new(target, &manifest.tables.name);
    let mut tx = target.begin().await?;
    let letters = books.dead_letters(&mut *tx, None, args.id - 1, 1).await?;
    tx.rollback().await?;
    let letter = letters.into_iter().find(|letter| letter.id == args.id).ok_or_else(missing)?;
    report::dead_letter(&letter, json);
    Ok(DONE)
}
