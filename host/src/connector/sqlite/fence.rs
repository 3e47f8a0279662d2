//! The fence in SQLite: a transaction that writes has the database to itself from its beginning, so whoever notes his name
//! waits for what was begun before him, and all that begins behind him finds it.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;

use super::refusal;
use crate::connector::fence::Fence;
use crate::connector::target::TargetError;

/// Fails where another run has taken over.
pub(super) fn check(fence: &Fence, connection: &Connection) -> Result<(), TargetError> {
    let noted = connection
        .prepare_cached("SELECT run, who FROM whimbrel_holder WHERE migration = ?1")
        .and_then(|mut select| select.query_row([&fence.migration], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(|error| refusal::error(error, "look who has the lock"))?;
    fence.judge(noted)
}

/// Notes the run, in a transaction that is open.
pub(super) fn raise(fence: &Fence, connection: &Connection) -> Result<(), TargetError> {
    connection
        .execute(
            "INSERT INTO whimbrel_holder (migration, run, who, since) \
             VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) \
             ON CONFLICT (migration) DO UPDATE SET run = excluded.run, who = excluded.who, since = excluded.since",
            [&fence.migration, &fence.run, &fence.who],
        )
        .map(drop)
        .map_err(|error| refusal::error(error, "note who has the lock"))
}
