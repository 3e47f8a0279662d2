//! Looks at whole tables. The server keeps types itself; foreign keys may stand unenforced (`NOT VALID`, triggers
//! switched off), so each is asked for by the rows without a parent.

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::error::row_error;
use super::lookup;
use super::lookup::PageLimit;
use super::name::TableName;
use super::name::quote;
use super::text;
use crate::connector::TargetError;
use crate::connector::audit::Examined;
use crate::connector::audit::Held;
use crate::connector::audit::Misfit;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;

/// Counts the rows of a table.
pub(super) async fn count(connection: &mut PgConnection, table: &TableSchema) -> Result<u64, TargetError> {
    let sql = format!("SELECT count(*) FROM {}", TableName::parse(&table.name).sql());
    number(connection, table, sql).await
}

/// Looks at rows behind a key: what is read of a column is of its type.
pub(super) async fn examine(
    connection: &mut PgConnection,
    table: &TableSchema,
    key: &[usize],
    after: Option<&[Value]>,
    columns: &[usize],
    limit: usize,
) -> Result<Examined, TargetError> {
    let all: Vec<usize> = key.iter().chain(columns).copied().collect();
    let limit = PageLimit { rows: limit, bytes: usize::MAX };
    let (rows, _) = lookup::page(connection, table, key, after, None, &all, limit).await?;
    let mut examined = Examined { rows: rows.len() as u64, ..Examined::default() };
    for mut row in rows {
        let values = row.split_off(key.len());
        for (&column, value) in columns.iter().zip(values) {
            examined.values += u64::from(!value.is_null());
            let expected = match convert::refit(value.clone(), &table.columns[column]) {
                Ok(fitted) if fitted == value || !is_comparable(&value) => continue,
                Ok(_) => table.columns[column].type_words(),
                Err(mismatch) => mismatch.expected,
            };
            let found = packed::display(std::slice::from_ref(&value));
            examined.misfits.push(Misfit { key: row.clone(), column, expected, found });
        }
        examined.last = Some(row);
    }
    Ok(examined)
}

/// NaN is not equal to itself.
fn is_comparable(value: &Value) -> bool {
    match value {
        Value::Float(value) => !value.is_nan(),
        Value::Array(items) => items.iter().all(is_comparable),
        _ => true,
    }
}

/// Asks for the rows without a parent.
pub(super) async fn foreign_key(
    connection: &mut PgConnection,
    table: &TableSchema,
    foreign_key: usize,
    key: &[usize],
    limit: usize,
) -> Result<Held, TargetError> {
    let foreign = &table.foreign_keys[foreign_key];
    let name = |column: &usize| format!("t.{}", quote(&table.columns[*column].name));
    let points: Vec<String> = foreign.columns.iter().map(|column| format!("{} IS NOT NULL", name(column))).collect();
    let pairs = foreign.columns.iter().zip(&foreign.parent_columns);
    let pairs: Vec<String> = pairs.map(|(column, parent)| format!("p.{} = {}", quote(parent), name(column))).collect();
    let from = format!("FROM {} AS t WHERE {}", TableName::parse(&table.name).sql(), points.join(" AND "));
    let parent = TableName::parse(&foreign.parent).sql();
    let orphans = format!("{from} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {})", pairs.join(" AND "));
    let pointing = number(connection, table, format!("SELECT count(*) {from}")).await?;
    let broken = number(connection, table, format!("SELECT count(*) {orphans}")).await?;
    let mut examples = Vec::new();
    if broken > 0 {
        let all: Vec<usize> = key.iter().chain(&foreign.columns).copied().collect();
        let selected: Vec<_> = all.iter().map(|column| text::select("t", &table.columns[*column])).collect();
        let sql = format!("SELECT 0::int8, {} {orphans} LIMIT {limit}", selected.join(", "));
        let failed = |error| row_error(error, &format!("read rows of `{}`", table.name), &table.name, &[]);
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await.map_err(failed)?;
        for row in rows {
            let (_, mut values) = lookup::answer(table, &all, &row).map_err(failed)?;
            let pointing = values.split_off(key.len());
            examples.push((values, pointing));
        }
    }
    Ok(Held { pointing, broken, examples })
}

async fn number(connection: &mut PgConnection, table: &TableSchema, sql: String) -> Result<u64, TargetError> {
    let counted = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql)).persistent(false).fetch_one(connection).await;
    let what = || format!("count the rows of `{}`", table.name);
    counted.map(i64::cast_unsigned).map_err(|error| row_error(error, &what(), &table.name, &[]))
}
