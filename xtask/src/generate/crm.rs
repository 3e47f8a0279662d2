//! The shapes of a CRM's documents: users, accounts, contacts, opportunities and documents.

use bson::Bson;
use bson::DateTime;
use bson::Decimal128;
use bson::Document;
use bson::doc;
use bson::oid::ObjectId;

use super::Dirt;
use super::Options;
use super::random::Random;

/// Years 2015 to 2025, in milliseconds.
const FIRST_MS: i64 = 1_420_070_400_000;
const SPAN_MS: usize = 10 * 365 * 24 * 3600 * 1000;
const YEAR_10000_MS: i64 = 253_402_300_800_000;

const FIRST_NAMES: &[&str] =
    &["Anna", "Bořek", "Chiara", "Dmytro", "Eva", "Fionn", "Grace", "Hana", "Ivan", "Jürgen", "Łucja", "Noor"];
const LAST_NAMES: &[&str] =
    &["Novák", "Smith", "Rossi", "Shevchenko", "O'Brien", "Müller", "Nguyen", "García", "Kowalska", "Svensson"];
const COMPANIES: &[&str] = &["Arbor", "Birch & Co", "Cinder", "Delta \"D\" Works", "Ember", "Fjord", "Gale", "Harbour"];
const CITIES: &[&str] = &["Praha", "Kyiv", "Berlin", "Łódź", "Cork", "Torino", "Malmö"];
const TAGS: &[&str] = &["vip", "newsletter", "trade fair", "cold", "partner", "žádost"];

/// One collection.
pub(super) struct Entity {
    pub(super) name: &'static str,
    pub(super) collection: &'static str,
    pub(super) is_packed: bool,
    documents: usize,
    dirt: &'static [(Dirt, usize)],
    /// Tells ids and random streams apart.
    tag: u8,
}

const USERS: Entity = Entity {
    name: "users",
    collection: "Users",
    is_packed: false,
    documents: 2_000,
    dirt: &[
        (Dirt::MissingId, 3),
        (Dirt::NullId, 2),
        (Dirt::DuplicateId, 4),
        (Dirt::TextId, 6),
        (Dirt::BadEnum, 5),
        (Dirt::Before1970, 5),
        (Dirt::Beyond9999, 3),
        (Dirt::DuplicateEmail, 4),
        (Dirt::DateAsText, 6),
        (Dirt::BadDate, 3),
        (Dirt::MissingName, 2),
    ],
    tag: 1,
};

const ACCOUNTS: Entity = Entity {
    name: "accounts",
    collection: "crm_Accounts",
    is_packed: false,
    documents: 4_000,
    dirt: &[
        (Dirt::MissingId, 2),
        (Dirt::DuplicateId, 5),
        (Dirt::TextId, 4),
        (Dirt::BadEnum, 6),
        (Dirt::WrongType, 5),
        (Dirt::TextForNumber, 6),
        (Dirt::TooLong, 4),
        (Dirt::Orphan, 4),
        (Dirt::NulledOrphan, 12),
    ],
    tag: 2,
};

const CONTACTS: Entity = Entity {
    name: "contacts",
    collection: "crm_Contacts",
    is_packed: true,
    documents: 8_000,
    dirt: &[
        (Dirt::MissingId, 2),
        (Dirt::DuplicateId, 5),
        (Dirt::Orphan, 20),
        (Dirt::NulledOrphan, 15),
        (Dirt::BadDate, 10),
        (Dirt::TooLong, 5),
        (Dirt::WrongType, 5),
        (Dirt::Beyond9999, 3),
    ],
    tag: 3,
};

const OPPORTUNITIES: Entity = Entity {
    name: "opportunities",
    collection: "crm_Opportunities",
    is_packed: false,
    documents: 4_000,
    dirt: &[
        (Dirt::DuplicateId, 3),
        (Dirt::Orphan, 15),
        (Dirt::NulledOrphan, 20),
        (Dirt::DecimalNan, 6),
        (Dirt::TextForNumber, 6),
        (Dirt::BadEnum, 6),
        (Dirt::Before1970, 10),
    ],
    tag: 4,
};

const DOCUMENTS: Entity = Entity {
    name: "documents",
    collection: "Documents",
    is_packed: false,
    documents: 4_000,
    dirt: &[
        (Dirt::MissingId, 3),
        (Dirt::Orphan, 6),
        (Dirt::NulledOrphan, 12),
        (Dirt::WrongType, 4),
        (Dirt::DateAsText, 10),
        (Dirt::BadDate, 5),
        (Dirt::Beyond9999, 3),
        (Dirt::BadEnum, 4),
    ],
    tag: 5,
};

/// In the order of their references.
pub(super) const ENTITIES: &[Entity] = &[USERS, ACCOUNTS, CONTACTS, OPPORTUNITIES, DOCUMENTS];

impl Entity {
    /// Says for each document which dirt it has; the kinds are spread evenly and the first document is clean.
    pub(super) fn plan(&self, scale: u32) -> Vec<Option<Dirt>> {
        let scale = usize::try_from(scale.max(1)).unwrap_or(1);
        let mut plan = vec![None; self.documents * scale];
        let largest = self.dirt.iter().map(|(_, count)| count * scale).max().unwrap_or(0);
        // One of each kind in turn, so that every part of the file has every kind that is frequent.
        let rounds = (0..largest).flat_map(|round| self.dirt.iter().filter(move |(_, count)| round < count * scale));
        let kinds: Vec<Dirt> = rounds.map(|(dirt, _)| *dirt).collect();
        for (place, dirt) in kinds.iter().enumerate() {
            let index = (place + 1) * plan.len() / (kinds.len() + 1);
            plan[index] = Some(*dirt);
        }
        plan
    }

    fn id(&self, index: usize) -> ObjectId {
        let mut bytes = [0x65, 0xa0, 0, 0, self.tag, 0x5e, 0xed, 0, 0, 0, 0, 0];
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        bytes[8..].copy_from_slice(&index.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    /// An id that no document has.
    fn stray_id(&self, index: usize) -> ObjectId {
        let mut bytes = self.id(index).bytes();
        bytes[7] = 0xff;
        ObjectId::from_bytes(bytes)
    }

    /// The id of a document that a run will write.
    fn written_id(&self, options: Options, random: &mut Random) -> ObjectId {
        let count = self.documents * usize::try_from(options.scale.max(1)).unwrap_or(1);
        let plan_is_clean = |index: usize| {
            let kinds: usize = self.dirt.iter().map(|(_, count)| count).sum();
            let kinds = kinds * usize::try_from(options.scale.max(1)).unwrap_or(1);
            // The inverse of how `plan` places them.
            let place = (index * (kinds + 1)).div_ceil(count);
            place == 0 || place > kinds || place * count / (kinds + 1) != index
        };
        loop {
            let index = random.below(count);
            if plan_is_clean(index) {
                return self.id(index);
            }
        }
    }
}

/// Makes one document.
pub(super) fn document(entity: &Entity, plan: &[Option<Dirt>], index: usize, options: Options) -> Document {
    let mut random = Random::new(options.seed, u64::from(entity.tag), index as u64);
    let dirt = plan[index];
    let id = match dirt {
        Some(Dirt::NullId) => Bson::Null,
        Some(Dirt::TextId) => Bson::String(format!("legacy-{}-{index}", entity.name)),
        Some(Dirt::DuplicateId) => {
            let earlier = plan[..index].iter().rposition(Option::is_none).unwrap_or(0);
            entity.id(earlier).into()
        }
        _ => entity.id(index).into(),
    };
    let mut document = Document::new();
    if dirt != Some(Dirt::MissingId) {
        document.insert("_id", id);
    }
    document.insert("__v", 0);
    let random = &mut random;
    document.extend(match entity.tag {
        1 => user(plan, index, random),
        2 => account(plan, index, options, random),
        3 => contact(dirt, index, options, random),
        4 => opportunity(dirt, index, options, random),
        _ => file(dirt, index, options, random),
    });
    document
}

fn moment(random: &mut Random) -> i64 {
    FIRST_MS + i64::try_from(random.below(SPAN_MS)).unwrap_or(0)
}

fn date(dirt: Option<Dirt>, random: &mut Random) -> Bson {
    let millis = moment(random);
    match dirt {
        Some(Dirt::Before1970) => DateTime::from_millis(millis - 80 * 365 * 86_400_000).into(),
        Some(Dirt::Beyond9999) => DateTime::from_millis(millis + YEAR_10000_MS).into(),
        Some(Dirt::DateAsText) => DateTime::from_millis(millis).try_to_rfc3339_string().unwrap_or_default().into(),
        Some(Dirt::BadDate) => "sometime in spring".into(),
        _ => DateTime::from_millis(millis).into(),
    }
}

fn full_name(random: &mut Random) -> String {
    format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES))
}

fn user(plan: &[Option<Dirt>], index: usize, random: &mut Random) -> Document {
    let dirt = plan[index];
    let owner = match dirt {
        Some(Dirt::DuplicateEmail) => plan[..index].iter().rposition(Option::is_none).unwrap_or(0),
        _ => index,
    };
    let mut user = doc! { "email": format!("user{owner}@example.org") };
    if dirt != Some(Dirt::MissingName) {
        user.insert("name", full_name(random));
    }
    let status =
        if dirt == Some(Dirt::BadEnum) { "GHOST" } else { random.pick(&["ACTIVE", "ACTIVE", "PENDING", "INACTIVE"]) };
    user.insert("userStatus", status);
    user.insert("userLanguage", random.pick(&["cz", "en", "de", "uk"]));
    user.insert("is_admin", random.percent(3));
    user.insert("created_on", date(dirt, random));
    let last_login = if random.percent(70) { DateTime::from_millis(moment(random)).into() } else { Bson::Null };
    user.insert("lastLoginAt", last_login);
    user.insert("password", format!("$2b$10${:016x}", random.number()));
    user
}

fn account(plan: &[Option<Dirt>], index: usize, options: Options, random: &mut Random) -> Document {
    let dirt = plan[index];
    let name = format!("{} {}", random.pick(COMPANIES), index);
    let name: Bson = if dirt == Some(Dirt::WrongType) { doc! { "legal": name }.into() } else { name.into() };
    let vat = if dirt == Some(Dirt::TooLong) { "CZ".repeat(40) } else { format!("CZ{:08}", random.below(99_999_999)) };
    let employees: Bson = match dirt {
        Some(Dirt::TextForNumber) => "about fifty".into(),
        _ if random.percent(40) => random.below(5000).to_string().into(),
        _ => i32::try_from(random.below(5000)).unwrap_or(0).into(),
    };
    let status = if dirt == Some(Dirt::BadEnum) { "Dormant" } else { random.pick(&["Active", "Inactive", "Pending"]) };
    let assigned = match dirt {
        Some(Dirt::NulledOrphan) => USERS.stray_id(index),
        _ => USERS.written_id(options, random),
    };
    let mut watchers: Vec<ObjectId> = Vec::new();
    for _ in 0..random.below(4) {
        let user = USERS.written_id(options, random);
        if !watchers.contains(&user) {
            watchers.push(user);
        }
    }
    if dirt == Some(Dirt::Orphan) {
        watchers.push(USERS.stray_id(index));
    }
    let mut account = doc! {
        "name": name,
        "vat": vat,
        "status": status,
        "employees": employees,
        "billing": { "street": format!("{} Street", random.pick(LAST_NAMES)), "city": random.pick(CITIES), "postal_code": format!("{:05}", random.below(99_999)) },
        "annual_revenue": Decimal128::from_bytes(cents(random.below(900_000_000))),
        "assigned_to": assigned,
        "watchers": watchers,
        "createdAt": DateTime::from_millis(moment(random)),
    };
    if random.percent(30) {
        // An account above it, which may come later in the file.
        account.insert("parent", ACCOUNTS.written_id(options, random));
    }
    account
}

fn contact(dirt: Option<Dirt>, index: usize, options: Options, random: &mut Random) -> Document {
    let account = match dirt {
        Some(Dirt::Orphan) => ACCOUNTS.stray_id(index),
        _ => ACCOUNTS.written_id(options, random),
    };
    let assigned = match dirt {
        Some(Dirt::NulledOrphan) => USERS.stray_id(index),
        _ => USERS.written_id(options, random),
    };
    let last_name: Bson = match dirt {
        Some(Dirt::WrongType) => doc! { "family": "Novák" }.into(),
        Some(Dirt::TooLong) => "Né".repeat(100).into(),
        _ => random.pick(LAST_NAMES).into(),
    };
    let birthday = match dirt {
        Some(Dirt::BadDate) => format!("31.02.{}", 1950 + random.below(50)),
        _ => format!("{:02}.{:02}.{}", 1 + random.below(28), 1 + random.below(12), 1930 + random.below(75)),
    };
    let mut tags: Vec<&str> = Vec::new();
    for _ in 0..random.below(4) {
        tags.push(random.pick(TAGS));
    }
    let created = date(dirt.filter(|dirt| *dirt != Dirt::BadDate), random);
    doc! {
        "first_name": random.pick(FIRST_NAMES),
        "last_name": last_name,
        "email": format!("contact{index}@example.com"),
        "birthday": birthday,
        "status": random.percent(90),
        "account": account,
        "assigned_to": assigned,
        "tags": tags,
        "social": { "twitter": format!("@c{index}"), "linkedin": Bson::Null },
        "created_on": created,
    }
}

fn opportunity(dirt: Option<Dirt>, index: usize, options: Options, random: &mut Random) -> Document {
    let account = match dirt {
        Some(Dirt::Orphan) => ACCOUNTS.stray_id(index),
        _ => ACCOUNTS.written_id(options, random),
    };
    let contact = match dirt {
        Some(Dirt::NulledOrphan) => CONTACTS.stray_id(index),
        _ => CONTACTS.written_id(options, random),
    };
    let revenue: Bson = match dirt {
        Some(Dirt::DecimalNan) => Decimal128::from_bytes(NAN).into(),
        Some(Dirt::TextForNumber) => "to be agreed".into(),
        _ => Decimal128::from_bytes(cents(random.below(50_000_000))).into(),
    };
    let status = match dirt {
        Some(Dirt::BadEnum) => "MAYBE",
        _ => random.pick(&["ACTIVE", "INACTIVE", "PENDING", "CLOSED"]),
    };
    doc! {
        "name": format!("Deal {index}"),
        "account": account,
        "contact": contact,
        "budget": i32::try_from(random.below(1_000_000)).unwrap_or(0),
        "expected_revenue": revenue,
        "currency": random.pick(&["CZK", "EUR", "USD"]),
        "status": status,
        "close_date": date(dirt, random),
        "history": [{ "stage": "New", "at": DateTime::from_millis(moment(random)) }],
    }
}

fn file(dirt: Option<Dirt>, index: usize, options: Options, random: &mut Random) -> Document {
    let assigned = match dirt {
        Some(Dirt::NulledOrphan) => USERS.stray_id(index),
        _ => USERS.written_id(options, random),
    };
    let account = match dirt {
        Some(Dirt::Orphan) => ACCOUNTS.stray_id(index),
        _ => ACCOUNTS.written_id(options, random),
    };
    let size: Bson = match dirt {
        Some(Dirt::WrongType) => doc! { "bytes": 1 }.into(),
        _ => i64::try_from(random.below(9_000_000_000)).unwrap_or(0).into(),
    };
    let kind = match dirt {
        Some(Dirt::BadEnum) => "NAPKIN",
        _ => random.pick(&["INVOICE", "RECEIPT", "CONTRACT", "OFFER", "OTHER"]),
    };
    doc! {
        "document_name": format!("file-{index}.pdf"),
        "document_system_type": kind,
        "document_file_mimeType": "application/pdf",
        "document_file_url": format!("https://files.example.org/{:016x}", random.number()),
        "size": size,
        "assigned_user": assigned,
        "accountsIDs": [account],
        "tags": { "source": random.pick(TAGS), "pages": i32::try_from(random.below(40)).unwrap_or(0) },
        "date_created": date(dirt, random),
    }
}

/// The Decimal128 of so many hundredths.
fn cents(value: usize) -> [u8; 16] {
    const EXPONENT: u128 = 6176 - 2;
    (EXPONENT << 113 | value as u128).to_le_bytes()
}

const NAN: [u8; 16] = (0b1_1111_u128 << 122).to_le_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_planted_as_often_as_it_says() {
        for scale in [1, 3] {
            for entity in ENTITIES {
                let plan = entity.plan(scale);
                for (dirt, count) in entity.dirt {
                    let planted = plan.iter().filter(|kind| **kind == Some(*dirt)).count();
                    assert_eq!(planted, count * scale as usize, "{} {dirt:?}", entity.name);
                }
            }
        }
    }

    #[test]
    fn only_planted_orphans_lack_their_parent() {
        let options = Options { seed: 7, scale: 2 };
        let clean: Vec<ObjectId> = {
            let plan = ACCOUNTS.plan(options.scale);
            (0..plan.len()).filter(|index| plan[*index].is_none()).map(|index| ACCOUNTS.id(index)).collect()
        };
        let plan = CONTACTS.plan(options.scale);
        for index in 0..plan.len() {
            let contact = document(&CONTACTS, &plan, index, options);
            assert_eq!(contact, document(&CONTACTS, &plan, index, options), "the same seed gives the same document");
            let account = contact.get_object_id("account").ok();
            let is_there = account.is_some_and(|account| clean.binary_search(&account).is_ok());
            assert_eq!(is_there, plan[index] != Some(Dirt::Orphan), "{index}");
        }
    }
}
