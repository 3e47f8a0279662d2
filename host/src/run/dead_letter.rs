//! Records set aside: what happens when there are too many.

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::bookkeeping::DeadLetter;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::error::Failure;
use crate::plan::Budget;
use crate::plan::EntityPlan;

/// Keeps the dead letters of a batch that was rolled back as provisional, and says why the entity stops.
pub async fn over_budget(
    target: &dyn Target,
    books: &Bookkeeping,
    entity: &EntityPlan,
    run: &str,
    checkpoint: &Checkpoint,
    letters: &[DeadLetter],
) -> Failure {
    if let Err(error) = keep_provisional(target, books, entity, run, letters).await {
        return Failure::from(error);
    }
    let budget = match entity.budget {
        Budget::Count(max) => max.to_string(),
        Budget::Percent(max) => format!("{max}%"),
    };
    let first = letters
        .first()
        .map(|letter| format!("; the first: {}, document {}: {}", letter.position, letter.document, letter.message));
    Failure::failed(format!(
        "`{}` has {} dead letters, its `dead-letters-max` is {budget}{}",
        entity.name,
        checkpoint.fates.dead + letters.len() as u64,
        first.unwrap_or_default()
    ))
    .hint("`whimbrel dead-letter list` shows them; mend the mapping or the data, or raise `dead-letters-max`, and run again: it goes on at the last checkpoint")
}

async fn keep_provisional(
    target: &dyn Target,
    books: &Bookkeeping,
    entity: &EntityPlan,
    run: &str,
    letters: &[DeadLetter],
) -> Result<(), TargetError> {
    let mut tx = target.begin().await?;
    books.forget_provisional(&mut *tx, &entity.name).await?;
    books.insert_dead_letters(&mut *tx, &entity.name, run, true, letters).await?;
    tx.commit().await
}
