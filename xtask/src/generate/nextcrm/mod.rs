//! Writes NextCRM's MongoDB dump, 29 collections, with planted dirt: the same options give the same bytes.
//!
//! Beside the dump stands `planted.jsonl`, a line for each document with dirt: the collection, the document's place in it
//! from 1, its `_id`, what is wrong with it, and what a run under `examples/nextcrm/migration.toml` must make of it.
//! What follows from that (a task whose board is refused) is not planted, and not listed.

mod links;
mod shapes;

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use bson::Bson;
use bson::oid::ObjectId;

use super::Dump;
use super::random::Random;
use links::Links;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Documents of all collections together, about.
    pub records: usize,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Documents with dirt, in a hundred.
    pub dirt: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { records: 20_000, seed: 1, dirt: 2.0 }
    }
}

/// One collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Collection {
    pub(super) name: &'static str,
    /// Its share of all documents, in ten thousand; a lookup has so many documents, whatever the size.
    share: usize,
    is_lookup: bool,
    dirt: &'static [Dirt],
    /// Tells ids and random streams apart.
    tag: u8,
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirt {
    /// The `_id` of the document before.
    DuplicateId,
    /// `_id` is text that is no ObjectId.
    TextId,
    /// `_id` is the text of an ObjectId; others refer to it by the ObjectId.
    HexId,
    /// No value where one is required.
    Missing,
    /// A word that nobody declared.
    BadEnum,
    /// Text where a date belongs.
    TextForDate,
    /// A document where text belongs.
    WrongType,
    /// A fraction where a whole number belongs.
    Fraction,
    /// The e-mail address of an earlier user.
    DuplicateEmail,
    /// A required reference to nobody.
    Orphan,
    /// An optional reference to nobody.
    Dangling,
    /// A link to nobody.
    DanglingLink,
}

impl Dirt {
    /// Returns the code of the dead letter that it leads to, or `None` where the record is written all the same.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::DuplicateId => Some("duplicate-key"),
            Self::Missing => Some("required"),
            Self::BadEnum => Some("enum-value"),
            Self::TextForDate => Some("date-format"),
            Self::WrongType => Some("type-mismatch"),
            Self::Fraction => Some("number"),
            Self::DuplicateEmail => Some("unique"),
            Self::Orphan => Some("missing-parent"),
            Self::TextId | Self::HexId | Self::Dangling | Self::DanglingLink => None,
        }
    }

    /// Returns its name in `planted.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DuplicateId => "duplicate-id",
            Self::TextId => "text-id",
            Self::HexId => "hex-id",
            Self::Missing => "missing",
            Self::BadEnum => "bad-enum",
            Self::TextForDate => "text-for-date",
            Self::WrongType => "wrong-type",
            Self::Fraction => "fraction",
            Self::DuplicateEmail => "duplicate-email",
            Self::Orphan => "orphan",
            Self::Dangling => "dangling",
            Self::DanglingLink => "dangling-link",
        }
    }

    fn expected(self) -> String {
        match (self.code(), self) {
            (Some(code), _) => format!("dead letter `{code}`"),
            (None, Self::Dangling) => "written, the reference NULL".to_owned(),
            (None, Self::DanglingLink) => "written, the link dropped".to_owned(),
            (None, _) => "written".to_owned(),
        }
    }
}

const fn lookup(name: &'static str, count: usize, tag: u8) -> Collection {
    Collection { name, share: count, is_lookup: true, dirt: &[], tag }
}

const fn collection(name: &'static str, share: usize, tag: u8, dirt: &'static [Dirt]) -> Collection {
    Collection { name, share, is_lookup: false, dirt, tag }
}

use Dirt::*;

pub(super) const INDUSTRIES: Collection = lookup("crm_Industry_Type", 12, 1);
pub(super) const DOCUMENT_TYPES: Collection = lookup("Documents_Types", 6, 2);
pub(super) const INVOICE_STATES: Collection = lookup("invoice_States", 5, 3);
pub(super) const CAMPAIGNS: Collection = lookup("crm_campaigns", 9, 13);
pub(super) const STAGES: Collection = lookup("crm_Opportunities_Sales_Stages", 7, 14);
pub(super) const OPPORTUNITY_TYPES: Collection = lookup("crm_Opportunities_Type", 4, 15);
pub(super) const USERS: Collection = collection(
    "Users",
    400,
    8,
    &[DuplicateEmail, BadEnum, Missing, TextForDate, HexId, DuplicateId, DanglingLink, TextId],
);
pub(super) const ACCOUNTS: Collection = collection(
    "crm_Accounts",
    1_200,
    16,
    &[Dangling, Missing, WrongType, DanglingLink, HexId, TextForDate, DuplicateId, TextId],
);
pub(super) const CONTACTS: Collection =
    collection("crm_Contacts", 1_900, 17, &[Dangling, Missing, DanglingLink, WrongType, TextForDate, HexId, Fraction]);
pub(super) const LEADS: Collection = collection("crm_Leads", 900, 18, &[Dangling, Missing, DuplicateId, TextId]);
pub(super) const OPPORTUNITIES: Collection = collection(
    "crm_Opportunities",
    1_000,
    20,
    &[Dangling, BadEnum, Fraction, DanglingLink, TextForDate, DuplicateId, HexId],
);
pub(super) const BOARDS: Collection = collection("Boards", 80, 21, &[Orphan, DanglingLink, Missing, Dangling]);
pub(super) const SECTIONS: Collection = collection("Sections", 240, 22, &[Orphan, Missing, Fraction]);
pub(super) const TASKS: Collection =
    collection("Tasks", 1_300, 23, &[Dangling, BadEnum, Missing, TextForDate, DuplicateId, HexId]);
pub(super) const ACCOUNT_TASKS: Collection =
    collection("crm_Accounts_Tasks", 500, 24, &[Dangling, BadEnum, Missing, TextId]);
pub(super) const DOCUMENTS: Collection =
    collection("Documents", 900, 26, &[Dangling, DanglingLink, BadEnum, WrongType, Missing, TextForDate, DuplicateId]);
pub(super) const INVOICES: Collection =
    collection("Invoices", 500, 27, &[Dangling, Missing, TextForDate, DanglingLink, WrongType]);

/// Every collection, each after those it refers to.
pub(super) const COLLECTIONS: &[Collection] = &[
    INDUSTRIES,
    DOCUMENT_TYPES,
    INVOICE_STATES,
    lookup("system_Modules_Enabled", 8, 4),
    lookup("modulStatus", 4, 5),
    lookup("systemServices", 3, 6),
    lookup("gpt_models", 3, 7),
    USERS,
    lookup("MyAccount", 1, 9),
    collection("Employees", 40, 10, &[Missing, Fraction]),
    collection("ImageUpload", 20, 11, &[TextId]),
    collection("TodoList", 30, 12, &[Missing, WrongType]),
    CAMPAIGNS,
    STAGES,
    OPPORTUNITY_TYPES,
    ACCOUNTS,
    CONTACTS,
    LEADS,
    collection("crm_Contracts", 250, 19, &[Dangling, BadEnum, Missing, Fraction, TextForDate]),
    OPPORTUNITIES,
    BOARDS,
    SECTIONS,
    TASKS,
    ACCOUNT_TASKS,
    collection("tasksComments", 700, 25, &[Orphan, Missing, TextForDate, Dangling]),
    DOCUMENTS,
    INVOICES,
    collection("secondBrain_notions", 20, 28, &[Orphan, Missing]),
    collection("openAi_keys", 20, 29, &[Orphan, Missing]),
];

impl Collection {
    /// Returns how many documents it has.
    pub(super) fn count(self, options: Options) -> usize {
        if self.is_lookup { self.share } else { (options.records * self.share / 10_000).max(self.dirt.len() + 2) }
    }

    /// Returns what is wrong with a document; the first one is clean, and so is the one before a duplicate.
    pub(super) fn dirt(self, index: usize, options: Options) -> Option<Dirt> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
        let chance = (options.dirt.clamp(0.0, 100.0) * 100.0) as usize;
        let is_dirty = |index: usize| {
            index > 0 && Random::new(options.seed, u64::from(self.tag) << 8, index as u64).below(10_000) < chance
        };
        if self.dirt.is_empty() || !is_dirty(index) || is_dirty(index - 1) {
            return None;
        }
        // Every kind in turn, so that small dumps have all of them.
        let before = (1..index).rev().take(200).filter(|&earlier| is_dirty(earlier)).count();
        Some(self.dirt[(before + index / 200) % self.dirt.len()])
    }

    /// Returns the id of a document as others refer to it.
    pub(super) fn id(self, index: usize) -> ObjectId {
        let mut bytes = [0x65, 0xa0, 0, 0, self.tag, 0x5e, 0xed, 0, 0, 0, 0, 0];
        bytes[8..].copy_from_slice(&u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    /// Returns an id that no document has.
    pub(super) fn stray_id(self, index: usize) -> ObjectId {
        let mut bytes = self.id(index).bytes();
        bytes[7] = 0xff;
        ObjectId::from_bytes(bytes)
    }

    /// Returns the `_id` of a document as it is stored.
    pub(super) fn stored_id(self, index: usize, options: Options) -> Bson {
        match self.dirt(index, options) {
            Some(TextId) => Bson::String(format!("legacy-{index}")),
            Some(HexId) => Bson::String(self.id(index).to_hex()),
            Some(DuplicateId) => self.id(index - 1).into(),
            _ => self.id(index).into(),
        }
    }

    /// Returns how others refer to a document: mostly by the ObjectId, in part by its text, as old releases did.
    pub(super) fn reference(self, index: usize, options: Options, random: &mut Random) -> Bson {
        match self.dirt(index, options) {
            Some(TextId) => Bson::String(format!("legacy-{index}")),
            _ if random.percent(5) => Bson::String(self.id(index).to_hex()),
            _ => self.id(index).into(),
        }
    }

    /// Returns a reference to some document, early ones far more often than late ones.
    pub(super) fn some(self, options: Options, random: &mut Random) -> Bson {
        let index = self.some_index(options, random);
        self.reference(index, options, random)
    }

    /// Returns the place of some document, early ones far more often than late ones.
    pub(super) fn some_index(self, options: Options, random: &mut Random) -> usize {
        let count = self.count(options);
        let limit = random.below(count) + 1;
        random.below(limit)
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents by collection.
    pub documents: BTreeMap<&'static str, u64>,
    /// Documents with dirt, by collection and kind.
    pub planted: BTreeMap<(&'static str, Dirt), u64>,
}

/// Writes the dump into a folder, which is created; files of an earlier one are replaced.
pub fn nextcrm(dir: &Path, options: Options) -> io::Result<Summary> {
    fs::create_dir_all(dir)?;
    let mut planted = BufWriter::new(File::create(dir.join("planted.jsonl"))?);
    let mut summary = Summary::default();
    let links = Links::new(options);
    for collection in COLLECTIONS {
        // Some tools pack what they dump.
        let mut dump = Dump::create(dir, collection.name, collection.name == "crm_Contacts")?;
        for index in 0..collection.count(options) {
            let document = shapes::document(*collection, index, options, &links);
            dump.write(&document)?;
            *summary.documents.entry(collection.name).or_default() += 1;
            if let Some(dirt) = collection.dirt(index, options) {
                *summary.planted.entry((collection.name, dirt)).or_default() += 1;
                writeln!(
                    planted,
                    "{{\"collection\":\"{}\",\"document\":{},\"_id\":{},\"dirt\":\"{}\",\"expected\":\"{}\"}}",
                    collection.name,
                    index + 1,
                    shown(&collection.stored_id(index, options)),
                    dirt.name(),
                    dirt.expected()
                )?;
            }
        }
        dump.finish()?;
    }
    planted.flush()?;
    Ok(summary)
}

/// An `_id` in Extended JSON. It has no character that JSON escapes.
fn shown(id: &Bson) -> String {
    match id {
        Bson::ObjectId(id) => format!("{{\"$oid\":\"{id}\"}}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_dirt_is_planted_in_a_dump_of_a_few_thousand() {
        let options = Options { records: 20_000, seed: 3, dirt: 5.0 };
        for collection in COLLECTIONS.iter().filter(|collection| collection.count(options) > 1_000) {
            let found: std::collections::BTreeSet<Dirt> =
                (0..collection.count(options)).filter_map(|index| collection.dirt(index, options)).collect();
            assert_eq!(found.len(), collection.dirt.len(), "{}", collection.name);
        }
    }
}
