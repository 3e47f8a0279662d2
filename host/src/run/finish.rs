//! The end of an entity, or of a circle of them: what waited for a parent is written or filled in, empty tables and the
//! budget are judged.

use super::bookkeeping::Checkpoint;
use super::bookkeeping::NulledReference;
use super::commit::Committer;
use super::commit::moved;
use super::entity::Member;
use super::fill;
use super::fill::Waiting;
use super::numbering;
use super::parked;
use super::parked::MemberError;
use super::report::RowCounts;
use super::report::State;
use super::retry::retry;
use super::shutdown::Shutdown;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Advanced;
use crate::error::Failure;
use crate::plan::OnMissing;
use crate::plan::TablePlan;

/// Deferred references that one transaction fills in.
const FILL_MAX: usize = 1_000;

/// Takes the final steps of entities that are read to their ends: of one, or of all that refer to one another in a circle.
/// Returns `false` where somebody asked to stop before that.
pub async fn finish(members: &mut [Member], shutdown: &Shutdown) -> Result<bool, MemberError> {
    // First what waits itself: it may be what a reference waits for.
    if !parked::resolve(members, shutdown).await? {
        return Ok(false);
    }
    for (place, member) in members.iter().enumerate() {
        let name = &member.committer.entity().name;
        let mut filled = Ok(true);
        while let Ok(true) = filled {
            filled = retry(name, async || fill(&member.committer).await).await;
            if let Ok(true) = filled {
                crate::stop_point!("finish-fill");
            }
        }
        filled.map_err(|failure| (place, failure.into()))?;
    }
    for (place, member) in members.iter().enumerate() {
        judge(member).map_err(|failure| (place, failure.into()))?;
    }
    for (place, member) in members.iter_mut().enumerate() {
        let (committer, checkpoint, source) = (&member.committer, &member.checkpoint, member.read.take());
        let name = &committer.entity().name;
        let completed = retry(name, async || complete(committer, checkpoint, &source).await).await;
        (member.checkpoint, member.advanced) = completed.map_err(|failure| (place, failure.into()))?;
        crate::stop_point!("finish-complete");
    }
    Ok(true)
}

/// Fails where an entity has too many dead letters, or a table without rows.
fn judge(member: &Member) -> Result<(), Failure> {
    let (entity, checkpoint) = (member.committer.entity(), &member.checkpoint);
    if entity.budget.is_exceeded(checkpoint.fates.dead, checkpoint.fates.read, true) {
        return Err(Failure::failed(format!(
            "`{}` ended with {} dead letters among {} records, more than its `dead-letters-max`",
            entity.name, checkpoint.fates.dead, checkpoint.fates.read
        ))
        .hint(
            member
                .committer
                .run_budget()
                .hint("with a larger `dead-letters-max` the same command completes the entity"),
        ));
    }
    // A junction is judged as a whole, by its own step, and what is merged by the merged entity.
    let own = entity.tables.iter().filter(|table| !entity.leaves(table));
    let empty = own.map(|table| &table.schema.name).find(|name| {
        checkpoint.rows.get(*name).is_none_or(|rows: &RowCounts| rows.standing() == 0)
            && !entity.allow_empty.contains(name)
    });
    match empty.filter(|_| checkpoint.fates.read > 0) {
        None => Ok(()),
        Some(empty) => Err(Failure::failed(format!(
            "the table `{empty}` got no row from the {} records of `{}`",
            checkpoint.fates.read, entity.name
        ))
        .hint(format!("mend the mapping, or say `allow-empty = [\"{empty}\"]` for the entity and run again"))),
    }
}

async fn complete(
    committer: &Committer,
    checkpoint: &Checkpoint,
    source: &Option<String>,
) -> Result<(Checkpoint, Vec<Advanced>), Failure> {
    let entity = committer.entity();
    let to = Checkpoint { state: State::Completed, source: source.clone(), ..checkpoint.clone() };
    let mut tx = committer.target().begin().await?;
    committer.books().forget_provisional(&mut *tx, &entity.name).await?;
    committer.books().forget_all_parked(&mut *tx, &entity.name).await?;
    let advanced = advance_sequences(committer, &mut *tx).await?;
    if !committer.books().move_checkpoint(&mut *tx, &entity.name, checkpoint, &to).await? {
        tx.rollback().await?;
        return Err(moved(&entity.name));
    }
    crate::stop_point!("complete-before");
    tx.commit().await?;
    Ok((to, advanced))
}

/// Moves the sequences of columns that rows were written with behind their values: whoever inserts next, without an id,
/// would be given one that stands.
pub(super) async fn advance_sequences(
    committer: &Committer,
    tx: &mut dyn Transaction,
) -> Result<Vec<Advanced>, TargetError> {
    let mut advanced: Vec<Advanced> = Vec::new();
    for table in &committer.entity().tables {
        for &column in table.columns.iter().filter(|&&column| table.schema.columns[column].sequence.is_some()) {
            let moved = tx.advance_sequence(&table.schema, column).await?;
            numbering::tell(&moved);
            advanced.extend(moved);
        }
    }
    Ok(advanced)
}

/// As [`advance_sequences`], for rows that came behind the completion.
pub(super) async fn advance_again(committer: &Committer) -> Result<(), Failure> {
    let has_any = |table: &TablePlan| table.columns.iter().any(|&fed| table.schema.columns[fed].sequence.is_some());
    if !committer.entity().tables.iter().any(has_any) {
        return Ok(());
    }
    retry(&committer.entity().name, async || {
        let mut tx = committer.target().begin().await?;
        advance_sequences(committer, &mut *tx).await?;
        Ok(tx.commit().await?)
    })
    .await
}

/// Fills in some of the references that wait; `false` where none is left.
pub(super) async fn fill(committer: &Committer) -> Result<bool, Failure> {
    let entity = committer.entity();
    let mut tx = committer.target().begin().await?;
    let mut page = committer.books().deferred_references(&mut *tx, &entity.name, FILL_MAX).await?;
    if page.len() == FILL_MAX {
        whole_rows(&mut page);
    }
    let Some((last, _)) = page.last() else {
        tx.rollback().await?;
        return Ok(false);
    };
    let last = *last;
    let mut waiting = Vec::with_capacity(page.len());
    for (id, nulled) in page {
        waiting.push(Waiting::new(entity, id, nulled).map_err(|nulled| {
            let message =
                format!("references through `{}.{}` wait, and the plan has none", nulled.table, nulled.column);
            Failure::failed(message).hint("the manifest has changed since they were written; put the reference back")
        })?);
    }
    let (mut found, mut nulled) = (Vec::new(), Vec::new());
    for (waiting, parent) in fill::find_parents(committer, &mut *tx, waiting).await? {
        match parent {
            Some(parent) => found.push((waiting, parent)),
            None if waiting.reference(entity).on_missing == OnMissing::Fail => return Err(waiting.dangling(entity)),
            None => nulled.push(waiting.nulled),
        }
    }
    for (waiting, refusal) in fill::fill(&mut *tx, entity, found).await? {
        nulled.push(waiting.refused(entity, &refusal)?);
    }
    committer.books().insert_references(&mut *tx, &entity.name, false, &nulled).await?;
    committer.books().forget_deferred(&mut *tx, &entity.name, last).await?;
    tx.commit().await?;
    Ok(true)
}

/// Leaves the last row to the next page: more references of it may wait there, and a row's are filled in together.
fn whole_rows(page: &mut Vec<(i64, NulledReference)>) {
    let row = |(_, nulled): &(i64, NulledReference)| (nulled.table.clone(), nulled.row_key_blob.clone());
    let last = page.last().map(row);
    if let Some(before) = page.iter().rposition(|reference| Some(row(reference)) != last) {
        page.truncate(before + 1);
    }
}
