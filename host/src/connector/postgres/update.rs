//! Updating rows by their keys, many in one statement.

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::arrays;
use super::error::row_error;
use super::lookup;
use super::name::TableName;
use super::name::quote;
use super::text;
use super::types;
use crate::connector::TargetError;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::record::TableSchema;
use crate::record::Value;

/// Rows of one UPDATE.
const UPDATE_ROWS_MAX: usize = 5_000;

/// Sets all columns but the key's. A row that is not there fails the call; one that a trigger leaves as it was is refused.
pub(super) async fn update(connection: &mut PgConnection, rows: Rows<'_>) -> Result<(), TargetError> {
    let set: Vec<usize> = (0..rows.columns.len()).filter(|place| !rows.key.contains(&rows.columns[*place])).collect();
    if rows.rows.is_empty() || set.is_empty() {
        return Ok(());
    }
    let what = format!("updating `{}`", rows.table.name);
    let failed = |message: String| TargetError::Database { what: what.clone(), source: message.into() };
    let sql = statement(&rows, &set)
        .ok_or_else(|| failed("expected a key, and every column of it among the columns to be written".to_owned()))?;
    let all: Vec<usize> = (0..rows.rows.len()).collect();
    for chunk in all.chunks(UPDATE_ROWS_MAX) {
        let mut query = sqlx::query(AssertSqlSafe(sql.as_str())).persistent(false);
        for texts in arrays::texts(connection, &rows, chunk).await? {
            query = query.bind(texts);
        }
        let done = query
            .execute(&mut *connection)
            .await
            .map_err(|error| row_error(error, &format!("write to `{}`", rows.table.name), &rows.table.name, &[]))?;
        let touched = usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
        if touched == chunk.len() {
            continue;
        }
        let there = count_there(&mut *connection, &rows, chunk).await?;
        if touched > chunk.len() || there < chunk.len() {
            return Err(failed(format!("expected {} rows to be there, found {}", chunk.len(), touched.max(there))));
        }
        return Err(left_alone(&rows, chunk, chunk.len() - touched));
    }
    Ok(())
}

/// Removes rows by their keys.
pub(super) async fn delete(
    connection: &mut PgConnection,
    table: &TableSchema,
    key: &[usize],
    keys: &[Vec<Value>],
) -> Result<(), TargetError> {
    let conditions: Vec<_> = (key.iter().enumerate())
        .map(|(place, column)| {
            let column = &table.columns[*column];
            format!("{} = ${}::text::{}", quote(&column.name), place + 1, types::cast_type(&column.declared))
        })
        .collect();
    let sql = format!("DELETE FROM {} WHERE {}", TableName::parse(&table.name).sql(), conditions.join(" AND "));
    for values in keys {
        let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
        for (value, column) in values.iter().zip(key) {
            let text = text::write(value).map_err(|message| lookup::misfit(table, *column, message, None))?;
            query = query.bind(text);
        }
        let done = query.execute(&mut *connection).await;
        done.map_err(|error| row_error(error, &format!("remove rows of `{}`", table.name), &table.name, &[]))?;
    }
    Ok(())
}

async fn count_there(connection: &mut PgConnection, rows: &Rows<'_>, chunk: &[usize]) -> Result<usize, TargetError> {
    let places: Vec<usize> =
        rows.key.iter().filter_map(|key| rows.columns.iter().position(|column| column == key)).collect();
    let keys: Vec<Vec<&Value>> =
        chunk.iter().map(|row| places.iter().map(|place| &rows.rows[*row][*place]).collect()).collect();
    let found = lookup::lookup(connection, rows.table, rows.key, &keys, rows.key).await?;
    Ok(found.iter().flatten().count())
}

/// Refuses rows that are there and were not touched. Which ones, only a call with one row tells.
fn left_alone(rows: &Rows<'_>, chunk: &[usize], left: usize) -> TargetError {
    TargetError::Refused(Refusal {
        code: "trigger",
        table: rows.table.name.clone(),
        constraint: None,
        column: None,
        message: match chunk {
            [_] => "a trigger, a rule or a policy left the row as it was".to_owned(),
            _ => format!("expected every row to be updated, found {left} left alone by a trigger, a rule or a policy"),
        },
        row: match chunk {
            [only] => Some(*only),
            _ => None,
        },
    })
}

fn statement(rows: &Rows<'_>, set: &[usize]) -> Option<String> {
    let column = |place: usize| &rows.table.columns[rows.columns[place]];
    let value = |place: usize| format!("k.k{}::{}", place + 1, types::cast_type(&column(place).declared));
    let assignments: Vec<_> =
        set.iter().map(|place| format!("{} = {}", quote(&column(*place).name), value(*place))).collect();
    let key: Vec<usize> =
        rows.key.iter().map(|key| rows.columns.iter().position(|column| column == key)).collect::<Option<_>>()?;
    let conditions: Vec<_> =
        key.iter().map(|place| format!("t.{} = {}", quote(&column(*place).name), value(*place))).collect();
    let arrays: Vec<_> = (1..=rows.columns.len()).map(|place| format!("${place}::text[]")).collect();
    let names: Vec<_> = (1..=rows.columns.len()).map(|place| format!("k{place}")).collect();
    (!key.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM unnest({}) AS k ({}) WHERE {}",
            TableName::parse(&rows.table.name).sql(),
            assignments.join(", "),
            arrays.join(", "),
            names.join(", "),
            conditions.join(" AND ")
        )
    })
}
