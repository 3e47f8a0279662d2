//! Updates of rows whose table has triggers: what these put in the place of the source's values is refused, and never
//! stays unsaid. An `updated_at` that a trigger sets would otherwise take the place of the time that was migrated.

use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// Sets all columns but the key's, as [`Transaction::update`] does. Refuses a row in which some column that this
/// migration feeds holds another value afterwards than it was given, or than it held before.
pub async fn update(tx: &mut dyn Transaction, table: &TablePlan, call: Rows<'_>) -> Result<(), TargetError> {
    if !tx.has_update_triggers(call.table).await? {
        return tx.update(call).await;
    }
    let place = |column: &usize| call.columns.iter().position(|other| other == column);
    let key: Vec<usize> = call.key.iter().filter_map(place).collect();
    let keys: Vec<Vec<Value>> =
        call.rows.iter().map(|row| key.iter().map(|&place| row[place].clone()).collect()).collect();
    let before = tx.find(call.table, call.key, &keys, &table.columns).await?;
    tx.update(call).await?;
    let after = tx.find(call.table, call.key, &keys, &table.columns).await?;
    for (index, (row, key)) in call.rows.iter().zip(&keys).enumerate() {
        let key = value::encode(key);
        // A row that was not there before has failed the update.
        let Some(before) = before.get(&key) else { continue };
        let Some(after) = after.get(&key) else {
            return Err(refused(call, index, None, "a trigger removed the row while it was updated".to_owned()));
        };
        for (fed, column) in table.columns.iter().enumerate() {
            let expected = place(column).map_or(&before[fed], |place| &row[place]);
            let schema = &call.table.columns[*column];
            if !value::same_in(&schema.kind, expected, &after[fed]) {
                let shown = |value: &Value| packed::display(std::slice::from_ref(value));
                let (expected, found) = (shown(expected), shown(&after[fed]));
                let message = format!(
                    "a trigger put `{found}` into `{}` while the row was updated, expected `{expected}`",
                    schema.name
                );
                return Err(refused(call, index, Some(schema.name.clone()), message));
            }
        }
    }
    Ok(())
}

fn refused(call: Rows<'_>, row: usize, column: Option<String>, message: String) -> TargetError {
    let table = call.table.name.clone();
    TargetError::Refused(Refusal { code: "trigger", table, constraint: None, column, message, row: Some(row) })
}
