//! Rows of a junction go into the target, and what becomes of each is what would become of it were they written one by one:
//! many go together while none is refused; those that are refused are found by bisection between savepoints.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::candidate::Candidate;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::run::rewritten;

/// What the target made of one row.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// It stands there now.
    Inserted,
    /// A row with its key stands there, with these values of the columns that were to be written.
    Stands(Vec<Value>),
    /// The target does not take it.
    Refused(Refusal),
}

/// What became of some rows that were tried together.
enum Part {
    Written(Vec<(usize, Answer)>),
    /// One of them is refused: of which place among them, where the target says it.
    Refused(Refusal, Option<usize>),
    /// None is, but which of two equal keys came first cannot be told from it.
    Unordered,
}

/// Writes the first row of each key that the target takes, out of rows in the order of their keys; the others have no
/// answer, but those that are refused. Rows that have a place already are passed over.
pub(super) async fn write(
    tx: &mut dyn Transaction,
    table: &TablePlan,
    candidates: &[Candidate],
) -> Result<Vec<(usize, Answer)>, TargetError> {
    let open: Vec<usize> = (0..candidates.len()).filter(|&index| candidates[index].place.is_none()).collect();
    let (mut heads, mut next) = (Vec::new(), HashMap::new());
    for of_key in open.chunk_by(|&one, &other| candidates[one].key == candidates[other].key) {
        heads.push(of_key[0]);
        next.extend(of_key.windows(2).map(|pair| (pair[0], &pair[1..])));
    }
    let mut answers = Vec::with_capacity(heads.len());
    // The rest of the rows, the next part last.
    let mut parts: Vec<&[usize]> = vec![&heads];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        tx.savepoint("part").await?;
        let written = write_part(tx, table, candidates, part).await?;
        if let Part::Written(written) = written {
            tx.release("part").await?;
            answers.extend(written);
            continue;
        }
        tx.rollback_to("part").await?;
        tx.release("part").await?;
        let at = match (written, part) {
            (Part::Refused(refusal, _), [row]) => {
                answers.push((*row, Answer::Refused(refusal)));
                // The next row of its key has its turn before those of other keys: they may exclude each other.
                parts.extend(next.get(row));
                continue;
            }
            // The one at fault is so when those before it stand.
            (Part::Refused(_, Some(at)), _) => at.max(1),
            _ => part.len() / 2,
        };
        let (before, behind) = part.split_at(at);
        parts.extend([behind, before]);
    }
    Ok(answers)
}

async fn write_part(
    tx: &mut dyn Transaction,
    table: &TablePlan,
    candidates: &[Candidate],
    part: &[usize],
) -> Result<Part, TargetError> {
    // Places of the rows that feed the same columns.
    let mut alike: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
    for (place, &row) in part.iter().enumerate() {
        alike.entry(&candidates[row].columns).or_default().push(place);
    }
    let (mut answers, mut is_ordered) = (Vec::with_capacity(part.len()), true);
    // For each of these columns, the rows that stand there now.
    let mut new: Vec<(&[usize], Vec<&[Value]>)> = Vec::with_capacity(alike.len());
    for (&columns, places) in &alike {
        let rows: Vec<&[Value]> = places.iter().map(|&place| candidates[part[place]].row.values.as_slice()).collect();
        let call = Rows { table: &table.schema, columns, key: &table.key, rows: &rows };
        let inserted = match tx.insert(call).await {
            Ok(inserted) => inserted,
            Err(TargetError::Refused(refusal)) => {
                let at = refusal.row.and_then(|row| places.get(row)).copied();
                return Ok(Part::Refused(refusal, at));
            }
            Err(error) => return Err(error),
        };
        let is_new = |(_, inserted): &(&&[Value], &Inserted)| **inserted == Inserted::New;
        new.push((columns, rows.iter().zip(&inserted).filter(is_new).map(|(row, _)| *row).collect()));
        for (&place, inserted) in places.iter().zip(inserted) {
            let candidate = &candidates[part[place]];
            let answer = match inserted {
                Inserted::New => Answer::Inserted,
                Inserted::Conflict(standing) => {
                    // A row of this part may have it in another spelling, and feed other columns.
                    is_ordered &= alike.len() == 1 || candidate.standing_key(table, &standing) == candidate.key;
                    Answer::Stands(standing)
                }
            };
            answers.push((part[place], answer));
        }
    }
    if !is_ordered {
        return Ok(Part::Unordered);
    }
    let calls: Vec<Rows<'_>> =
        new.iter().map(|(columns, rows)| Rows { table: &table.schema, columns, key: &table.key, rows }).collect();
    match check(tx, &calls).await {
        Ok(()) => Ok(Part::Written(answers)),
        Err(TargetError::Refused(refusal)) => Ok(Part::Refused(refusal, None)),
        Err(error) => Err(error),
    }
}

/// Looks at what is only said behind the rows: deferred constraints, which the commit would say of nobody, and values that
/// triggers have changed.
async fn check(tx: &mut dyn Transaction, inserted: &[Rows<'_>]) -> Result<(), TargetError> {
    tx.check_constraints().await?;
    rewritten::check_inserted(tx, inserted).await
}
