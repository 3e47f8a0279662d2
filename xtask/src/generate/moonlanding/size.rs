//! How many documents each collection has: at scale 1, 180,000 in Friday and 50,000 in MyWorkReview.

use std::ops::Range;

/// Documents by collection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    // Friday.
    pub(super) users: usize,
    pub(super) teams: usize,
    pub(super) clients: usize,
    pub(super) engagements: usize,
    pub(super) sections: usize,
    pub(super) rfis: usize,
    pub(super) questions: usize,
    pub(super) rfi_activity: usize,
    pub(super) activity: usize,
    pub(super) chat: usize,
    pub(super) emails: usize,
    pub(super) recreation_logs: usize,
    pub(super) logs: usize,
    // MyWorkReview.
    pub(super) mwr_users: usize,
    pub(super) mwr_teams: usize,
    pub(super) user_groups: usize,
    pub(super) reviews: usize,
    pub(super) review_chat: usize,
    pub(super) removed_highlights: usize,
    pub(super) checklists: usize,
    pub(super) mwr_emails: usize,
    pub(super) permissions: usize,
    pub(super) mwr_logs: usize,
}

/// What stays the same at every scale.
pub(super) const ENGAGEMENT_TYPES: usize = 6;
pub(super) const ENTITY_TYPES: usize = 8;
pub(super) const FRIDAY_PERMISSIONS: usize = 24;
pub(super) const FRIDAY_TEMPLATES: usize = 20;
pub(super) const FRIDAY_SETTINGS: usize = 1;
pub(super) const MWR_TEMPLATES: usize = 30;
pub(super) const MWR_SETTINGS: usize = 3;
pub(super) const MWR_APIS: usize = 2;

impl Size {
    pub(super) fn new(scale: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a scale is positive and small")]
        let of = |at_one: u32| ((f64::from(at_one) * scale).round() as usize).max(2);
        Self {
            users: of(3_000),
            teams: of(60),
            clients: of(6_000),
            engagements: of(9_000),
            sections: of(18_000),
            rfis: of(36_000),
            questions: of(30_000),
            rfi_activity: of(40_000),
            activity: of(10_000),
            chat: of(22_000),
            emails: of(4_000),
            recreation_logs: of(36),
            logs: of(1_840),
            mwr_users: of(1_000),
            mwr_teams: of(40),
            user_groups: of(20),
            reviews: of(11_000),
            review_chat: of(6_000),
            removed_highlights: of(6_000),
            checklists: of(8_000),
            mwr_emails: of(5_000),
            permissions: of(6_000),
            mwr_logs: of(6_900),
        }
    }

    /// Returns how many documents Friday has.
    pub(super) fn friday(&self) -> usize {
        let fixed = super::people::ROLES.len()
            + ENGAGEMENT_TYPES
            + ENTITY_TYPES
            + FRIDAY_PERMISSIONS
            + FRIDAY_TEMPLATES
            + FRIDAY_SETTINGS;
        let below = self.sections + self.rfis + self.questions + self.rfi_activity + self.activity + self.chat;
        let roots = self.users + self.teams + self.clients + self.engagements;
        fixed + roots + below + self.emails + self.recreation_logs + self.logs
    }

    /// Returns how many documents MyWorkReview has.
    pub(super) fn mwr(&self) -> usize {
        let fixed = super::people::ROLES.len() + MWR_TEMPLATES + MWR_SETTINGS + MWR_APIS;
        let roots = self.mwr_users + self.mwr_teams + self.user_groups + self.reviews + self.checklists;
        let below = self.review_chat + self.removed_highlights;
        fixed + roots + below + self.mwr_emails + self.permissions + self.mwr_logs
    }
}

/// Returns which of all children a parent has: seven of ten parents have few, two some, and one many.
pub(super) fn children(total: usize, parents: usize, parent: usize) -> Range<usize> {
    const WEIGHTS: [usize; 10] = [1, 4, 1, 1, 1, 13, 1, 4, 1, 1];
    let sum = |of: usize| of / 10 * WEIGHTS.iter().sum::<usize>() + WEIGHTS[..of % 10].iter().sum::<usize>();
    let all = sum(parents);
    sum(parent) * total / all..sum(parent + 1) * total / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_scale_one_there_are_230_000_records() {
        let size = Size::new(1.0);
        assert_eq!((size.friday(), size.mwr()), (180_000, 50_000));
    }

    #[test]
    fn every_child_has_one_parent() {
        for (total, parents) in [(36_000, 9_000), (7, 3), (2, 40), (1_000, 1)] {
            let of_parents = (0..parents).flat_map(|parent| children(total, parents, parent));
            assert!(of_parents.eq(0..total), "{total} children of {parents}");
        }
    }
}
