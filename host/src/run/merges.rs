//! What was merged into what, as it is recorded in the target. Nothing is written.

use std::collections::BTreeMap;

use serde::Serialize;

use super::begun;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Merge;
use super::bookkeeping::Named;
use crate::connector;
use crate::connector::Target;
use crate::connector::Transaction;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plan::hint;
use crate::plan::tables::EntityTable;
use crate::record::key_text;
use crate::record::packed;
use crate::record::spelled;

/// Some of the merges of a migration.
#[derive(Debug, Default, Serialize)]
pub struct MergesReport {
    /// The migration.
    pub migration: String,
    /// How much was merged, by merged entity.
    pub entities: Vec<MergedEntity>,
    /// The merges that were asked for.
    pub merges: Vec<ShownMerge>,
}

/// How much was merged into the records of one entity.
#[derive(Debug, Serialize)]
pub struct MergedEntity {
    /// Its name.
    pub name: String,
    /// Records that are made of several.
    pub groups: u64,
    /// Records that have become others by that.
    pub merged: u64,
}

/// Several records that have become one.
#[derive(Debug, Serialize)]
pub struct ShownMerge {
    /// The merged entity.
    pub entity: String,
    /// What they are known by.
    pub identity: String,
    /// The id that all of them have.
    pub id: String,
    /// The one whose id it is.
    pub survivor: Named,
    /// All of them, in the order of their entities.
    pub members: Vec<Named>,
    /// For each column that has a value, the record that it is of; none where the merger has made it.
    pub fields: BTreeMap<String, Option<Named>>,
}

impl ShownMerge {
    fn new(entity: &str, merge: Merge) -> Self {
        let id = packed::decode(&merge.id).and_then(|mut id| id.pop());
        Self {
            entity: entity.to_owned(),
            identity: merge.identity,
            id: id.as_ref().map(spelled::write).unwrap_or_default(),
            survivor: merge.survivor,
            members: merge.members,
            fields: merge.fields,
        }
    }
}

/// Returns the merges of all merged entities, or of one: so many of each.
pub async fn list(manifest: &Manifest, entity: Option<&str>, limit: usize) -> Result<MergesReport, Failure> {
    let (target, books) = open(manifest).await?;
    let mut tx = target.begin().await?;
    let mut report = MergesReport { migration: manifest.tables.name.clone(), ..MergesReport::default() };
    for merged in merged(manifest, entity)? {
        let (groups, count) = books.count_merges(&mut *tx, &merged.name).await?;
        report.entities.push(MergedEntity { name: merged.name.clone(), groups, merged: count });
        let merges = books.merges(&mut *tx, &merged.name, 0, limit).await?;
        report.merges.extend(merges.into_iter().map(|merge| ShownMerge::new(&merged.name, merge)));
    }
    tx.rollback().await?;
    Ok(report)
}

/// Returns the merge that a record has a part in: of an entity that is merged by its key, of a merged one by what its
/// records are known by.
pub async fn show(manifest: &Manifest, entity: &str, key: &str) -> Result<Option<ShownMerge>, Failure> {
    let all = merged(manifest, None)?;
    let into = all
        .iter()
        .find(|table| table.name == entity || table.merged().unwrap_or_default().contains(&entity.to_owned()));
    let Some(merged) = into else {
        let names: Vec<&String> = all
            .iter()
            .flat_map(|table| std::iter::once(&table.name).chain(table.merged().unwrap_or_default()))
            .collect();
        return Err(Failure::usage(format!("no records of an entity `{entity}` are merged"))
            .perhaps(hint::among(entity, names)));
    };
    let (target, books) = open(manifest).await?;
    let mut tx = target.begin().await?;
    let found = match merged.name == entity {
        true => books.merge_known_by(&mut *tx, entity, key).await?,
        false => of_member(&mut *tx, &books, manifest, &merged.name, entity, key).await?,
    };
    tx.rollback().await?;
    Ok(found.map(|merge| ShownMerge::new(&merged.name, merge)))
}

async fn of_member(
    tx: &mut dyn Transaction,
    books: &Bookkeeping,
    manifest: &Manifest,
    merged: &str,
    entity: &str,
    key: &str,
) -> Result<Option<Merge>, Failure> {
    let table = manifest.tables.entity.iter().find(|table| table.name == entity);
    let fields = table.map_or(1, |table| table.key_fields(manifest.tables.source_url(table)).len());
    for key in key_text::read(key, fields) {
        let ids = books.ids(tx, entity, &[key.as_str()]).await?;
        if let Some(id) = ids.values().next() {
            return Ok(books.merge_of(tx, merged, id).await?);
        }
    }
    Ok(None)
}

async fn open(manifest: &Manifest) -> Result<(Box<dyn Target>, Bookkeeping), Failure> {
    begun::has_begun(manifest).await?;
    let target = connector::open_target(&manifest.tables.target.url, &manifest.folder, Mode::ReadOnly).await?;
    let books = Bookkeeping::new(&*target, &manifest.tables.name);
    Ok((target, books))
}

/// The merged entities of a manifest, or the one with this name.
fn merged<'a>(manifest: &'a Manifest, name: Option<&str>) -> Result<Vec<&'a EntityTable>, Failure> {
    let all: Vec<&EntityTable> = manifest.tables.entity.iter().filter(|table| table.merged().is_some()).collect();
    let Some(name) = name else { return Ok(all) };
    match all.iter().find(|table| table.name == name) {
        Some(table) => Ok(vec![table]),
        None => {
            let names = all.iter().map(|table| &table.name);
            Err(Failure::usage(format!("there is no merged entity `{name}`")).perhaps(hint::among(name, names)))
        }
    }
}
