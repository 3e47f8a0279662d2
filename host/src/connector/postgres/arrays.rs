//! Rows as one array of text a column, for statements that COPY cannot replace.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;
use sqlx::Row;

use super::copy;
use super::error::row_error;
use super::insert;
use super::lookup;
use super::name::TableName;
use super::name::quote;
use super::spelling;
use super::text;
use super::types;
use crate::connector::TargetError;
use crate::connector::target::Rows;
use crate::record::Column;
use crate::record::Value;

/// Returns the texts of some rows, column by column: they come back as they are.
pub(super) async fn texts(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    chunk: &[usize],
) -> Result<Vec<Vec<Option<String>>>, TargetError> {
    let texts = written(rows, chunk)?;
    spelling::check(connection, rows, chunk, &texts).await?;
    Ok(texts)
}

/// The form of COPY is the stricter one; its limits hold here too.
fn fits(column: &Column, value: &Value, discarded: &mut Vec<u8>) -> Result<(), String> {
    if copy::supports(column) && copy::supports_value(column, value) {
        return copy::encode(column, value, discarded);
    }
    Ok(())
}

fn written(rows: &Rows<'_>, chunk: &[usize]) -> Result<Vec<Vec<Option<String>>>, TargetError> {
    let mut texts = vec![Vec::with_capacity(chunk.len()); rows.columns.len()];
    let mut discarded = Vec::new();
    for row in chunk {
        for (place, column) in rows.columns.iter().enumerate() {
            let checked = match rows.rows[*row].get(place) {
                Some(value) => {
                    fits(&rows.table.columns[*column], value, &mut discarded).and_then(|()| text::write(value))
                }
                None => Err("expected a value, found none".to_owned()),
            };
            discarded.clear();
            texts[place].push(checked.map_err(|message| lookup::misfit(rows.table, *column, message, Some(*row)))?);
        }
    }
    Ok(texts)
}

/// Inserts by one statement with a text array a column, and returns the rows that were there already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    key: &[usize],
    chunk: &[usize],
    has_index: bool,
) -> Result<Vec<usize>, TargetError> {
    let sql = insert_statement(rows, has_index);
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for texts in texts(connection, rows, chunk).await? {
        query = query.bind(texts);
    }
    let failed = |error| row_error(error, &format!("write to `{}`", rows.table.name), &rows.table.name, &[]);
    let written = query.fetch_all(connection).await.map_err(failed)?;
    if !has_index {
        return match chunk.len().saturating_sub(written.len()) {
            0 => Ok(Vec::new()),
            missing => Err(insert::kept_out(rows, missing, None)),
        };
    }
    // Keys that are NULL in part may be there several times.
    let mut keys: HashMap<Vec<u8>, usize> = HashMap::with_capacity(written.len());
    for row in &written {
        let values: Vec<Value> = (0..key.len())
            .map(|place| Ok(text::read(&rows.table.columns[rows.key[place]].kind, row.try_get_unchecked(place)?)))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(failed)?;
        *keys.entry(insert::encoded_key(rows, key, values.iter())).or_default() += 1;
    }
    Ok(chunk
        .iter()
        .copied()
        .filter(|row| {
            let encoded = insert::encoded_key(rows, key, key.iter().map(|place| &rows.rows[*row][*place]));
            match keys.get_mut(&encoded) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                _ => true,
            }
        })
        .collect())
}

fn insert_statement(rows: &Rows<'_>, has_index: bool) -> String {
    let key: Vec<_> = rows.key.iter().map(|column| &rows.table.columns[*column]).collect();
    let columns: Vec<_> = rows.columns.iter().map(|column| &rows.table.columns[*column]).collect();
    let list = |make: &dyn Fn(usize) -> String| (1..=columns.len()).map(make).collect::<Vec<_>>().join(", ");
    let (conflict, returning) = if has_index {
        let names: Vec<_> = key.iter().map(|column| quote(&column.name)).collect();
        let values: Vec<_> = key.iter().map(|column| text::select("t", column)).collect();
        (format!(" ON CONFLICT ({}) DO NOTHING", names.join(", ")), values.join(", "))
    } else {
        (String::new(), "1".to_owned())
    };
    format!(
        "INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) WITH ORDINALITY AS k ({}, n) ORDER BY k.n{conflict} RETURNING {returning}",
        TableName::parse(&rows.table.name).sql(),
        insert::names(rows).join(", "),
        list(&|place| format!("k.k{place}::{}", types::cast_type(&columns[place - 1].declared))),
        list(&|place| format!("${place}::text[]")),
        list(&|place| format!("k{place}")),
    )
}
