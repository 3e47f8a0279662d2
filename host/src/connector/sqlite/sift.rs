//! Records of which many are refused: each is tried by itself, between savepoints.

use rusqlite::Connection;

use super::insert::Insert;
use super::refusal;
use crate::connector::target::Inserted;
use crate::connector::target::Records;
use crate::connector::target::Sifted;
use crate::connector::target::TargetError;

/// Inserts records one after another, up to the first whose key is there already.
pub(super) fn sift(connection: &Connection, records: &Records<'_>) -> Result<Vec<Sifted>, TargetError> {
    let mut inserts = Vec::with_capacity(records.tables.len());
    for rows in records.tables {
        inserts.push(Insert::prepare(connection, *rows)?);
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
