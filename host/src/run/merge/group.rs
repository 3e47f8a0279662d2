//! A group of members on its way to becoming one record: read from the record's body, and what came of it.

use std::collections::BTreeMap;

use bson::RawArray;
use bson::RawBsonRef;
use bson::RawDocument;

use crate::plan::EntityPlan;
use crate::plugin::PluginRow;
use crate::record::Key;
use crate::record::key;

/// The members of one record of a merged entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// In the order of the entities, at least one.
    pub members: Vec<GroupMember>,
    /// Index of the one whose id is the record's: the survivor, or, where others have joined since, the one that it was then.
    pub survivor: usize,
    /// For each column of the record's own row that has a value: the members that have the same, the survivor before the
    /// others; none where the merger has made it.
    pub fields: BTreeMap<String, Option<usize>>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The index of its entity in the plan.
    pub entity: usize,
    /// Its source key.
    pub key: Key,
}

impl Group {
    /// Reads a group, and finds who survives and where the values of its row come from. `id` is the described index of the
    /// table with the record's own row and the name of its id column. `Err` says what is wrong with what was made of it.
    pub fn read(
        entity: &EntityPlan,
        names: &[&str],
        body: &[u8],
        rows: &[PluginRow],
        id: (u32, &str),
    ) -> Result<Self, String> {
        let damaged = || "expected a group of members, found bytes that are none".to_owned();
        let document = RawDocument::from_bytes(body).map_err(|_| damaged())?;
        let all = document.get_array("members").map_err(|_| damaged())?;
        let mut members = Vec::new();
        for member in documents(all) {
            let (source, key) = (member.get_i32("source"), member.get_str("key"));
            let place = source.ok().and_then(|source| entity.merges.get(usize::try_from(source).ok()?).copied());
            let (Some(entity), Ok(key)) = (place, key) else { return Err(damaged()) };
            members.push(GroupMember { entity, key: Key::from_canonical(key.to_owned()) });
        }
        let (table, column) = id;
        let own: Vec<&RawDocument> = rows
            .iter()
            .filter(|row| row.table == table)
            .filter_map(|row| RawDocument::from_bytes(&row.body).ok())
            .collect();
        let [own] = own.as_slice() else {
            return Err(format!("expected one row of the merged record itself, found {}", own.len()));
        };
        let by_policy = survivor(&members, names, own, column)?;
        let holder = document.get_i32("holdsId").ok().and_then(|holder| usize::try_from(holder).ok());
        let survivor = holder.filter(|holder| *holder < members.len()).unwrap_or(by_policy);
        let mut fields = BTreeMap::new();
        if members.len() > 1 {
            let theirs: Vec<Option<&RawDocument>> = documents(all).map(|member| own_row(member, table)).collect();
            for field in own.iter().flatten() {
                let (name, value) = (field.0.as_str(), field.1);
                if name == column || value == RawBsonRef::Null {
                    continue;
                }
                let has = |member: &usize| {
                    theirs[*member].is_some_and(|row| matches!(row.get(name), Ok(Some(found)) if same(found, value)))
                };
                let from = std::iter::once(by_policy).chain(0..members.len()).find(has);
                fields.insert(name.to_owned(), from);
            }
        }
        Ok(Self { members, survivor, fields })
    }

    /// Returns the member that survives.
    pub fn survivor(&self) -> &GroupMember {
        &self.members[self.survivor]
    }

    /// Returns whether a record is one of them.
    pub fn has(&self, entity: usize, key: &Key) -> bool {
        self.members.iter().any(|member| member.entity == entity && member.key == *key)
    }
}

/// Finds the member that the id column refers to.
fn survivor(members: &[GroupMember], names: &[&str], own: &RawDocument, column: &str) -> Result<usize, String> {
    let expected = |found: String| format!("expected in `{column}` a reference to one of the members, found {found}");
    let reference = match own.get(column) {
        Ok(Some(RawBsonRef::Document(reference))) => reference,
        _ => return Err(expected("none".to_owned())),
    };
    let (Ok(entity), Ok(Some(id))) = (reference.get_str("$ref"), reference.get("$id")) else {
        return Err(expected("another document".to_owned()));
    };
    let of_entity = |member: &GroupMember| names.get(member.entity) == Some(&entity);
    let is_it = |member: &GroupMember| of_entity(member) && is_key(id, &member.key);
    members.iter().position(is_it).ok_or_else(|| expected(format!("one to another record of `{entity}`")))
}

fn is_key(id: RawBsonRef<'_>, key: &Key) -> bool {
    let composite = |parts: &RawArray| {
        let keys: Option<Vec<Key>> = parts.into_iter().map(|part| key::of_value(part.ok()?).ok()).collect();
        keys.map(|keys| key::composite(&keys))
    };
    let is_it = |found: &Key| found == key;
    key::of_value(id).as_ref().is_ok_and(is_it)
        || matches!(id, RawBsonRef::Array(parts) if composite(parts).as_ref().is_some_and(is_it))
}

fn own_row(member: &RawDocument, table: u32) -> Option<&RawDocument> {
    let rows = member.get_array("rows").ok()?;
    let of_table = |row: &&RawDocument| row.get_i32("table").is_ok_and(|of| u32::try_from(of).ok() == Some(table));
    documents(rows).find(of_table)?.get_document("row").ok()
}

fn documents(array: &RawArray) -> impl Iterator<Item = &RawDocument> {
    array.into_iter().filter_map(|item| match item {
        Ok(RawBsonRef::Document(document)) => Some(document),
        _ => None,
    })
}

/// Whether two values are the same, bit for bit.
fn same(one: RawBsonRef<'_>, other: RawBsonRef<'_>) -> bool {
    match (one, other) {
        (RawBsonRef::Double(one), RawBsonRef::Double(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}
