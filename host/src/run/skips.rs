//! Why the records of one commit were left out, and which of them for which reason.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::report::OTHER_REASONS;
use super::report::SKIP_REASON_CHARS_MAX;
use super::report::SKIP_REASONS_MAX;

/// The reasons of one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skips {
    /// Each once, as they came.
    reasons: Vec<String>,
    /// The reason of each record that was left out, in order, by its index; empty as long as there is only one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    of_records: Vec<usize>,
    /// How many records were left out.
    count: usize,
}

/// How many records more, or fewer, are left out behind a commit, by reason.
pub type SkipsMoved = BTreeMap<String, i64>;

impl Skips {
    /// Counts a record that was left out. Few reasons are kept: a transformer may name the record in each.
    pub fn add(&mut self, reason: &str) {
        let mut reason: String = reason.chars().take(SKIP_REASON_CHARS_MAX).collect();
        if self.reasons.len() >= SKIP_REASONS_MAX && !self.reasons.contains(&reason) {
            OTHER_REASONS.clone_into(&mut reason);
        }
        let known = self.reasons.iter().position(|known| *known == reason);
        let index = known.unwrap_or(self.reasons.len());
        if known.is_none() {
            self.reasons.push(reason);
        }
        if self.reasons.len() > 1 {
            // Until then, all had the first one.
            self.of_records.resize(self.count, 0);
            self.of_records.push(index);
        }
        self.count += 1;
    }

    /// Returns why a record was left out, by its place among those that were.
    pub fn reason(&self, place: usize) -> Option<&String> {
        self.reasons.get(self.of_records.get(place).copied().unwrap_or(0))
    }

    /// Returns what changes behind a commit that leaves these records out, and no more those that were left out for the
    /// reasons in `before`.
    pub fn moved(&self, before: &[String]) -> SkipsMoved {
        let mut moved = SkipsMoved::new();
        for reason in (0..self.count).filter_map(|place| self.reason(place)) {
            *moved.entry(reason.clone()).or_default() += 1;
        }
        for reason in before {
            *moved.entry(reason.clone()).or_default() -= 1;
        }
        moved.retain(|_, count| *count != 0);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::Skips;
    use super::SkipsMoved;

    #[test]
    fn every_record_has_its_reason_and_takes_it_away_again() {
        let mut skips = Skips::default();
        for reason in ["old", "old", "empty", "old"] {
            skips.add(reason);
        }
        let text = serde_json::to_string(&skips).expect("it is written");
        let read: Skips = serde_json::from_str(&text).expect("it is read");
        assert_eq!(read, skips, "{text}");
        let reasons: Vec<&String> = (0..4).filter_map(|place| read.reason(place)).collect();
        assert_eq!(reasons, ["old", "old", "empty", "old"]);
        let moved = |pairs: &[(&str, i64)]| -> SkipsMoved {
            pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
        };
        assert_eq!(skips.moved(&[]), moved(&[("old", 3), ("empty", 1)]));
        let before = ["old", "old", "old", "new"].map(str::to_owned);
        assert_eq!(skips.moved(&before), moved(&[("empty", 1), ("new", -1)]));
        let mut one = Skips::default();
        one.add("old");
        one.add("old");
        assert!(one.of_records.is_empty() && one.reason(1).is_some());
    }
}
