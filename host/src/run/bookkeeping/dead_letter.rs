//! Records that were set aside, and every attempt at them.

use std::collections::BTreeMap;

use super::Bookkeeping;
use super::attempt::ATTEMPT_COLUMNS;
use super::letters::Letters;
use super::letters::PERMANENT;
use super::now;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::json;
use super::statement::optional;
use super::statement::parts;
use super::statement::places;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;
use crate::run::report::Example;
use crate::run::report::Reason;

/// Originals that one page of letters holds, in bytes; the first letter is there even where it alone is larger.
const PAGE_BYTES_MAX: u64 = 16 << 20;

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
    /// Rows that it had, by table.
    pub refused: BTreeMap<String, u64>,
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
    pub attempts: u64,
    /// When it was tried last, RFC 3339.
    pub at: String,
    /// `dead`, `parked`, `replayed` or `discarded`.
    pub state: String,
    /// Why it was discarded.
    pub reason: Option<String>,
    /// `read`, `transform`, `validate`, `resolve`, `write`.
    pub stage: String,
    /// Everything else; its `stage` is empty.
    pub letter: DeadLetter,
}

impl StoredLetter {
    /// Returns whether no component can make it fit: the source is at fault.
    pub fn is_permanent(&self) -> bool {
        self.stage == PERMANENT
    }
}

impl Bookkeeping {
    /// Stores dead letters, each with its first attempt; provisional ones have none.
    pub async fn insert_dead_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        is_provisional: bool,
        letters: &[DeadLetter],
    ) -> Result<(), TargetError> {
        self.insert_letters(tx, entity, run, is_provisional, "dead", letters).await
    }

    /// Stores records that wait for a parent, each with its first attempt.
    pub async fn insert_parked_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        letters: &[DeadLetter],
    ) -> Result<(), TargetError> {
        self.insert_letters(tx, entity, run, false, "parked", letters).await
    }

    async fn insert_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        is_provisional: bool,
        state: &str,
        letters: &[DeadLetter],
    ) -> Result<(), TargetError> {
        let columns = "migration, entity, run, provisional, document, position, key, stage, code, field, message, plugin, \
                       digest, attempts, format, original, at, state, refused";
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
                text(state),
                text(&json(&letter.refused)),
            ]
        };
        append(tx, &self.tables.dead_letter, columns, letters, row).await?;
        if is_provisional {
            return Ok(());
        }
        let attempt = |letter: &DeadLetter| {
            let digest = optional(letter.digest.as_deref());
            self.attempt_row(entity, letter.document, 1, run, &at, digest, state, Some(letter))
        };
        append(tx, &self.tables.dead_letter_attempt, ATTEMPT_COLUMNS, letters, attempt).await
    }

    /// Gives letters up, with the reason; returns how many.
    pub async fn discard(
        &self,
        tx: &mut dyn Transaction,
        letters: &Letters<'_>,
        reason: &str,
    ) -> Result<u64, TargetError> {
        let mut parameters = vec![text(reason), text(&self.migration)];
        let conditions = letters.conditions(&mut parameters);
        let sql = format!(
            "UPDATE {} SET state = 'discarded', reason = $1 WHERE migration = $2{conditions}",
            self.tables.dead_letter
        );
        tx.execute(&sql, &parameters).await
    }

    /// Counts letters.
    pub async fn count_letters(&self, tx: &mut dyn Transaction, letters: &Letters<'_>) -> Result<u64, TargetError> {
        let mut parameters = vec![text(&self.migration)];
        let conditions = letters.conditions(&mut parameters);
        let sql = format!("SELECT COUNT(*) FROM {} WHERE migration = $1{conditions}", self.tables.dead_letter);
        let rows = tx.query(&sql, &parameters).await?;
        Ok(rows.into_iter().next().map_or(0, |row| Columns::new(row).unsigned()))
    }

    /// Forgets records that were parked, with every attempt at them: they have found their place.
    pub async fn forget_parked_letters(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        letters: &[&StoredLetter],
    ) -> Result<(), TargetError> {
        for part in parts(letters) {
            let mut parameters = vec![text(&self.migration)];
            let ids = places(&mut parameters, part.iter().map(|stored| Value::Integer(stored.id)));
            let sql = format!("DELETE FROM {} WHERE migration = $1 AND id IN ({ids})", self.tables.dead_letter);
            tx.execute(&sql, &parameters).await?;
            let mut parameters = vec![text(&self.migration), text(entity)];
            let documents = places(&mut parameters, part.iter().map(|stored| integer(stored.letter.document)));
            let sql = format!(
                "DELETE FROM {} WHERE migration = $1 AND entity = $2 AND document IN ({documents})",
                self.tables.dead_letter_attempt
            );
            tx.execute(&sql, &parameters).await?;
        }
        Ok(())
    }

    /// Returns the record that was set aside or parked with this key: its number in the source, its state, and why.
    pub async fn letter_with_key(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        key: &str,
    ) -> Result<Option<(u64, String)>, TargetError> {
        let sql = format!(
            "SELECT document, code FROM {} WHERE migration = $1 AND entity = $2 AND key = $3 AND provisional = 0 \
             AND state <> 'replayed' ORDER BY document LIMIT 1",
            self.tables.dead_letter
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), text(key)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            (row.unsigned(), row.text())
        }))
    }

    /// Returns the key of a record that was set aside or parked.
    pub async fn letter_key(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        document: u64,
    ) -> Result<Option<String>, TargetError> {
        let sql = format!(
            "SELECT key FROM {} WHERE migration = $1 AND entity = $2 AND document = $3 AND provisional = 0 LIMIT 1",
            self.tables.dead_letter
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), integer(document)]).await?;
        Ok(rows.into_iter().next().and_then(|row| Columns::new(row).optional()))
    }

    /// Forgets the provisional dead letters of an entity: its batch has been read again.
    pub async fn forget_provisional(&self, tx: &mut dyn Transaction, entity: &str) -> Result<u64, TargetError> {
        let sql =
            format!("DELETE FROM {} WHERE migration = $1 AND entity = $2 AND provisional = 1", self.tables.dead_letter);
        tx.execute(&sql, &[text(&self.migration), text(entity)]).await
    }

    /// Counts the records that are set aside by reason, most frequent first; with `provisional`, only the provisional
    /// ones. Letters that were replayed or discarded are not among them.
    pub async fn reasons(&self, tx: &mut dyn Transaction, provisional: bool) -> Result<Vec<Reason>, TargetError> {
        self.reasons_of(tx, "dead", provisional).await
    }

    /// Counts the letters in another state by reason, most frequent first.
    pub async fn reasons_of(
        &self,
        tx: &mut dyn Transaction,
        state: &str,
        provisional: bool,
    ) -> Result<Vec<Reason>, TargetError> {
        let sql = format!(
            "SELECT entity, stage, code, field, COUNT(*) FROM {} WHERE migration = $1 AND provisional = $2 AND state = $3 \
             GROUP BY entity, stage, code, field ORDER BY 5 DESC, 1, 2, 3, 4",
            self.tables.dead_letter
        );
        let parameters = [text(&self.migration), Value::Integer(i64::from(provisional)), text(state)];
        let rows = tx.query(&sql, &parameters).await?;
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
                    examples: Vec::new(),
                }
            })
            .collect())
    }

    /// Adds the first letters of each reason, so many at most.
    pub async fn add_examples(
        &self,
        tx: &mut dyn Transaction,
        reasons: &mut [Reason],
        provisional: bool,
        limit: i64,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "SELECT position, key, message FROM {} WHERE migration = $1 AND entity = $2 AND provisional = $3 \
             AND state = 'dead' AND stage = $4 AND code = $5 AND COALESCE(field, '') = $6 ORDER BY id LIMIT $7",
            self.tables.dead_letter
        );
        for reason in reasons {
            let parameters = [
                text(&self.migration),
                text(&reason.entity),
                Value::Integer(i64::from(provisional)),
                text(&reason.stage),
                text(&reason.code),
                text(reason.field.as_deref().unwrap_or_default()),
                Value::Integer(limit),
            ];
            reason.examples = tx.query(&sql, &parameters).await?.into_iter().map(example).collect();
        }
        Ok(())
    }

    /// Returns a page of stored dead letters behind a number, in the order of their numbers, which is the source's
    /// order within an entity. Large originals make a page shorter; only an empty one is the end.
    pub async fn dead_letters(
        &self,
        tx: &mut dyn Transaction,
        letters: &Letters<'_>,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredLetter>, TargetError> {
        let mut parameters = vec![text(&self.migration), Value::Integer(after)];
        let conditions = letters.conditions(&mut parameters);
        let behind = format!("FROM {} WHERE migration = $1 AND id > $2{conditions}", self.tables.dead_letter);
        parameters.push(Value::Integer(limit));
        let place = parameters.len();
        let sizes = format!("SELECT id, CAST(LENGTH(original) AS BIGINT) {behind} ORDER BY id LIMIT ${place}");
        let (mut last, mut bytes) = (None, 0_u64);
        for row in tx.query(&sizes, &parameters).await? {
            let mut row = Columns::new(row);
            let id = row.integer();
            bytes += row.unsigned();
            if last.is_some() && bytes > PAGE_BYTES_MAX {
                break;
            }
            last = Some(id);
        }
        let Some(last) = last else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT id, entity, run, provisional, attempts, at, state, reason, stage, document, position, key, code, field, \
             message, plugin, digest, format, original, refused {behind} AND id <= ${place} ORDER BY id"
        );
        parameters[place - 1] = Value::Integer(last);
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(stored_letter).collect())
    }
}

fn example(row: Vec<Value>) -> Example {
    let mut row = Columns::new(row);
    Example { position: row.text(), key: row.optional(), message: row.text() }
}

fn stored_letter(row: Vec<Value>) -> StoredLetter {
    let mut row = Columns::new(row);
    StoredLetter {
        id: row.integer(),
        entity: row.text(),
        run: row.text(),
        is_provisional: row.integer() != 0,
        attempts: row.unsigned(),
        at: row.text(),
        state: row.text(),
        reason: row.optional(),
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
            refused: serde_json::from_str(&row.text()).unwrap_or_default(),
        },
    }
}
