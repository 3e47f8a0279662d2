//! Which run may write a migration: every engine notes it in its table `holder` when a run takes the lock, and looks at it
//! in each of the run's transactions.

use super::target::TargetError;

/// A run that has, or had, the lock of a migration.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    /// The migration's name.
    pub migration: String,
    /// The run's id.
    pub run: String,
    /// What another process is told of this one.
    pub who: String,
}

impl Fence {
    /// A run with its migration, its id, and what another process is told of it.
    pub fn new(migration: &str, run: &str, who: &str) -> Self {
        Self { migration: migration.to_owned(), run: run.to_owned(), who: who.to_owned() }
    }

    /// Fails where the run that is noted, and who that is, is another one, or none is.
    pub fn judge(&self, noted: Option<(String, String)>) -> Result<(), TargetError> {
        let holder = match noted {
            Some((run, _)) if run == self.run => return Ok(()),
            Some((_, who)) => who,
            None => "somebody who has left no name".to_owned(),
        };
        Err(TargetError::Lost { migration: self.migration.clone(), holder })
    }
}
