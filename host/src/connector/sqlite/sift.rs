//! Records of which many are refused: each is tried by itself, between savepoints.

use rusqlite::Connection;

use super::insert::Insert;
use super::refusal;
use super::select::Select;
use super::types::BindError;
use super::update;
use crate::connector::rewritten;
use crate::connector::rewritten::Write;
use crate::connector::target::Inserted;
use crate::connector::target::Records;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::connector::target::TargetError;
use crate::record::Value;

/// Inserts records one after another, up to the first whose key is there already.
pub(super) fn sift(connection: &Connection, records: &Records<'_>) -> Result<Vec<Sifted>, TargetError> {
    let mut inserts = Vec::with_capacity(records.tables.len());
    for rows in records.tables {
        inserts.push(Insert::prepare(connection, *rows)?);
    }
    let mut look = false;
    for rows in records.tables {
        look |= update::has_triggers(connection, rows.table)?;
    }
    let run = |sql: &str| {
        let mut statement = connection.prepare_cached(sql)?;
        statement.raw_execute().map(drop)
    };
    let failed = |error| refusal::error(error, "set a savepoint");
    // The next row of each table.
    let mut next = vec![0; records.tables.len()];
    let mut sifted = Vec::with_capacity(records.count);
    for record in 0..records.count {
        let ends: Vec<usize> = next
            .iter()
            .zip(records.of)
            .map(|(&first, of)| first + of[first..].iter().take_while(|&&other| other == record).count())
            .collect();
        run("SAVEPOINT whimbrel_sift").map_err(failed)?;
        let mut answer = Sifted::New;
        'tables: for (table, insert) in inserts.iter_mut().enumerate() {
            for row in next[table]..ends[table] {
                match insert.row(row, records.tables[table].rows[row]) {
                    Ok(Inserted::New) => {}
                    Ok(Inserted::Conflict(_)) => {
                        answer = Sifted::Conflict;
                        break 'tables;
                    }
                    Err(TargetError::Refused(refusal)) if !connection.is_autocommit() => {
                        answer = Sifted::Refused(refusal);
                        break 'tables;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if look && answer == Sifted::New {
            for (rows, (first, end)) in records.tables.iter().zip(next.iter().zip(&ends)) {
                let written = rows.rows[*first..*end].iter();
                if let Some(refusal) = written.map(|row| look_again(connection, rows, row)).find_map(Result::transpose)
                {
                    answer = Sifted::Refused(refusal?);
                    break;
                }
            }
        }
        if answer != Sifted::New {
            run("ROLLBACK TO whimbrel_sift").map_err(failed)?;
        }
        run("RELEASE whimbrel_sift").map_err(failed)?;
        next = ends;
        let is_conflict = answer == Sifted::Conflict;
        sifted.push(answer);
        if is_conflict {
            break;
        }
    }
    Ok(sifted)
}

/// Looks at a row again that was inserted; returns its refusal where a trigger has changed it.
fn look_again(connection: &Connection, rows: &Rows<'_>, row: &[Value]) -> Result<Option<Refusal>, TargetError> {
    let key: Vec<&Value> = rows
        .key
        .iter()
        .filter_map(|key| rows.columns.iter().position(|column| column == key))
        .map(|place| &row[place])
        .collect();
    if key.is_empty() || key.iter().any(|value| value.is_null()) {
        return Ok(None);
    }
    let what = || format!("look at rows of `{}` again", rows.table.name);
    let mut select = Select::prepare(connection, rows.table, rows.key, rows.columns)
        .map_err(|error| refusal::error(error, &what()))?;
    let found = select.row(key.into_iter()).map_err(|error| match error {
        BindError::Sqlite(error) => refusal::error(error, &what()),
        BindError::Value(message) => TargetError::Database { what: what(), source: message.into() },
    })?;
    let given: Vec<&Value> = row.iter().collect();
    Ok(rewritten::refusal(rows.table, rows.columns, &given, found.as_deref(), Write::Insert))
}
