//! Numbers of a sequence: taken for rows, and passed over where rows have them already.

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::error::target_error;
use super::name::TableName;
use super::name::quote;
use crate::connector::TargetError;
use crate::connector::target::Advanced;
use crate::record::ColumnType;
use crate::record::TableSchema;

/// Takes the next numbers, all in one statement.
pub(super) async fn take(
    connection: &mut PgConnection,
    table: &TableSchema,
    column: usize,
    count: usize,
) -> Result<Vec<i64>, TargetError> {
    let place = format!("`{}.{}`", table.name, table.columns[column].name);
    let sequence = table.columns[column].sequence.as_deref().ok_or_else(|| TargetError::Database {
        what: format!("number the rows of {place}"),
        source: "the column has no sequence".into(),
    })?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query_scalar(
        "SELECT pg_catalog.nextval($1::text::pg_catalog.regclass) FROM pg_catalog.generate_series(1, $2)",
    )
    .bind(sequence)
    .bind(count)
    .fetch_all(connection)
    .await
    .map_err(|error| target_error(error, &format!("take numbers of `{sequence}` for {place}")))
}

/// Moves a sequence to the outermost value of its column in the direction that it counts, by whole steps, unless it is
/// there. Values outside of its bounds are none that it could meet.
pub(super) async fn advance(
    connection: &mut PgConnection,
    table: &TableSchema,
    column: usize,
) -> Result<Option<Advanced>, TargetError> {
    let of = &table.columns[column];
    let (Some(sequence), ColumnType::Integer { .. }) = (&of.sequence, &of.kind) else { return Ok(None) };
    let failed =
        |error| target_error(error, &format!("move the sequence `{sequence}` behind the ids of `{}`", table.name));
    let (step, least, largest): (i64, i64, i64) = sqlx::query_as(
        "SELECT seqincrement, seqmin, seqmax FROM pg_catalog.pg_sequence WHERE seqrelid = $1::text::pg_catalog.regclass",
    )
    .bind(sequence)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let (outermost, is_met, bound, within) = match step > 0 {
        true => ("max", "<=", largest, "least"),
        false => ("min", ">=", least, "greatest"),
    };
    let name = quote(&of.name);
    let sql = format!(
        "SELECT {outermost}({name})::int8 FROM {} WHERE {name} BETWEEN $1 AND $2",
        TableName::parse(&table.name).sql()
    );
    let edge: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(least)
        .bind(largest)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let Some(edge) = edge else { return Ok(None) };
    // What it stands at is read and written by one statement: others may be taking numbers.
    let sql = format!(
        "SELECT s.last_value, pg_catalog.setval($1::text::pg_catalog.regclass, {within}(
             s.last_value + ceil(($2::numeric - s.last_value) / $3::numeric) * $3::numeric,
             s.last_value + floor(($4::numeric - s.last_value) / $3::numeric) * $3::numeric)::int8)
         FROM {sequence} AS s WHERE s.last_value::numeric + CASE WHEN s.is_called THEN $3::numeric ELSE 0 END {is_met} $2"
    );
    let moved: Option<(i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(sequence)
        .bind(edge)
        .bind(step)
        .bind(bound)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    let column = format!("{}.{}", table.name, of.name);
    Ok(moved.map(|(from, to)| Advanced { sequence: sequence.clone(), column, from, to }))
}
