//! NextCRM's documents: one row, and one for each of seven kinds of record that a document is attached to.

use nextcrm_fields::Copy;
use whimbrel_sdk::Description;
use whimbrel_sdk::Empty;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;
use whimbrel_sdk::Transformer;

const TEXTS: &[&str] = &["description", "status", "visibility", "key"];
const REQUIRED_TEXTS: &[&str] = &["document_name", "document_file_mimeType", "document_file_url"];
const MOMENTS: &[&str] = &["date_created", "createdAt", "last_updated", "updatedAt"];
const REFERENCES: &[(&str, &str)] = &[
    ("created_by_user", "Users"),
    ("createdBy", "Users"),
    ("document_type", "Documents_Types"),
    ("assigned_user", "Users"),
];
const KINDS: &[&str] = &["INVOICE", "RECEIPT", "CONTRACT", "OFFER", "OTHER"];

/// One kind of record that documents are attached to.
struct Link {
    table: &'static str,
    field: &'static str,
    column: &'static str,
    entity: &'static str,
}

const LINKS: &[Link] = &[
    Link { table: "DocumentsToInvoices", field: "invoiceIDs", column: "invoice_id", entity: "Invoices" },
    Link {
        table: "DocumentsToOpportunities",
        field: "opportunityIDs",
        column: "opportunity_id",
        entity: "crm_Opportunities",
    },
    Link { table: "DocumentsToContacts", field: "contactsIDs", column: "contact_id", entity: "crm_Contacts" },
    Link { table: "DocumentsToTasks", field: "tasksIDs", column: "task_id", entity: "Tasks" },
    Link {
        table: "DocumentsToCrmAccountsTasks",
        field: "crm_accounts_tasksIDs",
        column: "crm_accounts_task_id",
        entity: "crm_Accounts_Tasks",
    },
    Link { table: "DocumentsToLeads", field: "leadsIDs", column: "lead_id", entity: "crm_Leads" },
    Link { table: "DocumentsToAccounts", field: "accountsIDs", column: "account_id", entity: "crm_Accounts" },
];

/// The transformer.
pub struct Documents {
    entity: String,
}

impl Transformer for Documents {
    const SUMMARY: &'static str = "NextCRM's documents, with everything they are attached to.";
    type Config = Empty;

    fn describe(setup: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> {
        let mut documents = Table::new("Documents").id("id").column("v").column("size").column("document_system_type");
        for column in
            TEXTS.iter().chain(REQUIRED_TEXTS).chain(MOMENTS).chain(&["favourite", "tags", "connected_documents"])
        {
            documents = documents.column(*column);
        }
        for (column, entity) in REFERENCES {
            documents = documents.reference(*column, *entity);
        }
        let mut description = Description::new().table(documents);
        for link in LINKS {
            let table = Table::new(link.table);
            description = description
                .table(table.reference("document_id", &setup.entity).reference(link.column, link.entity))
                .reads([link.field]);
        }
        Ok(description
            .reads(["_id", "__v", "size", "document_system_type", "favourite", "tags", "connected_documents"])
            .reads(TEXTS.iter().chain(REQUIRED_TEXTS).chain(MOMENTS).copied())
            .reads(REFERENCES.iter().map(|(field, _)| *field)))
    }

    fn new(setup: &Setup, _: Empty) -> Result<Self, Vec<Problem>> {
        Ok(Self { entity: setup.entity.clone() })
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        let mut document = Copy::new(record, 0, &self.entity)?;
        document.integer("v", "__v", false)?;
        document.integer("size", "size", false)?;
        document.word("document_system_type", KINDS, false)?;
        document.bool("favourite", false)?;
        for field in REQUIRED_TEXTS {
            document.required_text(field)?;
        }
        for field in TEXTS {
            document.text(field)?;
        }
        for field in MOMENTS {
            document.moment(field, false)?;
        }
        for (field, entity) in REFERENCES {
            document.reference(field, entity)?;
        }
        document.json("tags")?;
        document.texts("connected_documents")?;
        let mut links = Vec::new();
        for (link, table) in LINKS.iter().zip(1..) {
            let own = ("document_id", self.entity.as_str());
            document.links(&mut links, table, link.field, own, (link.column, link.entity))?;
        }
        let mut rows = vec![document.row];
        rows.append(&mut links);
        Ok(rows.into())
    }
}

whimbrel_sdk::export_transformer!(Documents);
