//! The collections that there are, for a message about one that is not.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::path;
use super::path::Pattern;
use super::path::Step;

/// Collections of one kind that a message tells apart; of more, their pattern.
const TOLD_APART_MAX: usize = 8;
/// Kinds of collections that are looked for, for a message.
const KINDS_MAX: usize = 1_000;

/// The collections that were met.
#[derive(Default)]
pub(super) struct Kinds(BTreeMap<String, BTreeSet<String>>);

impl Kinds {
    /// Notes the collection that a document is in.
    pub(super) fn add(&mut self, steps: &[Step<'_>]) {
        let Some((last, before)) = steps.split_last() else { return };
        let mut kind: String = before.iter().map(|step| format!("{}/*/", step.collection)).collect();
        kind.push_str(&last.collection);
        if self.0.len() == KINDS_MAX && !self.0.contains_key(&kind) {
            return;
        }
        let told = self.0.entry(kind).or_default();
        // One more than is told shows that there are more.
        if told.len() <= TOLD_APART_MAX {
            told.insert(path::collection_path(steps));
        }
    }

    /// Returns their names in the form of what was looked for.
    pub(super) fn names(self, pattern: &Pattern) -> Vec<String> {
        let names = self.0.into_iter().flat_map(|(kind, told)| match told.len() {
            0..=TOLD_APART_MAX if !pattern.has_any() => told.into_iter().collect(),
            _ => vec![kind],
        });
        names.collect()
    }
}
