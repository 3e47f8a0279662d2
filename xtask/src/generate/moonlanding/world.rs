//! What every document of both systems can look up: ids, links and names, all computed from a place in a collection.

use super::Options;
use super::people::People;
use super::people::System;
use super::size::Size;
use super::words;
use crate::generate::random::Random;

// Streams of random numbers, one for each collection.
pub(super) const FRIDAY_USER: u64 = 1;
pub(super) const MWR_USER: u64 = 2;
pub(super) const TEAM: u64 = 3;
pub(super) const MWR_TEAM: u64 = 4;
pub(super) const CLIENT: u64 = 5;
pub(super) const ENGAGEMENT_TYPE: u64 = 6;
pub(super) const ENGAGEMENT: u64 = 7;
pub(super) const SECTION: u64 = 8;
pub(super) const RFI: u64 = 9;
pub(super) const QUESTION: u64 = 10;
pub(super) const RFI_ACTIVITY: u64 = 11;
pub(super) const ACTIVITY: u64 = 12;
pub(super) const CHAT: u64 = 13;
pub(super) const EMAIL: u64 = 14;
pub(super) const TEMPLATE: u64 = 15;
pub(super) const UNMAPPED: u64 = 16;
pub(super) const MWR_TEMPLATE: u64 = 17;
pub(super) const REVIEW: u64 = 18;
pub(super) const REVIEW_CHAT: u64 = 19;
pub(super) const REMOVED: u64 = 20;
pub(super) const CHECKLIST: u64 = 21;
pub(super) const MWR_EMAIL: u64 = 22;
pub(super) const PERMISSION: u64 = 23;
pub(super) const MWR_LOG: u64 = 24;
pub(super) const HIGHLIGHT: u64 = 25;
pub(super) const RESPONSE: u64 = 26;
pub(super) const HIGHLIGHT_RESPONSE: u64 = 27;
pub(super) const TENDER: u64 = 28;

/// Both systems.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) options: Options,
    pub(super) size: Size,
    pub(super) people: People,
}

impl World {
    pub(super) fn new(options: Options) -> Self {
        let size = Size::new(options.scale);
        Self { options, size, people: People::new(options, &size) }
    }

    pub(super) fn id(&self, tag: u64, index: usize) -> String {
        id(self.options.seed, tag, index)
    }

    pub(super) fn team_path(&self, system: System, index: usize) -> String {
        let tag = if system == System::Friday { TEAM } else { MWR_TEAM };
        format!("{}/teams/list/{}", system.root(), self.id(tag, index))
    }

    pub(super) fn client_path(&self, index: usize) -> String {
        format!("friday/clients/list/{}", self.id(CLIENT, index))
    }

    /// Some clients are there twice by the same name.
    pub(super) fn client_name(&self, index: usize) -> String {
        let named = if index % 50 == 49 { index - 1 } else { index };
        format!("{} {named}", words::COMPANIES[named % words::COMPANIES.len()])
    }

    /// Returns all clients of the same name.
    pub(super) fn clients_named_as(&self, index: usize) -> Vec<usize> {
        let first = if index % 50 == 49 { index - 1 } else { index };
        (first..self.size.clients.min(first + 2)).filter(|other| *other == first || other % 50 == 49).collect()
    }

    pub(super) fn engagement_path(&self, index: usize) -> String {
        format!("friday/engagements/list/{}", self.id(ENGAGEMENT, index))
    }

    pub(super) fn review_path(&self, index: usize) -> String {
        format!("myworkreview/reviews/list/{}", self.id(REVIEW, index))
    }

    /// Returns the engagement that a review is of, whether its document says so or not.
    pub(super) fn engagement_of(&self, review: usize) -> usize {
        review * self.size.engagements / self.size.reviews
    }

    /// Returns the first review of an engagement.
    pub(super) fn review_of(&self, engagement: usize) -> Option<usize> {
        let review = (engagement * self.size.reviews).div_ceil(self.size.engagements);
        (review < self.size.reviews && self.engagement_of(review) == engagement).then_some(review)
    }
}

/// Returns the id of a document: 20 letters and digits.
pub(super) fn id(seed: u64, tag: u64, index: usize) -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut random = Random::new(seed, tag << 8 | 0x1d, index as u64);
    (0..20).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect()
}
