//! Inserting rows. While keys are new, COPY alone does it, and the key's index is the judge. Once a key has been found to
//! be there, a lookup goes first; INSERT … ON CONFLICT is for what another writer inserts between the two.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;
use sqlx::PgConnection;

use super::arrays;
use super::copy;
use super::error;
use super::error::row_error;
use super::lookup;
use super::name::TableName;
use super::name::quote;
use super::triggers;
use crate::connector::TargetError;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::Triggers;
use crate::record::ColumnType;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::value;

/// Bytes of rows that go to the server in one message.
pub(super) const COPY_CHUNK_BYTES: usize = 128 * 1024;
const BACK: &str = "ROLLBACK TO SAVEPOINT whimbrel_copy; RELEASE SAVEPOINT whimbrel_copy";
/// Rows of one INSERT.
const INSERT_ROWS_MAX: usize = 5_000;

/// What is known of a table's key within a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyState {
    /// Whether an index can tell at once that a key is there: unique, over exactly the key's columns, not deferrable.
    has_index: bool,
    /// Whether the last call found a key that was there, or a row that was refused.
    look_first: bool,
    /// What runs when rows of the table are inserted.
    triggers: Triggers,
}

/// The state of each key, by table and columns.
#[derive(Debug, Default)]
pub(super) struct KeyStates(HashMap<(String, Vec<usize>), KeyState>);

impl KeyStates {
    /// Returns what runs when rows of a table are inserted, where that was asked already.
    pub(super) fn triggers(&self, table: &TableSchema) -> Option<Triggers> {
        self.0.iter().find(|((name, _), _)| *name == table.name).map(|(_, state)| state.triggers)
    }
}

/// Inserts the rows whose keys are new, and returns what became of each.
pub(super) async fn insert(
    connection: &mut PgConnection,
    states: &mut KeyStates,
    rows: Rows<'_>,
) -> Result<Vec<Inserted>, TargetError> {
    if rows.rows.is_empty() {
        return Ok(Vec::new());
    }
    let key = key_places(&rows)?;
    let id = (rows.table.name.clone(), rows.key.to_vec());
    let mut state = match states.0.get(&id) {
        Some(state) => *state,
        None => key_state(connection, &rows).await?,
    };
    let (first, repeated) = split_repeated(&rows, &key);
    let copied =
        !state.look_first && (state.has_index || key.is_empty()) && try_copy(connection, &rows, &first).await?;
    let answers = if copied {
        let mut answers = vec![Some(Inserted::New); rows.rows.len()];
        find_all(connection, &rows, &key, &repeated, &mut answers).await?;
        answers
    } else {
        // Also where this call fails: the next ones will look for the row at fault.
        states.0.insert(id.clone(), KeyState { look_first: true, ..state });
        insert_unknown(connection, &rows, &key, state.has_index, first, &repeated).await?
    };
    state.look_first = answers.iter().any(|answer| matches!(answer, Some(Inserted::Conflict(_))));
    states.0.insert(id, state);
    Ok(answers.into_iter().map(|answer| answer.expect("every row is new, known, late or repeated")).collect())
}

/// Copies all rows behind a savepoint; `false` where the server refused one, and then nothing has happened: which row is
/// at fault, and whether its key is merely there already, takes a lookup.
async fn try_copy(connection: &mut PgConnection, rows: &Rows<'_>, first: &[usize]) -> Result<bool, TargetError> {
    if !can_copy(rows) {
        return Ok(false);
    }
    let name = &rows.table.name;
    command(connection, name, "SAVEPOINT whimbrel_copy").await?;
    match copy_rows(connection, rows, first).await {
        Ok(Ok(())) => {
            command(connection, name, "RELEASE SAVEPOINT whimbrel_copy").await?;
            return Ok(true);
        }
        Ok(Err(error)) => match row_error(error, &format!("write to `{name}`"), name, first) {
            TargetError::Refused(_) | TargetError::Database { .. } => {}
            other => return Err(other),
        },
        Err(TargetError::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    command(connection, name, BACK).await?;
    Ok(false)
}

/// Looks the keys up first, and writes what is not there.
async fn insert_unknown(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    key: &[usize],
    has_index: bool,
    first: Vec<usize>,
    repeated: &[usize],
) -> Result<Vec<Option<Inserted>>, TargetError> {
    let mut answers: Vec<Option<Inserted>> = vec![None; rows.rows.len()];
    let known = find(connection, rows, key, &first).await?;
    let mut fresh = Vec::with_capacity(first.len());
    for (row, values) in first.into_iter().zip(known) {
        match values {
            Some(values) => answers[row] = Some(Inserted::Conflict(values)),
            None => fresh.push(row),
        }
    }
    let late = write(connection, rows, key, has_index, &fresh).await?;
    for row in fresh {
        answers[row] = Some(Inserted::New);
    }
    // Rows that another writer has inserted meanwhile, and rows with a key that this call has inserted.
    find_all(connection, rows, key, &late, &mut answers).await?;
    find_all(connection, rows, key, repeated, &mut answers).await?;
    Ok(answers)
}

/// Answers rows whose keys are there now with what stands there.
async fn find_all(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    key: &[usize],
    sought: &[usize],
    answers: &mut [Option<Inserted>],
) -> Result<(), TargetError> {
    for (row, values) in sought.iter().zip(find(connection, rows, key, sought).await?) {
        let values = values.ok_or_else(|| kept_out(rows, 1, Some(*row)))?;
        answers[*row] = Some(Inserted::Conflict(values));
    }
    Ok(())
}

/// Returns where in each row the key's values stand.
fn key_places(rows: &Rows<'_>) -> Result<Vec<usize>, TargetError> {
    let places = rows.key.iter().map(|key| rows.columns.iter().position(|column| column == key));
    places.collect::<Option<_>>().ok_or_else(|| TargetError::Database {
        what: format!("inserting into `{}`", rows.table.name),
        source: "expected every column of the key among the columns to be written".into(),
    })
}

/// Splits the rows into those that come first with their key and those that repeat one.
fn split_repeated(rows: &Rows<'_>, key: &[usize]) -> (Vec<usize>, Vec<usize>) {
    if key.is_empty() {
        return ((0..rows.rows.len()).collect(), Vec::new());
    }
    let nulls_equal = lookup::nulls_equal(rows.table, rows.key);
    let mut seen = HashMap::with_capacity(rows.rows.len());
    (0..rows.rows.len()).partition(|row| {
        let values = key.iter().map(|place| &rows.rows[*row][*place]);
        let is_apart = !nulls_equal && values.clone().any(Value::is_null);
        is_apart || seen.insert(encoded_key(rows, key, values), ()).is_none()
    })
}

/// The compact form of a key as the column will give it back: padded text has no blanks at its end.
pub(super) fn encoded_key<'v>(rows: &Rows<'_>, key: &[usize], values: impl Iterator<Item = &'v Value>) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(key.len() * 17);
    for (value, place) in values.zip(key) {
        match (value, &rows.table.columns[rows.columns[*place]].kind) {
            (Value::Text(text), ColumnType::Text { padded: true, .. }) => {
                value::encode_into(&Value::Text(text.trim_end_matches(' ').into()), &mut encoded);
            }
            _ => value::encode_into(value, &mut encoded),
        }
    }
    encoded
}

async fn find(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    key: &[usize],
    sought: &[usize],
) -> Result<Vec<Option<Vec<Value>>>, TargetError> {
    if key.is_empty() || sought.is_empty() {
        return Ok(vec![None; sought.len()]);
    }
    let keys: Vec<Vec<&Value>> =
        sought.iter().map(|row| key.iter().map(|place| &rows.rows[*row][*place]).collect()).collect();
    lookup::lookup(connection, rows.table, rows.key, &keys, rows.columns).await
}

/// Writes the rows and returns those that turned out to be there already.
async fn write(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    key: &[usize],
    has_index: bool,
    fresh: &[usize],
) -> Result<Vec<usize>, TargetError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let name = &rows.table.name;
    if can_copy(rows) {
        command(connection, name, "SAVEPOINT whimbrel_copy").await?;
        match copy_rows(connection, rows, fresh).await? {
            Ok(()) => {
                command(connection, name, "RELEASE SAVEPOINT whimbrel_copy").await?;
                return Ok(Vec::new());
            }
            Err(error) if may_retry(rows, &error) => command(connection, name, BACK).await?,
            Err(error) => return Err(row_error(error, &format!("write to `{name}`"), name, fresh)),
        }
    }
    let mut late = Vec::new();
    for chunk in fresh.chunks(INSERT_ROWS_MAX) {
        late.extend(arrays::insert(connection, rows, key, chunk, has_index).await?);
    }
    Ok(late)
}

pub(super) fn can_copy(rows: &Rows<'_>) -> bool {
    let column = |place: usize| &rows.table.columns[rows.columns[place]];
    let has_text = |place: usize| {
        rows.rows.iter().filter_map(|row| row.get(place)).any(|value| !copy::supports_value(column(place), value))
    };
    let mut arrays = (0..rows.columns.len()).filter(|place| matches!(column(*place).kind, ColumnType::Array { .. }));
    !rows.columns.is_empty()
        && (0..rows.columns.len()).all(|place| copy::supports(column(place)))
        && !arrays.any(has_text)
}

async fn command(connection: &mut PgConnection, table: &str, sql: &'static str) -> Result<(), TargetError> {
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.map(|_| ()).map_err(|error| row_error(error, "set a savepoint", table, &[]))
}

/// Another writer may have come between the lookup and the COPY; and COPY does not work under row-level security.
fn may_retry(rows: &Rows<'_>, error: &sqlx::Error) -> bool {
    match error::code(error) {
        Some("0A000") => true,
        Some("23505") => is_of_key(rows, error::constraint(error)),
        _ => false,
    }
}

/// Returns whether a unique constraint is that of the rows' key, as one that the table's schema does not know is.
pub(super) fn is_of_key(rows: &Rows<'_>, constraint: Option<&str>) -> bool {
    let other = rows.table.uniques.iter().find(|unique| constraint == Some(unique.name.as_str()));
    !rows.key.is_empty() && other.is_none_or(|unique| lookup::same(&unique.columns, rows.key))
}

/// Copies the rows. The inner error is the server's and may be worth another way.
async fn copy_rows(
    connection: &mut PgConnection,
    rows: &Rows<'_>,
    fresh: &[usize],
) -> Result<Result<(), sqlx::Error>, TargetError> {
    let columns: Vec<_> = rows.columns.iter().map(|column| &rows.table.columns[*column]).collect();
    let sql = format!(
        "COPY {} ({}) FROM STDIN WITH (FORMAT binary)",
        TableName::parse(&rows.table.name).sql(),
        names(rows).join(", ")
    );
    let mut copy = match connection.copy_in_raw(&sql).await {
        Ok(copy) => copy,
        Err(error) => return Ok(Err(error)),
    };
    let mut buffer = Vec::with_capacity(COPY_CHUNK_BYTES + COPY_CHUNK_BYTES / 4);
    buffer.extend_from_slice(copy::HEADER);
    for row in fresh {
        let encoded = encode_row(&columns, rows.rows[*row], &mut buffer);
        if let Err((place, message)) = encoded {
            // Only an answer that is no answer to the abort matters, and the refusal ends the transaction anyway.
            let _ = copy.abort("a value does not fit").await;
            return Err(lookup::misfit(rows.table, rows.columns[place], message, Some(*row)));
        }
        if buffer.len() >= COPY_CHUNK_BYTES {
            if let Err(error) = copy.send(buffer.as_slice()).await {
                return Ok(Err(error));
            }
            buffer.clear();
        }
    }
    buffer.extend_from_slice(copy::TRAILER);
    if let Err(error) = copy.send(buffer.as_slice()).await {
        return Ok(Err(error));
    }
    match copy.finish().await {
        Ok(written) if usize::try_from(written).is_ok_and(|written| written == fresh.len()) => Ok(Ok(())),
        Ok(written) => Err(kept_out(rows, fresh.len().saturating_sub(usize::try_from(written).unwrap_or(0)), None)),
        Err(error) => Ok(Err(error)),
    }
}

fn encode_row(columns: &[&crate::record::Column], row: &[Value], out: &mut Vec<u8>) -> Result<(), (usize, String)> {
    if row.len() != columns.len() {
        return Err((0, format!("expected {} values in a row, found {}", columns.len(), row.len())));
    }
    copy::begin_row(row.len(), out).map_err(|message| (0, message))?;
    copy::encode_values(columns, row, out)
}

/// Asks the server for all that it is to say of a key, in one query.
async fn key_state(connection: &mut PgConnection, rows: &Rows<'_>) -> Result<KeyState, TargetError> {
    if rows.key.is_empty() {
        // Without a key nobody could look at a row again.
        return Ok(KeyState { has_index: false, look_first: false, triggers: Triggers::None });
    }
    let columns: Vec<&str> = rows.key.iter().map(|column| rows.table.columns[*column].name.as_str()).collect();
    let failed = |error| row_error(error, "look for the key's index", &rows.table.name, &[]);
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = pg_catalog.to_regclass($1) \
           AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
           AND i.indnkeyatts = cardinality($2) \
           AND ARRAY(SELECT a.attname::text FROM unnest((ARRAY(SELECT unnest(i.indkey)))[1:i.indnkeyatts]) AS u (attnum) \
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum) <@ $2::text[]), ({})",
        triggers::on_insert("$1")
    );
    let found = sqlx::query_as(AssertSqlSafe(sql)).bind(TableName::parse(&rows.table.name).sql()).bind(columns);
    let (has_index, deferred): (bool, Option<bool>) = found.fetch_one(connection).await.map_err(failed)?;
    Ok(KeyState { has_index, look_first: false, triggers: triggers::read(deferred) })
}

pub(super) fn names(rows: &Rows<'_>) -> Vec<String> {
    rows.columns.iter().map(|column| quote(&rows.table.columns[*column].name)).collect()
}

pub(super) fn kept_out(rows: &Rows<'_>, missing: usize, row: Option<usize>) -> TargetError {
    TargetError::Refused(Refusal {
        code: "trigger",
        table: rows.table.name.clone(),
        constraint: None,
        column: None,
        message: format!("expected every row to be inserted, found {missing} kept out by a trigger or a rule"),
        row,
    })
}
