//! What happened to the components of a migration: who took over when, and why another one did not.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::integer;
use super::statement::optional;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::record::Position;
use crate::run::swap::history::Event;

/// An event as it is stored.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StoredEvent {
    /// When, RFC 3339.
    pub at: String,
    /// The run's id.
    pub run: String,
    /// The component's name.
    pub plugin: String,
    /// The entity.
    pub entity: String,
    /// What happened: `active`, `candidate`, `refused`, `canary`, `promoted`, `rejected`, `reverted`, `held`.
    pub event: String,
    /// The component's digest; empty where the file was none.
    pub digest: String,
    /// The digest that it is measured against or took over from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Why, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Counts and examples.
    pub detail: serde_json::Value,
}

/// Where a committed batch lies in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedBatch {
    /// Its number.
    pub sequence: u64,
    /// Where the source stood before it.
    pub after: Position,
    /// Its first document; those between are no part of it.
    pub first_document: u64,
    /// Where the source stood behind it.
    pub end: Position,
}

/// What one transformer has committed for one entity.
#[derive(Debug, Clone, serde::Serialize)]
pub struct VersionWork {
    /// The entity.
    #[serde(skip)]
    pub entity: String,
    /// The transformer's digest.
    #[serde(skip)]
    pub digest: String,
    /// When the first of its runs, replays and repairs began, RFC 3339.
    #[serde(skip)]
    pub begun_at: String,
    /// Commits of the source's records.
    pub batches: u64,
    /// The number of the first of them; 0 where there is none.
    pub first_batch: u64,
    /// The number of the last of them.
    pub last_batch: u64,
    /// Records in them: those that it was the first to see.
    pub records: u64,
    /// Commits of dead letters. Their records were read before.
    pub replays: u64,
    /// Commits of rows that another version had got wrong.
    pub repairs: u64,
}

impl Bookkeeping {
    /// Adds an event.
    pub async fn insert_event(&self, tx: &mut dyn Transaction, run: &str, event: &Event) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, run, at, plugin, entity, event, digest, previous, reason, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            self.tables.plugin_event
        );
        let parameters = [
            text(&self.migration),
            text(run),
            text(&now()),
            text(&event.plugin),
            text(&event.entity),
            text(event.kind.name()),
            text(&event.digest),
            optional(event.previous.as_deref()),
            optional(event.reason.as_deref()),
            text(&event.detail.to_string()),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Returns all events, oldest first.
    pub async fn events(&self, tx: &mut dyn Transaction) -> Result<Vec<StoredEvent>, TargetError> {
        let sql = format!(
            "SELECT at, run, plugin, entity, event, digest, previous, reason, detail FROM {} WHERE migration = $1 ORDER BY id",
            self.tables.plugin_event
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                StoredEvent {
                    at: row.text(),
                    run: row.text(),
                    plugin: row.text(),
                    entity: row.text(),
                    event: row.text(),
                    digest: row.text(),
                    previous: row.optional(),
                    reason: row.optional(),
                    detail: serde_json::from_str(&row.text()).unwrap_or_default(),
                }
            })
            .collect())
    }

    /// Puts a component's digest into the stored fingerprint of an entity.
    pub async fn store_digest(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        plugin: &str,
        digest: &str,
    ) -> Result<(), Failure> {
        // Takes the row first: entities side by side change other parts of the same value.
        let lock = format!("UPDATE {} SET output = output WHERE name = $1", self.tables.migration);
        tx.execute(&lock, &[text(&self.migration)]).await?;
        let Some(mut row) = self.migration(tx).await? else { return Ok(()) };
        let mut output: serde_json::Value = serde_json::from_str(&row.output)
            .map_err(|error| Failure::failed("the stored fingerprint is unreadable").cause(error))?;
        if let Some(stored) = output["entities"][entity]["plugins"].get_mut(plugin) {
            stored["digest"] = digest.into();
        }
        row.output = output.to_string();
        self.update_migration(tx, &row).await?;
        Ok(())
    }

    /// Returns where the last committed batches of an entity lie, oldest first.
    pub async fn last_batches(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        count: u64,
    ) -> Result<Vec<CommittedBatch>, TargetError> {
        let sql = format!(
            "SELECT sequence, first_document, end_document, end_token FROM {} WHERE migration = $1 AND entity = $2 \
             AND kind = 'batch' AND first_document <= end_document ORDER BY sequence DESC LIMIT $3",
            self.tables.ledger
        );
        // One more: a batch begins where the one before it ends.
        let parameters = [text(&self.migration), text(entity), integer(count.saturating_add(1))];
        let mut found: Vec<(u64, u64, Position)> = tx
            .query(&sql, &parameters)
            .await?
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.unsigned(), row.unsigned(), Position { document: row.unsigned(), token: row.text() })
            })
            .collect();
        found.reverse();
        let mut after = match found.first() {
            Some((_, _, end)) if found.len() as u64 > count => {
                let end = end.clone();
                found.remove(0);
                end
            }
            _ => Position::default(),
        };
        Ok(found
            .into_iter()
            .map(|(sequence, first_document, end)| {
                let after = std::mem::replace(&mut after, end.clone());
                CommittedBatch { sequence, after, first_document, end }
            })
            .collect())
    }

    /// Returns the digest of the transformer that made the last batch of an entity.
    pub async fn last_digest(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Option<String>, TargetError> {
        let sql = format!(
            "SELECT digest FROM {} WHERE migration = $1 AND entity = $2 AND kind = 'batch' ORDER BY sequence DESC LIMIT 1",
            self.tables.ledger
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity)]).await?;
        Ok(rows.into_iter().next().and_then(|row| Columns::new(row).optional()))
    }

    /// Returns what each transformer has committed, by entity and in order.
    pub async fn work_by_version(&self, tx: &mut dyn Transaction) -> Result<Vec<VersionWork>, TargetError> {
        let of_batches = |column: &str| format!("CASE WHEN kind = 'batch' THEN {column} END");
        let count = |kind: &str| format!("COUNT(CASE WHEN kind = '{kind}' THEN 1 END)");
        let sql = format!(
            "SELECT entity, digest, COALESCE(MIN(begun.started_at), ''), {}, COALESCE(MIN({sequence}), 0), COALESCE(MAX({sequence}), 0), \
             CAST(COALESCE(SUM({}), 0) AS BIGINT), {}, {} FROM {} AS entry LEFT JOIN {} AS begun ON begun.id = entry.run \
             WHERE entry.migration = $1 AND kind <> 'junction' GROUP BY entity, digest ORDER BY entity, MIN(entry.sequence)",
            count("batch"),
            of_batches("end_document - first_document + 1"),
            count("replay"),
            count("repair"),
            self.tables.ledger,
            self.tables.run,
            sequence = of_batches("entry.sequence"),
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                VersionWork {
                    entity: row.text(),
                    digest: row.text(),
                    begun_at: row.text(),
                    batches: row.unsigned(),
                    first_batch: row.unsigned(),
                    last_batch: row.unsigned(),
                    records: row.unsigned(),
                    replays: row.unsigned(),
                    repairs: row.unsigned(),
                }
            })
            .collect())
    }
}
