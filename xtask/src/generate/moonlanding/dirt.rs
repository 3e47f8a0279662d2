//! What may be wrong with a document, and what must become of it.

use crate::generate::random::Random;

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirt {
    /// Text that is no date, where one is required.
    BadDate,
    /// No value where one is required.
    Missing,
    /// A required reference to nobody.
    Orphan,
    /// An optional reference to nobody.
    Dangling,
    /// The e-mail address of an earlier user of the same system.
    DuplicateEmail,
}

impl Dirt {
    /// Returns the code of the dead letter that it leads to, or `None` where the record is moved all the same.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::BadDate => Some("date-format"),
            Self::Missing => Some("required"),
            Self::Orphan => Some("missing-parent"),
            Self::Dangling | Self::DuplicateEmail => None,
        }
    }

    /// Returns its name in `planted.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadDate => "bad-date",
            Self::Missing => "missing",
            Self::Orphan => "orphan",
            Self::Dangling => "dangling",
            Self::DuplicateEmail => "duplicate-email",
        }
    }

    pub(super) fn expected(self) -> String {
        match (self.code(), self) {
            (Some(code), _) => format!("dead letter `{code}`"),
            (None, Self::DuplicateEmail) => "merged into the earlier user".to_owned(),
            (None, _) => "written, the reference NULL".to_owned(),
        }
    }
}

/// Returns whether a document is dirty, whatever the kind.
pub(super) fn is_dirty(seed: u64, dirt: f64, tag: u64, index: usize) -> bool {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
    let chance = (dirt.clamp(0.0, 100.0) * 100.0) as usize;
    chance > 0 && Random::new(seed, tag << 8 | 0xd1, index as u64).below(10_000) < chance
}

/// Returns what is wrong with a document, of the kinds that its collection has.
pub(super) fn dirt(seed: u64, dirt: f64, tag: u64, index: usize, kinds: &[Dirt]) -> Option<Dirt> {
    if kinds.is_empty() || !is_dirty(seed, dirt, tag, index) {
        return None;
    }
    Some(kinds[Random::new(seed, tag << 8 | 0xd2, index as u64).below(kinds.len())])
}
