//! What is attached to what. A link is known on one side, on the other, or on both, and now and then twice on one side.

use std::collections::BTreeMap;

use bson::Bson;

use super::ACCOUNT_TASKS;
use super::ACCOUNTS;
use super::BOARDS;
use super::CONTACTS;
use super::Collection;
use super::DOCUMENTS;
use super::Dirt;
use super::INVOICES;
use super::LEADS;
use super::OPPORTUNITIES;
use super::Options;
use super::TASKS;
use super::USERS;
use crate::generate::random::Random;

/// Two collections whose records are attached to one another: each side's field, if it has one.
struct Junction {
    left: Collection,
    left_field: &'static str,
    right: Collection,
    right_field: Option<&'static str>,
    /// Records of the left side that have links, in a hundred.
    linked: u64,
}

const JUNCTIONS: &[Junction] = &[
    Junction {
        left: DOCUMENTS,
        left_field: "invoiceIDs",
        right: INVOICES,
        right_field: Some("connected_documents"),
        linked: 30,
    },
    Junction {
        left: DOCUMENTS,
        left_field: "opportunityIDs",
        right: OPPORTUNITIES,
        right_field: Some("connected_documents"),
        linked: 30,
    },
    Junction {
        left: DOCUMENTS,
        left_field: "contactsIDs",
        right: CONTACTS,
        right_field: Some("documentsIDs"),
        linked: 40,
    },
    Junction { left: DOCUMENTS, left_field: "tasksIDs", right: TASKS, right_field: Some("documentIDs"), linked: 25 },
    Junction {
        left: DOCUMENTS,
        left_field: "crm_accounts_tasksIDs",
        right: ACCOUNT_TASKS,
        right_field: None,
        linked: 20,
    },
    Junction { left: DOCUMENTS, left_field: "leadsIDs", right: LEADS, right_field: Some("documentsIDs"), linked: 20 },
    Junction {
        left: DOCUMENTS,
        left_field: "accountsIDs",
        right: ACCOUNTS,
        right_field: Some("documentsIDs"),
        linked: 50,
    },
    Junction {
        left: OPPORTUNITIES,
        left_field: "connected_contacts",
        right: CONTACTS,
        right_field: Some("opportunitiesIDs"),
        linked: 60,
    },
    Junction {
        left: ACCOUNTS,
        left_field: "watchers",
        right: USERS,
        right_field: Some("watching_accountsIDs"),
        linked: 40,
    },
    Junction {
        left: BOARDS,
        left_field: "watchers",
        right: USERS,
        right_field: Some("watching_boardsIDs"),
        linked: 60,
    },
];

/// The links of every record, by its collection, field and place.
pub(super) struct Links(BTreeMap<(&'static str, &'static str, usize), Vec<Bson>>);

impl Links {
    pub(super) fn new(options: Options) -> Self {
        let mut links = BTreeMap::new();
        for (number, junction) in (0x1000..).zip(JUNCTIONS) {
            for index in 0..junction.left.count(options) {
                let mut random = Random::new(options.seed, number, index as u64);
                if !random.percent(junction.linked) {
                    continue;
                }
                for _ in 0..=random.below(3) {
                    junction.link(index, options, &mut random, &mut links);
                }
            }
        }
        Self(links)
    }

    /// Returns the link fields of a document, each with its links; a document without any has an empty array, or none.
    pub(super) fn of(&self, collection: Collection, index: usize, options: Options) -> Vec<(&'static str, Bson)> {
        let mut fields = Vec::new();
        for junction in JUNCTIONS {
            let left = (junction.left == collection).then_some((junction.left_field, junction.right));
            let right = junction.right_field.filter(|_| junction.right == collection);
            for (field, other) in left.into_iter().chain(right.map(|field| (field, junction.left))) {
                let mut links = self.0.get(&(collection.name, field, index)).cloned().unwrap_or_default();
                // The first link field has the dangling one.
                if collection.dirt(index, options) == Some(Dirt::DanglingLink) && fields.is_empty() {
                    links.insert(0, other.stray_id(index).into());
                }
                if !links.is_empty() || !index.is_multiple_of(3) {
                    fields.push((field, links.into()));
                }
            }
        }
        fields
    }
}

impl Junction {
    fn link(
        &self,
        index: usize,
        options: Options,
        random: &mut Random,
        links: &mut BTreeMap<(&'static str, &'static str, usize), Vec<Bson>>,
    ) {
        let other = self.right.some_index(options, random);
        let (on_left, on_right) = match random.below(10) {
            0..=3 => (true, true),
            4..=6 => (true, false),
            _ => (false, true),
        };
        let on_left = on_left || self.right_field.is_none();
        if on_left {
            let link = self.right.reference(other, options, random);
            let standing = links.entry((self.left.name, self.left_field, index)).or_default();
            if random.percent(3) {
                standing.push(link.clone());
            }
            standing.push(link);
        }
        if let Some(field) = self.right_field.filter(|_| on_right) {
            let link = self.left.reference(index, options, random);
            links.entry((self.right.name, field, other)).or_default().push(link);
        }
    }
}
