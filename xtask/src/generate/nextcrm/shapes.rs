//! The shapes of NextCRM's documents. A field that may be missing is there in most documents, null in some, and left out
//! in others.

use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::doc;

use super::ACCOUNT_TASKS;
use super::ACCOUNTS;
use super::BOARDS;
use super::CAMPAIGNS;
use super::CONTACTS;
use super::Collection;
use super::DOCUMENT_TYPES;
use super::Dirt;
use super::INDUSTRIES;
use super::INVOICE_STATES;
use super::OPPORTUNITY_TYPES;
use super::Options;
use super::SECTIONS;
use super::STAGES;
use super::TASKS;
use super::USERS;
use super::links::Links;
use crate::generate::random::Random;

/// Years 2015 to 2025, in milliseconds.
const FIRST_MS: i64 = 1_420_070_400_000;
const SPAN_MS: usize = 10 * 365 * 24 * 3600 * 1000;

const FIRST_NAMES: &[&str] =
    &["Anna", "Bořek", "Chiara", "Dmytro", "Eva", "Fionn", "Grace", "Hana", "Ivan", "Jürgen", "Łucja", "Noor", "葵"];
const LAST_NAMES: &[&str] =
    &["Novák", "Smith", "Rossi", "Shevchenko", "O'Brien", "Müller", "Nguyen", "García", "Kowalska", "Svensson"];
const COMPANIES: &[&str] = &["Arbor", "Birch & Co", "Cinder", "Delta \"D\" Works", "Ember\\Ash", "Fjord", "Gale 🌊"];
const CITIES: &[&str] = &["Praha", "Київ", "Berlin", "Łódź", "Cork", "Torino", "Malmö"];
const WORDS: &[&str] = &["call back", "žádost", "trade fair", "renewal; urgent", "line one\nline two", "100 %", ""];
const STATES: &[&str] =
    &["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "PENDING", "PENDING", "INACTIVE"];

/// One document while it is made.
struct Maker<'a> {
    document: Document,
    random: Random,
    dirt: Option<Dirt>,
    index: usize,
    options: Options,
    links: &'a Links,
}

/// Makes one document.
pub(super) fn document(collection: Collection, index: usize, options: Options, links: &Links) -> Document {
    let random = Random::new(options.seed, u64::from(collection.tag), index as u64);
    let dirt = collection.dirt(index, options);
    let document = doc! { "_id": collection.stored_id(index, options) };
    let mut maker = Maker { document, random, dirt, index, options, links };
    maker.fill(collection);
    maker.document
}

impl Maker<'_> {
    fn fill(&mut self, collection: Collection) {
        match collection.name {
            "ImageUpload" => return,
            "invoice_States" => return self.named("State"),
            "modulStatus" => {
                self.named("Module");
                return self.put("isVisible", self.index.is_multiple_of(2));
            }
            "TodoList" => return self.todo(),
            _ => {
                let version = i32::from(self.random.percent(20));
                self.put("__v", version);
            }
        }
        match collection.name {
            "crm_Industry_Type" => self.named("Industry"),
            "Documents_Types" => self.named("Type"),
            "system_Modules_Enabled" => {
                self.named("Module");
                let chance = self.random.percent(70);
                self.put("enabled", chance);
                let position = self.number(50);
                self.put("position", position);
            }
            "systemServices" => {
                self.named("Service");
                self.maybe("serviceUrl", "https://service.example.org/v1");
                self.maybe("servicePort", "443");
            }
            "gpt_models" => {
                self.put("model", format!("model-{}", self.index));
                self.put("status", if self.index == 0 { "ACTIVE" } else { "INACTIVE" });
                self.date("created_on");
            }
            "Users" => self.user(),
            "MyAccount" => self.company(),
            "Employees" => {
                self.put("avatar", "https://img.example.org/a.png");
                let name = format!("{} {}", self.pick(FIRST_NAMES), self.pick(LAST_NAMES));
                self.required("name", name);
                self.maybe("email", format!("employee{}@example.org", self.index));
                let salary = self.whole(90_000);
                self.put("salary", salary);
                let status = self.pick(STATES);
                self.put("status", status);
            }
            "crm_campaigns" => {
                self.named("Campaign");
                self.words("description");
                let status = self.pick(STATES);
                self.maybe("status", status);
            }
            "crm_Opportunities_Sales_Stages" | "crm_Opportunities_Type" => {
                self.named("Stage");
                if collection == STAGES {
                    let probability = self.number(100);
                    self.maybe("probability", probability);
                }
                self.maybe("order", i32::try_from(self.index).unwrap_or(0));
            }
            "crm_Accounts" => self.account(),
            "crm_Contacts" => self.contact(),
            "crm_Leads" => self.lead(),
            "crm_Contracts" => self.contract(),
            "crm_Opportunities" => self.opportunity(),
            "Boards" => self.board(),
            "Sections" => {
                self.parent("board", BOARDS);
                self.required("title", "In progress");
                let position = self.whole(12);
                match self.dirt {
                    Some(Dirt::Fraction) => self.put("position", position),
                    _ => self.maybe("position", position),
                }
            }
            "Tasks" => self.task(true),
            "crm_Accounts_Tasks" => self.task(false),
            "tasksComments" => self.comment(),
            "Documents" => self.paper(),
            "Invoices" => self.invoice(),
            "secondBrain_notions" => {
                self.parent("user", USERS);
                self.required("notion_api_key", "secret_notion");
                self.put("notion_db_id", format!("{:032x}", self.index));
            }
            "openAi_keys" => {
                self.parent("user", USERS);
                self.required("organization_id", "org-1");
                self.put("api_key", format!("sk-{:032x}", self.index));
            }
            other => unreachable!("the collection `{other}` has no shape"),
        }
        for (field, links) in self.links.of(collection, self.index, self.options) {
            self.document.insert(field, links);
        }
    }

    fn user(&mut self) {
        let owner = if self.dirt == Some(Dirt::DuplicateEmail) { self.index - 1 } else { self.index };
        let email = format!("user{owner}@example.org");
        let email = if self.random.percent(2) { format!(" {email} ") } else { email };
        self.required("email", email);
        let chance = self.random.percent(3);
        self.put("is_account_admin", chance);
        let chance = self.random.percent(3);
        self.put("is_admin", chance);
        self.required_date("created_on");
        self.date_at("lastLoginAt");
        self.name("name");
        self.maybe("account_name", "main");
        self.maybe("avatar", format!("https://img.example.org/{}.png", self.index));
        self.maybe("password", format!("$2b$10${:022x}", self.index));
        self.maybe("username", format!("user{}", self.index));
        let status = self.word(STATES);
        self.put("userStatus", status);
        let language = self.pick(&["cz", "en", "de", "uk"]);
        self.put("userLanguage", language);
    }

    fn company(&mut self) {
        self.put("company_name", "Harbour");
        self.put("is_person", false);
        self.put("VAT_number", "CZ00000001");
        self.maybe("email", "office@example.org");
        self.maybe("bank_IBAN", "CZ6508000000192000145399");
    }

    fn todo(&mut self) {
        self.put("createdAt", "2021-03-04");
        self.required("description", "Buy paper");
        let title: Bson = if self.dirt == Some(Dirt::WrongType) { doc! { "text": "?" }.into() } else { "Paper".into() };
        self.put("title", title);
        self.put("url", "https://todo.example.org");
        self.put("user", "somebody");
    }

    fn account(&mut self) {
        self.required_date("createdAt");
        let name = format!("{} {}", self.pick(COMPANIES), self.index);
        self.required("name", name);
        self.stamps();
        let revenue = self.number(90_000_000).to_string();
        self.maybe("annual_revenue", revenue);
        self.reference("assigned_to", USERS);
        for side in ["billing", "shipping"] {
            let city = self.pick(CITIES);
            self.maybe(&format!("{side}_city"), city);
            self.maybe(&format!("{side}_country"), "CZ");
            self.maybe(&format!("{side}_postal_code"), format!("{:05}", self.index % 99_999));
            self.maybe(&format!("{side}_street"), format!("Street {}", self.index % 400));
        }
        let vat: Bson = if self.dirt == Some(Dirt::WrongType) {
            doc! { "cz": 1 }.into()
        } else {
            format!("CZ{:08}", self.index).into()
        };
        self.put("vat", vat);
        self.words("description");
        self.maybe("email", format!("office{}@example.com", self.index));
        let employees = self.number(5_000).to_string();
        self.maybe("employees", employees);
        self.optional("industry", INDUSTRIES);
        let state = self.pick(&["Active", "Active", "Inactive", "Pending"]);
        self.maybe("status", state);
        self.maybe("type", "Customer");
        self.maybe("website", "https://example.com");
    }

    fn contact(&mut self) {
        self.reference("accountsIDs", ACCOUNTS);
        self.optional("account", ACCOUNTS);
        self.optional("assigned_to", USERS);
        self.optional("created_by", USERS);
        self.stamps();
        let day = format!(
            "{:02}.{:02}.{}",
            1 + self.random.below(28),
            1 + self.random.below(12),
            1930 + self.random.below(75)
        );
        self.maybe("birthday", day);
        self.date("created_on");
        self.date_at("cratedAt");
        self.words("description");
        let email: Bson = if self.dirt == Some(Dirt::WrongType) {
            doc! { "home": "x@example.com" }.into()
        } else {
            format!("contact{}@example.com", self.index).into()
        };
        self.put("email", email);
        self.name("first_name");
        let last = self.pick(LAST_NAMES);
        self.required("last_name", last);
        self.maybe("office_phone", "+420 123 456 789");
        self.maybe("social_linkedin", format!("https://social.example.org/{}", self.index));
        let chance = self.random.percent(90);
        self.put("status", chance);
        let kind = self.pick(&["Customer", "Partner", "Vendor", "Prospect"]);
        self.maybe("type", kind);
        if self.dirt == Some(Dirt::Fraction) {
            self.put("__v", 0.5);
        }
        self.tags("tags");
        // What the application once kept as one text.
        let note = self.pick(WORDS);
        if self.random.percent(4) { self.put("notes", note) } else { self.tags("notes") }
    }

    fn lead(&mut self) {
        self.date("createdAt");
        self.stamps();
        self.name("firstName");
        let last = self.pick(LAST_NAMES);
        self.required("lastName", last);
        let company = self.pick(COMPANIES);
        self.maybe("company", company);
        self.maybe("email", format!("lead{}@example.com", self.index));
        self.words("description");
        let status = self.pick(&["NEW", "CONTACTED", "QUALIFIED", "LOST"]);
        self.maybe("status", status);
        self.maybe("type", "DEMO");
        self.reference("assigned_to", USERS);
        self.optional("accountsIDs", ACCOUNTS);
    }

    fn contract(&mut self) {
        self.required("title", format!("Contract {}", self.index));
        let value = self.whole(2_000_000);
        self.put("value", value);
        self.date("startDate");
        self.date_at("endDate");
        self.words("description");
        self.reference("account", ACCOUNTS);
        self.optional("assigned_to", USERS);
        self.stamps();
        let status = self.word(&["NOTSTARTED", "INPROGRESS", "SIGNED"]);
        self.put("status", status);
        self.maybe("type", "service");
    }

    fn opportunity(&mut self) {
        self.reference("account", ACCOUNTS);
        self.optional("assigned_to", USERS);
        self.optional("created_by", USERS);
        self.optional("campaign", CAMPAIGNS);
        self.optional("contact", CONTACTS);
        self.optional("sales_stage", STAGES);
        self.optional("type", OPPORTUNITY_TYPES);
        let budget = self.whole(1_000_000);
        self.put("budget", budget);
        // JavaScript keeps large whole numbers as doubles.
        let revenue: Bson = if self.random.percent(20) { 4e9.into() } else { self.number(1_000_000).into() };
        self.put("expected_revenue", revenue);
        self.date("close_date");
        self.date_at("created_on");
        let created = self.moment();
        self.put("createdAt", DateTime::from_millis(created));
        self.stamps();
        let currency = self.pick(&["CZK", "EUR", "USD"]);
        self.maybe("currency", currency);
        self.maybe("name", format!("Deal {}", self.index));
        self.words("description");
        let status = self.word(&["ACTIVE", "INACTIVE", "PENDING", "CLOSED"]);
        self.put("status", status);
    }

    fn board(&mut self) {
        self.parent("user", USERS);
        self.required("title", format!("Board {}", self.index));
        self.put("description", "Work of the week");
        self.maybe("favourite", self.index.is_multiple_of(2));
        self.maybe("position", i32::try_from(self.index).unwrap_or(0));
        self.maybe("visibility", "private");
        let shared: Vec<Bson> = (0..self.random.below(3)).map(|_| USERS.some(self.options, &mut self.random)).collect();
        self.put("sharedWith", shared);
        self.date_at("createdAt");
        if self.dirt == Some(Dirt::Dangling) {
            self.put("createdBy", USERS.stray_id(self.index));
        }
        self.stamps();
    }

    fn task(&mut self, is_of_board: bool) {
        self.required("title", format!("Task {}", self.index));
        let priority = self.pick(&["low", "normal", "high"]);
        self.put("priority", priority);
        self.words("content");
        self.date("dueDateAt");
        self.date_at("createdAt");
        self.stamps();
        self.reference("user", USERS);
        if is_of_board {
            self.optional("section", SECTIONS);
            let position = self.number(400);
            self.put("position", position);
        } else {
            self.optional("account", ACCOUNTS);
        }
        let tags = doc! { "words": [self.pick(WORDS), "ü"], "count": 2, "done": false, "parent": Bson::Null };
        self.maybe("tags", tags);
        let likes = self.number(9);
        self.maybe("likes", likes);
        let status = self.word(&["ACTIVE", "PENDING", "COMPLETE"]);
        self.put("taskStatus", status);
    }

    /// The application wrote the id of an account's task into `task` too.
    fn comment(&mut self) {
        self.required("comment", format!("Comment {}", self.index));
        self.required_date("createdAt");
        let on = if self.random.percent(30) { ACCOUNT_TASKS } else { TASKS };
        self.parent("task", on);
        let user = USERS.some(self.options, &mut self.random);
        self.put("user", user);
        if on == ACCOUNT_TASKS && self.random.percent(30) {
            let task = self.document.get("task").cloned().unwrap_or(Bson::Null);
            self.put("assigned_crm_account_task", task);
        }
        if self.dirt == Some(Dirt::Dangling) {
            self.put("assigned_crm_account_task", ACCOUNT_TASKS.stray_id(self.index));
        }
    }

    fn paper(&mut self) {
        self.required("document_name", format!("file-{}.pdf", self.index));
        let name_mime: Bson =
            if self.dirt == Some(Dirt::WrongType) { doc! { "major": "text" }.into() } else { "application/pdf".into() };
        self.put("document_file_mimeType", name_mime);
        self.put("document_file_url", format!("https://files.example.org/{:016x}", self.index));
        self.date("date_created");
        self.date_at("createdAt");
        self.reference("assigned_user", USERS);
        self.optional("created_by_user", USERS);
        self.optional("document_type", DOCUMENT_TYPES);
        self.maybe("favourite", self.index.is_multiple_of(5));
        self.words("description");
        let tags = doc! { "source": self.pick(WORDS), "pages": self.number(40) };
        self.maybe("tags", tags);
        let size = self.number(90_000_000);
        self.maybe("size", size);
        // Other documents, by ids that stay as they are.
        let others: Vec<Bson> = (0..self.random.below(3))
            .map(|_| super::DOCUMENTS.id(self.random.below(self.index + 1)).to_hex().into())
            .collect();
        self.put("connected_documents", others);
        let kind = self.word(&["INVOICE", "RECEIPT", "CONTRACT", "OFFER", "OTHER"]);
        self.put("document_system_type", kind);
    }

    fn invoice(&mut self) {
        self.required_date("date_created");
        self.date_at("date_due");
        let updated = self.moment();
        self.put("last_updated", DateTime::from_millis(updated));
        self.required("invoice_file_url", format!("https://files.example.org/i/{}", self.index));
        let mime: Bson =
            if self.dirt == Some(Dirt::WrongType) { doc! { "major": "text" }.into() } else { "application/pdf".into() };
        self.put("invoice_file_mimeType", mime);
        self.maybe("favorite", false);
        let amount = format!("{}.{:02}", self.number(90_000), self.number(100));
        self.maybe("invoice_amount", amount);
        self.maybe("invoice_number", format!("2024{:06}", self.index));
        let items: Vec<Bson> =
            (0..self.random.below(4)).map(|item| doc! { "line": self.number(9), "text": WORDS[item] }.into()).collect();
        self.maybe("invoice_items", items);
        let company = self.pick(COMPANIES);
        self.maybe("partner", company);
        self.maybe("partner_is_person", false);
        self.maybe("status", "new");
        self.put("visibility", true);
        self.optional("invoice_state_id", INVOICE_STATES);
        self.reference("assigned_user_id", USERS);
        self.optional("assigned_account_id", ACCOUNTS);
    }

    // The rules of fields.

    fn put(&mut self, field: &str, value: impl Into<Bson>) {
        self.document.insert(field, value);
    }

    /// There in most documents, null in some, and left out in others.
    fn maybe(&mut self, field: &str, value: impl Into<Bson>) {
        match self.random.below(10) {
            0 => {}
            1 => self.put(field, Bson::Null),
            _ => self.put(field, value),
        }
    }

    /// Always there, but for the one that is missing.
    fn required(&mut self, field: &str, value: impl Into<Bson>) {
        if self.dirt != Some(Dirt::Missing) {
            self.put(field, value);
        }
    }

    fn named(&mut self, what: &str) {
        self.put("name", format!("{what} {}", self.index));
    }

    fn name(&mut self, field: &str) {
        let name = format!("{} {}", self.pick(FIRST_NAMES), self.pick(LAST_NAMES));
        self.maybe(field, name);
    }

    fn words(&mut self, field: &str) {
        let words = self.pick(WORDS);
        self.maybe(field, words);
    }

    fn tags(&mut self, field: &str) {
        let tags: Vec<Bson> = (0..self.random.below(4)).map(|_| self.pick(WORDS).into()).collect();
        self.maybe(field, tags);
    }

    /// Who changed it last, and when.
    fn stamps(&mut self) {
        self.date_at("updatedAt");
        if !self.document.contains_key("createdBy") {
            self.optional("createdBy", USERS);
        }
        self.optional("updatedBy", USERS);
    }

    /// One of these, or a word that is none of them.
    fn word(&mut self, words: &[&'static str]) -> &'static str {
        if self.dirt == Some(Dirt::BadEnum) { "DORMANT" } else { self.pick(words) }
    }

    /// A whole number, or the fraction that was planted.
    fn whole(&mut self, limit: usize) -> Bson {
        if self.dirt == Some(Dirt::Fraction) { 1.5.into() } else { self.number(limit).into() }
    }

    /// A reference that the target requires.
    fn parent(&mut self, field: &str, of: Collection) {
        let parent = match self.dirt {
            Some(Dirt::Orphan) => of.stray_id(self.index).into(),
            _ => of.some(self.options, &mut self.random),
        };
        self.put(field, parent);
    }

    /// The optional reference of its kind that a dangling one is planted in.
    fn reference(&mut self, field: &str, of: Collection) {
        let reference = match self.dirt {
            Some(Dirt::Dangling) => of.stray_id(self.index).into(),
            _ => of.some(self.options, &mut self.random),
        };
        self.put(field, reference);
    }

    fn optional(&mut self, field: &str, of: Collection) {
        let reference = of.some(self.options, &mut self.random);
        self.maybe(field, reference);
    }

    /// The date that text is planted in.
    fn date(&mut self, field: &str) {
        if self.dirt == Some(Dirt::TextForDate) {
            return self.put(field, "sometime in spring");
        }
        self.date_at(field);
    }

    fn required_date(&mut self, field: &str) {
        match self.dirt {
            Some(Dirt::TextForDate) => self.put(field, "sometime in spring"),
            Some(Dirt::Missing) => {}
            _ => {
                let moment = self.moment();
                self.put(field, DateTime::from_millis(moment));
            }
        }
    }

    fn date_at(&mut self, field: &str) {
        let moment = self.moment();
        self.maybe(field, DateTime::from_millis(moment));
    }

    fn moment(&mut self) -> i64 {
        FIRST_MS + i64::try_from(self.random.below(SPAN_MS)).unwrap_or(0)
    }

    fn number(&mut self, limit: usize) -> i32 {
        i32::try_from(self.random.below(limit)).unwrap_or(0)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.random.below(from.len())]
    }
}
