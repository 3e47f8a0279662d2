//! Groups that others have joined behind a replay: which these are, and the record that each of them is now.

use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Plan;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Position;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::GatheredRow;
use crate::run::bookkeeping::Known;
use crate::run::merge::GROUP_BYTES_MAX;
use crate::run::merge::MEMBERS_MAX;
use crate::run::merge::group;

/// Members that are looked at together.
const PAGE: u64 = 100;

/// One group that is to be merged again, or for the first time.
pub struct Late {
    /// What its members are known by.
    pub known: Known,
    /// Its number as a record of the merged entity.
    pub number: u64,
    members: Vec<GatheredRow>,
}

impl Late {
    /// Returns some of the groups of a merged entity that others have joined, behind one of them.
    pub async fn some(
        target: &dyn Target,
        books: &Bookkeeping,
        merged: &str,
        after: &Known,
    ) -> Result<Vec<Self>, Failure> {
        let mut tx = target.begin().await?;
        let mut late: Vec<Self> = Vec::new();
        for row in books.late_members(&mut *tx, merged, after, PAGE).await? {
            if late.last().is_some_and(|late| late.known == row.known) {
                continue;
            }
            let number = books.group_number(&mut *tx, merged, &row.known).await?;
            let members = books.members(&mut *tx, merged, &row.known, MEMBERS_MAX + 1).await?;
            late.push(Self { known: row.known, number, members });
        }
        tx.rollback().await?;
        Ok(late)
    }

    /// Returns why the group is none that can be merged.
    pub fn is_too_large(&self) -> Option<String> {
        let bytes: usize = self.members.iter().map(|member| member.body.len()).sum();
        let is_too_large = self.members.len() as u64 > MEMBERS_MAX || bytes as u64 > GROUP_BYTES_MAX;
        is_too_large.then(|| format!("more than {MEMBERS_MAX} records, or {GROUP_BYTES_MAX} bytes, would be one thing"))
    }

    /// Returns what its members are known by, for people.
    pub fn shown(&self) -> String {
        match (self.known.identity(), self.members.first()) {
            (Some(identity), _) => identity.to_owned(),
            (None, Some(member)) => format!("{} {}", member.entity, member.key),
            (None, None) => String::new(),
        }
    }

    /// Notes whose id the group has, before it is merged with those who have joined.
    pub async fn hold_id(&mut self, target: &dyn Target, books: &Bookkeeping, merged: &str) -> Result<(), Failure> {
        if self.members.iter().any(|member| member.holds_id) {
            return Ok(());
        }
        let mut tx = target.begin().await?;
        let mut holder = None;
        let before = || self.members.iter().filter(|member| !member.is_late);
        for member in before() {
            let ids = books.ids(&mut *tx, &member.entity, &[member.key.as_str()]).await?;
            let Some(id) = ids.values().next() else { continue };
            holder = Some(match books.merge_of(&mut *tx, merged, id).await? {
                Some(merge) => (merge.survivor.entity, merge.survivor.key),
                None => (member.entity.clone(), member.key.clone()),
            });
            break;
        }
        if let Some((entity, key)) = holder {
            books.hold_id(&mut *tx, &entity, &key).await?;
            tx.commit().await?;
            for member in &mut self.members {
                member.holds_id = member.entity == entity && member.key == key;
            }
        } else {
            tx.rollback().await?;
        }
        Ok(())
    }

    /// Notes that the group is what it is.
    pub async fn forget(&self, target: &dyn Target, books: &Bookkeeping, merged: &str) -> Result<(), Failure> {
        let mut tx = target.begin().await?;
        books.forget_late(&mut *tx, merged, &self.known).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Returns the group as a record, in a batch that ends where the merged entity stands.
    pub fn batch(&self, merged: &str, end: Position) -> Result<Batch, Failure> {
        let body = group(&self.members).ok_or_else(|| Failure::bug("a group without members was joined"))?;
        let key = ["_id".to_owned()];
        let mut batch = BatchBuilder::new(&key);
        batch.push_bson(self.number, self.number, &body);
        Ok(batch.finish(merged.into(), end))
    }
}

/// Returns a failure for each merged entity with records that have joined and were not merged, as a replay was ended before.
pub async fn waiting(plan: &Plan, target: &dyn Target, books: &Bookkeeping) -> Result<Vec<Failure>, Failure> {
    let mut failures = Vec::new();
    for entity in plan.entities.iter().filter(|entity| !entity.merges.is_empty()) {
        let mut tx = target.begin().await?;
        let late = books.late_members(&mut *tx, &entity.name, &Known::default(), 1).await?;
        tx.rollback().await?;
        if !late.is_empty() {
            let message = format!("records have joined `{}` behind a replay, and are not merged yet", entity.name);
            failures.push(Failure::failed(message).hint("`whimbrel dead-letter replay <manifest> --execute` goes on"));
        }
    }
    Ok(failures)
}
