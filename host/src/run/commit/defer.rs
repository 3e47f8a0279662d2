//! Rows of junctions: they are left to the junction's final step, in the transaction of the records that gave them.

use super::Again;
use super::Committer;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::packed;
use crate::run::bookkeeping::Checkpoint;
use crate::run::bookkeeping::DeferredRow;
use crate::run::bookkeeping::SourceKey;
use crate::run::junction::sort_key;
use crate::run::layout::Dead;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;
use crate::run::resolve::Settled;

impl Committer {
    /// Leaves the rows of all living records that are for junctions to these.
    pub(super) async fn defer(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        dead: &Dead,
    ) -> Result<(), TargetError> {
        let is_of_junction = |row: &ResolvedRow| self.entity().tables[row.table].junction.is_some();
        let is_meant = |row: &&ResolvedRow| {
            is_of_junction(row) && !dead.contains_key(&row.record) && self.kept_digest(row).is_none()
        };
        let rows: Vec<DeferredRow> =
            resolved.rows.iter().filter(is_meant).map(|row| self.deferred_row(resolved, row)).collect();
        self.books.insert_deferred_rows(tx, &rows).await
    }

    fn deferred_row(&self, resolved: &Resolved, row: &ResolvedRow) -> DeferredRow {
        let entity = self.entity();
        let table = &entity.tables[row.table];
        let name = |fed: usize| table.schema.columns[table.columns[fed]].name.clone();
        let record = &resolved.batch.records[row.record];
        let known = row.referred.iter().map(|(fed, key)| SourceKey {
            column: name(*fed),
            key: key.as_str().to_owned(),
            waits_for: None,
        });
        let waiting = row.pending.iter().map(|(fed, parent, key)| SourceKey {
            column: name(*fed),
            key: key.as_str().to_owned(),
            waits_for: Some(self.entity_at(*parent).name.clone()),
        });
        // A key without its ids sorts nowhere yet.
        let key = if row.pending.is_empty() { packed::decode(&row.key) } else { None };
        DeferredRow {
            table: table.schema.name.clone(),
            sort_key: key.map(|key| sort_key(&key)).unwrap_or_default(),
            place: entity.index as u64,
            entity: entity.name.clone(),
            document: record.document,
            record_key: record.key.as_ref().map_or_else(String::new, |key| key.as_str().to_owned()),
            columns: (0..table.columns.len()).map(name).collect(),
            values: row.values.clone(),
            sources: known.chain(waiting).collect(),
        }
    }

    /// Forgets what the records left to junctions before and is not written: they are written again.
    pub(super) async fn forget_deferred(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        to: &mut Checkpoint,
    ) -> Result<(), TargetError> {
        if !matches!(self.again, Again::Repair(_)) {
            return Ok(());
        }
        let entity = self.entity();
        for table in entity.tables.iter().filter(|table| table.junction.is_some()) {
            let name = &table.schema.name;
            let living = resolved.records.iter().enumerate().filter(|(_, settled)| matches!(settled, Settled::Rows(_)));
            for (record, _) in living {
                let document = resolved.batch.records[record].document;
                let forgotten = self.books.forget_rows_of(tx, &entity.name, name, document).await?;
                if let Some(rows) = to.rows.get_mut(name) {
                    rows.deferred = rows.deferred.saturating_sub(forgotten);
                }
            }
        }
        Ok(())
    }
}
