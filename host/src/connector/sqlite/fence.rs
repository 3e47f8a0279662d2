//! Which run may write: noted in the target when a run takes the lock, and looked at by each of its transactions.
//!
//! A transaction that writes has the database to itself from its beginning, so whoever notes his name waits for what was
//! begun before him, and all that begins behind him finds it.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;

use super::refusal;
use crate::connector::target::TargetError;

/// A run that has, or had, the lock.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    migration: String,
    run: String,
    who: String,
}

impl Fence {
    pub(super) fn new(migration: &str, run: &str, who: &str) -> Self {
        Self { migration: migration.to_owned(), run: run.to_owned(), who: who.to_owned() }
    }

    /// Returns the migration's name.
    pub(super) fn migration(&self) -> &str {
        &self.migration
    }

    /// Returns what another process is told of this one.
    pub(super) fn who(&self) -> &str {
        &self.who
    }

    /// Fails where another run has taken over.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), TargetError> {
        let noted: Option<(String, String)> = connection
            .prepare_cached("SELECT run, who FROM whimbrel_holder WHERE migration = ?1")
            .and_then(|mut select| select.query_row([&self.migration], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(|error| refusal::error(error, "look who has the lock"))?;
        let holder = match noted {
            Some((run, _)) if run == self.run => return Ok(()),
            Some((_, who)) => who,
            None => "somebody who has left no name".to_owned(),
        };
        Err(TargetError::Lost { migration: self.migration.clone(), holder })
    }

    /// Notes the run, in a transaction that is open.
    pub(super) fn raise(&self, connection: &Connection) -> Result<(), TargetError> {
        connection
            .execute(
                "INSERT INTO whimbrel_holder (migration, run, who, since) \
                 VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) \
                 ON CONFLICT (migration) DO UPDATE SET run = excluded.run, who = excluded.who, since = excluded.since",
                [&self.migration, &self.run, &self.who],
            )
            .map(drop)
            .map_err(|error| refusal::error(error, "note who has the lock"))
    }
}
