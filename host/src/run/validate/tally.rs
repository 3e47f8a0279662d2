//! What the checks that were asked for have compared and found so far; memory is bounded by what is told.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::report::CheckReport;
use super::report::Counts;
use super::report::Failed;
use super::report::Outcome;
use super::report::TOLD_MAX;
use crate::run::verify::Part;

/// One check while it goes on.
#[derive(Debug, Default)]
struct Tally {
    /// Whether there is something that it can look at.
    applies: bool,
    /// Whether somebody has asked for it by name.
    is_asked: bool,
    compared: u64,
    failures: u64,
    parts: IndexMap<String, Counts>,
    failed: Vec<Failed>,
    notes: Vec<String>,
}

/// The checks that were asked for, by name.
#[derive(Debug, Default)]
pub struct Tallies {
    by_check: IndexMap<String, Tally>,
    /// Failures whose record is yet to be found: check and place among its failures, by the row.
    unowned: HashMap<u128, Vec<(String, usize)>>,
}

impl Tallies {
    /// Adds a check; `is_asked` where it was named.
    pub fn add(&mut self, check: &str, is_asked: bool) {
        self.by_check.insert(check.to_owned(), Tally { is_asked, ..Tally::default() });
    }

    /// Returns whether the check was asked for.
    pub fn has(&self, check: &str) -> bool {
        self.by_check.contains_key(check)
    }

    /// Returns whether the check was asked for and has something to look at.
    pub fn is_applied(&self, check: &str) -> bool {
        self.by_check.get(check).is_some_and(|tally| tally.applies)
    }

    /// Notes that there is something for the check to look at.
    pub fn applies(&mut self, check: &str) {
        self.with(check, |tally| tally.applies = true);
    }

    /// Says what a check does not look at.
    pub fn note(&mut self, check: &str, note: String) {
        self.with(check, |tally| tally.notes.push(note));
    }

    /// Counts what was looked at, and does not make it compared.
    pub fn count(&mut self, check: &str, part: &str, word: &'static str, more: u64) {
        self.with(check, |tally| *tally.parts.entry(part.to_owned()).or_default().entry(word).or_default() += more);
    }

    /// Counts what was compared.
    pub fn compared(&mut self, check: &str, part: &str, word: &'static str, more: u64) {
        self.count(check, part, word, more);
        self.with(check, |tally| tally.compared += more);
    }

    /// Counts a failure, and tells it where few were told before.
    pub fn fail(&mut self, check: &str, failed: Failed) {
        self.with(check, |tally| {
            tally.failures += 1;
            if tally.failed.len() < TOLD_MAX {
                tally.failed.push(failed);
            }
        });
    }

    /// As [`Self::fail`], of a row whose record is not known yet.
    pub fn fail_unowned(&mut self, check: &str, row: u128, failed: Failed) {
        let place = self.by_check.get(check).map_or(TOLD_MAX, |tally| tally.failed.len());
        if place < TOLD_MAX {
            self.unowned.entry(row).or_default().push((check.to_owned(), place));
        }
        self.fail(check, failed);
    }

    /// Counts failures that are not told one by one.
    pub fn fail_more(&mut self, check: &str, more: u64) {
        self.with(check, |tally| tally.failures += more);
    }

    /// Returns whether there are rows whose record is yet to be found.
    pub fn seeks_owners(&self) -> bool {
        !self.unowned.is_empty()
    }

    /// Says which record a row is of.
    pub fn own(&mut self, row: u128, entity: &str, document: u64, source_key: Option<&str>) {
        for (check, place) in self.unowned.remove(&row).unwrap_or_default() {
            let told = self.by_check.get_mut(&check).and_then(|tally| tally.failed.get_mut(place));
            if let Some(told) = told {
                told.entity = Some(entity.to_owned());
                told.document = Some(document);
                told.source_key = source_key.map(str::to_owned);
            }
        }
    }

    /// Ends the checks. One that applies and has compared nothing has failed, and so has one that was asked for by name and
    /// has nothing to look at.
    pub fn end(self, is_stopped: bool) -> Vec<CheckReport> {
        let ended = |(check, mut tally): (String, Tally)| {
            let nothing = |code: &str, message: &str| Failed {
                code: code.to_owned(),
                message: Some(message.to_owned()),
                ..Failed::default()
            };
            if !is_stopped && tally.applies && tally.compared == 0 {
                tally.failed.push(nothing("nothing-compared", "it has not compared a single value"));
                tally.failures += 1;
            } else if !is_stopped && !tally.applies && tally.is_asked {
                let message = "the manifest and the tables have nothing that it could look at";
                tally.failed.push(nothing("nothing-declared", message));
                tally.failures += 1;
            }
            let outcome = match () {
                () if tally.failures > 0 => Outcome::Failed,
                () if is_stopped => Outcome::Stopped,
                () if !tally.applies => Outcome::NothingDeclared,
                () => Outcome::Passed,
            };
            CheckReport {
                check,
                outcome,
                compared: tally.compared,
                failures: tally.failures,
                parts: tally.parts.into_iter().map(|(name, counts)| Part { name, counts }).collect(),
                failed: tally.failed,
                notes: tally.notes,
            }
        };
        self.by_check.into_iter().map(ended).collect()
    }

    fn with(&mut self, check: &str, change: impl FnOnce(&mut Tally)) {
        if let Some(tally) = self.by_check.get_mut(check) {
            change(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(tallies: Tallies, is_stopped: bool) -> Vec<(String, Outcome, u64)> {
        let ended = tallies.end(is_stopped).into_iter();
        ended.map(|report| (report.check, report.outcome, report.failures)).collect()
    }

    fn tallies() -> Tallies {
        let mut tallies = Tallies::default();
        for (check, is_asked) in [("good", false), ("empty", false), ("absent", false), ("asked", true), ("bad", true)]
        {
            tallies.add(check, is_asked);
        }
        ["good", "empty", "bad"].iter().for_each(|check| tallies.applies(check));
        tallies.compared("good", "t", "values", 2);
        tallies.compared("bad", "t", "values", 2);
        tallies.count("empty", "t", "rows", 7);
        tallies.fail("bad", Failed::default());
        tallies.fail("unknown", Failed::default());
        tallies
    }

    #[test]
    fn comparing_nothing_is_a_failure_and_what_does_not_apply_has_not_passed() {
        let of = |check: &str, outcome, failures| (check.to_owned(), outcome, failures);
        let expected = [
            of("good", Outcome::Passed, 0),
            of("empty", Outcome::Failed, 1),
            of("absent", Outcome::NothingDeclared, 0),
            of("asked", Outcome::Failed, 1),
            of("bad", Outcome::Failed, 1),
        ];
        assert_eq!(outcomes(tallies(), false), expected);
        let stopped = outcomes(tallies(), true);
        assert_eq!((stopped[0].1, stopped[4].1), (Outcome::Stopped, Outcome::Failed));
    }

    #[test]
    fn rows_get_their_records_when_these_are_found() {
        let mut tallies = tallies();
        tallies.fail_unowned("bad", 7, Failed::default());
        tallies.own(8, "e", 1, None);
        assert!(tallies.seeks_owners());
        tallies.own(7, "e", 2, Some("k"));
        assert!(!tallies.seeks_owners());
        let reports = tallies.end(false);
        let told = &reports[4].failed[1];
        assert_eq!(
            (told.entity.as_deref(), told.document, told.source_key.as_deref()),
            (Some("e"), Some(2), Some("k"))
        );
    }
}
