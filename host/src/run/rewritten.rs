//! Rows of tables with triggers are looked at again when they were written: what a trigger puts in the place of the
//! source's values is refused, and never stays unsaid. An `updated_at` that a trigger sets would otherwise take the place
//! of the time that was migrated.

use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::rewritten::Write;
use crate::connector::rewritten::refusal;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::Triggers;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::value;

/// Looks at rows again that were just inserted, all of one record or of several. Where one of their tables has triggers,
/// a row of any of them is refused in which a column holds another value than it was given: which record is to blame,
/// only a call with one record tells. A row whose key holds a NULL cannot be found again.
pub async fn check_inserted(tx: &mut dyn Transaction, inserted: &[Rows<'_>]) -> Result<(), TargetError> {
    let mut triggers = Triggers::None;
    for call in inserted {
        triggers = triggers.max(tx.insert_triggers(call.table).await?);
    }
    match triggers {
        Triggers::None => return Ok(()),
        Triggers::AtOnce => {}
        Triggers::Deferred => tx.check_constraints().await?,
    }
    for call in inserted {
        let keys = keys(*call);
        let found = tx.find(call.table, call.key, &keys, call.columns).await?;
        for (row, key) in call.rows.iter().zip(&keys).filter(|(_, key)| !key.iter().any(Value::is_null)) {
            let given: Vec<&Value> = row.iter().collect();
            let found = found.get(&value::encode(key)).map(Vec::as_slice);
            if let Some(refusal) = refusal(call.table, call.columns, &given, found, Write::Insert) {
                return Err(TargetError::Refused(refusal));
            }
        }
    }
    Ok(())
}

/// Sets all columns but the key's, as [`Transaction::update`] does. Refuses a row in which some column that this
/// migration feeds holds another value afterwards than it was given, or than it held before.
pub async fn update(tx: &mut dyn Transaction, table: &TablePlan, call: Rows<'_>) -> Result<(), TargetError> {
    if !tx.has_update_triggers(call.table).await? {
        return tx.update(call).await;
    }
    let keys = keys(call);
    let before = tx.find(call.table, call.key, &keys, &table.columns).await?;
    tx.update(call).await?;
    let after = tx.find(call.table, call.key, &keys, &table.columns).await?;
    let places: Vec<Option<usize>> = table.columns.iter().map(|column| place(call, *column)).collect();
    for (index, (row, key)) in call.rows.iter().zip(&keys).enumerate() {
        let key = value::encode(key);
        // A row that was not there before has failed the update.
        let Some(before) = before.get(&key) else { continue };
        let expected = places.iter().zip(before).map(|(place, before)| place.map_or(before, |place| &row[place]));
        let expected: Vec<&Value> = expected.collect();
        let after = after.get(&key).map(Vec::as_slice);
        if let Some(refusal) = refusal(call.table, &table.columns, &expected, after, Write::Update) {
            return Err(TargetError::Refused(Refusal { row: Some(index), ..refusal }));
        }
    }
    Ok(())
}

/// Returns where in each row a column's value stands.
fn place(call: Rows<'_>, column: usize) -> Option<usize> {
    call.columns.iter().position(|other| *other == column)
}

fn keys(call: Rows<'_>) -> Vec<Vec<Value>> {
    let key: Vec<usize> = call.key.iter().filter_map(|column| place(call, *column)).collect();
    call.rows.iter().map(|row| key.iter().map(|&place| row[place].clone()).collect()).collect()
}
