//! The CRM example on its generated dump: the planted dirt comes out as planted, and every other row is right.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use bson::Bson;
use bson::Document;
use serde_json::Value as Json;
use uuid::Uuid;
use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::mongodump;
use whimbrel_tests::root;
use xtask::generate;
use xtask::generate::Dirt;
use xtask::generate::Summary;

/// Entities and their collections.
const ENTITIES: [(&str, &str); 5] = [
    ("users", "Users"),
    ("accounts", "crm_Accounts"),
    ("contacts", "crm_Contacts"),
    ("opportunities", "crm_Opportunities"),
    ("documents", "Documents"),
];

/// The example in a folder of its own, with its dump.
pub struct Crm {
    folder: tempfile::TempDir,
    /// What was planted.
    pub summary: Summary,
}

impl Crm {
    /// Generates the dump; `defaults` joins the manifest's `[defaults]`.
    pub fn new(defaults: &str) -> Self {
        components::plugins();
        let folder = tempfile::tempdir().unwrap();
        let example = root().join("examples/crm");
        let mut manifest = fs::read_to_string(example.join("migration.toml")).unwrap();
        let plugins = format!("plugins = \"{}\"", root().join("plugins").display());
        for (from, to) in
            [("plugins = \"../../plugins\"", plugins.as_str()), ("[defaults]", &format!("[defaults]\n{defaults}"))]
        {
            assert!(manifest.contains(from), "the example's manifest has no `{from}`");
            manifest = manifest.replacen(from, to, 1);
        }
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        fs::copy(example.join("schema.sql"), folder.path().join("schema.sql")).unwrap();
        let summary = generate::crm(&folder.path().join("dump/crm"), generate::Options::default()).unwrap();
        Self { folder, summary }
    }

    /// Returns the manifest's path.
    pub fn manifest(&self) -> String {
        self.folder.path().join("migration.toml").display().to_string()
    }

    /// Prepares a run that writes.
    pub fn execute(&self, url: &str) -> Whimbrel {
        Whimbrel::new(["--json", "run", &self.manifest(), "--execute", "--yes"]).env("TARGET_URL", url)
    }

    /// Reads a collection, without the code under test.
    fn documents(&self, collection: &str) -> Vec<Document> {
        mongodump::documents(&self.folder.path().join("dump/crm"), collection)
    }
}

#[test]
fn sqlite_gets_all_but_the_planted_dirt() {
    check(&Database::sqlite());
}

#[test]
fn postgres_gets_all_but_the_planted_dirt() {
    if let Some(database) = Database::postgres() {
        check(&database);
    }
}

fn check(target: &Database) {
    let crm = Crm::new("");
    let predict = Whimbrel::new(["--json", "run", &crm.manifest()]).env("TARGET_URL", &target.url);
    let predicted = predict.run().expect(3).json();
    let done = crm.execute(&target.url).run().expect(3).json();
    assert_eq!(done["conservation"], "ok");
    assert_eq!(predicted["dead_letters"], done["dead_letters"]);
    for (predicted, done) in entities(&predicted).zip(entities(&done)) {
        assert_eq!(predicted["total"], done["total"], "{}", done["name"]);
        assert_eq!(predicted["rows"], done["rows"], "{}", done["name"]);
    }
    for entity in entities(&done) {
        let name = entity["name"].as_str().unwrap();
        assert_eq!(entity["total"]["read"], crm.summary.documents[name], "{name}");
        let planted = crm.summary.dead_letters(name);
        let planted: BTreeMap<String, u64> =
            planted.into_iter().map(|(code, count)| (code.to_owned(), count)).collect();
        assert_eq!(reasons(&done, name), planted, "{name}");
        assert_eq!(entity["total"]["dead"], planted.values().sum::<u64>(), "{name}");
    }
    rows_are_right(&crm, target);
    nulled_references_are_recorded(&crm, target);
    let again = crm.execute(&target.url).run().expect(3).json();
    assert_eq!(again["status"], "nothing-to-do");
}

fn entities(report: &Json) -> impl Iterator<Item = &Json> {
    report["entities"].as_array().unwrap().iter()
}

/// The dead letters of an entity in a report, by code.
fn reasons(report: &Json, entity: &str) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for reason in report["dead_letters"].as_array().unwrap().iter().filter(|reason| reason["entity"] == entity) {
        *codes.entry(reason["code"].as_str().unwrap().to_owned()).or_default() += reason["count"].as_u64().unwrap();
    }
    codes
}

/// The documents that were written: all without a dead letter.
fn written(crm: &Crm, target: &Database, entity: &str) -> Vec<Document> {
    let own = if target.kind() == "sqlite" { "whimbrel_dead_letter" } else { "whimbrel.dead_letter" };
    let dead = target.query(&format!("SELECT document FROM {own} WHERE entity = '{entity}'"));
    let dead: BTreeSet<usize> = dead.into_iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    let collection = ENTITIES.iter().find(|(name, _)| *name == entity).unwrap().1;
    let documents = crm.documents(collection).into_iter().enumerate();
    documents.filter(|(index, _)| !dead.contains(&(index + 1))).map(|(_, document)| document).collect()
}

/// The id that a key must have, by the frozen rule in `wit/since-v0.1.0/README.md`.
fn id(entity: &str, key: &Bson) -> String {
    const ROOT: Uuid = Uuid::from_u128(0x6f2f_5c1e_6b0a_5d43_9a53_0b1c_7f3a_4e21);
    let form = match key {
        Bson::ObjectId(key) => format!("s{}", key.to_hex()),
        Bson::String(key) => format!("s{key}"),
        other => panic!("the dump has no key such as {other}"),
    };
    let entity = Uuid::new_v5(&Uuid::new_v5(&ROOT, b"crm"), entity.as_bytes());
    Uuid::new_v5(&entity, form.as_bytes()).to_string()
}

/// The id that a reference must hold: NULL where its parent was not written.
fn reference(entity: &str, key: Option<&Bson>, parents: &BTreeSet<String>) -> Option<String> {
    key.map(|key| id(entity, key)).filter(|id| parents.contains(id))
}

fn ids(entity: &str, documents: &[Document]) -> BTreeSet<String> {
    documents.iter().map(|document| id(entity, document.get("_id").unwrap())).collect()
}

fn text(document: &Document, field: &str) -> Option<String> {
    document.get(field).and_then(Bson::as_str).map(str::to_owned)
}

type Row = Vec<Option<String>>;

fn rows_are_right(crm: &Crm, target: &Database) {
    let users = written(crm, target, "users");
    let user_ids = ids("users", &users);
    let languages = BTreeMap::from([("cz", "cs"), ("en", "en"), ("de", "de"), ("uk", "uk")]);
    same(
        target,
        "SELECT id, email, name, status, language FROM users",
        users.iter().map(|user| {
            let language = languages[user.get_str("userLanguage").unwrap()].to_owned();
            vec![
                Some(id("users", &user["_id"])),
                text(user, "email"),
                text(user, "name"),
                text(user, "userStatus"),
                Some(language),
            ]
        }),
    );

    let accounts = written(crm, target, "accounts");
    let account_ids = ids("accounts", &accounts);
    // Hundredths, so that both kinds of database say the same.
    let revenue = |account: &Document| match &account["annual_revenue"] {
        Bson::Decimal128(value) => value.to_string().replace('.', "").trim_start_matches('0').to_owned(),
        other => panic!("{other}"),
    };
    same(
        target,
        "SELECT id, parent_id, name, assigned_to, billing_city, CAST(ROUND(annual_revenue * 100) AS BIGINT) AS cents FROM accounts",
        accounts.iter().map(|account| {
            vec![
                Some(id("accounts", &account["_id"])),
                reference("accounts", account.get("parent"), &account_ids),
                text(account, "name"),
                reference("users", account.get("assigned_to"), &user_ids),
                text(account.get_document("billing").unwrap(), "city"),
                Some(revenue(account)),
            ]
        }),
    );
    same(
        target,
        "SELECT account_id, user_id FROM account_watchers",
        accounts.iter().flat_map(|account| {
            let watchers = account.get_array("watchers").unwrap().iter();
            watchers.map(|user| vec![Some(id("accounts", &account["_id"])), Some(id("users", user))])
        }),
    );

    let contacts = written(crm, target, "contacts");
    same(
        target,
        "SELECT id, account_id, assigned_to, last_name, CAST(birthday AS VARCHAR) AS birthday FROM contacts",
        contacts.iter().map(|contact| {
            let birthday: Vec<&str> = contact.get_str("birthday").unwrap().rsplit('.').collect();
            vec![
                Some(id("contacts", &contact["_id"])),
                reference("accounts", contact.get("account"), &account_ids),
                reference("users", contact.get("assigned_to"), &user_ids),
                text(contact, "last_name"),
                Some(birthday.join("-")),
            ]
        }),
    );
    same(
        target,
        "SELECT contact_id, position, tag FROM contact_tags",
        contacts.iter().flat_map(|contact| {
            let tags = contact.get_array("tags").unwrap().iter().enumerate();
            tags.map(|(position, tag)| {
                let tag = tag.as_str().map(str::to_owned);
                vec![Some(id("contacts", &contact["_id"])), Some(position.to_string()), tag]
            })
        }),
    );

    for (entity, sql) in [("opportunities", "SELECT id FROM opportunities"), ("documents", "SELECT id FROM documents")]
    {
        let documents = written(crm, target, entity);
        same(target, sql, documents.iter().map(|document| vec![Some(id(entity, &document["_id"]))]));
    }
}

/// Compares a query's rows with the expected ones, in no order.
#[track_caller]
fn same(target: &Database, sql: &str, expected: impl Iterator<Item = Row>) {
    let mut expected: Vec<Row> = expected.collect();
    let mut found = target.query(sql);
    expected.sort();
    found.sort();
    assert_eq!(found.len(), expected.len(), "{sql}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{sql}");
    }
    assert!(!expected.is_empty(), "{sql}");
}

fn nulled_references_are_recorded(crm: &Crm, target: &Database) {
    let own = if target.kind() == "sqlite" { "whimbrel_nulled_reference" } else { "whimbrel.nulled_reference" };
    let sql = format!(
        "SELECT entity, column_name, parent_entity, COUNT(*) AS count FROM {own} GROUP BY entity, column_name, parent_entity"
    );
    let mut found = target.query(&sql);
    found.sort();
    let column = BTreeMap::from([
        ("accounts", ("assigned_to", "users")),
        ("contacts", ("assigned_to", "users")),
        ("opportunities", ("contact_id", "contacts")),
        ("documents", ("assigned_user", "users")),
    ]);
    let expected: Vec<Row> = crm
        .summary
        .planted
        .iter()
        .filter(|((_, dirt), _)| *dirt == Dirt::NulledOrphan)
        .map(|((entity, _), count)| {
            let (column, parent) = column[entity];
            [(*entity).to_owned(), column.to_owned(), parent.to_owned(), count.to_string()].map(Some).to_vec()
        })
        .collect();
    assert_eq!(found, expected);
}
