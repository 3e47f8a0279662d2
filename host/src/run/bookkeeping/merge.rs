//! Which records were merged into which, and where the values come from that stand there now.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::json;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// A record of the old systems: its entity and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The entity.
    pub entity: String,
    /// The key, in canonical form.
    pub key: String,
}

/// Several records that have become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The number of their group.
    pub document: u64,
    /// What they are known by.
    pub identity: String,
    /// The one whose id is everybody's.
    pub survivor: Named,
    /// The id, compact.
    pub id: Vec<u8>,
    /// All of them, the survivor among them, in the order of their entities.
    pub members: Vec<Named>,
    /// For each column that has a value, the member that it is of; none where the merger has made it.
    pub fields: BTreeMap<String, Option<Named>>,
}

const COLUMNS: &str = "document, identity, survivor, id, members, fields";

impl Bookkeeping {
    /// Records merges.
    pub async fn insert_merges(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        merges: &[Merge],
    ) -> Result<(), TargetError> {
        let columns = format!("migration, merged, {COLUMNS}");
        let row = |merge: &Merge| {
            vec![
                text(&self.migration),
                text(merged),
                integer(merge.document),
                text(&merge.identity),
                text(&json(&merge.survivor)),
                Value::Bytes(merge.id.clone()),
                text(&json(&merge.members)),
                text(&json(&merge.fields)),
            ]
        };
        append(tx, &self.tables.merge, &columns, merges, row).await
    }

    /// Forgets what was recorded of the groups with these numbers: they are merged again.
    pub async fn forget_merges(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        documents: &[u64],
    ) -> Result<(), TargetError> {
        let sql = format!("DELETE FROM {} WHERE migration = $1 AND merged = $2 AND document = $3", self.tables.merge);
        for &document in documents {
            tx.execute(&sql, &[text(&self.migration), text(merged), integer(document)]).await?;
        }
        Ok(())
    }

    /// Returns so many merges behind the group with this number, in order.
    pub async fn merges(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        after: u64,
        count: usize,
    ) -> Result<Vec<Merge>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE migration = $1 AND merged = $2 AND document > $3 ORDER BY document LIMIT $4",
            self.tables.merge
        );
        let count = Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let rows = tx.query(&sql, &[text(&self.migration), text(merged), integer(after), count]).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    /// Returns the merge that has given this id, where there is one.
    pub async fn merge_of(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        id: &[u8],
    ) -> Result<Option<Merge>, TargetError> {
        let sql =
            format!("SELECT {COLUMNS} FROM {} WHERE migration = $1 AND merged = $2 AND id = $3", self.tables.merge);
        let rows = tx.query(&sql, &[text(&self.migration), text(merged), Value::Bytes(id.to_vec())]).await?;
        Ok(rows.into_iter().next().map(stored))
    }

    /// Returns the merge of what is known by this, where there is one.
    pub async fn merge_known_by(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        identity: &str,
    ) -> Result<Option<Merge>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE migration = $1 AND merged = $2 AND identity = $3",
            self.tables.merge
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(merged), text(identity)]).await?;
        Ok(rows.into_iter().next().map(stored))
    }

    /// Counts the merges of an entity, and the records that have become others by them.
    pub async fn count_merges(&self, tx: &mut dyn Transaction, merged: &str) -> Result<(u64, u64), TargetError> {
        let sql = format!("SELECT members FROM {} WHERE migration = $1 AND merged = $2", self.tables.merge);
        let rows = tx.query(&sql, &[text(&self.migration), text(merged)]).await?;
        let groups = rows.len() as u64;
        let members = rows.into_iter().map(|row| {
            let members: Vec<Named> = serde_json::from_str(&Columns::new(row).text()).unwrap_or_default();
            members.len() as u64
        });
        Ok((groups, members.sum::<u64>() - groups))
    }
}

fn stored(row: Vec<Value>) -> Merge {
    let mut row = Columns::new(row);
    let nobody = || Named { entity: String::new(), key: String::new() };
    Merge {
        document: row.unsigned(),
        identity: row.text(),
        survivor: serde_json::from_str(&row.text()).unwrap_or_else(|_| nobody()),
        id: row.bytes(),
        members: serde_json::from_str(&row.text()).unwrap_or_default(),
        fields: serde_json::from_str(&row.text()).unwrap_or_default(),
    }
}
