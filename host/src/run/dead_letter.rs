//! Records set aside: what happens when there are too many.

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::DeadLetter;
use super::budget::RunBudget;
use super::commit::moved;
use super::retry::retry;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::EntityPlan;

/// What to do about it.
const HINT: &str = "`whimbrel dead-letter list` shows them; mend the mapping or the data, or raise `dead-letters-max`, \
                    and run again: it goes on at the last checkpoint";

/// Keeps the dead letters of a batch that was rolled back as provisional, and says why the entity stops.
pub async fn over_budget(
    target: &dyn Target,
    books: &Bookkeeping,
    entity: &EntityPlan,
    run_budget: &RunBudget,
    run: &str,
    checkpoint: &Checkpoint,
    letters: &[DeadLetter],
) -> Failure {
    let kept = retry(&entity.name, async || keep_provisional(target, books, entity, run, checkpoint, letters).await);
    if let Err(failure) = kept.await {
        return failure;
    }
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
    Failure::failed(message).hint(HINT)
}

/// Says that all entities together have too many.
pub fn run_over_budget(budget: &RunBudget) -> Failure {
    let max = budget.max().map(|max| max.to_string()).unwrap_or_default();
    Failure::failed(format!(
        "all entities together have more dead letters than the migration's `dead-letters-max` of {max}"
    ))
    .hint(HINT)
}

/// Only the process that moves the checkpoint may say what has gone wrong behind it.
async fn keep_provisional(
    target: &dyn Target,
    books: &Bookkeeping,
    entity: &EntityPlan,
    run: &str,
    checkpoint: &Checkpoint,
    letters: &[DeadLetter],
) -> Result<(), Failure> {
    let mut tx = target.begin().await?;
    let stands = match checkpoint.batches {
        0 => books.checkpoint(&mut *tx, &entity.name).await?.batches == 0,
        _ => books.move_checkpoint(&mut *tx, &entity.name, checkpoint, checkpoint).await?,
    };
    if !stands {
        tx.rollback().await?;
        return Err(moved(&entity.name));
    }
    books.forget_provisional(&mut *tx, &entity.name).await?;
    books.insert_dead_letters(&mut *tx, &entity.name, run, true, letters).await?;
    tx.commit().await?;
    Ok(())
}
