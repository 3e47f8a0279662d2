//! What has become of the letters of a replay: a few numbers of each, and the first of them in full.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::report::ReplayReport;
use super::report::ReplayedEntity;
use super::report::ReplayedLetter;
use crate::run::ledger::Fate;
use crate::run::report::Reason;

/// Letters that are told one by one; all are counted.
const LETTERS_TOLD_MAX: usize = 10_000;

/// Entity, stage, code and field of a refusal.
type Why = (String, &'static str, String, Option<String>);

/// The letters that were tried.
#[derive(Default)]
pub struct Tried {
    letters: BTreeMap<i64, Letter>,
    told: BTreeMap<i64, ReplayedLetter>,
    reasons: Vec<Why>,
    reason_at: HashMap<Why, usize>,
}

struct Letter {
    entity: usize,
    fate: Fate,
    /// Why it is dead still, by its index.
    reason: Option<usize>,
    tries: u64,
    /// How many letters had found their place when it was tried last.
    moved: u64,
}

impl Tried {
    /// Returns how often a letter was tried in this replay.
    pub fn tries(&self, number: i64) -> u64 {
        self.letters.get(&number).map_or(0, |letter| letter.tries)
    }

    /// Returns whether a letter is to be tried: it is dead, and others have found their place since it was tried.
    pub fn is_due(&self, number: i64, moved: u64) -> bool {
        self.letters.get(&number).is_none_or(|letter| letter.fate == Fate::Dead && letter.moved != moved)
    }

    /// Notes how a letter of an entity has ended.
    pub fn note(&mut self, entity: usize, fate: Fate, moved: u64, letter: ReplayedLetter) {
        let (number, tries) = (letter.number, self.tries(letter.number) + 1);
        let why = letter.stage.zip(letter.code.clone());
        let reason = why.map(|(stage, code)| self.reason((letter.entity.clone(), stage, code, letter.field.clone())));
        self.letters.insert(number, Letter { entity, fate, reason, tries, moved });
        if let Some(told) = self.told.get_mut(&number) {
            let was = std::mem::take(&mut told.was);
            *told = ReplayedLetter { was, ..letter };
        } else if self.told.len() < LETTERS_TOLD_MAX {
            self.told.insert(number, letter);
        }
    }

    fn reason(&mut self, why: Why) -> usize {
        *self.reason_at.entry(why).or_insert_with_key(|why| {
            self.reasons.push(why.clone());
            self.reasons.len() - 1
        })
    }

    /// Adds the letters of an entity to what is told of it.
    pub fn count(&self, entity: usize, replayed: &mut ReplayedEntity) {
        for letter in self.letters.values().filter(|letter| letter.entity == entity) {
            replayed.tried += 1;
            match letter.fate {
                Fate::Written | Fate::Merged => replayed.written += 1,
                Fate::Unchanged => replayed.unchanged += 1,
                Fate::Skipped => replayed.skipped += 1,
                // A replay parks nothing.
                Fate::Dead | Fate::Parked => replayed.dead += 1,
            }
        }
    }

    /// Adds the letters, and why some are dead still.
    pub fn tell(self, report: &mut ReplayReport) {
        let mut counts: BTreeMap<&Why, u64> = BTreeMap::new();
        for reason in self.letters.values().filter_map(|letter| letter.reason) {
            *counts.entry(&self.reasons[reason]).or_default() += 1;
        }
        let reason = |((entity, stage, code, field), count): (&Why, u64)| Reason {
            entity: entity.clone(),
            stage: (*stage).to_owned(),
            code: code.clone(),
            field: field.clone(),
            count,
            examples: Vec::new(),
        };
        report.dead_letters = counts.into_iter().map(reason).collect();
        report.dead_letters.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        report.letters_untold = (self.letters.len() - self.told.len()) as u64;
        report.letters = self.told.into_values().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::LETTERS_TOLD_MAX;
    use super::ReplayedEntity;
    use super::ReplayedLetter;
    use super::Tried;
    use crate::run::ledger::Fate;

    fn letter(number: i64, fate: Fate) -> ReplayedLetter {
        let is_dead = fate == Fate::Dead;
        ReplayedLetter {
            number,
            entity: "e".to_owned(),
            document: 1,
            position: String::new(),
            key: None,
            was: format!("{} before", fate.name()),
            outcome: fate.name(),
            stage: is_dead.then_some("transform"),
            code: is_dead.then(|| "unfit".to_owned()),
            field: None,
            message: None,
            digest: String::new(),
        }
    }

    #[test]
    fn every_letter_is_counted_and_the_first_ones_are_told() {
        let mut tried = Tried::default();
        let count = i64::try_from(LETTERS_TOLD_MAX).expect("a small number") + 5;
        for number in 0..count {
            tried.note(0, Fate::Dead, 0, letter(number, Fate::Dead));
        }
        assert!(!tried.is_due(7, 0) && tried.is_due(7, 1) && tried.is_due(count, 0));
        tried.note(0, Fate::Written, 1, letter(7, Fate::Written));
        assert!(!tried.is_due(7, 2), "it has found its place");
        assert_eq!((tried.tries(7), tried.tries(8)), (2, 1));
        assert_eq!((tried.told.len(), tried.letters.len()), (LETTERS_TOLD_MAX, LETTERS_TOLD_MAX + 5));
        assert_eq!((tried.told[&7].outcome, tried.told[&7].was.as_str()), ("written", "dead before"));
        let mut counts = ReplayedEntity::default();
        tried.count(0, &mut counts);
        assert_eq!((counts.tried, counts.written, counts.dead), (count.unsigned_abs(), 1, count.unsigned_abs() - 1));
        assert_eq!(tried.reasons.len(), 1);
    }
}
