//! NextCRM's users: e-mail addresses without blanks around them, and the boards and accounts that they watch.

use nextcrm_fields::Copy;
use whimbrel_sdk::Description;
use whimbrel_sdk::Empty;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;
use whimbrel_sdk::Transformer;

const TEXTS: &[&str] = &["account_name", "avatar", "name", "password", "username"];
const STATUSES: &[&str] = &["ACTIVE", "INACTIVE", "PENDING"];
const LANGUAGES: &[&str] = &["cz", "en", "de", "uk"];

/// The transformer.
pub struct Users {
    entity: String,
}

impl Transformer for Users {
    const SUMMARY: &'static str = "NextCRM's users, and what they watch.";
    type Config = Empty;

    fn describe(setup: &Setup, _: &Empty) -> Result<Description, Vec<Problem>> {
        let mut users = Table::new("Users").id("id").column("v");
        for column in TEXTS {
            users = users.column(*column);
        }
        for column in
            ["email", "is_account_admin", "is_admin", "created_on", "lastLoginAt", "userStatus", "userLanguage"]
        {
            users = users.column(column);
        }
        let boards = Table::new("BoardWatchers").reference("board_id", "Boards").reference("user_id", &setup.entity);
        let accounts =
            Table::new("AccountWatchers").reference("account_id", "crm_Accounts").reference("user_id", &setup.entity);
        let reads = ["_id", "__v", "email", "is_account_admin", "is_admin", "created_on", "lastLoginAt"];
        Ok(Description::new()
            .table(users)
            .table(boards)
            .table(accounts)
            .reads(reads)
            .reads(["userStatus", "userLanguage", "watching_boardsIDs", "watching_accountsIDs"])
            .reads(TEXTS.iter().copied()))
    }

    fn new(setup: &Setup, _: Empty) -> Result<Self, Vec<Problem>> {
        Ok(Self { entity: setup.entity.clone() })
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        let mut user = Copy::new(record, 0, &self.entity)?;
        user.integer("v", "__v", true)?;
        for field in TEXTS {
            user.text(field)?;
        }
        user.row.text("email", record.text("email")?.trim());
        user.bool("is_account_admin", true)?;
        user.bool("is_admin", true)?;
        user.moment("created_on", true)?;
        user.moment("lastLoginAt", false)?;
        user.word("userStatus", STATUSES, true)?;
        user.word("userLanguage", LANGUAGES, true)?;
        let mut links = Vec::new();
        let own = ("user_id", self.entity.as_str());
        user.links(&mut links, 1, "watching_boardsIDs", own, ("board_id", "Boards"))?;
        user.links(&mut links, 2, "watching_accountsIDs", own, ("account_id", "crm_Accounts"))?;
        let mut rows = vec![user.row];
        rows.append(&mut links);
        Ok(rows.into())
    }
}

whimbrel_sdk::export_transformer!(Users);
