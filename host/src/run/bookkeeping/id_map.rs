//! Ids that a transformer gave, by source key.

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::insert_rows;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

impl Bookkeeping {
    /// Stores the ids that a transformer gave, by source key.
    pub async fn insert_ids(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        ids: &[(String, Vec<u8>)],
    ) -> Result<(), TargetError> {
        let insert = format!("INSERT INTO {} (migration, entity, key, id)", self.tables.id_map);
        let row = |(key, id): &(String, Vec<u8>)| {
            vec![text(&self.migration), text(entity), text(key), Value::Bytes(id.clone())]
        };
        insert_rows(tx, &insert, "ON CONFLICT (migration, entity, key) DO NOTHING", ids, row).await
    }

    /// Returns the id that a transformer gave to a source key, compact.
    pub async fn id(&self, tx: &mut dyn Transaction, entity: &str, key: &str) -> Result<Option<Vec<u8>>, TargetError> {
        let sql = format!("SELECT id FROM {} WHERE migration = $1 AND entity = $2 AND key = $3", self.tables.id_map);
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), text(key)]).await?;
        Ok(rows.into_iter().next().map(|row| Columns::new(row).bytes()))
    }
}
