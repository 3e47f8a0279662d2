//! The end of a run: what each entity came to, and the report, completed with what is stored and stored itself.

use std::collections::BTreeSet;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::report::EntityReport;
use super::report::Mode;
use super::report::Report;
use super::report::State;
use super::report::rows_since;
use super::schedule::EntityEnd;
use crate::connector::Target;
use crate::error::Failure;

/// Dead letters of each reason that a report has; those of a prediction are nowhere else.
const EXAMPLES_MAX: i64 = 3;
/// Reasons of which a report has some, the most frequent ones.
const REASONS_MAX: usize = 20;

/// Completes the report with what is stored, and stores it.
pub(super) async fn conclude(target: &dyn Target, books: &Bookkeeping, report: &mut Report) -> Result<(), Failure> {
    let mut tx = target.begin().await?;
    let names: BTreeSet<&String> = report.entities.iter().map(|entity| &entity.name).collect();
    for (reasons, provisional) in [(&mut report.dead_letters, false), (&mut report.provisional, true)] {
        *reasons = books.reasons(&mut *tx, provisional).await?;
        reasons.retain(|reason| names.contains(&reason.entity));
        let shown = reasons.len().min(REASONS_MAX);
        books.add_examples(&mut *tx, &mut reasons[..shown], provisional, EXAMPLES_MAX).await?;
    }
    let mut nulled = books.nulled_references(&mut *tx).await?;
    let mut refused = books.refused_references(&mut *tx).await?;
    for entity in &mut report.entities {
        entity.nulled_references = nulled.remove(&entity.name).unwrap_or(0);
        entity.refused_references = refused.remove(&entity.name).unwrap_or_default();
        entity.skip_reasons = books.skip_reasons(&mut *tx, &entity.name).await?;
    }
    if report.mode == Mode::DryRun {
        tx.rollback().await?;
        return Ok(());
    }
    let json = serde_json::to_string(&report).map_err(|error| Failure::bug("the report is no JSON").cause(error))?;
    let status = serde_json::to_value(report.status).ok().and_then(|status| status.as_str().map(str::to_owned));
    books.end_run(&mut *tx, &report.run, &status.unwrap_or_default(), &json).await?;
    tx.commit().await?;
    Ok(())
}

/// Returns what an entity came to, from where it stood at first and how it ended.
pub(super) fn entity_report(name: &str, start: &Checkpoint, end: Option<&EntityEnd>) -> EntityReport {
    let now = end.map_or(start, |end| &end.checkpoint);
    let this_run = now.fates.since(&start.fates);
    let duration_ms = end.map_or(0, |end| end.duration_ms);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let records_per_second =
        if duration_ms == 0 { 0.0 } else { (this_run.read as f64 * 1000.0 / duration_ms as f64).round() };
    let failure = end.and_then(|end| end.failure.as_ref());
    EntityReport {
        name: name.to_owned(),
        state: if failure.is_some() { State::Failed } else { now.state },
        total: now.fates,
        this_run,
        rows: now.rows.clone(),
        rows_this_run: rows_since(&now.rows, &start.rows),
        batches: now.batches,
        records_per_second,
        duration_ms,
        stages: end.map_or_else(Default::default, |end| end.stages),
        advanced_sequences: end.map_or_else(Vec::new, |end| end.advanced.clone()),
        snapshots: now.snapshots.clone(),
        failure: failure.map(Into::into),
        ..EntityReport::default()
    }
}
