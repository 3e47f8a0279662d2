//! NextCRM's contacts: tags and notes that old records keep as one text, and the papers and opportunities they belong to.

use nextcrm_fields::Copy;
use whimbrel_sdk::Description;
use whimbrel_sdk::Empty;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;
use whimbrel_sdk::Transformer;

const TEXTS: &[&str] = &[
    "birthday",
    "description",
    "email",
    "personal_email",
    "first_name",
    "office_phone",
    "mobile_phone",
    "website",
    "position",
    "social_twitter",
    "social_facebook",
    "social_linkedin",
    "social_skype",
    "social_instagram",
    "social_youtube",
    "social_tiktok",
    "type",
];
/// `cratedAt` is how the application writes it.
const MOMENTS: &[&str] = &["created_on", "cratedAt", "last_activity", "updatedAt"];
const REFERENCES: &[(&str, &str)] = &[
    ("account", "crm_Accounts"),
    ("accountsIDs", "crm_Accounts"),
    ("assigned_to", "Users"),
    ("created_by", "Users"),
    ("createdBy", "Users"),
    ("updatedBy", "Users"),
    ("last_activity_by", "Users"),
];

/// The transformer.
pub struct Contacts {
    entity: String,
}

impl Transformer for Contacts {
    const SUMMARY: &'static str = "NextCRM's contacts, with their papers and opportunities.";
    type Config = Empty;

    fn describe(setup: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> {
        let mut contacts = Table::new("crm_Contacts").id("id").column("v").column("last_name").column("status");
        for column in TEXTS.iter().chain(MOMENTS).chain(&["tags", "notes"]) {
            contacts = contacts.column(*column);
        }
        for (column, entity) in REFERENCES {
            contacts = contacts.reference(*column, *entity);
        }
        let documents = Table::new("DocumentsToContacts")
            .reference("document_id", "Documents")
            .reference("contact_id", &setup.entity);
        let opportunities = Table::new("ContactsToOpportunities")
            .reference("contact_id", &setup.entity)
            .reference("opportunity_id", "crm_Opportunities");
        Ok(Description::new()
            .table(contacts)
            .table(documents)
            .table(opportunities)
            .reads(["_id", "__v", "last_name", "status", "tags", "notes", "documentsIDs", "opportunitiesIDs"])
            .reads(TEXTS.iter().chain(MOMENTS).copied())
            .reads(REFERENCES.iter().map(|(field, _)| *field)))
    }

    fn new(setup: &Setup, _: Empty) -> Result<Self, Vec<Problem>> {
        Ok(Self { entity: setup.entity.clone() })
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        let mut contact = Copy::new(record, 0, &self.entity)?;
        contact.integer("v", "__v", true)?;
        contact.required_text("last_name")?;
        contact.bool("status", true)?;
        for field in TEXTS {
            contact.text(field)?;
        }
        for field in MOMENTS {
            contact.moment(field, false)?;
        }
        for (field, entity) in REFERENCES {
            contact.reference(field, entity)?;
        }
        contact.texts("tags")?;
        contact.texts("notes")?;
        let mut links = Vec::new();
        let own = ("contact_id", self.entity.as_str());
        contact.links(&mut links, 1, "documentsIDs", own, ("document_id", "Documents"))?;
        contact.links(&mut links, 2, "opportunitiesIDs", own, ("opportunity_id", "crm_Opportunities"))?;
        let mut rows = vec![contact.row];
        rows.append(&mut links);
        Ok(rows.into())
    }
}

whimbrel_sdk::export_transformer!(Contacts);
