//! Values that go to the server as its own text: whether their columns give back exactly that text.
//!
//! An interval of `1 day` and one of `24:00:00` are equal to the server and are not the same. What it would write in other
//! words than it was given could not be found again, nor told from what somebody has changed since; it is refused with
//! the words it would have.

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::error::row_error;
use super::lookup;
use super::text;
use super::types;
use crate::connector::TargetError;
use crate::connector::target::Rows;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Value;

/// Characters of a value in a message.
const SHOWN_CHARS_MAX: usize = 80;

/// Returns whether the values of this column are the server's own text.
pub(super) fn is_spelt(column: &Column) -> bool {
    match &column.kind {
        ColumnType::Textual => true,
        ColumnType::Array { element } => **element == ColumnType::Textual,
        _ => column.declared == "money",
    }
}

/// Fails where a value would come back in other words. `texts` are those of the rows of `chunk`, column by column.
pub(super) async fn check(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    chunk: &[usize],
    texts: &[Vec<Option<String>>],
) -> Result<(), TargetError> {
    for (place, texts) in texts.iter().enumerate() {
        let index = rows.columns[place];
        let column = &rows.table.columns[index];
        let is_nested = |row: &usize| {
            let value = rows.rows[*row].get(place);
            matches!((&column.kind, value), (ColumnType::Array { .. }, Some(Value::Text(_))))
        };
        let nested: Vec<bool> = chunk.iter().map(is_nested).collect();
        if !is_spelt(column) && !nested.contains(&true) {
            continue;
        }
        let sought = |is_whole: bool| {
            let texts = texts.iter().zip(&nested);
            texts.map(|(text, nested)| text.clone().filter(|_| *nested == is_whole)).collect::<Vec<_>>()
        };
        let (cast, declared) = (types::cast_type(&column.declared), &column.declared);
        let is_array = matches!(column.kind, ColumnType::Array { .. });
        for is_whole in [false, true] {
            let sought = sought(is_whole);
            // What is no text of the server's own was read and written by type.
            if (!is_whole && !is_spelt(column)) || sought.iter().all(Option::is_none) {
                continue;
            }
            let (given, back) = match declared.as_str() {
                "money" => ("k.v::numeric".to_owned(), "k.v::numeric::money::numeric".to_owned()),
                // The elements of a list are compared, as there are several ways to write it.
                _ if is_array && !is_whole => {
                    ("k.v::text[]".to_owned(), format!("k.v::{cast}::{declared}::text::text[]"))
                }
                _ => ("k.v".to_owned(), text::own_text(&format!("k.v::{cast}::{declared}"))),
            };
            let sql = format!(
                "SELECT k.n, ({back})::text FROM unnest($1::text[]) WITH ORDINALITY AS k (v, n) \
                 WHERE k.v IS NOT NULL AND ({back}) IS DISTINCT FROM ({given}) ORDER BY k.n LIMIT 1"
            );
            let found: Option<(i64, Option<String>)> = sqlx::query_as(AssertSqlSafe(sql))
                .persistent(false)
                .bind(sought)
                .fetch_optional(&mut *connection)
                .await
                .map_err(|error| row_error(error, &format!("write to `{}`", rows.table.name), &rows.table.name, &[]))?;
            let Some((number, back)) = found else { continue };
            let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
            let given = texts.get(at).cloned().flatten().unwrap_or_default();
            let message = format!(
                "expected `{}`, as `{declared}` writes it, found `{}`",
                shown(&back.unwrap_or_default()),
                shown(&given)
            );
            return Err(lookup::misfit(rows.table, index, message, chunk.get(at).copied()));
        }
    }
    Ok(())
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
