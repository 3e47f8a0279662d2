//! The steps of junctions once more, behind a replay or a repair: rows that have come since, and those that lacked a parent
//! or were refused.

use super::JunctionEnd;
use super::JunctionReport;
use super::Stand;
use super::Work;
use super::candidate::Candidate;
use super::key::sort_key;
use super::progress::Progress;
use super::records_read;
use super::stand;
use super::step::Step;
use super::waits_for;
use crate::error::Failure;
use crate::record::Value;
use crate::record::value;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeferredRow;
use crate::run::bookkeeping::REFUSED;
use crate::run::retry::retry;
use crate::run::shutdown::Shutdown;

/// Takes the steps of all junctions whose entities are complete, with the rows that were left out for want of a parent or
/// because the target refused them: somebody may have mended that. Returns those of which something has changed; a failure
/// says which step it was, as far as all of them came.
pub async fn again(
    work: Work<'_>,
    entities: &[&Checkpoint],
    shutdown: &Shutdown,
) -> Result<Vec<JunctionReport>, Failure> {
    let mut reports = Vec::new();
    for (index, junction) in work.plan.junctions.iter().enumerate() {
        if shutdown.is_asked() {
            break;
        }
        if !waits_for(work.plan, index, entities).is_empty() {
            continue;
        }
        let start = stand(work, junction.name()).await?;
        let mut step = Step::new(work, index);
        try_missed(work, &step).await?;
        let waiting = stand(work, junction.name()).await?.waiting;
        if waiting > 0 {
            step.run(records_read(work.plan, index, entities), waiting, shutdown, &Progress::new(false)).await?;
        }
        let now = stand(work, junction.name()).await?;
        let end = JunctionEnd { start, now, waits_for: Vec::new(), duration_ms: 0, failure: None };
        let report = JunctionReport::new(work.plan, index, &end);
        let is_changed = |of: &Stand| (of.checkpoint.rows.clone(), of.waiting, of.left_out.clone());
        if is_changed(&end.start) != is_changed(&end.now) {
            reports.push(report);
        }
    }
    Ok(reports)
}

/// Lets the rows that lacked a parent or were refused wait again.
async fn try_missed(work: Work<'_>, step: &Step<'_>) -> Result<(), Failure> {
    let name = step.junction().name();
    let mut tx = work.target.begin().await?;
    // What is left out again meanwhile has a larger number.
    let through = work.books.last_left_out(&mut *tx).await?;
    tx.rollback().await?;
    let mut after = 0;
    while let Some(last) = retry(name, async || try_page(work, step, (after, through)).await).await? {
        crate::stop_point!("junction-page");
        after = last;
    }
    Ok(())
}

/// Lets some of these rows wait again, behind a number and up to another one; returns the last one's.
async fn try_page(work: Work<'_>, step: &Step<'_>, numbers: (i64, i64)) -> Result<Option<i64>, Failure> {
    let (books, junction) = (work.books, step.junction());
    let (name, table) = (junction.name(), &junction.table);
    let mut tx = work.target.begin().await?;
    let missed = books.missed_rows(&mut *tx, name, numbers, step.rows_max()).await?;
    let Some(last) = missed.last().map(|(number, ..)| *number) else {
        tx.rollback().await?;
        return Ok(None);
    };
    let mut keyed = Vec::with_capacity(missed.len());
    for (number, reason, row) in missed {
        let key = if row.waits() { None } else { Some(Candidate::new(junction, row.clone())?.key_values()) };
        keyed.push((number, reason, row, key));
    }
    // Where the next row of its key has had its turn, a row that was refused could only be in its way.
    let refused = keyed.iter().filter(|(_, reason, ..)| reason == REFUSED).filter_map(|(.., key)| key.clone());
    let refused: Vec<Vec<Value>> = refused.collect();
    let standing = tx.find(&table.schema, &table.key, &refused, &[]).await?;
    keyed.retain(|(_, reason, _, key)| {
        reason != REFUSED || key.as_ref().is_none_or(|key| !standing.contains_key(&value::encode(key)))
    });
    let (mut tried, mut rows) = (Vec::with_capacity(keyed.len()), Vec::with_capacity(keyed.len()));
    for (number, _, row, key) in keyed {
        tried.push(number);
        rows.push(DeferredRow { sort_key: key.map(|key| sort_key(&key)).unwrap_or_default(), ..row });
    }
    books.insert_deferred_rows(&mut *tx, &rows).await?;
    books.forget_left_out(&mut *tx, name, &tried).await?;
    crate::stop_point!("commit-junction");
    tx.commit().await?;
    Ok(Some(last))
}
