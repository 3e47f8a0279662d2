//! Some rows of a junction, in the order of their keys, on the way to their places: one place a row.
//!
//! Rows are judged one after another, each by what stands in the target and by the rows before it, so that it makes no
//! difference where a page ends.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use super::write::Answer;
use super::write::write;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::JunctionPlan;
use crate::plan::Plan;
use crate::plan::junction::OnDifference;
use crate::plan::junction::OnMissingParent;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::CONFLICTING;
use crate::run::bookkeeping::DROPPED;
use crate::run::bookkeeping::DeferredRow;
use crate::run::bookkeeping::LeftOutRow;
use crate::run::bookkeeping::REFUSED;
use crate::run::claimed::Claimed;
use crate::run::claimed::RowKey;
use crate::run::layout::column_names;

/// One row on the way.
pub(super) struct Candidate {
    /// As its record gave it.
    pub row: DeferredRow,
    /// Indexes of the schema's columns that it feeds.
    pub columns: Vec<usize>,
    /// Its compact key.
    pub key: Vec<u8>,
    /// Where it has ended.
    pub place: Option<Place>,
}

/// Where a row has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Inserted,
    /// It stood there before.
    Unchanged,
    /// It stood there because of another row of the migration.
    Collapsed,
    /// The reason, the columns at fault, and why in words.
    LeftOut(&'static str, String, String),
}

impl Candidate {
    /// Finds the columns of a row; fails where the table has them no more.
    pub(super) fn new(junction: &JunctionPlan, row: DeferredRow) -> Result<Self, Failure> {
        let table = &junction.table;
        let lacks = |column: &str| {
            Failure::failed(format!(
                "rows that wait for `{}` have the column `{column}`, and the table has none",
                row.table
            ))
            .hint("the table or the mapping has changed since they were read; put the column back")
        };
        let known = row.columns.iter().map(|name| table.schema.column(name).ok_or_else(|| lacks(name)));
        let columns: Vec<usize> = known.collect::<Result<_, _>>()?;
        let value_of = |&column: &usize| {
            let fed = columns.iter().position(|fed| *fed == column).and_then(|fed| row.values.get(fed));
            fed.cloned().ok_or_else(|| lacks(&table.schema.columns[column].name))
        };
        let key = table.key.iter().map(value_of).collect::<Result<Vec<Value>, _>>()?;
        Ok(Self { key: value::encode(&key), row, columns, place: None })
    }

    pub(super) fn key_values(&self) -> Vec<Value> {
        packed::decode(&self.key).unwrap_or_default()
    }

    /// Returns its key for people.
    fn shown_key(&self, junction: &JunctionPlan) -> String {
        let names = junction.table.key.iter().map(|&column| &junction.table.schema.columns[column].name);
        let pairs = names.zip(self.key_values()).map(|(name, value)| {
            // Of what was never found, the key that it was looked for by.
            let shown = match (&value, self.row.source_key(name)) {
                (Value::Null, Some(key)) => format!("the id of `{key}`"),
                _ => packed::display(std::slice::from_ref(&value)),
            };
            format!("{name} = {shown}")
        });
        format!("({})", pairs.collect::<Vec<_>>().join(", "))
    }

    fn value_at(&self, column: usize) -> Option<&Value> {
        self.row.values.get(self.columns.iter().position(|fed| *fed == column)?)
    }

    /// Says where it comes from, and what is wrong with it.
    fn failure(&self, junction: &JunctionPlan, why: &str) -> Failure {
        let DeferredRow { entity, document, record_key, table, .. } = &self.row;
        let row = self.shown_key(junction);
        Failure::failed(format!(
            "`{table}`: the row {row} of the record `{record_key}` (document {document} of `{entity}`): {why}"
        ))
    }

    /// Leaves it out for want of a parent, or fails where the junction's policy says so.
    pub(super) fn drop(&mut self, junction: &JunctionPlan, column: String, why: String) -> Result<(), Failure> {
        if junction.on_missing == OnMissingParent::Fail {
            return Err(self.failure(junction, &why).hint(format!(
                "`[junction.{}] on-missing` says `fail`: put the missing row there and run the same command again, or say \
                 `drop` and run it with `--accept-change`, which leaves such rows out and lists them",
                junction.name()
            )));
        }
        self.place = Some(Place::LeftOut(DROPPED, column, why));
        Ok(())
    }

    fn conflict(&mut self, junction: &JunctionPlan, standing: &[Value]) -> Result<(), Failure> {
        let differs = self.differing(junction, standing);
        let shown = |value: &Value| packed::display(std::slice::from_ref(value));
        let name = |fed: usize| junction.table.schema.columns[self.columns[fed]].name.clone();
        let column = differs.iter().map(|&fed| name(fed)).collect::<Vec<_>>().join(", ");
        let pairs = differs.iter().map(|&fed| {
            format!(
                "`{}` is {} in it and {} in the row that stands",
                name(fed),
                shown(&self.row.values[fed]),
                shown(&standing[fed])
            )
        });
        let why = pairs.collect::<Vec<_>>().join(", ");
        if junction.on_difference == OnDifference::Fail {
            return Err(self.failure(junction, &why).hint(format!(
                "`[junction.{}] on-difference` says `fail`: mend the source or the mapping, or say `keep-first` and run \
                 the same command again with `--accept-change`",
                junction.name()
            )));
        }
        self.place = Some(Place::LeftOut(CONFLICTING, column, why));
        Ok(())
    }

    /// Returns which of its values are others than those that stand.
    fn differing(&self, junction: &JunctionPlan, standing: &[Value]) -> Vec<usize> {
        let kind = |fed: usize| &junction.table.schema.columns[self.columns[fed]].kind;
        let differs = |&fed: &usize| !value::same_in(kind(fed), &standing[fed], &self.row.values[fed]);
        (0..self.columns.len().min(standing.len())).filter(differs).collect()
    }

    /// Returns what is recorded of it where it is left out.
    pub(super) fn left_out(&self, junction: &JunctionPlan) -> Option<LeftOutRow> {
        let Some(Place::LeftOut(reason, column, why)) = &self.place else { return None };
        Some(LeftOutRow {
            row: self.row.clone(),
            reason,
            row_key: self.shown_key(junction),
            row_key_blob: self.key.clone(),
            column: column.clone(),
            why: why.clone(),
        })
    }
}

/// Leaves out the rows that lack a parent: asked once a reference, whether the target enforces it or not.
pub(super) async fn drop_orphans(
    plan: &Plan,
    junction: &JunctionPlan,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let table = &junction.table;
    for reference in &table.references {
        // For each row, the key that it looks for, and whether the parent's columns can hold it at all.
        let wanted: Vec<Option<(Vec<Value>, bool)>> = candidates
            .iter()
            .map(|candidate| {
                let mut fits = candidate.place.is_none();
                let pairs = reference.columns.iter().zip(&reference.parent_columns);
                let key = pairs.map(|(&fed, &parent)| {
                    let value = candidate.value_at(table.columns[fed]).filter(|value| !value.is_null())?;
                    Some(convert::refit(value.clone(), &reference.parent.columns[parent]).unwrap_or_else(|_| {
                        fits = false;
                        value.clone()
                    }))
                });
                Some((key.collect::<Option<Vec<Value>>>()?, fits))
            })
            .collect();
        let mut asked: HashMap<Vec<u8>, Vec<Value>> = HashMap::new();
        for (key, _) in wanted.iter().flatten().filter(|(_, fits)| *fits) {
            asked.entry(value::encode(key)).or_insert_with(|| key.clone());
        }
        let asked: Vec<Vec<Value>> = asked.into_values().collect();
        let found = tx.find(&reference.parent, &reference.parent_columns, &asked, &[]).await?;
        let columns = column_names(table, reference);
        let entity = reference.entity.map(|entity| format!(" of `{}`", plan.entities[entity].name)).unwrap_or_default();
        for (candidate, key) in candidates.iter_mut().zip(&wanted).filter(|(candidate, _)| candidate.place.is_none()) {
            let Some((key, fits)) = key else { continue };
            if *fits && found.contains_key(&value::encode(key)) {
                continue;
            }
            let source = candidate.row.source_key(&columns);
            let source = source.map(|key| format!(", the id of the key `{key}`")).unwrap_or_default();
            let parent = &reference.parent.name;
            let why = format!("there is no row{entity} in `{parent}` with {}{source}", packed::display(key));
            candidate.drop(junction, columns.clone(), why)?;
        }
    }
    Ok(())
}

/// Gives every row that has none yet its place: the first of each key that the target takes is written.
pub(super) async fn place(
    junction: &JunctionPlan,
    books: &Bookkeeping,
    claimed: &mut Claimed,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let mut written: HashSet<Vec<u8>> = HashSet::new();
    // Rows whose keys stand; the others of these keys are compared with them.
    let mut standing: HashSet<Vec<u8>> = HashSet::new();
    loop {
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut heads: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let is_open = candidate.place.is_none() && !standing.contains(&candidate.key);
            if is_open && seen.insert(&candidate.key) {
                heads.entry(candidate.columns.clone()).or_default().push(index);
            }
        }
        if heads.is_empty() {
            break;
        }
        for (columns, heads) in heads {
            let rows: Vec<&[Value]> = heads.iter().map(|&head| candidates[head].row.values.as_slice()).collect();
            let answers = write(tx, &junction.table, &columns, &rows).await?;
            let mut conflicts: Vec<(usize, Vec<Value>)> = Vec::new();
            for (head, answer) in heads.into_iter().zip(answers) {
                let candidate = &mut candidates[head];
                match answer {
                    Answer::Inserted => {
                        candidate.place = Some(Place::Inserted);
                        written.insert(candidate.key.clone());
                        standing.insert(candidate.key.clone());
                    }
                    Answer::Stands(values) => {
                        standing.insert(candidate.key.clone());
                        conflicts.push((head, values));
                    }
                    Answer::Refused(refusal) => {
                        let column = refusal.column.clone().or_else(|| refusal.constraint.clone()).unwrap_or_default();
                        candidate.place = Some(Place::LeftOut(REFUSED, column, refusal.words()));
                    }
                }
            }
            place_conflicts(junction, books, claimed, tx, candidates, conflicts, &written).await?;
        }
    }
    compare_others(junction, tx, candidates).await
}

/// Rows whose keys stood there: because of this migration, or before it.
async fn place_conflicts(
    junction: &JunctionPlan,
    books: &Bookkeeping,
    claimed: &mut Claimed,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
    conflicts: Vec<(usize, Vec<Value>)>,
    written: &HashSet<Vec<u8>>,
) -> Result<(), Failure> {
    if conflicts.is_empty() {
        return Ok(());
    }
    // A collation may find two spellings equal: what stands there is what was claimed.
    let standing_key = |candidate: &Candidate, standing: &[Value]| -> RowKey {
        let fed = junction.table.key.iter().filter_map(|key| candidate.columns.iter().position(|column| column == key));
        let key: Vec<Value> = fed.filter_map(|fed| standing.get(fed).cloned()).collect();
        (junction.name().to_owned(), value::encode(&key))
    };
    let keys: HashSet<RowKey> =
        conflicts.iter().map(|(index, standing)| standing_key(&candidates[*index], standing)).collect();
    let known = claimed.among(tx, books, &junction.ledger_name(), &keys).await?;
    for (index, standing) in conflicts {
        let candidate = &mut candidates[index];
        if !candidate.differing(junction, &standing).is_empty() {
            candidate.conflict(junction, &standing)?;
            continue;
        }
        let key = standing_key(candidate, &standing);
        let is_ours = known.contains_key(&key) || written.contains(&key.1);
        candidate.place = Some(if is_ours { Place::Collapsed } else { Place::Unchanged });
    }
    Ok(())
}

/// Compares the rows that are left with those of their keys that stand by now.
async fn compare_others(
    junction: &JunctionPlan,
    tx: &mut dyn Transaction,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let table = &junction.table;
    let mut others: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.place.is_none()) {
        others.entry(candidate.columns.clone()).or_default().push(index);
    }
    for (columns, others) in others {
        let keys: HashSet<&[u8]> = others.iter().map(|&other| candidates[other].key.as_slice()).collect();
        let keys: Vec<Vec<Value>> = keys.into_iter().filter_map(packed::decode).collect();
        let found = tx.find(&table.schema, &table.key, &keys, &columns).await?;
        for other in others {
            let candidate = &mut candidates[other];
            let Some(standing) = found.get(&candidate.key) else {
                let what = format!("look up the row {} of `{}`", candidate.shown_key(junction), junction.name());
                let source = "it has just been written, and does not stand there".into();
                return Err(TargetError::Database { what, source }.into());
            };
            match candidate.differing(junction, standing).is_empty() {
                true => candidate.place = Some(Place::Collapsed),
                false => candidate.conflict(junction, standing)?,
            }
        }
    }
    Ok(())
}
