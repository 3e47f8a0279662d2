//! References that were written NULL get their parents: row by row in the source's order; what the target refuses is
//! found by halving.
//!
//! A row's references are filled in together, for a constraint may want all of them or none; where that is refused, all
//! but one, and then each by itself. Many rows are tried at once, and the outcome is that of trying one after another: a part that is refused
//! is halved, and its first half tried first. So it makes no difference where a batch or a page ends.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::bookkeeping::NulledReference;
use super::choices;
use super::commit::Committer;
use super::layout::column_names;
use super::parents::Parents;
use super::parents::fetch_ids;
use super::resolve::Decided;
use super::rewritten;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::OnMissing;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Key;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;

/// A reference that was written NULL, with its place in the plan.
pub struct Waiting {
    /// Its number in the table that records it.
    pub id: i64,
    /// What is recorded of it.
    pub nulled: NulledReference,
    table: usize,
    reference: usize,
}

impl Waiting {
    /// Finds its place; gives it back where the plan has no such reference any more.
    pub fn new(entity: &EntityPlan, id: i64, nulled: NulledReference) -> Result<Self, NulledReference> {
        let place = entity.tables.iter().enumerate().find_map(|(table, plan)| {
            let is_meant = |reference: &ReferencePlan| {
                let names_parent =
                    |name: &String| nulled.parent == *name || nulled.parent == choices::names(plan, reference);
                column_names(plan, reference) == nulled.column && reference.choice.as_ref().is_none_or(names_parent)
            };
            let reference = plan.references.iter().position(is_meant).filter(|_| plan.schema.name == nulled.table)?;
            Some((table, reference))
        });
        match place {
            Some((table, reference)) => Ok(Self { id, nulled, table, reference }),
            None => Err(nulled),
        }
    }

    /// Returns the table of its row.
    pub fn table<'a>(&self, entity: &'a EntityPlan) -> &'a TablePlan {
        &entity.tables[self.table]
    }

    /// Returns its plan.
    pub fn reference<'a>(&self, entity: &'a EntityPlan) -> &'a ReferencePlan {
        &self.table(entity).references[self.reference]
    }

    /// Returns whether it may be to one of several entities, of which none had the record.
    fn is_open(&self, entity: &EntityPlan) -> bool {
        let (table, reference) = (self.table(entity), self.reference(entity));
        reference.choice.is_some() && self.nulled.parent == choices::names(table, reference)
    }

    /// Returns its row's key.
    pub fn row_key(&self) -> Vec<Value> {
        packed::decode(&self.nulled.row_key_blob).unwrap_or_default()
    }

    /// Says that its parent has not come.
    pub fn dangling(&self, entity: &EntityPlan) -> Failure {
        let message = format!("{}: there is no row in `{}` with {}", self.place(), self.nulled.parent, self.wanted());
        self.fail(entity, message, &format!("put the row into `{}`", self.nulled.parent))
    }

    /// Says that the target does not take its parent: the record of it, or a failure where its policy is `fail`.
    pub fn refused(self, entity: &EntityPlan, refusal: &Refusal) -> Result<NulledReference, Failure> {
        let words = refusal.words();
        if self.reference(entity).on_missing == OnMissing::Fail {
            let message = format!("{}: the target refuses {}: {words}", self.place(), self.wanted());
            return Err(self.fail(entity, message, "mend what the target has against it"));
        }
        Ok(NulledReference { refusal: Some(words), ..self.nulled })
    }

    /// `first` is what else than another policy helps.
    fn fail(&self, entity: &EntityPlan, message: String, first: &str) -> Failure {
        let column = self.nulled.column.split(", ").next().unwrap_or_default();
        Failure::failed(message).hint(format!(
            "`references.{column}.on-missing` of the entity `{}` says `fail`: {first} and run the same command again, or \
             say `null` there and run it with `--accept-change`, which leaves the column NULL and completes the entity",
            entity.name
        ))
    }

    fn place(&self) -> String {
        let NulledReference { table, row_key, column, document, record_key, .. } = &self.nulled;
        format!("`{table}.{column}` of the row {row_key}, which is the record `{record_key}` (document {document})")
    }

    fn wanted(&self) -> String {
        let NulledReference { parent_key, parent_record_key, .. } = &self.nulled;
        match parent_record_key {
            Some(record) => format!("{parent_key}, which is the record `{record}`"),
            None => parent_key.clone(),
        }
    }
}

/// A reference whose parent stands there, with the parent's key.
pub type Found = (Waiting, Vec<Value>);

/// Looks for parents; returns each reference with its parent's key where that stands in the target, in the same order.
pub async fn find_parents(
    committer: &Committer,
    tx: &mut dyn Transaction,
    waiting: Vec<Waiting>,
) -> Result<Vec<(Waiting, Option<Vec<Value>>)>, TargetError> {
    let mut by_reference: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (index, waits) in waiting.iter().enumerate() {
        by_reference.entry((waits.table, waits.reference)).or_default().push(index);
    }
    let mut parents: Vec<Option<Vec<Value>>> = waiting.iter().map(|_| None).collect();
    let mut stored = Parents::default();
    let entity = committer.entity();
    for mut of_reference in by_reference.into_values() {
        let (open, named) = of_reference.into_iter().partition(|&index| waiting[index].is_open(entity));
        of_reference = named;
        find_chosen(committer, tx, &waiting, open, &mut stored, &mut parents).await?;
        if of_reference.is_empty() {
            continue;
        }
        let reference = waiting[of_reference[0]].reference(committer.entity());
        let parent = reference.entity.filter(|&parent| committer.entity_at(parent).id.is_stored());
        let keys: Vec<Vec<Value>> = of_reference
            .iter()
            .map(|&index| packed::decode(&waiting[index].nulled.value).unwrap_or_default())
            .collect();
        // An entity with stored ids: what waits is the source key, whose id may be known by now.
        let source_key = |key: &[Value]| match (parent, key) {
            (Some(parent), [Value::Text(source_key)]) => Some((parent, source_key.to_string())),
            _ => None,
        };
        let source_keys: Vec<Option<(usize, String)>> = keys.iter().map(|key| source_key(key)).collect();
        let wanted = source_keys.iter().flatten().map(|(parent, key)| (*parent, key.as_str()));
        fetch_ids(committer.plan(), committer.books(), tx, wanted, &mut stored).await?;
        for ((&index, key), source_key) in of_reference.iter().zip(keys).zip(&source_keys) {
            let key = match source_key {
                Some((parent, source_key)) => stored.stored_id(*parent, source_key).into_iter().collect(),
                None => key,
            };
            parents[index] = Some(key).filter(|key| is_key_of(reference, key));
        }
        let wanted: Vec<Vec<Value>> = of_reference.iter().filter_map(|&index| parents[index].clone()).collect();
        let found = tx.find(&reference.parent, &reference.parent_columns, &wanted, &[]).await?;
        for index in of_reference {
            parents[index].take_if(|key| !found.contains_key(&value::encode(key)));
        }
    }
    Ok(waiting.into_iter().zip(parents).collect())
}

/// Looks for the records of references that may be to one of several entities; adds the ids of those that one entity has.
async fn find_chosen(
    committer: &Committer,
    tx: &mut dyn Transaction,
    waiting: &[Waiting],
    open: Vec<usize>,
    stored: &mut Parents,
    parents: &mut [Option<Vec<Value>>],
) -> Result<(), TargetError> {
    let of: Vec<Vec<(usize, Key)>> =
        open.iter().map(|&index| choices::of_recorded(committer.plan(), &waiting[index].nulled.value)).collect();
    let wanted = of.iter().flatten().map(|(entity, key)| (*entity, key));
    let standing = choices::standing(committer.plan(), committer.books(), tx, wanted, stored).await?;
    for (index, of) in open.into_iter().zip(of) {
        let place = |entity: usize, key: &Key| (entity, key.as_str().to_owned());
        let Decided::One(entity) = choices::decide(&of, |entity, key| standing.contains_key(&place(entity, key)))
        else {
            continue;
        };
        let id = of.iter().find(|(of, _)| *of == entity).and_then(|(_, key)| standing.get(&place(entity, key)));
        let table = waiting[index].table(committer.entity());
        let column = &table.schema.columns[table.columns[waiting[index].reference(committer.entity()).columns[0]]];
        parents[index] = id.and_then(|id| convert::refit(id.clone(), column).ok()).map(|id| vec![id]);
    }
    Ok(())
}

/// Returns whether these values can be a key of the parent.
fn is_key_of(reference: &ReferencePlan, key: &[Value]) -> bool {
    let is_one_of =
        |(value, &column): (&Value, &usize)| convert::refit(value.clone(), &reference.parent.columns[column]).is_ok();
    key.len() == reference.parent_columns.len() && key.iter().zip(&reference.parent_columns).all(is_one_of)
}

/// Fills references in; returns those that the target refused, with its reasons. They stay NULL.
pub async fn fill(
    tx: &mut dyn Transaction,
    entity: &EntityPlan,
    found: Vec<Found>,
) -> Result<Vec<(Waiting, Refusal)>, Failure> {
    let mut refused = Vec::new();
    let mut parts = vec![by_row(found)];
    while let Some(mut part) = parts.pop() {
        let Some(refusal) = fill_part(tx, entity, &part).await? else { continue };
        if part.len() > 1 {
            let behind = part.split_off(part.len() / 2);
            parts.extend([behind, part]);
            continue;
        }
        let row = part.pop().unwrap_or_default();
        if let [_] = row.as_slice() {
            refused.extend(row.into_iter().map(|(waiting, _)| (waiting, refusal.clone())));
            continue;
        }
        let left = all_but_one(tx, entity, row).await?;
        parts.extend(left.into_iter().rev().map(|reference| vec![vec![reference]]));
    }
    Ok(refused)
}

/// Fills in all references of a row but one, which may be what the target is against while the others need each other;
/// returns those that are left.
async fn all_but_one(
    tx: &mut dyn Transaction,
    entity: &EntityPlan,
    mut row: Vec<Found>,
) -> Result<Vec<Found>, TargetError> {
    for left_out in 0..row.len() {
        let one = row.remove(left_out);
        let part = [row];
        let refusal = fill_part(tx, entity, &part).await?;
        [row] = part;
        if refusal.is_none() {
            return Ok(vec![one]);
        }
        row.insert(left_out, one);
    }
    Ok(row)
}

/// The references of each row together, rows in the order of their first ones.
fn by_row(found: Vec<Found>) -> Vec<Vec<Found>> {
    let mut rows: Vec<Vec<Found>> = Vec::new();
    let mut places: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
    for reference in found {
        let place = (reference.0.table, reference.0.nulled.row_key_blob.clone());
        let place = *places.entry(place).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(row) => row.push(reference),
            None => rows.push(vec![reference]),
        }
    }
    rows
}

/// Fills in all of these rows, or none where the target refuses one of them.
async fn fill_part(
    tx: &mut dyn Transaction,
    entity: &EntityPlan,
    part: &[Vec<Found>],
) -> Result<Option<Refusal>, TargetError> {
    // One call takes rows that share their columns.
    let mut calls: BTreeMap<(usize, Vec<usize>), Vec<Vec<Value>>> = BTreeMap::new();
    for row in part {
        let Some((first, _)) = row.first() else { continue };
        let table = first.table(entity);
        let (mut columns, mut values) = (table.key.clone(), first.row_key());
        for (waiting, parent) in row {
            let of_table = waiting.reference(entity).columns.iter().map(|&column| table.columns[column]);
            for (column, value) in of_table.zip(parent) {
                // Two references may share a column.
                if !columns.contains(&column) {
                    columns.push(column);
                    values.push(value.clone());
                }
            }
        }
        calls.entry((first.table, columns)).or_default().push(values);
    }
    tx.savepoint("fill").await?;
    let mut filled = Ok(());
    for ((table, columns), rows) in &calls {
        let table = &entity.tables[*table];
        let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let call = Rows { table: &table.schema, columns, key: &table.key, rows: &rows };
        filled = rewritten::update(tx, table, call).await;
        if filled.is_err() {
            break;
        }
    }
    // What is deferred would otherwise be said by the commit, and of nobody.
    if filled.is_ok() {
        filled = tx.check_constraints().await;
    }
    let refusal = match filled {
        Ok(()) => None,
        Err(TargetError::Refused(refusal)) => {
            tx.rollback_to("fill").await?;
            Some(refusal)
        }
        Err(error) => return Err(error),
    };
    tx.release("fill").await?;
    Ok(refusal)
}
