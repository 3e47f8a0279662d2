//! Every attempt at a dead letter: the one that made it one, and each replay.

use super::Bookkeeping;
use super::DeadLetter;
use super::StoredLetter;
use super::now;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::json;
use super::statement::optional;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// The columns of an attempt, as [`Bookkeeping::attempt_row`] fills them.
pub(super) const ATTEMPT_COLUMNS: &str =
    "migration, entity, document, attempt, run, at, digest, fate, stage, code, field, message";

/// How one more attempt at a letter ended.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// The letter.
    pub stored: &'a StoredLetter,
    /// `written`, `unchanged`, `skipped`, `dead` or `parked`.
    pub fate: &'static str,
    /// The component that tried.
    pub digest: &'a str,
    /// Why it is dead, or parked, again.
    pub again: Option<&'a DeadLetter>,
}

/// A stored attempt at a letter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredAttempt {
    /// From 1.
    pub attempt: u64,
    /// The run.
    pub run: String,
    /// When, RFC 3339.
    pub at: String,
    /// The component that tried, or that refused it at first.
    pub digest: Option<String>,
    /// `written`, `unchanged`, `skipped`, `dead` or `parked`.
    pub fate: String,
    /// Where it was refused.
    pub stage: Option<String>,
    /// Why, in short.
    pub code: Option<String>,
    /// The field or column at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: Option<String>,
}

impl Bookkeeping {
    /// Returns every attempt at a letter, in order.
    pub async fn attempts(
        &self,
        tx: &mut dyn Transaction,
        stored: &StoredLetter,
    ) -> Result<Vec<StoredAttempt>, TargetError> {
        let sql = format!(
            "SELECT attempt, run, at, digest, fate, stage, code, field, message FROM {} \
             WHERE migration = $1 AND entity = $2 AND document = $3 ORDER BY attempt",
            self.tables.dead_letter_attempt
        );
        let letter = [text(&self.migration), text(&stored.entity), integer(stored.letter.document)];
        let rows = tx.query(&sql, &letter).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                StoredAttempt {
                    attempt: row.unsigned(),
                    run: row.text(),
                    at: row.text(),
                    digest: row.optional(),
                    fate: row.text(),
                    stage: row.optional(),
                    code: row.optional(),
                    field: row.optional(),
                    message: row.optional(),
                }
            })
            .collect())
    }

    /// Records that letters were tried again: those that are dead again keep their place with the new reason.
    pub async fn end_attempts(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        run: &str,
        attempts: &[Attempt<'_>],
    ) -> Result<(), TargetError> {
        let at = text(&now());
        let row = |attempt: &Attempt<'_>| {
            let (document, number) = (attempt.stored.letter.document, attempt.stored.attempts + 1);
            self.attempt_row(entity, document, number, run, &at, text(attempt.digest), attempt.fate, attempt.again)
        };
        append(tx, &self.tables.dead_letter_attempt, ATTEMPT_COLUMNS, attempts, row).await?;
        for attempt in attempts {
            let number = integer(attempt.stored.attempts + 1);
            let place = [text(&self.migration), Value::Integer(attempt.stored.id)];
            // Placeholders are numbered by their first use.
            let (sql, parameters) = match attempt.again {
                None => {
                    let sql = format!(
                        "UPDATE {} SET attempts = $1, at = $2, state = 'replayed', refused = '{{}}' \
                         WHERE migration = $3 AND id = $4",
                        self.tables.dead_letter
                    );
                    (sql, vec![number, at.clone()])
                }
                Some(again) => {
                    let sql = format!(
                        "UPDATE {} SET attempts = $1, at = $2, stage = $3, code = $4, field = $5, message = $6, plugin = $7, \
                         digest = $8, refused = $9, state = $10 WHERE migration = $11 AND id = $12",
                        self.tables.dead_letter
                    );
                    let set = vec![
                        number,
                        at.clone(),
                        text(again.stage),
                        text(&again.code),
                        optional(again.field.as_deref()),
                        text(&again.message),
                        optional(again.plugin.as_deref()),
                        optional(again.digest.as_deref()),
                        text(&json(&again.refused)),
                        text(attempt.fate),
                    ];
                    (sql, set)
                }
            };
            tx.execute(&sql, &parameters.into_iter().chain(place).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    pub(super) fn attempt_row(
        &self,
        entity: &str,
        document: u64,
        number: u64,
        run: &str,
        at: &Value,
        digest: Value,
        fate: &str,
        why: Option<&DeadLetter>,
    ) -> Vec<Value> {
        vec![
            text(&self.migration),
            text(entity),
            integer(document),
            integer(number),
            text(run),
            at.clone(),
            digest,
            text(fate),
            optional(why.map(|why| why.stage)),
            optional(why.map(|why| why.code.as_str())),
            optional(why.and_then(|why| why.field.as_deref())),
            optional(why.map(|why| why.message.as_str())),
        ]
    }
}
