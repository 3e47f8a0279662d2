//! Whether a transformer judges each record by itself: batches of 1 and of N, each twice, come to the same outcomes.
//!
//! A fresh instance a call keeps batches apart; what a component keeps between the records of one batch is only found so.

use super::error::PluginError;
use super::row::RecordFault;
use super::transformer::Documents;
use super::transformer::Outcome;
use super::transformer::Transformer;

/// One record with two outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Index into the documents.
    pub document: usize,
    /// How the second outcome came about.
    pub kind: DifferenceKind,
    /// What became of it in the first of the two calls.
    pub before: Result<Outcome, RecordFault>,
    /// What became of it in the other.
    pub after: Result<Outcome, RecordFault>,
}

/// What was done twice with different outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The same call once more: the outcome hangs on something besides the records.
    Repeated,
    /// The record alone instead of among others: something is kept between the records of a batch.
    Alone,
}

/// Returns the first record of each kind of difference; none where the transformer is deterministic.
pub fn differences(transformer: &Transformer, documents: Documents<'_>) -> Result<Vec<Difference>, PluginError> {
    let together = || transformer.transform_bisecting(documents);
    let alone = || {
        let mut outcomes = Vec::with_capacity(documents.ranges.len());
        for range in documents.ranges {
            let one = Documents { bytes: documents.bytes, ranges: std::slice::from_ref(range) };
            outcomes.extend(transformer.transform_bisecting(one)?);
        }
        Ok::<_, PluginError>(outcomes)
    };
    let (first, single) = (together()?, alone()?);
    let repeated = difference(DifferenceKind::Repeated, &first, &together()?);
    let repeated = match repeated {
        Some(found) => Some(found),
        None => difference(DifferenceKind::Repeated, &single, &alone()?),
    };
    Ok(repeated.into_iter().chain(difference(DifferenceKind::Alone, &first, &single)).collect())
}

fn difference(
    kind: DifferenceKind,
    before: &[Result<Outcome, RecordFault>],
    after: &[Result<Outcome, RecordFault>],
) -> Option<Difference> {
    let document = before.iter().zip(after).position(|(before, after)| before != after)?;
    Some(Difference { document, kind, before: before[document].clone(), after: after[document].clone() })
}
