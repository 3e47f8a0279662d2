//! Records that were set aside.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::insert_rows;
use super::statement::integer;
use super::statement::optional;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;
use crate::run::report::Reason;

/// A record set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number in the source.
    pub document: u64,
    /// Where it stands there.
    pub position: String,
    /// Its key, where it has one.
    pub key: Option<String>,
    /// Where it was refused: `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: &'static str,
    /// Why, in short.
    pub code: String,
    /// The field or column at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: String,
    /// The component that refused it, or whose rows were refused.
    pub plugin: Option<String>,
    /// That component's digest.
    pub digest: Option<String>,
    /// Whether the original is BSON; text otherwise.
    pub is_bson: bool,
    /// The record as it was read.
    pub original: Vec<u8>,
}

/// A stored dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// Its number in the target.
    pub id: i64,
    /// The entity.
    pub entity: String,
    /// The run that set it aside.
    pub run: String,
    /// Whether the batch it came from was rolled back.
    pub is_provisional: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// When, RFC 3339.
    pub at: String,
    /// `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: String,
    /// Everything else; its `stage` is empty.
    pub letter: DeadLetter,
}

impl Bookkeeping {
    /// Stores dead letters, provisional ones in place of earlier provisional ones.
    pub async fn insert_dead_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        is_provisional: bool,
        letters: &[DeadLetter],
    ) -> Result<(), TargetError> {
        let insert = format!(
            "INSERT INTO {} (migration, entity, run, provisional, document, position, key, stage, code, field, message, \
             plugin, digest, attempts, format, original, at)",
            self.tables.dead_letter
        );
        let at = text(&now());
        let row = |letter: &DeadLetter| {
            vec![
                text(&self.migration),
                text(entity),
                text(run),
                Value::Integer(i64::from(is_provisional)),
                integer(letter.document),
                text(&letter.position),
                optional(letter.key.as_deref()),
                text(letter.stage),
                text(&letter.code),
                optional(letter.field.as_deref()),
                text(&letter.message),
                optional(letter.plugin.as_deref()),
                optional(letter.digest.as_deref()),
                Value::Integer(1),
                text(if letter.is_bson { "bson" } else { "text" }),
                Value::Bytes(letter.original.clone()),
                at.clone(),
            ]
        };
        insert_rows(tx, &insert, "", letters, row).await
    }

    /// Forgets the provisional dead letters of an entity: its batch has been read again.
    pub async fn forget_provisional(&self, tx: &mut dyn Transaction, entity: &str) -> Result<u64, TargetError> {
        let sql =
            format!("DELETE FROM {} WHERE migration = $1 AND entity = $2 AND provisional = 1", self.tables.dead_letter);
        tx.execute(&sql, &[text(&self.migration), text(entity)]).await
    }

    /// Counts the dead letters by reason, most frequent first; with `provisional`, only the provisional ones.
    pub async fn reasons(&self, tx: &mut dyn Transaction, provisional: bool) -> Result<Vec<Reason>, TargetError> {
        let sql = format!(
            "SELECT entity, stage, code, field, COUNT(*) FROM {} WHERE migration = $1 AND provisional = $2 \
             GROUP BY entity, stage, code, field ORDER BY 5 DESC, 1, 2, 3, 4",
            self.tables.dead_letter
        );
        let rows = tx.query(&sql, &[text(&self.migration), Value::Integer(i64::from(provisional))]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                Reason {
                    entity: row.text(),
                    stage: row.text(),
                    code: row.text(),
                    field: row.optional(),
                    count: row.unsigned(),
                }
            })
            .collect())
    }

    /// Returns a page of stored dead letters behind a number, in the order of their numbers.
    pub async fn dead_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: Option<&str>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredLetter>, TargetError> {
        // Placeholders are numbered by their first use.
        let (of_entity, limit_place) = if entity.is_some() { (" AND entity = $3", "$4") } else { ("", "$3") };
        let sql = format!(
            "SELECT id, entity, run, provisional, attempts, at, stage, document, position, key, code, field, message, \
             plugin, digest, format, original FROM {} WHERE migration = $1 AND id > $2{of_entity} ORDER BY id LIMIT {limit_place}",
            self.tables.dead_letter
        );
        let mut parameters = vec![text(&self.migration), Value::Integer(after)];
        parameters.extend(entity.map(text));
        parameters.push(Value::Integer(limit));
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(stored_letter).collect())
    }
}

fn stored_letter(row: Vec<Value>) -> StoredLetter {
    let mut row = Columns::new(row);
    StoredLetter {
        id: row.integer(),
        entity: row.text(),
        run: row.text(),
        is_provisional: row.integer() != 0,
        attempts: row.integer(),
        at: row.text(),
        stage: row.text(),
        letter: DeadLetter {
            document: row.unsigned(),
            position: row.text(),
            key: row.optional(),
            stage: "",
            code: row.text(),
            field: row.optional(),
            message: row.text(),
            plugin: row.optional(),
            digest: row.optional(),
            is_bson: row.text() == "bson",
            original: row.bytes(),
        },
    }
}
