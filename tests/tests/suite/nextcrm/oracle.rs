//! What must stand in NextCRM's tables, worked out from the dump and the target's own catalogs alone: no manifest, no
//! component, and none of whimbrel's code.
//!
//! A column has the name of its field. What it refers to is said here; everything else its type says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use bson::Bson;
use bson::Document;
use serde_json::Value as Json;
use uuid::Uuid;
use whimbrel_tests::Database;
use whimbrel_tests::mongodump;

/// In an order in which parents come first.
pub const COLLECTIONS: [&str; 29] = [
    "crm_Industry_Type",
    "Documents_Types",
    "invoice_States",
    "system_Modules_Enabled",
    "modulStatus",
    "systemServices",
    "gpt_models",
    "Users",
    "MyAccount",
    "Employees",
    "ImageUpload",
    "TodoList",
    "crm_campaigns",
    "crm_Opportunities_Sales_Stages",
    "crm_Opportunities_Type",
    "crm_Accounts",
    "crm_Contacts",
    "crm_Leads",
    "crm_Contracts",
    "crm_Opportunities",
    "Boards",
    "Sections",
    "Tasks",
    "crm_Accounts_Tasks",
    "tasksComments",
    "Documents",
    "Invoices",
    "secondBrain_notions",
    "openAi_keys",
];

/// A junction table; its columns with their collections; and the fields that its rows come from, each with the collection
/// that has it.
type Junction = (&'static str, [Named; 2], &'static [Named]);
type Named = (&'static str, &'static str);

pub const JUNCTIONS: [Junction; 10] = [
    (
        "DocumentsToInvoices",
        [("document_id", "Documents"), ("invoice_id", "Invoices")],
        &[("Documents", "invoiceIDs"), ("Invoices", "connected_documents")],
    ),
    (
        "DocumentsToOpportunities",
        [("document_id", "Documents"), ("opportunity_id", "crm_Opportunities")],
        &[("Documents", "opportunityIDs"), ("crm_Opportunities", "connected_documents")],
    ),
    (
        "DocumentsToContacts",
        [("document_id", "Documents"), ("contact_id", "crm_Contacts")],
        &[("Documents", "contactsIDs"), ("crm_Contacts", "documentsIDs")],
    ),
    (
        "DocumentsToTasks",
        [("document_id", "Documents"), ("task_id", "Tasks")],
        &[("Documents", "tasksIDs"), ("Tasks", "documentIDs")],
    ),
    (
        "DocumentsToCrmAccountsTasks",
        [("document_id", "Documents"), ("crm_accounts_task_id", "crm_Accounts_Tasks")],
        &[("Documents", "crm_accounts_tasksIDs")],
    ),
    (
        "DocumentsToLeads",
        [("document_id", "Documents"), ("lead_id", "crm_Leads")],
        &[("Documents", "leadsIDs"), ("crm_Leads", "documentsIDs")],
    ),
    (
        "DocumentsToAccounts",
        [("document_id", "Documents"), ("account_id", "crm_Accounts")],
        &[("Documents", "accountsIDs"), ("crm_Accounts", "documentsIDs")],
    ),
    (
        "ContactsToOpportunities",
        [("contact_id", "crm_Contacts"), ("opportunity_id", "crm_Opportunities")],
        &[("crm_Opportunities", "connected_contacts"), ("crm_Contacts", "opportunitiesIDs")],
    ),
    (
        "AccountWatchers",
        [("account_id", "crm_Accounts"), ("user_id", "Users")],
        &[("crm_Accounts", "watchers"), ("Users", "watching_accountsIDs")],
    ),
    (
        "BoardWatchers",
        [("board_id", "Boards"), ("user_id", "Users")],
        &[("Boards", "watchers"), ("Users", "watching_boardsIDs")],
    ),
];

/// The words of enum columns.
const WORDS: [(&str, &[&str]); 7] = [
    ("userStatus", &["ACTIVE", "INACTIVE", "PENDING"]),
    ("userLanguage", &["cz", "en", "de", "uk"]),
    ("taskStatus", &["ACTIVE", "PENDING", "COMPLETE"]),
    ("document_system_type", &["INVOICE", "RECEIPT", "CONTRACT", "OFFER", "OTHER"]),
    ("crm_Opportunities.status", &["ACTIVE", "INACTIVE", "PENDING", "CLOSED"]),
    ("crm_Contracts.status", &["NOTSTARTED", "INPROGRESS", "SIGNED"]),
    ("gpt_models.status", &["ACTIVE", "INACTIVE"]),
];

/// The collections that a field refers to.
fn referred(collection: &str, field: &str) -> &'static [&'static str] {
    match (collection, field) {
        ("tasksComments", "task") => &["Tasks", "crm_Accounts_Tasks"],
        (_, "assigned_crm_account_task") => &["crm_Accounts_Tasks"],
        (_, "industry") => &["crm_Industry_Type"],
        ("crm_Opportunities", "type") => &["crm_Opportunities_Type"],
        ("crm_Opportunities", "campaign") => &["crm_campaigns"],
        (_, "sales_stage") => &["crm_Opportunities_Sales_Stages"],
        (_, "invoice_state_id") => &["invoice_States"],
        (_, "document_type") => &["Documents_Types"],
        (_, "board") => &["Boards"],
        (_, "section") => &["Sections"],
        (_, "contact") => &["crm_Contacts"],
        (_, "account" | "accountsIDs" | "assigned_account_id") => &["crm_Accounts"],
        _ => &["Users"],
    }
}

/// One column of the target.
struct Column {
    name: String,
    kind: String,
    is_required: bool,
}

type Row = BTreeMap<String, Option<String>>;

/// What must be there.
#[derive(Default)]
pub struct Expected {
    /// Rows by table and id.
    pub rows: BTreeMap<&'static str, BTreeMap<String, Row>>,
    /// The code of each dead letter, by collection and place in it.
    pub dead: BTreeMap<(&'static str, u64), &'static str>,
    /// References left NULL, by collection and column.
    pub nulled: BTreeMap<(&'static str, String), u64>,
    /// Rows of junction tables, each as its two ids.
    pub links: BTreeMap<&'static str, BTreeSet<[String; 2]>>,
    /// Links without one of their two records, by table; the same link twice counts once.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Documents read.
    pub documents: u64,
}

/// Works it out.
pub fn expected(dump: &Path, target: &Database) -> Expected {
    let mut expected = Expected::default();
    // The ids of records that are written, by collection and key.
    let mut living: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut links: BTreeMap<&str, BTreeSet<[String; 2]>> = BTreeMap::new();
    for collection in COLLECTIONS {
        let columns = columns(target, collection);
        let mut emails = BTreeSet::new();
        for (place, document) in (1..).zip(mongodump::documents(dump, collection)) {
            expected.documents += 1;
            match row(collection, &columns, &document, &living, &emails) {
                Err(code) => drop(expected.dead.insert((collection, place), code)),
                Ok((row, nulled)) => {
                    let key = key(document.get("_id").unwrap());
                    let id = row["id"].clone().unwrap();
                    if collection == "Users" {
                        emails.insert(row["email"].clone().unwrap());
                    }
                    for column in nulled {
                        *expected.nulled.entry((collection, column)).or_default() += 1;
                    }
                    for (table, sides, fields) in JUNCTIONS {
                        for (_, field) in fields.iter().filter(|(of, _)| *of == collection) {
                            for other in linked(&document, field) {
                                let [left, _] = sides;
                                let own = key.clone();
                                let pair = if left.1 == collection { [own, other] } else { [other, own] };
                                links.entry(table).or_default().insert(pair);
                            }
                        }
                    }
                    living.entry(collection).or_default().insert(key, id.clone());
                    expected.rows.entry(collection).or_default().insert(id, row);
                }
            }
        }
    }
    for (table, sides, _) in JUNCTIONS {
        for pair in links.remove(table).unwrap_or_default() {
            let id = |side: usize| living.get(sides[side].1).and_then(|living| living.get(&pair[side])).cloned();
            match (id(0), id(1)) {
                (Some(left), Some(right)) => drop(expected.links.entry(table).or_default().insert([left, right])),
                _ => *expected.dropped.entry(table).or_default() += 1,
            }
        }
    }
    expected
}

/// The row of a document and the columns whose parent is missing, or the code of its dead letter.
fn row(
    collection: &str,
    columns: &[Column],
    document: &Document,
    living: &BTreeMap<&str, BTreeMap<String, String>>,
    emails: &BTreeSet<String>,
) -> Result<(Row, Vec<String>), &'static str> {
    let mut row = Row::new();
    let (mut nulled, mut orphan) = (Vec::new(), false);
    for Column { name, kind, is_required } in columns {
        let field = match name.as_str() {
            "id" => "_id",
            "v" => "__v",
            name => name,
        };
        let found = document.get(field).filter(|value| **value != Bson::Null);
        let Some(found) = found else {
            if *is_required {
                return Err("required");
            }
            row.insert(name.clone(), None);
            continue;
        };
        let value = if name == "id" {
            Some(id(collection, &key(found)))
        } else if kind == "uuid" {
            let parents = referred(collection, name);
            let parent = parents.iter().find_map(|parent| living.get(parent)?.get(&key(found)));
            if parent.is_none() {
                if *is_required { orphan = true } else { nulled.push(name.clone()) }
            }
            parent.cloned()
        } else {
            Some(text(collection, name, kind, found)?)
        };
        row.insert(name.clone(), value);
    }
    if collection == "Users" {
        let email = row["email"].clone().unwrap().trim().to_owned();
        row.insert("email".to_owned(), Some(email));
    }
    let own = key(document.get("_id").unwrap());
    if orphan {
        return Err("missing-parent");
    }
    if living.get(collection).is_some_and(|living| living.contains_key(&own)) {
        return Err("duplicate-key");
    }
    if collection == "Users" && emails.contains(row["email"].as_ref().unwrap()) {
        return Err("unique");
    }
    Ok((row, nulled))
}

/// A value as its column shows it, or the code of the dead letter that it makes of its record.
fn text(collection: &str, column: &str, kind: &str, found: &Bson) -> Result<String, &'static str> {
    let words = WORDS.iter().find(|(of, _)| *of == column || *of == format!("{collection}.{column}"));
    let text = match (kind, found) {
        ("text", Bson::String(text)) => text.clone(),
        ("integer", Bson::Int32(value)) => value.to_string(),
        ("integer", Bson::Int64(value)) => value.to_string(),
        ("integer", Bson::Double(value)) if value.fract() == 0.0 => format!("{value:.0}"),
        ("integer", Bson::Double(_)) => return Err("number"),
        ("boolean", Bson::Boolean(value)) => value.to_string(),
        ("timestamp", Bson::DateTime(moment)) => {
            moment.try_to_rfc3339_string().unwrap().trim_end_matches('Z').to_owned()
        }
        ("timestamp", _) => return Err("date-format"),
        ("json", found) => canonical(&json(found)),
        ("texts", Bson::Array(texts)) => canonical(&texts.iter().map(|text| Json::String(key(text))).collect()),
        ("texts", Bson::String(text)) if collection == "crm_Contacts" => canonical(&serde_json::json!([text])),
        ("uuids", Bson::Array(keys)) => {
            let parent = referred(collection, column)[0];
            canonical(&keys.iter().map(|found| Json::String(id(parent, &key(found)))).collect())
        }
        _ => return Err("type-mismatch"),
    };
    match words {
        Some((_, words)) if !words.contains(&text.as_str()) => Err("enum-value"),
        _ => Ok(text),
    }
}

/// The keys of what a field links to.
fn linked(document: &Document, field: &str) -> Vec<String> {
    let Some(Bson::Array(links)) = document.get(field) else { return Vec::new() };
    links.iter().map(key).collect()
}

/// A key as text: an ObjectId and its digits are one key.
fn key(value: &Bson) -> String {
    match value {
        Bson::ObjectId(id) => id.to_hex(),
        Bson::String(text) => text.clone(),
        other => panic!("no key of the dump is {other:?}"),
    }
}

/// The documented form of computed ids (`wit/since-v0.1.0/README.md`).
fn id(collection: &str, key: &str) -> String {
    let root = Uuid::parse_str("6f2f5c1e-6b0a-5d43-9a53-0b1c7f3a4e21").unwrap();
    let entity = Uuid::new_v5(&Uuid::new_v5(&root, b"nextcrm"), collection.as_bytes());
    Uuid::new_v5(&entity, format!("s{key}").as_bytes()).to_string()
}

fn json(value: &Bson) -> Json {
    match value {
        Bson::Null => Json::Null,
        Bson::Boolean(value) => (*value).into(),
        Bson::Int32(value) => (*value).into(),
        Bson::Int64(value) => (*value).into(),
        Bson::Double(value) => (*value).into(),
        Bson::String(text) => text.as_str().into(),
        Bson::Array(values) => values.iter().map(json).collect(),
        Bson::Document(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
        other => panic!("no JSON of the dump holds {other:?}"),
    }
}

/// JSON text with sorted names: the databases keep their own order.
pub fn canonical(value: &Json) -> String {
    match value {
        Json::Object(fields) => {
            let sorted: BTreeMap<&String, &Json> = fields.iter().collect();
            let fields: Vec<String> = sorted
                .iter()
                .map(|(name, value)| format!("{}:{}", Json::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Json::Array(values) => format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// The columns of a table, from the target's own catalogs.
fn columns(target: &Database, table: &str) -> Vec<Column> {
    let sql = if target.kind() == "sqlite" {
        format!("SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')")
    } else {
        format!(
            "SELECT column_name::text, CASE WHEN data_type = 'ARRAY' THEN udt_name::text ELSE data_type::text END AS kind,
                CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS required
             FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
    };
    let kind_of = |column: &str, declared: &str| {
        match (column, declared.to_lowercase().as_str()) {
            // SQLite keeps arrays as JSON.
            ("tags" | "notes", "json") if table == "crm_Contacts" => "texts",
            ("connected_documents", _) | (_, "_text") => "texts",
            ("sharedWith", _) | (_, "_uuid") => "uuids",
            (_, "uuid") => "uuid",
            (_, "json" | "jsonb") => "json",
            (_, "boolean") => "boolean",
            (_, "integer" | "bigint") => "integer",
            (_, kind) if kind.starts_with("timestamp") => "timestamp",
            (_, "text" | "user-defined") => "text",
            (column, kind) => panic!("`{table}.{column}` has the type `{kind}`"),
        }
        .to_owned()
    };
    let found = target.query(&sql);
    assert!(!found.is_empty(), "the target has no table `{table}`");
    let column = |row: &Vec<Option<String>>| {
        let name = row[0].clone().unwrap();
        let kind = kind_of(&name, row[1].as_deref().unwrap());
        Column { name, kind, is_required: row[2].as_deref() == Some("1") }
    };
    found.iter().map(column).collect()
}

/// The rows that stand in a table, in the same form.
pub fn standing(target: &Database, table: &str) -> BTreeMap<String, Row> {
    let columns = columns(target, table);
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let mut rows = BTreeMap::new();
    for found in target.query(&format!("SELECT {} FROM \"{table}\"", names.join(", "))) {
        let row: Row = columns
            .iter()
            .zip(found)
            .map(|(column, found)| (column.name.clone(), found.map(|found| normal(&column.kind, found))))
            .collect();
        rows.insert(row["id"].clone().unwrap(), row);
    }
    rows
}

/// How a database shows a value, without what it is free to choose.
fn normal(kind: &str, found: String) -> String {
    match kind {
        "json" | "texts" | "uuids" => canonical(&serde_json::from_str(&found).unwrap()),
        "boolean" if found == "1" => "true".to_owned(),
        "boolean" if found == "0" => "false".to_owned(),
        "timestamp" => {
            let found = found.replacen(' ', "T", 1);
            if found.contains('.') { found.trim_end_matches('0').trim_end_matches('.').to_owned() } else { found }
        }
        _ => found,
    }
}
