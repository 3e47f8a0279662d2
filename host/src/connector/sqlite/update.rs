//! Updating rows by their keys, one at a time.

use rusqlite::Connection;

use super::name;
use super::refusal;
use super::types;
use super::types::BindError;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;

/// Sets all columns but the key's. A row that is not there fails the call.
pub(super) fn update(connection: &Connection, rows: Rows<'_>) -> Result<(), TargetError> {
    let table = rows.table;
    let what = format!("update `{}`", table.name);
    let part = |is_key: bool, join: &str| {
        let terms: Vec<String> = (rows.columns.iter().enumerate())
            .filter(|(_, column)| rows.key.contains(column) == is_key)
            .map(|(place, column)| format!("{} = ?{}", name::quote(&table.columns[*column].name), place + 1))
            .collect();
        terms.join(join)
    };
    let (set, by) = (part(false, ", "), part(true, " AND "));
    if set.is_empty() {
        return Ok(());
    }
    let wrong = |message: &str| TargetError::Database { what: what.clone(), source: message.into() };
    if by.is_empty() {
        return Err(wrong("the rows have no key"));
    }
    let sql = format!("UPDATE {} SET {set} WHERE {by}", name::table(&table.name));
    let mut statement = connection.prepare_cached(&sql).map_err(|error| refusal::error(error, &what))?;
    for (index, row) in rows.rows.iter().enumerate() {
        for (place, value) in row.iter().enumerate() {
            types::bind(&mut statement, place + 1, value).map_err(|error| match error {
                BindError::Value(message) => TargetError::Refused(Refusal {
                    code: "value",
                    table: table.name.clone(),
                    constraint: None,
                    column: Some(table.columns[rows.columns[place]].name.clone()),
                    message,
                    row: Some(index),
                }),
                BindError::Sqlite(error) => refusal::error(error, &what),
            })?;
        }
        match statement.raw_execute() {
            Ok(0) => return Err(wrong("the row to update is not there")),
            Ok(_) => {}
            Err(error) => return Err(refusal::of_write(connection, rows, index, row, error)),
        }
    }
    Ok(())
}
