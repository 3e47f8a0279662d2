//! How many dead letters all entities of a run together may have.

use std::sync::Mutex;

use crate::plan::Budget;

/// The budget of a whole migration and what is spent of it; shared by the entities that run side by side.
#[derive(Debug)]
pub struct RunBudget {
    max: Option<Budget>,
    /// Dead letters and records so far.
    spent: Mutex<(u64, u64)>,
}

impl RunBudget {
    /// Begins with what earlier runs have spent.
    pub fn new(max: Option<Budget>, dead: u64, read: u64) -> Self {
        Self { max, spent: Mutex::new((dead, read)) }
    }

    /// Returns the limit.
    pub fn max(&self) -> Option<Budget> {
        self.max
    }

    /// Returns whether so many more dead letters among so many more records would be too many.
    pub fn is_exceeded_by(&self, dead: u64, read: u64, at_end: bool) -> bool {
        let Some(max) = self.max else { return false };
        let (spent_dead, spent_read) = *self.spent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        max.is_exceeded(spent_dead + dead, spent_read + read, at_end)
    }

    /// Counts a committed batch.
    pub fn spend(&self, dead: u64, read: u64) {
        let mut spent = self.spent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        spent.0 += dead;
        spent.1 += read;
    }
}
