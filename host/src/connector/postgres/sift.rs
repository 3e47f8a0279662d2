//! Records of which many are refused: they go into temporary tables by COPY, and the server itself inserts them from
//! there, some together while that goes well and one by one around what it refuses. A round trip for each refused row
//! would take far longer than the rows themselves.
//!
//! An account that may not create temporary tables, or a server without PL/pgSQL, has no such way.

mod block;

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;
use sqlx::Row as _;
use xxhash_rust::xxh3::xxh3_64;

use self::block::KEPT_OUT;
use self::block::REWRITTEN;
use super::copy;
use super::error::Said;
use super::error::row_error;
use super::insert;
use super::insert::kept_out;
use super::lookup;
use super::name::TableName;
use super::text;
use crate::connector::TargetError;
use crate::connector::rewritten;
use crate::connector::rewritten::Write;
use crate::connector::target::Records;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::record::Value;

/// What the block is quoted by.
const QUOTE: &str = "$whimbrel$";
const REFUSED: &str = "\
CREATE TEMP TABLE IF NOT EXISTS whimbrel_refused (record int, code text, message text, detail text, column_name text, \
constraint_name text, table_name text, schema_name text, place text, is_conflict boolean, into_table int, found text[]) ON COMMIT DELETE ROWS; \
DELETE FROM pg_temp.whimbrel_refused";
const ANSWERS: &str = "\
SELECT record, code, message, detail, column_name, constraint_name, table_name, schema_name, place, is_conflict, into_table, found \
FROM pg_temp.whimbrel_refused ORDER BY record";

/// Inserts records one after another; `None` where this way is closed.
pub(super) async fn sift(
    connection: &mut PgConnection,
    records: &Records<'_>,
) -> Result<Option<Vec<Sifted>>, TargetError> {
    if records.tables.iter().any(|rows| !insert::can_copy(rows)) {
        return Ok(None);
    }
    let name = records.tables.first().map_or("", |rows| rows.table.name.as_str());
    let failed = |error| row_error(error, &format!("write to `{name}`"), name, &[]);
    run(connection, "SAVEPOINT whimbrel_sift").await.map_err(failed)?;
    match sifted(connection, records).await {
        Ok(sifted) => {
            run(connection, "RELEASE SAVEPOINT whimbrel_sift").await.map_err(failed)?;
            Ok(Some(sifted))
        }
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tracing::debug!(%error, "rows are not sifted by the server");
            run(connection, "ROLLBACK TO SAVEPOINT whimbrel_sift; RELEASE SAVEPOINT whimbrel_sift")
                .await
                .map_err(failed)?;
            Ok(None)
        }
    }
}

async fn sifted(connection: &mut PgConnection, records: &Records<'_>) -> Result<Vec<Sifted>, TargetError> {
    let mut stagings = Vec::with_capacity(records.tables.len());
    for (rows, of) in records.tables.iter().zip(records.of) {
        stagings.push(stage(connection, rows, of).await?);
    }
    let block = block::block(records, &stagings);
    let failed = |error| row_error(error, "sift rows", "", &[]);
    if block.matches(QUOTE).count() > 2 {
        return Err(failed(sqlx::Error::Protocol("a name holds the block's own quote".to_owned())));
    }
    run(connection, REFUSED).await.map_err(failed)?;
    run(connection, &block).await.map_err(failed)?;
    let mut sifted = vec![Sifted::New; records.count];
    let mut tried = 0;
    for row in sqlx::query(ANSWERS).fetch_all(&mut *connection).await.map_err(failed)? {
        let record: i32 = row.try_get(0).map_err(failed)?;
        let texts: Vec<Option<String>> =
            (1..9).map(|column| row.try_get(column)).collect::<Result<_, _>>().map_err(failed)?;
        let Ok(record) = usize::try_from(record) else {
            tried = texts[1].as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
            continue;
        };
        if row.try_get(9).map_err(failed)? {
            sifted[record] = Sifted::Conflict;
            sifted.truncate(record + 1);
        } else {
            let table: i32 = row.try_get(10).map_err(failed)?;
            let rows = usize::try_from(table).ok().and_then(|table| records.tables.get(table));
            let rows = rows.unwrap_or(&records.tables[0]);
            let refusal = match texts[0].as_deref() {
                Some(REWRITTEN) => rewritten(rows, texts[1].as_deref(), row.try_get(11).map_err(failed)?)?,
                _ => refusal(rows, &texts)?,
            };
            sifted[record] = Sifted::Refused(refusal);
        }
    }
    let expected = if sifted.last() == Some(&Sifted::Conflict) { sifted.len() - 1 } else { sifted.len() };
    if tried != expected {
        let message = format!("expected {expected} records to be tried, found {tried}");
        return Err(failed(sqlx::Error::Protocol(message)));
    }
    Ok(sifted)
}

/// What the server has said of a record when these rows of it were inserted.
fn refusal(rows: &Rows<'_>, texts: &[Option<String>]) -> Result<Refusal, TargetError> {
    let text = |place: usize| texts[place].as_deref().filter(|text| !text.is_empty());
    let code = text(0).unwrap_or_default();
    if code == KEPT_OUT {
        let missing = text(1).and_then(|missing| missing.parse().ok()).unwrap_or(1);
        if let TargetError::Refused(refusal) = kept_out(rows, missing, None) {
            return Ok(refusal);
        }
    }
    let said = Said {
        code,
        message: text(1).unwrap_or_default(),
        detail: text(2),
        column: text(3),
        constraint: text(4),
        table: text(5),
        schema: text(6),
        place: text(7),
    };
    let refusal = said.refusal(&rows.table.name, &[]);
    refusal.ok_or_else(|| TargetError::Database { what: "sifting rows".to_owned(), source: said.words().into() })
}

/// What is to be said of a row that holds other values than were copied.
fn rewritten(rows: &Rows<'_>, place: Option<&str>, found: Option<Vec<Option<String>>>) -> Result<Refusal, TargetError> {
    let row = place.and_then(|place| rows.rows.get(place.parse::<usize>().ok()?));
    let given: Vec<&Value> = row.map(|row| row.iter().collect()).unwrap_or_default();
    let found: Option<Vec<Value>> = found.map(|found| {
        let columns = rows.columns.iter().zip(found);
        columns.map(|(column, text)| text::read(&rows.table.columns[*column].kind, text)).collect()
    });
    // The server compares more strictly; where the difference is none to us, another way has to be taken for all.
    let refusal = rewritten::refusal(rows.table, rows.columns, &given, found.as_deref(), Write::Insert);
    refusal.ok_or_else(|| TargetError::Database {
        what: "sifting rows".to_owned(),
        source: "the server takes values for different that are the same".into(),
    })
}

/// Copies rows into the temporary table that is like theirs, each with its record's number; returns its name.
async fn stage(connection: &mut PgConnection, rows: &Rows<'_>, of: &[usize]) -> Result<String, TargetError> {
    let table = TableName::parse(&rows.table.name).sql();
    let columns = insert::names(rows).join(", ");
    let name = format!("whimbrel_sift_{:016x}", xxh3_64(format!("{table} {columns}").as_bytes()));
    let failed = |error| row_error(error, &format!("stage rows of `{}`", rows.table.name), &rows.table.name, &[]);
    let create = format!(
        "CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS \
         SELECT 0 AS whimbrel_record, 0 AS whimbrel_row, {columns} FROM {table} WITH NO DATA; \
         CREATE INDEX IF NOT EXISTS {name}_record ON pg_temp.{name} (whimbrel_record); DELETE FROM pg_temp.{name}"
    );
    run(connection, &create).await.map_err(failed)?;
    let sql = format!("COPY pg_temp.{name} (whimbrel_record, whimbrel_row, {columns}) FROM STDIN WITH (FORMAT binary)");
    let mut into = connection.copy_in_raw(&sql).await.map_err(failed)?;
    let mut buffer = copy::HEADER.to_vec();
    let schema: Vec<_> = rows.columns.iter().map(|column| &rows.table.columns[*column]).collect();
    for (place, (row, record)) in rows.rows.iter().zip(of).enumerate() {
        let encoded = encode(&schema, *record, place, row, &mut buffer);
        if let Err((column, message)) = encoded {
            let _ = into.abort("a value does not fit").await;
            return Err(lookup::misfit(rows.table, rows.columns[column], message, Some(place)));
        }
        if buffer.len() >= insert::COPY_CHUNK_BYTES {
            into.send(buffer.as_slice()).await.map_err(failed)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(copy::TRAILER);
    into.send(buffer.as_slice()).await.map_err(failed)?;
    into.finish().await.map_err(failed)?;
    Ok(name)
}

fn encode(
    columns: &[&crate::record::Column],
    record: usize,
    place: usize,
    row: &[crate::record::Value],
    out: &mut Vec<u8>,
) -> Result<(), (usize, String)> {
    copy::begin_row(row.len() + 2, out).map_err(|message| (0, message))?;
    for number in [record, place] {
        out.extend_from_slice(&4_i32.to_be_bytes());
        out.extend_from_slice(&i32::try_from(number).unwrap_or(i32::MAX).to_be_bytes());
    }
    copy::encode_values(columns, row, out)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}
