//! Rows of a junction go into the target; those that it refuses are found by bisection between savepoints.

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

/// Inserts rows that share their columns; one answer a row, in order.
pub(super) async fn write(
    tx: &mut dyn Transaction,
    table: &TablePlan,
    columns: &[usize],
    rows: &[&[Value]],
) -> Result<Vec<Answer>, TargetError> {
    let mut answers = Vec::with_capacity(rows.len());
    // The rest of the rows, the next part last.
    let mut parts = vec![rows];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        tx.savepoint("part").await?;
        let call = Rows { table: &table.schema, columns, key: &table.key, rows: part };
        let refusal = match insert(tx, call).await {
            Ok(inserted) => {
                tx.release("part").await?;
                answers.extend(inserted.into_iter().map(|inserted| match inserted {
                    Inserted::New => Answer::Inserted,
                    Inserted::Conflict(standing) => Answer::Stands(standing),
                }));
                continue;
            }
            Err(TargetError::Refused(refusal)) => refusal,
            Err(error) => return Err(error),
        };
        tx.rollback_to("part").await?;
        tx.release("part").await?;
        match refusal.row {
            _ if part.len() == 1 => answers.push(Answer::Refused(refusal)),
            // It is at fault when those before it stand.
            Some(at) if at > 0 && at < part.len() => parts.extend([&part[at..], &part[..at]]),
            Some(0) => parts.extend([&part[1..], &part[..1]]),
            _ => {
                let (left, right) = part.split_at(part.len() / 2);
                parts.extend([right, left]);
            }
        }
    }
    Ok(answers)
}

async fn insert(tx: &mut dyn Transaction, call: Rows<'_>) -> Result<Vec<Inserted>, TargetError> {
    let inserted = tx.insert(call).await?;
    // What is deferred would otherwise be said by the commit, and of nobody.
    tx.check_constraints().await?;
    let new = call.rows.iter().zip(&inserted).filter(|(_, inserted)| **inserted == Inserted::New);
    let new: Vec<&[Value]> = new.map(|(row, _)| *row).collect();
    rewritten::check_inserted(tx, &[Rows { rows: &new, ..call }]).await?;
    Ok(inserted)
}
