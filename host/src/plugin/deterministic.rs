//! Whether a component judges each record by itself: batches of 1 and of N, each twice, come to the same.
//!
//! A fresh instance a call keeps batches apart; what a component keeps between the records of one batch is only found so.

use super::error::PluginError;
use super::row::PluginRow;
use super::row::RecordFault;
use super::transformer::Documents;
use super::transformer::Outcome;
use super::transformer::Transformer;
use super::validator::Validator;
use super::validator::Violation;

/// One record with two outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<T = Outcome> {
    /// Index into the documents or rows.
    pub document: usize,
    /// How the second outcome came about.
    pub kind: DifferenceKind,
    /// What became of it in the first of the two calls.
    pub before: Result<T, RecordFault>,
    /// What became of it in the other.
    pub after: Result<T, RecordFault>,
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
    let one = |range| Documents { bytes: documents.bytes, ranges: std::slice::from_ref(range) };
    compare(
        || transformer.transform_bisecting(documents),
        || all(documents.ranges.iter().map(|range| transformer.transform_bisecting(one(range)))),
    )
}

/// As [`differences`], for a validator and rows.
pub fn validator_differences(
    validator: &Validator,
    rows: &[PluginRow],
) -> Result<Vec<Difference<Vec<Violation>>>, PluginError> {
    // Where a row stands in its call is no difference.
    let validate = |rows: &[PluginRow]| {
        let mut found = validator.validate_bisecting(rows)?;
        found.iter_mut().flatten().flatten().for_each(|violation| violation.row = 0);
        Ok(found)
    };
    compare(|| validate(rows), || all(rows.iter().map(|row| validate(std::slice::from_ref(row)))))
}

type Results<T> = Result<Vec<Result<T, RecordFault>>, PluginError>;

fn all<T>(calls: impl Iterator<Item = Results<T>>) -> Results<T> {
    let mut results = Vec::new();
    for call in calls {
        results.extend(call?);
    }
    Ok(results)
}

fn compare<T: Clone + PartialEq>(
    together: impl Fn() -> Results<T>,
    alone: impl Fn() -> Results<T>,
) -> Result<Vec<Difference<T>>, PluginError> {
    let (first, single) = (together()?, alone()?);
    let repeated = difference(DifferenceKind::Repeated, &first, &together()?);
    let repeated = match repeated {
        Some(found) => Some(found),
        None => difference(DifferenceKind::Repeated, &single, &alone()?),
    };
    Ok(repeated.into_iter().chain(difference(DifferenceKind::Alone, &first, &single)).collect())
}

fn difference<T: Clone + PartialEq>(
    kind: DifferenceKind,
    before: &[Result<T, RecordFault>],
    after: &[Result<T, RecordFault>],
) -> Option<Difference<T>> {
    let document = before.iter().zip(after).position(|(before, after)| before != after)?;
    Some(Difference { document, kind, before: before[document].clone(), after: after[document].clone() })
}
