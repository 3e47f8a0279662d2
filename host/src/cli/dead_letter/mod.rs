//! `whimbrel dead-letter`: the records that were set aside, by reason and one by one, and what is done with them.

mod discard;
mod export;
mod replay;

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
use crate::plan::hint;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::Letters;
use crate::run::report::Reason;

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// Show the dead letters, grouped by reason
    List(ListArgs),
    /// Show one dead letter in full, with its original
    Show(ShowArgs),
    /// Try dead letters again with the components as they are now; without --execute, only predict what would become of each
    Replay(replay::ReplayArgs),
    /// Give dead letters up, with a reason; they are kept and counted
    Discard(discard::DiscardArgs),
    /// Write the originals as Extended JSON lines that a `mongoexport:` source reads
    Export(export::ExportArgs),
}

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// Only this entity
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// Show those that wait for a parent, or that were given up or replayed, instead of those that are dead
    #[arg(long, value_name = "STATE", default_value = "dead", value_parser = ["dead", "parked", "discarded", "replayed"])]
    state: String,
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

/// Which of the dead letters are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// Only those of this entity
    #[arg(long, value_name = "NAME")]
    entity: Option<String>,
    /// Only those with this code, such as `missing-parent`
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

impl Which {
    /// Returns the letters of committed batches that are meant.
    fn letters(&self, id: Option<i64>) -> Letters<'_> {
        Letters {
            entity: self.entity.as_deref(),
            code: self.code.as_deref(),
            id,
            state: Some("dead"),
            committed: true,
            ..Letters::default()
        }
    }
}

/// Does what is said with dead letters.
pub async fn dead_letter(command: &DeadLetterCommand, json: bool) -> Result<u8, Failure> {
    match command {
        DeadLetterCommand::List(args) => list(args, json).await,
        DeadLetterCommand::Show(args) => show(args, json).await,
        DeadLetterCommand::Replay(args) => replay::replay(args, json).await,
        DeadLetterCommand::Discard(args) => discard::discard(args, json).await,
        DeadLetterCommand::Export(args) => export::export(args, json).await,
    }
}

/// Opens the target that holds the letters.
async fn open(manifest: &Manifest, mode: Mode) -> Result<Box<dyn Target>, Failure> {
    Ok(connector::open_target(&manifest.tables.target.url, &manifest.folder, mode).await?)
}

/// Refuses an entity that the manifest does not have.
fn check_entity(manifest: &Manifest, name: Option<&String>) -> Result<(), Failure> {
    let known: Vec<String> = manifest.tables.entity.iter().map(|entity| entity.name.clone()).collect();
    let Some(name) = name.filter(|name| !known.contains(name)) else { return Ok(()) };
    Err(Failure::usage(format!("there is no entity `{name}`")).perhaps(hint::among(name, &known)))
}

fn missing(manifest: &Manifest, id: i64) -> Failure {
    Failure::usage(format!("the migration `{}` has no dead letter {id}", manifest.tables.name))
        .hint("`whimbrel dead-letter list` shows their numbers")
}

async fn list(args: &ListArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    check_entity(&manifest, args.entity.as_ref())?;
    let target = open(&manifest, Mode::ReadOnly).await?;
    let (mut reasons, mut discarded, mut letters) = (Vec::new(), Vec::new(), Vec::new());
    if target.has_own_tables().await? {
        let books = Bookkeeping::new(&*target, &manifest.tables.name);
        let mut tx = target.begin().await?;
        for provisional in [false, true] {
            let found = books.reasons_of(&mut *tx, &args.state, provisional).await?;
            reasons.extend(found.into_iter().map(|reason| (provisional, reason)));
        }
        if args.state == "dead" {
            discarded = books.reasons_of(&mut *tx, "discarded", false).await?;
        }
        let which = Letters { entity: args.entity.as_deref(), state: Some(&args.state), ..Letters::default() };
        let mut after = 0;
        // A page is short where originals are large.
        while let Some(left) =
            args.limit.checked_sub(i64::try_from(letters.len()).unwrap_or(i64::MAX)).filter(|l| *l > 0)
        {
            let page = books.dead_letters(&mut *tx, &which, after, left).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            letters.extend(page);
        }
        tx.rollback().await?;
    }
    let is_wanted = |reason: &Reason| args.entity.as_ref().is_none_or(|entity| reason.entity == *entity);
    reasons.retain(|(_, reason)| is_wanted(reason));
    discarded.retain(is_wanted);
    report::dead_letters(&reasons, &discarded, &letters, &args.state, json);
    Ok(DONE)
}

async fn show(args: &ShowArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    let target = open(&manifest, Mode::ReadOnly).await?;
    if !target.has_own_tables().await? {
        return Err(missing(&manifest, args.id));
    }
    let books = Bookkeeping::new(&*target, &manifest.tables.name);
    let mut tx = target.begin().await?;
    let which = Letters { id: Some(args.id), ..Letters::default() };
    let letters = books.dead_letters(&mut *tx, &which, 0, 1).await?;
    let letter = letters.into_iter().next().ok_or_else(|| missing(&manifest, args.id))?;
    let attempts = books.attempts(&mut *tx, &letter).await?;
    tx.rollback().await?;
    report::dead_letter(&letter, &attempts, json);
    Ok(DONE)
}
