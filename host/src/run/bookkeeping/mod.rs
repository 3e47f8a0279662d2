//! whimbrel's own tables, one file a group of them. Only statements; `commit` decides when.

mod attempt;
mod checkpoint;
mod dead_letter;
mod deferred_row;
mod gathered_row;
mod id_map;
mod ledger;
mod left_out_row;
mod letters;
mod merge;
mod migration;
mod parked_key;
mod plugin_event;
mod reference;
mod review;
mod run;
mod statement;

pub use attempt::Attempt;
pub use attempt::StoredAttempt;
pub use checkpoint::Checkpoint;
pub use checkpoint::ReadUnder;
pub use checkpoint::is_consistent;
pub use dead_letter::DeadLetter;
pub use dead_letter::StoredLetter;
pub use deferred_row::DeferredRow;
pub use deferred_row::SourceKey;
pub use gathered_row::GatheredRow;
pub use gathered_row::GroupSize;
pub use gathered_row::Known;
pub use id_map::Numbering;
pub use ledger::Entry;
pub use ledger::EntryKind;
pub use ledger::StoredEntry;
pub use left_out_row::CONFLICTING;
pub use left_out_row::DROPPED;
pub use left_out_row::LeftOut;
pub use left_out_row::LeftOutRow;
pub use left_out_row::REFUSED;
pub use letters::Letters;
pub use merge::Merge;
pub use merge::Named;
pub use migration::MigrationRow;
pub use parked_key::ParkedKey;
pub use parked_key::RecordPlace;
pub use plugin_event::CommittedBatch;
pub use plugin_event::StoredEvent;
pub use plugin_event::VersionWork;
pub use reference::NulledReference;
pub use reference::RefusedReferences;
pub use review::Review;
pub use run::StoredRun;
use statement::Columns;
use statement::text;

use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// The statements for one migration on one target.
#[derive(Debug, Clone)]
pub struct Bookkeeping {
    migration: String,
    tables: Names,
    /// What follows a column that is to be one of the texts in `$3`.
    among: String,
}

/// The full names of whimbrel's own tables.
#[derive(Debug, Clone)]
struct Names {
    migration: String,
    checkpoint: String,
    dead_letter: String,
    dead_letter_attempt: String,
    parked_key: String,
    ledger: String,
    deferred_reference: String,
    nulled_reference: String,
    deferred_row: String,
    left_out_row: String,
    gathered_row: String,
    merge: String,
    id_map: String,
    numbering: String,
    run: String,
    review: String,
    plugin_event: String,
}

impl Bookkeeping {
    /// Names the tables of this target.
    pub fn new(target: &dyn Target, migration: &str) -> Self {
        let own = |name| target.own_table(name);
        Self {
            migration: migration.to_owned(),
            among: target.among("$3"),
            tables: Names {
                migration: own("migration"),
                checkpoint: own("checkpoint"),
                dead_letter: own("dead_letter"),
                dead_letter_attempt: own("dead_letter_attempt"),
                parked_key: own("parked_key"),
                ledger: own("ledger"),
                deferred_reference: own("deferred_reference"),
                nulled_reference: own("nulled_reference"),
                deferred_row: own("deferred_row"),
                left_out_row: own("left_out_row"),
                gathered_row: own("gathered_row"),
                merge: own("merge"),
                id_map: own("id_map"),
                numbering: own("numbering"),
                run: own("run"),
                review: own("review"),
                plugin_event: own("plugin_event"),
            },
        }
    }

    /// Copies where an entity stands, its ledger, its stored ids and what waits into another target's tables, page by page.
    pub async fn copy(
        &self,
        from: &mut dyn Transaction,
        into: &Self,
        to: &mut dyn Transaction,
        entity: &str,
    ) -> Result<(), TargetError> {
        const PAGE: i64 = 100;
        for (source, target, columns, order) in [
            (
                &self.tables.checkpoint,
                &into.tables.checkpoint,
                "state, document, token, batches, fates, rows, source, snapshots, updated_at",
                "entity",
            ),
            (
                &self.tables.ledger,
                &into.tables.ledger,
                "sequence, kind, run, first_document, end_document, end_token, digest, counts, packed",
                "sequence",
            ),
            (&self.tables.id_map, &into.tables.id_map, "key, id", "key"),
            (&self.tables.numbering, &into.tables.numbering, "last, spare", "entity"),
            (
                &self.tables.deferred_reference,
                &into.tables.deferred_reference,
                "target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value, document, record_key, \
                 parent_record_key, refusal",
                "id",
            ),
            (
                &self.tables.nulled_reference,
                &into.tables.nulled_reference,
                "target_table, row_key, row_key_blob, column_name, parent_entity, parent_key, value, document, record_key, \
                 parent_record_key, refusal, at",
                "id",
            ),
            (
                &self.tables.parked_key,
                &into.tables.parked_key,
                "document, role, key_of, key, hash, came, shown, reference, parent_entity, parent_table, parent_record",
                "id",
            ),
            (
                &self.tables.dead_letter,
                &into.tables.dead_letter,
                "run, provisional, document, position, key, stage, code, field, message, plugin, digest, attempts, format, \
                 original, at, state, reason, refused",
                "id",
            ),
            (
                &self.tables.deferred_row,
                &into.tables.deferred_row,
                "target_table, sort_key, waits, place, document, record_key, columns, packed, sources",
                "id",
            ),
            (
                &self.tables.left_out_row,
                &into.tables.left_out_row,
                "target_table, reason, row_key, row_key_blob, column_name, why, at, place, document, record_key, columns, \
                 packed, sources",
                "id",
            ),
            (
                &self.tables.gathered_row,
                &into.tables.gathered_row,
                "merged, generation, sort_key, place, document, record_key, body, late, holds_id",
                "document",
            ),
        ] {
            // A prediction has only the dead letters that it foretells.
            let which = if source == &self.tables.dead_letter { " AND state = 'parked'" } else { "" };
            let select = format!(
                "SELECT {columns} FROM {source} WHERE migration = $1 AND entity = $2{which} ORDER BY {order} LIMIT $3 OFFSET $4"
            );
            let places: Vec<String> = (3..3 + columns.split(", ").count()).map(|place| format!("${place}")).collect();
            let insert =
                format!("INSERT INTO {target} (migration, entity, {columns}) VALUES ($1, $2, {})", places.join(", "));
            for page in 0.. {
                let place = [text(&self.migration), text(entity), Value::Integer(PAGE), Value::Integer(page * PAGE)];
                let rows = from.query(&select, &place).await?;
                let is_last = rows.len() < 100;
                for row in rows {
                    let parameters: Vec<Value> = [text(&self.migration), text(entity)].into_iter().chain(row).collect();
                    to.execute(&insert, &parameters).await?;
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Forgets everything about the migration but the numbers that the target has given; returns what was forgotten, by
    /// table. Without its number a record could not be told from a new one: another run would write it beside itself.
    pub async fn reset(&self, tx: &mut dyn Transaction) -> Result<Vec<(&'static str, u64)>, TargetError> {
        let mut forgotten = Vec::new();
        for (name, table, condition) in self.per_migration() {
            let sql = format!("DELETE FROM {table} WHERE {condition}");
            forgotten.push((name, tx.execute(&sql, &[text(&self.migration)]).await?));
        }
        Ok(forgotten)
    }

    /// Counts what `reset` would forget, by table.
    pub async fn count(&self, tx: &mut dyn Transaction) -> Result<Vec<(&'static str, u64)>, TargetError> {
        let mut counts = Vec::new();
        for (name, table, condition) in self.per_migration() {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
            let rows = tx.query(&sql, &[text(&self.migration)]).await?;
            counts.push((name, rows.into_iter().next().map_or(0, |row| Columns::new(row).unsigned())));
        }
        Ok(counts)
    }

    /// What `reset` forgets: a name for people, the table, and which of its rows.
    fn per_migration(&self) -> Vec<(&'static str, &str, String)> {
        let of_migration = "migration = $1".to_owned();
        let not_numbered = format!(
            "migration = $1 AND entity NOT IN (SELECT entity FROM {} WHERE migration = $1)",
            self.tables.numbering
        );
        vec![
            ("checkpoint", &self.tables.checkpoint, of_migration.clone()),
            ("dead_letter", &self.tables.dead_letter, of_migration.clone()),
            ("dead_letter_attempt", &self.tables.dead_letter_attempt, of_migration.clone()),
            ("parked_key", &self.tables.parked_key, of_migration.clone()),
            ("ledger", &self.tables.ledger, of_migration.clone()),
            ("deferred_reference", &self.tables.deferred_reference, of_migration.clone()),
            ("nulled_reference", &self.tables.nulled_reference, of_migration.clone()),
            ("deferred_row", &self.tables.deferred_row, of_migration.clone()),
            ("left_out_row", &self.tables.left_out_row, of_migration.clone()),
            ("gathered_row", &self.tables.gathered_row, of_migration.clone()),
            ("merge", &self.tables.merge, of_migration.clone()),
            ("id_map", &self.tables.id_map, not_numbered),
            ("run", &self.tables.run, of_migration.clone()),
            ("review", &self.tables.review, of_migration.clone()),
            ("plugin_event", &self.tables.plugin_event, of_migration.clone()),
            ("migration", &self.tables.migration, "name = $1".to_owned()),
        ]
    }
}

/// Returns the present, RFC 3339 in UTC. It dates our own bookkeeping and never enters a row.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
