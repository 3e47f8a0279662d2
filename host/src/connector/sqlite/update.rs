//! Updating rows by their keys, one at a time.

use rusqlite::Connection;

use super::clause;
use super::name;
use super::refusal;
use super::select::Select;
use super::types;
use super::types::BindError;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::TargetError;
use crate::record::TableSchema;
use crate::record::Value;

/// Sets all columns but the key's. A row that is not there fails the call; one that a trigger leaves as it was is refused.
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
    let mut statement = clause::own(connection, &table.name)
        .and_then(|clause| {
            connection.prepare_cached(&format!("UPDATE {clause}{} SET {set} WHERE {by}", name::table(&table.name)))
        })
        .map_err(|error| refusal::error(error, &what))?;
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
            Ok(0) if is_there(connection, rows, row)? => {
                return Err(TargetError::Refused(Refusal {
                    code: "trigger",
                    table: table.name.clone(),
                    constraint: None,
                    column: None,
                    message: "a trigger left the row as it was".to_owned(),
                    row: Some(index),
                }));
            }
            Ok(0) => return Err(wrong("the row to update is not there")),
            Ok(_) => {}
            Err(error) => return Err(refusal::of_write(connection, rows, index, row, error)),
        }
    }
    Ok(())
}

/// Returns whether a table has triggers; which of them run on INSERT or on UPDATE, only their text would tell.
pub(super) fn has_triggers(connection: &Connection, table: &TableSchema) -> Result<bool, TargetError> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)";
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut found| found.query_row([name::bare(&table.name)], |row| row.get(0)));
    found.map_err(|error| refusal::error(error, &format!("look for triggers of `{}`", table.name)))
}

/// Removes rows by their keys.
pub(super) fn delete(
    connection: &Connection,
    table: &TableSchema,
    key: &[usize],
    keys: &[Vec<Value>],
) -> Result<(), TargetError> {
    let what = format!("remove rows of `{}`", table.name);
    let failed = |error| refusal::error(error, &what);
    let terms: Vec<String> = (key.iter().enumerate())
        .map(|(place, column)| format!("{} = ?{}", name::quote(&table.columns[*column].name), place + 1))
        .collect();
    let sql = format!("DELETE FROM {} WHERE {}", name::table(&table.name), terms.join(" AND "));
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    for values in keys {
        for (place, value) in values.iter().enumerate() {
            types::bind(&mut statement, place + 1, value).map_err(|error| match error {
                BindError::Value(message) => TargetError::Database { what: what.clone(), source: message.into() },
                BindError::Sqlite(error) => failed(error),
            })?;
        }
        statement.raw_execute().map_err(failed)?;
    }
    Ok(())
}

fn is_there(connection: &Connection, rows: Rows<'_>, row: &[Value]) -> Result<bool, TargetError> {
    let failed = |error| match error {
        BindError::Sqlite(error) => refusal::error(error, "look up the row to update"),
        BindError::Value(message) => {
            TargetError::Database { what: "look up the row to update".to_owned(), source: message.into() }
        }
    };
    let place = |key: &usize| rows.columns.iter().position(|column| column == key);
    let key = rows.key.iter().filter_map(place).map(|place| &row[place]);
    let mut select = Select::prepare(connection, rows.table, rows.key, &[]).map_err(|error| failed(error.into()))?;
    Ok(select.row(key).map_err(failed)?.is_some())
}
