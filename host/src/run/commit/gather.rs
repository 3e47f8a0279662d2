//! Records that are merged: those of the members are gathered in the transaction that gives them their fate; the merged
//! entity stores with its rows which id each member has now, and what became of whom.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use super::Again;
use super::Attempt;
use super::Committer;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;
use crate::record::value;
use crate::run::bookkeeping::GatheredRow;
use crate::run::bookkeeping::Known;
use crate::run::bookkeeping::Merge;
use crate::run::bookkeeping::Named;
use crate::run::layout::Dead;
use crate::run::layout::Layout;
use crate::run::layout::refuse;
use crate::run::merge::Group;
use crate::run::merge::GroupMember;
use crate::run::resolve::Resolved;
use crate::run::resolve::Settled;

impl Committer {
    /// Returns the records whose key another record has been gathered under: nobody could refer to one of them alone.
    pub(super) async fn repeated_members(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
    ) -> Result<Dead, TargetError> {
        let mut repeated = Dead::new();
        let living = || {
            let rows = resolved.records.iter().enumerate().filter(|(_, settled)| matches!(settled, Settled::Rows(_)));
            let records = rows.map(|(index, _)| (index, &resolved.batch.records[index]));
            records.filter_map(|(index, record)| Some((index, record.document, record.key.as_ref()?.as_str())))
        };
        if self.entity().merged_into.is_none() {
            return Ok(repeated);
        }
        let keys: Vec<&str> = living().map(|(.., key)| key).collect();
        let mut known: HashMap<String, u64> = self.books.gathered_keys(tx, &self.entity().name, &keys).await?;
        for (index, document, key) in living() {
            let first = *known.entry(key.to_owned()).or_insert(document);
            if first != document {
                let message =
                    format!("the record with the key `{key}` has been gathered from document {first} already");
                repeated.insert(index, refuse("duplicate-key", None, message));
            }
        }
        Ok(repeated)
    }

    /// Gathers the living records of a member.
    pub(super) async fn gather(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        dead: &Dead,
    ) -> Result<(), Attempt> {
        let Some(merged) = self.entity().merged_into.map(|merged| self.entity_at(merged)) else { return Ok(()) };
        let place = merged.merges.iter().position(|&member| member == self.entity).unwrap_or_default() as u64;
        let mut rows = Vec::new();
        for (index, gathered) in resolved.gathered.iter().enumerate() {
            let is_living = matches!(resolved.records[index], Settled::Rows(_)) && !dead.contains_key(&index);
            let (Some(gathered), true) = (gathered, is_living) else { continue };
            let record = &resolved.batch.records[index];
            rows.push(GatheredRow {
                known: Known::new(gathered.identity.as_deref(), place, record.document),
                place,
                document: record.document,
                entity: self.entity().name.clone(),
                key: record.key.as_ref().map_or_else(String::new, |key| key.as_str().to_owned()),
                body: gathered.body.clone(),
                is_late: false,
                holds_id: false,
                is_cut: false,
            });
        }
        if !matches!(self.again, Again::No) {
            // Until the merged entity has begun to read, nobody is late.
            let has_begun = self.books.checkpoint(tx, &merged.name).await?.batches > 0;
            self.books.join_gathered(tx, &merged.name, has_begun, &mut rows).await?;
        }
        Ok(self.books.insert_gathered(tx, &merged.name, &rows).await?)
    }

    /// Stores the ids that the members of groups have now, and what became of whom.
    pub(super) async fn store_merges(
        &self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        dead: &Dead,
    ) -> Result<(), TargetError> {
        let entity = self.entity();
        if entity.merges.is_empty() {
            return Ok(());
        }
        let mut ids: BTreeMap<usize, Vec<(String, Vec<u8>)>> = BTreeMap::new();
        let mut merges = Vec::new();
        let living: HashSet<usize> =
            layout.records.iter().copied().filter(|record| !dead.contains_key(record)).collect();
        for (&record, group) in resolved.groups.iter().filter(|(record, _)| living.contains(record)) {
            let Some(id) = self.id_of(resolved, layout, record) else { continue };
            for member in &group.members {
                ids.entry(member.entity).or_default().push((member.key.as_str().to_owned(), id.clone()));
            }
            if group.members.len() > 1 {
                merges.push(self.merge(resolved, record, group, id));
            }
        }
        if !matches!(self.again, Again::No) {
            let documents: Vec<u64> = resolved.batch.records.iter().map(|record| record.document).collect();
            self.books.forget_merges(tx, &entity.name, &documents).await?;
        }
        for (member, ids) in ids {
            self.books.replace_ids(tx, &self.entity_at(member).name, &ids).await?;
        }
        self.books.insert_merges(tx, &entity.name, &merges).await
    }

    /// Returns the id that a record's own row is written with, compact.
    fn id_of(&self, resolved: &Resolved, layout: &Layout, record: usize) -> Option<Vec<u8>> {
        let Settled::Rows(range) = &resolved.records[record] else { return None };
        range.clone().find_map(|row| {
            let id = self.entity().tables[resolved.rows[row].table].id?;
            let value: &Value = layout.values(resolved, row).get(id).filter(|value| !value.is_null())?;
            Some(value::encode(std::slice::from_ref(value)))
        })
    }

    fn merge(&self, resolved: &Resolved, record: usize, group: &Group, id: Vec<u8>) -> Merge {
        let named = |member: &GroupMember| Named {
            entity: self.entity_at(member.entity).name.clone(),
            key: member.key.as_str().to_owned(),
        };
        let record = &resolved.batch.records[record];
        let key = record.key.as_ref().map_or("", |key| key.as_str());
        Merge {
            document: record.document,
            identity: key.strip_prefix('s').unwrap_or(key).to_owned(),
            survivor: named(group.survivor()),
            id,
            members: group.members.iter().map(named).collect(),
            fields: group
                .fields
                .iter()
                .map(|(column, from)| (column.clone(), from.map(|member| named(&group.members[member]))))
                .collect(),
        }
    }
}
