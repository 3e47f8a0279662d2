//! Finding rows by their keys: one query for many keys, each answered by the index.

use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::PgConnection;
use sqlx::Row;

use super::error::row_error;
use super::name::TableName;
use super::name::quote;
use super::text;
use super::types;
use crate::connector::TargetError;
use crate::record::ColumnType;
use crate::record::TableSchema;
use crate::record::Value;

/// Bytes of keys that one query carries.
const KEYS_BYTES_MAX: usize = 128 * 1024;

/// Returns for each key the values of `columns` in the row that has it, or `None` where no row has.
pub(super) async fn lookup(
    connection: &mut PgConnection,
    table: &TableSchema,
    by: &[usize],
    keys: &[Vec<&Value>],
    columns: &[usize],
) -> Result<Vec<Option<Vec<Value>>>, TargetError> {
    let mut found = vec![None; keys.len()];
    let sql = statement(table, by, columns);
    let nulls_equal = nulls_equal(table, by);
    let mut sought =
        (0..keys.len()).filter(|key| nulls_equal || !keys[*key].iter().any(|value| value.is_null())).peekable();
    while sought.peek().is_some() {
        let mut chunk = Vec::new();
        let mut texts: Vec<Vec<Option<String>>> = vec![Vec::new(); by.len()];
        let mut bytes = 0;
        while let Some(key) = sought.next_if(|_| bytes < KEYS_BYTES_MAX) {
            for (place, texts) in texts.iter_mut().enumerate() {
                let text = text::write(keys[key][place]).map_err(|message| misfit(table, by[place], message, None))?;
                bytes += 4 + text.as_ref().map_or(0, String::len);
                texts.push(text);
            }
            chunk.push(key);
        }
        // An unnamed statement is planned for the table as it is now, not as it was when it was empty.
        let mut query = sqlx::query(AssertSqlSafe(sql.as_str())).persistent(false);
        for texts in texts {
            query = query.bind(texts);
        }
        let rows = query
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| row_error(error, &format!("look up keys in `{}`", table.name), &table.name, &[]))?;
        for row in rows {
            let (key, values) = answer(table, columns, &row)
                .map_err(|error| row_error(error, &format!("read from `{}`", table.name), &table.name, &[]))?;
            if let Some(key) = usize::try_from(key - 1).ok().and_then(|key| chunk.get(key)) {
                found[*key] = Some(values);
            }
        }
    }
    Ok(found)
}

/// How long a page may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageLimit {
    /// Rows at most.
    pub rows: usize,
    /// Bytes, as the server sends them, behind which it ends.
    pub bytes: usize,
}

/// Returns rows behind a key, in the order of the keys, and whether there are none behind them.
pub(super) async fn page(
    connection: &mut PgConnection,
    table: &TableSchema,
    key: &[usize],
    after: Option<&[Value]>,
    filter: Option<&str>,
    columns: &[usize],
    limit: PageLimit,
) -> Result<(Vec<Vec<Value>>, bool), TargetError> {
    let failed = |error| row_error(error, &format!("read rows of `{}`", table.name), &table.name, &[]);
    let order = names(table, key);
    // A row without a key has no place among the keys.
    let nullable = key.iter().filter(|column| table.columns[**column].nullable);
    let mut conditions: Vec<String> =
        nullable.map(|column| format!("t.{} IS NOT NULL", quote(&table.columns[*column].name))).collect();
    conditions.extend(filter.map(bracketed));
    if after.is_some() {
        conditions.push(format!("({order}) > ({})", casts(table, key)));
    }
    let behind = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let selected: Vec<_> = columns.iter().map(|column| text::select("t", &table.columns[*column])).collect();
    let sql = format!(
        "SELECT 0::int8, {} FROM {} AS t {behind} ORDER BY {order} LIMIT {}",
        selected.join(", "),
        TableName::parse(&table.name).sql(),
        limit.rows
    );
    let mut query = sqlx::query(AssertSqlSafe(sql.as_str())).persistent(false);
    for (value, column) in after.unwrap_or_default().iter().zip(key) {
        query = query.bind(text::write(value).map_err(|message| misfit(table, *column, message, None))?);
    }
    let mut rows = query.fetch(&mut *connection);
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let sizes = (0..=columns.len()).map(|place| row.try_get_raw(place).ok()?.as_bytes().ok().map(<[u8]>::len));
        bytes += sizes.flatten().sum::<usize>();
        found.push(answer(table, columns, &row).map_err(failed)?.1);
        if bytes >= limit.bytes {
            return Ok((found, false));
        }
    }
    let is_last = found.len() < limit.rows;
    Ok((found, is_last))
}

/// Returns how many rows come up to a key, itself included.
pub(super) async fn rows_through(
    connection: &mut PgConnection,
    table: &TableSchema,
    key: &[usize],
    through: &[Value],
    filter: Option<&str>,
) -> Result<u64, TargetError> {
    let sql = format!(
        "SELECT count(*) FROM {} AS t WHERE {} AND ({}) <= ({})",
        TableName::parse(&table.name).sql(),
        bracketed(filter.unwrap_or("TRUE")),
        names(table, key),
        casts(table, key)
    );
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
    for (value, column) in through.iter().zip(key) {
        query = query.bind(text::write(value).map_err(|message| misfit(table, *column, message, None))?);
    }
    let count: i64 = query
        .fetch_one(connection)
        .await
        .map_err(|error| row_error(error, &format!("count the rows of `{}`", table.name), &table.name, &[]))?;
    Ok(count.cast_unsigned())
}

/// A comment in a filter ends with its line.
fn bracketed(filter: &str) -> String {
    format!("({filter}\n)")
}

fn names(table: &TableSchema, key: &[usize]) -> String {
    let names = key.iter().map(|column| format!("t.{}", quote(&table.columns[*column].name)));
    names.collect::<Vec<_>>().join(", ")
}

/// The parameters of a key, as the types of its columns.
fn casts(table: &TableSchema, key: &[usize]) -> String {
    let cast = |(place, column): (usize, &usize)| {
        format!("${}::text::{}", place + 1, types::cast_type(&table.columns[*column].declared))
    };
    key.iter().enumerate().map(cast).collect::<Vec<_>>().join(", ")
}

/// Returns whether a unique constraint over exactly these columns takes NULLs for equal.
pub(super) fn nulls_equal(table: &TableSchema, by: &[usize]) -> bool {
    table.uniques.iter().any(|unique| unique.nulls_equal && same(&unique.columns, by))
}

/// Returns whether both hold the same columns, in whatever order.
pub(super) fn same(one: &[usize], other: &[usize]) -> bool {
    one.len() == other.len() && one.iter().all(|column| other.contains(column))
}

/// Returns the refusal of a value that does not fit its column.
pub(super) fn misfit(table: &TableSchema, column: usize, message: String, row: Option<usize>) -> TargetError {
    let column = &table.columns[column].name;
    TargetError::Refused(crate::connector::target::Refusal {
        code: "value",
        table: table.name.clone(),
        constraint: None,
        column: Some(column.clone()),
        message: format!("column `{column}`: {message}"),
        row,
    })
}

/// One index scan a key where an index is unique over these columns: the inner query cannot be pulled up, so that no
/// plan reads the whole table. Elsewhere the planner may choose.
fn statement(table: &TableSchema, by: &[usize], columns: &[usize]) -> String {
    let arrays: Vec<_> = (1..=by.len()).map(|key| format!("${key}::text[]")).collect();
    let names: Vec<_> = (1..=by.len()).map(|key| format!("k{key}")).collect();
    let nulls_equal = nulls_equal(table, by);
    let conditions: Vec<_> =
        by.iter().enumerate().map(|(key, column)| condition(table, *column, key + 1, nulls_equal)).collect();
    let selected: Vec<_> = columns.iter().map(|column| text::select("t", &table.columns[*column])).collect();
    let has_index = std::iter::once(&table.primary_key)
        .chain(table.uniques.iter().map(|unique| &unique.columns))
        .any(|unique| !unique.is_empty() && unique.iter().all(|column| by.contains(column)));
    let selected = if selected.is_empty() { String::new() } else { format!(", {}", selected.join(", ")) };
    let keys = format!("unnest({}) WITH ORDINALITY AS k ({}, n)", arrays.join(", "), names.join(", "));
    let (name, conditions) = (TableName::parse(&table.name).sql(), conditions.join(" AND "));
    if !has_index {
        return format!("SELECT k.n{selected} FROM {keys} JOIN {name} AS t ON {conditions}");
    }
    format!(
        "SELECT f.* FROM {keys} CROSS JOIN LATERAL (SELECT k.n{selected} FROM {name} AS t WHERE {conditions} LIMIT 1) AS f"
    )
}

fn condition(table: &TableSchema, column: usize, key: usize, nulls_equal: bool) -> String {
    let column = &table.columns[column];
    let (name, cast) = (quote(&column.name), types::cast_type(&column.declared));
    // The cast of an enum, a timestamp or a number can fail, and then this is the row's own fault.
    let equal = format!("t.{name} = k.k{key}::{cast}");
    if nulls_equal && column.nullable {
        return format!("({equal} OR (t.{name} IS NULL AND k.k{key} IS NULL))");
    }
    equal
}

pub(super) fn answer(
    table: &TableSchema,
    columns: &[usize],
    row: &sqlx::postgres::PgRow,
) -> Result<(i64, Vec<Value>), sqlx::Error> {
    let values = columns.iter().enumerate().map(|(place, column)| {
        let kind: &ColumnType = &table.columns[*column].kind;
        Ok(text::read(kind, row.try_get_unchecked(place + 1)?))
    });
    Ok((row.try_get(0)?, values.collect::<Result<_, sqlx::Error>>()?))
}
