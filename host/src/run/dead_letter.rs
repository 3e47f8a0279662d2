//! Records set aside: what happens when there are too many.

use super::bookkeeping::Checkpoint;
use super::bookkeeping::DeadLetter;
use super::budget::RunBudget;
use super::commit::Committer;
use super::commit::moved;
use super::retry::retry;
use super::swap::history::Event;
use crate::error::Failure;
use crate::plan::EntityPlan;

/// What to do about it.
const HINT: &str =
    "mend the mapping or the data, or raise `dead-letters-max`, and run again: it goes on at the last checkpoint";

/// What to do where rows stood in the target before the migration.
const CONFLICT_HINT: &str = "rows with these keys stand in the target already, from before this migration or from before a \
                             `whimbrel reset`; `on-conflict = \"skip\"` for the entity leaves them alone, `\"update\"` gives \
                             them the new values; with either, run the same command with `--accept-change`";

/// Keeps the dead letters of a batch that was rolled back as provisional, and says why the entity stops.
pub async fn over_budget(
    committer: &Committer,
    run_budget: &RunBudget,
    run: &str,
    checkpoint: &Checkpoint,
    letters: &[DeadLetter],
) -> Failure {
    let entity = committer.entity();
    let keep = async || keep_provisional(committer, run, checkpoint, checkpoint, letters, None).await;
    match retry(&entity.name, keep).await {
        Err(failure) => failure,
        Ok(()) => too_many(entity, run_budget, checkpoint, letters),
    }
}

/// Says which budget a batch would go over.
pub fn too_many(
    entity: &EntityPlan,
    run_budget: &RunBudget,
    checkpoint: &Checkpoint,
    letters: &[DeadLetter],
) -> Failure {
    let dead = checkpoint.fates.dead + letters.len() as u64;
    let first = letters
        .first()
        .map(|letter| format!("; the first: {}, document {}: {}", letter.position, letter.document, letter.message));
    let first = first.unwrap_or_default();
    if !entity.budget.is_exceeded(dead, checkpoint.fates.read, true) && run_budget.max().is_some() {
        let mut failure = run_over_budget(run_budget);
        failure.message.push_str(&first);
        return failure;
    }
    let message =
        format!("`{}` has {dead} dead letters, its `dead-letters-max` is {}{first}", entity.name, entity.budget);
    let is_conflict = letters.first().is_some_and(|letter| letter.code == "conflict");
    Failure::failed(message).hint(run_budget.hint(if is_conflict { CONFLICT_HINT } else { HINT }))
}

/// Says that all entities together have too many.
pub fn run_over_budget(budget: &RunBudget) -> Failure {
    let max = budget.max().map(|max| max.to_string()).unwrap_or_default();
    Failure::failed(format!(
        "all entities together have more dead letters than the migration's `dead-letters-max` of {max}"
    ))
    .hint(budget.hint(HINT))
}

/// Keeps the dead letters of a batch that was rolled back, and moves the checkpoint to one at the same place.
///
/// Only the process that moves the checkpoint may say what has gone wrong behind it.
pub async fn keep_provisional(
    committer: &Committer,
    run: &str,
    from: &Checkpoint,
    to: &Checkpoint,
    letters: &[DeadLetter],
    event: Option<&Event>,
) -> Result<(), Failure> {
    let (name, books) = (&committer.entity().name, committer.books());
    let mut tx = committer.target().begin().await?;
    let stands = match from.batches {
        0 if from.state == to.state => books.checkpoint(&mut *tx, name).await?.batches == 0,
        _ => books.move_checkpoint(&mut *tx, name, from, to).await?,
    };
    if !stands {
        tx.rollback().await?;
        return Err(moved(name));
    }
    books.forget_provisional(&mut *tx, name).await?;
    books.insert_dead_letters(&mut *tx, name, run, true, letters).await?;
    if let Some(event) = event {
        books.insert_event(&mut *tx, run, event).await?;
    }
    tx.commit().await?;
    Ok(())
}
