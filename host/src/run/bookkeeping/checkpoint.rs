//! Where every entity stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::integer;
use super::statement::json;
use super::statement::optional;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::source::SnapshotId;
use crate::error::Failure;
use crate::record::Position;
use crate::run::report::Fates;
use crate::run::report::Rows;
use crate::run::report::State;

/// Where an entity stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// Whether it is done.
    pub state: State,
    /// How far the source is read.
    pub position: Position,
    /// Commits so far.
    pub batches: u64,
    /// Fates so far.
    pub fates: Fates,
    /// Rows so far.
    pub rows: Rows,
    /// What the source was when the entity was completed.
    pub source: Option<String>,
    /// As what its source was read, first to last; empty where the source is not kept still.
    pub snapshots: Vec<ReadUnder>,
    /// When it was last saved, RFC 3339.
    pub updated_at: String,
}

/// Snapshots that are told apart: one that goes on and on is remembered by its first ones and the last.
const SNAPSHOTS_MAX: usize = 100;

/// A stretch of a source's records, and the snapshot that they were read under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadUnder {
    /// The source's name in the manifest.
    pub source: String,
    /// What it was read as.
    #[serde(flatten)]
    pub snapshot: SnapshotId,
    /// Records that had been read before.
    pub after: u64,
}

impl Checkpoint {
    /// Notes as what the source is read from here on.
    pub fn read_under(&mut self, source: &str, snapshot: &SnapshotId) {
        let after = self.position.document;
        if self.snapshots.last().is_some_and(|last| last.source == source && last.snapshot.id == snapshot.id) {
            return;
        }
        // Under the one before nothing was read.
        self.snapshots.pop_if(|last| last.after == after);
        self.snapshots.truncate(SNAPSHOTS_MAX - 1);
        self.snapshots.push(ReadUnder { source: source.to_owned(), snapshot: snapshot.clone(), after });
    }
}

/// Returns whether all that was read of each source was one snapshot of it; `None` where no source was kept still.
pub fn is_consistent<'a>(snapshots: impl IntoIterator<Item = &'a ReadUnder>) -> Option<bool> {
    let mut by_source: BTreeMap<&str, &str> = BTreeMap::new();
    let mut consistent = None;
    for read in snapshots {
        let first = by_source.entry(&read.source).or_insert(&read.snapshot.id);
        consistent = Some(consistent.unwrap_or(true) && *first == read.snapshot.id);
    }
    consistent
}

impl Bookkeeping {
    /// Returns where an entity stands; the start where nothing is stored.
    pub async fn checkpoint(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Checkpoint, Failure> {
        let sql = format!(
            "SELECT state, document, token, batches, fates, rows, source, snapshots, updated_at FROM {} WHERE migration = $1 AND entity = $2",
            self.tables.checkpoint
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity)]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Checkpoint::default()) };
        let mut row = Columns::new(row);
        let unreadable = |what: &'static str| {
            move |error: serde_json::Error| {
                Failure::failed(format!("the stored checkpoint of `{entity}` has unreadable {what}")).cause(error)
            }
        };
        Ok(Checkpoint {
            state: serde_json::from_value(serde_json::Value::String(row.text())).map_err(unreadable("state"))?,
            position: Position { document: row.unsigned(), token: row.text() },
            batches: row.unsigned(),
            fates: serde_json::from_str(&row.text()).map_err(unreadable("fates"))?,
            rows: serde_json::from_str(&row.text()).map_err(unreadable("rows"))?,
            source: row.optional(),
            snapshots: serde_json::from_str(&row.text()).map_err(unreadable("snapshots"))?,
            updated_at: row.text(),
        })
    }

    /// Takes a completed entity's source for what it is now.
    pub async fn accept_source(&self, tx: &mut dyn Transaction, entity: &str, source: &str) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET source = $1 WHERE migration = $2 AND entity = $3", self.tables.checkpoint);
        tx.execute(&sql, &[text(source), text(&self.migration), text(entity)]).await.map(drop)
    }

    /// Moves a checkpoint from where it was read to where it stands now; `false` where somebody else has moved it.
    pub async fn move_checkpoint(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        from: &Checkpoint,
        to: &Checkpoint,
    ) -> Result<bool, TargetError> {
        let state = serde_json::to_value(to.state).ok().and_then(|state| state.as_str().map(str::to_owned));
        let to_values = [
            text(&state.unwrap_or_default()),
            integer(to.position.document),
            text(&to.position.token),
            integer(to.batches),
            text(&json(&to.fates)),
            text(&json(&to.rows)),
            optional(to.source.as_deref()),
            text(&json(&to.snapshots)),
            text(&now()),
            text(&self.migration),
            text(entity),
        ];
        if from.batches == 0 {
            // An entity that was held before its first batch has a checkpoint already.
            let sql = format!(
                "INSERT INTO {} AS stored (state, document, token, batches, fates, rows, source, snapshots, updated_at, migration, entity) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (migration, entity) DO UPDATE SET \
                 state = excluded.state, document = excluded.document, token = excluded.token, batches = excluded.batches, \
                 fates = excluded.fates, rows = excluded.rows, source = excluded.source, \
                 snapshots = excluded.snapshots, updated_at = excluded.updated_at WHERE stored.batches = 0",
                self.tables.checkpoint
            );
            return Ok(tx.execute(&sql, &to_values).await? == 1);
        }
        let sql = format!(
            "UPDATE {} SET state = $1, document = $2, token = $3, batches = $4, fates = $5, rows = $6, source = $7, \
             snapshots = $8, updated_at = $9 WHERE migration = $10 AND entity = $11 AND document = $12 AND batches = $13",
            self.tables.checkpoint
        );
        let mut parameters = to_values.to_vec();
        parameters.extend([integer(from.position.document), integer(from.batches)]);
        Ok(tx.execute(&sql, &parameters).await? == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str) -> SnapshotId {
        SnapshotId { id: id.to_owned(), at: "2024-01-31T12:00:00Z".to_owned() }
    }

    #[test]
    fn only_snapshots_that_were_read_under_count() {
        let mut checkpoint = Checkpoint::default();
        assert_eq!(is_consistent(&checkpoint.snapshots), None);
        for id in ["a", "b", "b"] {
            checkpoint.read_under("old", &snapshot(id));
        }
        assert_eq!(is_consistent(&checkpoint.snapshots), Some(true), "nothing was read under the first");
        checkpoint.position.document = 5;
        checkpoint.read_under("old", &snapshot("b"));
        assert_eq!(checkpoint.snapshots.len(), 1);
        checkpoint.read_under("old", &snapshot("c"));
        assert_eq!(checkpoint.snapshots.iter().map(|read| read.after).collect::<Vec<_>>(), [0, 5]);
        assert_eq!(is_consistent(&checkpoint.snapshots), Some(false));
        let mut other = Checkpoint::default();
        other.read_under("new", &snapshot("d"));
        assert_eq!(is_consistent(checkpoint.snapshots[..1].iter().chain(&other.snapshots)), Some(true));
        for document in 6..1_000 {
            checkpoint.position.document = document;
            checkpoint.read_under("old", &snapshot(&document.to_string()));
        }
        assert_eq!(checkpoint.snapshots.len(), SNAPSHOTS_MAX);
        assert_eq!(checkpoint.snapshots.last().map(|read| read.after), Some(999));
    }
}
