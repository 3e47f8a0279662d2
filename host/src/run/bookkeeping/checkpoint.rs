//! Where every entity stands.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::integer;
use super::statement::json;
use super::statement::optional;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
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
    /// When it was last saved, RFC 3339.
    pub updated_at: String,
}

impl Bookkeeping {
    /// Returns where an entity stands; the start where nothing is stored.
    pub async fn checkpoint(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Checkpoint, Failure> {
        let sql = format!(
            "SELECT state, document, token, batches, fates, rows, source, updated_at FROM {} WHERE migration = $1 AND entity = $2",
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
            text(&now()),
            text(&self.migration),
            text(entity),
        ];
        if from.batches == 0 {
            // An entity that was held before its first batch has a checkpoint already.
            let sql = format!(
                "INSERT INTO {} AS stored (state, document, token, batches, fates, rows, source, updated_at, migration, entity) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (migration, entity) DO UPDATE SET \
                 state = excluded.state, document = excluded.document, token = excluded.token, batches = excluded.batches, \
                 fates = excluded.fates, rows = excluded.rows, source = excluded.source, updated_at = excluded.updated_at WHERE stored.batches = 0",
                self.tables.checkpoint
            );
            return Ok(tx.execute(&sql, &to_values).await? == 1);
        }
        let sql = format!(
            "UPDATE {} SET state = $1, document = $2, token = $3, batches = $4, fates = $5, rows = $6, source = $7, \
             updated_at = $8 WHERE migration = $9 AND entity = $10 AND document = $11 AND batches = $12",
            self.tables.checkpoint
        );
        let mut parameters = to_values.to_vec();
        parameters.extend([integer(from.position.document), integer(from.batches)]);
        Ok(tx.execute(&sql, &parameters).await? == 1)
    }
}
