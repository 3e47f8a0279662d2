//! How many dead letters all entities of a run together may have.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::plan::Budget;

/// The budget of a whole migration and what is spent of it; shared by the entities that run side by side.
#[derive(Debug)]
pub struct RunBudget {
    max: Option<Budget>,
    spent: Mutex<Spent>,
    /// The manifest whose `dead-letter list` shows what is set aside; nothing does where it is only predicted.
    listed_for: Option<String>,
}

/// What has been committed, and what is about to be.
#[derive(Debug)]
struct Spent {
    dead: u64,
    read: u64,
    /// Dead letters of batches that are being committed.
    reserved: u64,
}

/// The dead letters of one batch that is being committed; they are given back where it comes to nothing.
#[derive(Debug)]
pub struct Reserved<'a> {
    budget: &'a RunBudget,
    dead: u64,
    read: u64,
}

impl RunBudget {
    /// Begins with what earlier runs have spent.
    pub fn new(max: Option<Budget>, dead: u64, read: u64) -> Self {
        Self { max, spent: Mutex::new(Spent { dead, read, reserved: 0 }), listed_for: None }
    }

    /// Says that what is set aside is stored, for the migration of this manifest.
    #[must_use]
    pub fn listed_for(self, manifest: &str) -> Self {
        Self { listed_for: Some(manifest.to_owned()), ..self }
    }

    /// Returns what to do about too many dead letters: look at them where they are stored, and then this.
    pub fn hint(&self, then: &str) -> String {
        match &self.listed_for {
            Some(manifest) => format!("`whimbrel dead-letter list {manifest}` shows them; {then}"),
            None => then.to_owned(),
        }
    }

    /// Returns the limit.
    pub fn max(&self) -> Option<Budget> {
        self.max
    }

    /// Returns whether so many more dead letters among so many more records would be too many.
    pub fn is_exceeded_by(&self, dead: u64, read: u64, at_end: bool) -> bool {
        self.is_exceeded(&self.spent(), dead, read, at_end)
    }

    /// Takes a batch's dead letters out of the budget before it is committed; `None` where they are too many.
    pub fn reserve(&self, dead: u64, read: u64) -> Option<Reserved<'_>> {
        let mut spent = self.spent();
        if self.is_exceeded(&spent, dead, read, false) {
            return None;
        }
        spent.reserved += dead;
        Some(Reserved { budget: self, dead, read })
    }

    fn is_exceeded(&self, spent: &Spent, dead: u64, read: u64, at_end: bool) -> bool {
        self.max.is_some_and(|max| max.is_exceeded(spent.dead + spent.reserved + dead, spent.read + read, at_end))
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// Counts the batch as committed.
    pub fn spend(mut self) {
        let mut spent = self.budget.spent();
        let dead = std::mem::take(&mut self.dead);
        spent.reserved -= dead;
        spent.dead += dead;
        spent.read += self.read;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.budget.spent().reserved -= self.dead;
    }
}

#[cfg(test)]
mod tests {
    use super::RunBudget;
    use crate::plan::Budget;

    #[test]
    fn batches_side_by_side_share_what_is_left() {
        let budget = RunBudget::new(Some(Budget::Count(5)), 1, 100);
        let first = budget.reserve(3, 10).expect("four of five");
        assert!(budget.reserve(2, 10).is_none(), "six of five while the first is under way");
        drop(first);
        budget.reserve(2, 10).expect("the first came to nothing").spend();
        assert!(budget.reserve(3, 10).is_none(), "six of five");
        assert!(budget.reserve(2, 10).is_some(), "five of five");
        assert!(!budget.is_exceeded_by(2, 0, true), "it was given back");
    }

    #[test]
    fn records_that_are_not_committed_do_not_thin_a_percentage() {
        let budget = RunBudget::new(Some(Budget::Percent(1.0)), 0, 1_000);
        let _under_way = budget.reserve(0, 9_000).expect("no dead letter");
        assert!(budget.reserve(11, 0).is_none());
    }
}
