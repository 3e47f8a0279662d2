//! The steps of junctions once more, behind a replay or a repair: rows that have come since, and those that lacked a parent.

use super::JunctionEnd;
use super::JunctionReport;
use super::Stand;
use super::Work;
use super::key::sort_key;
use super::page::Candidate;
use super::progress::Progress;
use super::records_read;
use super::stand;
use super::step::Step;
use super::waits_for;
use crate::error::Failure;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeferredRow;
use crate::run::retry::retry;
use crate::run::shutdown::Shutdown;

/// Takes the steps of all junctions whose entities are complete, with the rows that were left out for want of a parent.
/// Returns those of which something has changed; a failure says which step it was, as far as all of them came.
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
        try_dropped(work, &step).await?;
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

/// Lets the rows that were left out for want of a parent wait again.
async fn try_dropped(work: Work<'_>, step: &Step<'_>) -> Result<(), Failure> {
    let (books, junction) = (work.books, step.junction());
    let name = junction.name();
    let mut tx = work.target.begin().await?;
    // What is left out again meanwhile has a larger number.
    let through = books.last_left_out(&mut *tx).await?;
    tx.rollback().await?;
    let page = async || {
        let mut tx = work.target.begin().await?;
        let dropped = books.dropped_rows(&mut *tx, name, through, step.rows_max()).await?;
        let Some((last, _)) = dropped.last() else {
            tx.rollback().await?;
            return Ok::<_, Failure>(false);
        };
        let last = *last;
        let mut rows = Vec::with_capacity(dropped.len());
        for (_, row) in dropped {
            let key = if row.waits() { None } else { Some(Candidate::new(junction, row.clone())?.key_values()) };
            rows.push(DeferredRow { sort_key: key.map(|key| sort_key(&key)).unwrap_or_default(), ..row });
        }
        books.insert_deferred_rows(&mut *tx, &rows).await?;
        books.forget_dropped(&mut *tx, name, last).await?;
        tx.commit().await?;
        Ok(true)
    };
    while retry(name, &page).await? {
        crate::stop_point!("junction-page");
    }
    Ok(())
}
