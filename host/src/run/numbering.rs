//! What a batch needs of the target before it is laid out: stored ids by source key, numbers that the target gives
//! (`id = "sequence"`), and which of several entities a reference is to.
//!
//! Every record with rows whose key has no number yet takes the next one, whatever becomes of it: so it makes no
//! difference where a batch ends. A target that never takes a number back is asked for them in a transaction before the
//! batch's, which notes them: what an interrupted run has taken, the next one gives to the same records.
//!
//! A record that is tried again, and fails again, gives its number back: it has a place in the source already.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Numbering;
use super::choices;
use super::choices::Ids;
use super::layout::Dead;
use super::layout::LayoutError;
use super::layout::Place;
use super::ledger;
use super::merge;
use super::parents::Parents;
use super::parents::fetch_ids;
use super::resolve::Decided;
use super::resolve::Resolved;
use super::resolve::ResolvedRow;
use super::resolve::Settled;
use super::resolve::repeats_keys;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::OnConflict;
use crate::plan::Plan;
use crate::plan::TablePlan;
use crate::record::Key;
use crate::record::Value;
use crate::record::convert;
use crate::record::key::EntityIds;
use crate::record::value;

/// A batch with the stored ids that its rows need for their keys.
pub struct Numbered<'a> {
    plan: &'a Plan,
    entity: usize,
    original: &'a Resolved,
    batch: Cow<'a, Resolved>,
    /// Ids that are known: by entity, then by source key.
    known: HashMap<usize, HashMap<String, Value>>,
    /// Ids of rows that stand in the target under the key of a record's, by record.
    standing: HashMap<usize, Value>,
    /// Ids of the records that stand among those that a reference may be to.
    chosen: Ids,
    numbering: Numbering,
    /// The record that each of the first spare numbers was given to, and whether it has a use for it.
    given: Vec<(usize, bool)>,
    /// Whether numbers that were not given stay taken.
    keeps_numbers: bool,
    /// Records, each with an earlier one of the batch that it has a number or a reference from.
    shares: Vec<(usize, usize)>,
    dead: BTreeSet<usize>,
}

/// Notes enough numbers for a batch, where the target would not take them back. A transaction of its own.
pub async fn reserve(
    place: Place<'_>,
    target: &dyn Target,
    resolved: &Resolved,
    parents: &mut Parents,
) -> Result<(), LayoutError> {
    let entity = &place.plan.entities[place.entity];
    let Some((table, id)) = numbered_column(entity) else { return Ok(()) };
    let Some(number) = numbered_sequence(entity).and_then(|sequence| target.kept_number(sequence)) else {
        return Ok(());
    };
    if own_keys(entity, resolved).next().is_none() {
        return Ok(());
    }
    let mut tx = target.begin().await?;
    let wanted = own_keys(entity, resolved).map(|(_, key)| (place.entity, key.as_str()));
    fetch_ids(place.plan, place.books, &mut *tx, wanted, parents).await?;
    let lacking = own_keys(entity, resolved).filter(|(_, key)| parents.stored_id(place.entity, key.as_str()).is_none());
    let lacking = lacking.count();
    let stored = place.books.numbering(&mut *tx, &entity.name).await?;
    let count = lacking.saturating_sub(stored.as_ref().map_or(0, |numbering| numbering.spare.len()));
    if count == 0 {
        return Ok(tx.rollback().await?);
    }
    if stored.is_none() {
        // Rows that stand there already may be ahead of it.
        let moved = tx.advance_sequence(&table.schema, table.columns[id]).await?;
        tell(&moved);
    }
    // Taken and noted by one message: a process that ends in between would lose them.
    tx.execute_and_commit(&place.books.taking_numbers(&entity.name, &number, count)).await?;
    crate::stop_point!("numbers-taken");
    Ok(())
}

/// Says that a sequence was behind the rows.
pub fn tell(moved: &Option<crate::connector::target::Advanced>) {
    if let Some(moved) = moved {
        let (from, to) = (moved.from, moved.to);
        tracing::info!(sequence = moved.sequence, column = moved.column, from, to, "moved behind the ids of its rows");
    }
}

/// Puts the stored ids that are known into a batch; no number is taken. A row whose key is not known has none.
pub async fn known<'a>(
    plan: &Plan,
    entity: usize,
    books: &Bookkeeping,
    tx: &mut dyn Transaction,
    resolved: &'a Resolved,
    parents: &mut Parents,
) -> Result<Cow<'a, Resolved>, Failure> {
    if !has_open(resolved) {
        return Ok(Cow::Borrowed(resolved));
    }
    fetch_ids(plan, books, tx, wanted(resolved), parents).await?;
    let chosen = choices::standing(plan, books, tx, open_choices(resolved), parents).await?;
    let mut batch = resolved.clone();
    for row in batch.rows.iter_mut().filter(|row| is_open(row)) {
        let table = &plan.entities[entity].tables[row.table];
        for choice in row.choices.iter_mut().filter(|choice| choice.is == Decided::No) {
            // Where several have one by now, the row was written when one had.
            let id = choice.of.iter().find_map(|(of, key)| Some((*of, chosen.get(&(*of, key.as_str().to_owned()))?)));
            let Some((of, id)) = id else { continue };
            choice.is = Decided::One(of);
            if let Ok(id) = convert::fit(id.clone(), column_of(table, choice.column)) {
                row.values[choice.column] = id;
            }
        }
        let is_own = |column: usize, of: usize| of == entity && table.id == Some(column);
        for (column, parent, key) in &row.pending {
            if let Some(id) = parents.stored_id(*parent, key.as_str())
                && (is_own(*column, *parent) || is_in_key(table, *column))
                && let Ok(id) = convert::fit(id, column_of(table, *column))
            {
                row.values[*column] = id;
            }
        }
        let is_unknown =
            |(column, ..): &(usize, usize, Key)| is_in_key(table, *column) && row.values[*column].is_null();
        let is_unknown = row.pending.iter().any(is_unknown) || has_open_key(table, row);
        row.key = if is_unknown { Vec::new() } else { key_of(table, &row.values) };
        let values = &row.values;
        row.pending.retain(|(column, ..)| values[*column].is_null());
        row.digest = ledger::digest(values);
    }
    merge::collapse(plan, &plan.entities[entity], &resolved.rows, &mut batch);
    Ok(Cow::Owned(batch))
}

impl<'a> Numbered<'a> {
    /// Looks up the ids that are known, and takes numbers for the records that have none.
    pub async fn new(
        place: Place<'a>,
        target: &dyn Target,
        tx: &mut dyn Transaction,
        resolved: &'a Resolved,
        parents: &mut Parents,
    ) -> Result<Self, LayoutError> {
        let mut numbered = Self {
            plan: place.plan,
            entity: place.entity,
            original: resolved,
            batch: Cow::Borrowed(resolved),
            known: HashMap::new(),
            standing: HashMap::new(),
            chosen: Ids::new(),
            numbering: Numbering::default(),
            given: Vec::new(),
            keeps_numbers: numbered_sequence(&place.plan.entities[place.entity])
                .is_some_and(|name| target.kept_number(name).is_some()),
            shares: Vec::new(),
            dead: BTreeSet::new(),
        };
        if !has_open(resolved) {
            return Ok(numbered);
        }
        let entity = numbered.entity();
        fetch_ids(place.plan, place.books, tx, wanted(resolved), parents).await?;
        numbered.chosen = choices::standing(place.plan, place.books, tx, open_choices(resolved), parents).await?;
        for (of, key) in wanted(resolved) {
            if let Some(id) = parents.stored_id(of, key) {
                numbered.known.entry(of).or_default().insert(key.to_owned(), id);
            }
        }
        if let Some((table, id)) = numbered_column(entity) {
            let lacking = own_keys(entity, resolved).filter(|(_, key)| numbered.known_id(place.entity, key).is_none());
            let lacking: Vec<usize> = lacking.map(|(record, _)| record).collect();
            if !lacking.is_empty() {
                numbered.numbering = place.books.numbering(tx, &entity.name).await?.unwrap_or_default();
                if let Some(count) =
                    lacking.len().checked_sub(numbered.numbering.spare.len()).filter(|count| *count > 0)
                {
                    let Numbering { last, spare } = &mut numbered.numbering;
                    spare.extend(tx.take_numbers(&table.schema, table.columns[id], *last, count).await?);
                }
                numbered.standing = standing(entity, table, id, tx, resolved, &lacking).await?;
            }
        }
        numbered.put()?;
        Ok(numbered)
    }

    /// Returns the batch with the ids in it.
    pub fn batch(&self) -> &Resolved {
        &self.batch
    }

    /// Numbers the batch anew where records have something from one that is dead: it is as if that had not been there. Returns whether anything changed.
    pub fn is_changed_by(&mut self, refused: &Dead, set_aside: &Dead) -> Result<bool, Failure> {
        let is_dead = |record: &usize| refused.contains_key(record) || set_aside.contains_key(record);
        let changes = |(_, first): &(usize, usize)| is_dead(first) && !self.dead.contains(first);
        if !self.shares.iter().any(changes) {
            return Ok(false);
        }
        self.dead.extend(refused.keys().chain(set_aside.keys()));
        self.put()?;
        Ok(true)
    }

    /// Stores how far the numbering has come, with the batch. `again` are the records that live, where all of them were
    /// tried before: the others give their numbers back.
    pub async fn save(
        &self,
        place: Place<'_>,
        tx: &mut dyn Transaction,
        again: Option<&HashSet<usize>>,
    ) -> Result<(), TargetError> {
        if self.given.is_empty() {
            return Ok(());
        }
        let is_used =
            |(record, has_use): &(usize, bool)| again.is_none_or(|living| *has_use && living.contains(record));
        let (given, left) = self.numbering.spare.split_at(self.given.len());
        let given = given.iter().copied().zip(self.given.iter().map(is_used));
        let (used, back): (Vec<_>, Vec<_>) = given.partition(|(_, is_used)| *is_used);
        let last = used.into_iter().map(|(number, _)| number).max().max(self.numbering.last);
        // What lies behind the last one, a target that takes numbers back gives again by itself.
        let stays_taken = |number: &i64| self.keeps_numbers || Some(*number) < last;
        let spare = back.into_iter().map(|(number, _)| number).chain(left.iter().copied());
        let numbering = Numbering { last, spare: spare.filter(stays_taken).collect() };
        place.books.save_numbering(tx, &self.entity().name, &numbering).await
    }

    fn entity(&self) -> &'a EntityPlan {
        &self.plan.entities[self.entity]
    }

    fn known_id(&self, entity: usize, key: &Key) -> Option<&Value> {
        self.known.get(&entity)?.get(key.as_str())
    }

    /// Puts the ids into the rows' keys, and the numbers into the records' own rows.
    fn put(&mut self) -> Result<(), Failure> {
        let (original, entity) = (self.original, self.entity());
        let mut batch = original.clone();
        let mut holders: HashMap<&str, (usize, Value)> = HashMap::new();
        let mut living: HashMap<&str, usize> = HashMap::new();
        let ids = EntityIds::new(&self.plan.namespace, &entity.name);
        self.shares.clear();
        self.given.clear();
        let own_keys: HashMap<usize, &Key> =
            numbered_column(entity).map(|_| own_keys(entity, original).collect()).unwrap_or_default();
        for (record, settled) in original.records.iter().enumerate() {
            let Settled::Rows(range) = settled else { continue };
            let own_key = own_keys.get(&record).copied();
            let mut is_new = false;
            let number = match own_key {
                None => None,
                Some(key) => match (self.known_id(self.entity, key), holders.get(key.as_str())) {
                    (Some(id), _) => Some(id.clone()),
                    (None, Some((first, id))) => {
                        let id = id.clone();
                        self.shares.push((record, *first));
                        Some(id)
                    }
                    (None, None) => {
                        let next = self.numbering.spare.get(self.given.len()).copied();
                        let next =
                            next.ok_or_else(|| Failure::bug("fewer numbers were taken than there are records"))?;
                        is_new = !self.standing.contains_key(&record);
                        self.given.push((record, is_new));
                        let id = self.standing.get(&record).cloned().unwrap_or(Value::Integer(next));
                        if !self.dead.contains(&record) {
                            holders.insert(key.as_str(), (record, id.clone()));
                        }
                        Some(id)
                    }
                },
            };
            let source_key = original.batch.records[record].key.as_ref();
            let has_id = original.rows[range.clone()].iter().any(|row| entity.tables[row.table].id.is_some());
            for index in range.clone() {
                let row = &mut batch.rows[index];
                if !is_open(row) {
                    continue;
                }
                let table = &entity.tables[row.table];
                let mut choices = std::mem::take(&mut row.choices);
                for choice in choices.iter_mut().filter(|choice| choice.is == Decided::No) {
                    let is_own = |of: usize, key: &Key| of == self.entity && has_id && Some(key) == source_key;
                    let earlier = |of: usize, key: &Key| living.get(key.as_str()).filter(|_| of == self.entity);
                    let stands = |of: usize, key: &Key| self.chosen.get(&(of, key.as_str().to_owned()));
                    let leans = choice.of.iter().filter(|(of, key)| stands(*of, key).is_none() && !is_own(*of, key));
                    self.shares.extend(leans.filter_map(|(of, key)| Some((record, *earlier(*of, key)?))));
                    choice.is = choices::decide(&choice.of, |of, key| {
                        stands(of, key).is_some() || is_own(of, key) || earlier(of, key).is_some()
                    });
                    // Those that have become one are one.
                    if let Decided::Several(several) = &choice.is {
                        let key_of = |one: &usize| choice.of.iter().find(|(of, _)| of == one).map(|(_, key)| key);
                        let ids: Option<Vec<&Value>> = several.iter().map(|one| stands(*one, key_of(one)?)).collect();
                        if ids.is_some_and(|ids| ids.windows(2).all(|pair| pair[0] == pair[1])) {
                            choice.is = Decided::One(several[0]);
                        }
                    }
                    let Decided::One(one) = choice.is else { continue };
                    let Some((_, key)) = choice.of.iter().find(|(of, _)| *of == one) else { continue };
                    let place = column_of(table, choice.column);
                    let id = match stands(one, key) {
                        Some(id) => convert::fit(id.clone(), place).ok(),
                        None => choices::computed(entity.id, &ids, key, place),
                    };
                    row.referred.push((choice.column, key.clone()));
                    match id {
                        Some(id) => row.values[choice.column] = id,
                        // The id of a record of this batch, which is not computed.
                        None => row.pending.push((choice.column, one, key.clone())),
                    }
                }
                row.choices = choices;
                let mut settled = Vec::new();
                for (column, parent, key) in &row.pending {
                    let is_own = *parent == self.entity && Some(key) == own_key;
                    let earlier = holders.get(key.as_str()).filter(|_| *parent == self.entity).map(|(_, id)| id);
                    let id = match &number {
                        Some(number) if is_own => Some(number),
                        // All other references are filled in by the layout, which judges one record after another.
                        _ if is_in_key(table, *column) => self.known_id(*parent, key).or(earlier),
                        _ => None,
                    };
                    let Some(id) = id else { continue };
                    let place = column_of(table, *column);
                    match convert::fit(id.clone(), place) {
                        Ok(id) => row.values[*column] = id,
                        Err(mismatch) if is_own => {
                            let message = format!("`{}.{}`: {mismatch}", table.schema.name, place.name);
                            return Err(Failure::failed(message)
                                .hint("give the column a type that holds every number that the target may give"));
                        }
                        // No id of this column's: the parent will be missing.
                        Err(_) => continue,
                    }
                    if is_own {
                        settled.push(*column);
                    }
                }
                let has_number = |column: usize| table.id == Some(column) && is_in_key(table, column);
                row.is_numbered = is_new && settled.iter().any(|&column| has_number(column));
                let is_unknown =
                    |(column, ..): &(usize, usize, Key)| is_in_key(table, *column) && row.values[*column].is_null();
                if !row.pending.iter().any(is_unknown) && !has_open_key(table, row) {
                    row.key = key_of(table, &row.values);
                }
                row.pending.retain(|(column, ..)| !settled.contains(column));
                row.digest = ledger::digest(&row.values);
            }
            if let Some(key) = source_key.filter(|_| has_id && !self.dead.contains(&record)) {
                living.entry(key.as_str()).or_insert(record);
            }
        }
        merge::collapse(self.plan, entity, &original.rows, &mut batch);
        batch.repeats_keys = repeats_keys(&entity.tables, &batch.rows);
        self.batch = Cow::Owned(batch);
        Ok(())
    }
}

/// The table and the fed column that the target numbers, where it does so.
fn numbered_column(entity: &EntityPlan) -> Option<(&TablePlan, usize)> {
    entity.main_table().filter(|_| entity.id == IdStrategy::Sequence)
}

/// The sequence that does so.
fn numbered_sequence(entity: &EntityPlan) -> Option<&str> {
    let (table, id) = numbered_column(entity)?;
    table.schema.columns[table.columns[id]].sequence.as_deref()
}

fn has_open(resolved: &Resolved) -> bool {
    resolved.rows.iter().any(is_open)
}

/// Whether something of a row hangs on what the target says; of a junction's row, only at the end.
fn is_open(row: &ResolvedRow) -> bool {
    !row.is_deferred && (!row.pending.is_empty() || row.choices.iter().any(|choice| choice.is == Decided::No))
}

/// Whether a row's key holds a reference to a record that no entity has, or several.
fn has_open_key(table: &TablePlan, row: &ResolvedRow) -> bool {
    row.choices.iter().any(|choice| !matches!(choice.is, Decided::One(_)) && is_in_key(table, choice.column))
}

fn open_choices(resolved: &Resolved) -> impl Iterator<Item = (usize, &Key)> + Clone {
    let choices = resolved.rows.iter().flat_map(|row| &row.choices).filter(|choice| choice.is == Decided::No);
    choices.flat_map(|choice| &choice.of).map(|(entity, key)| (*entity, key))
}

fn wanted(resolved: &Resolved) -> impl Iterator<Item = (usize, &str)> {
    let own = resolved.rows.iter().filter(|row| !row.is_deferred);
    own.flat_map(|row| &row.pending).map(|(_, entity, key)| (*entity, key.as_str()))
}

/// The records with rows of their own that have a number, and their keys.
fn own_keys<'a>(entity: &'a EntityPlan, resolved: &'a Resolved) -> impl Iterator<Item = (usize, &'a Key)> {
    let of_record = |(record, settled): (usize, &'a Settled)| {
        let Settled::Rows(range) = settled else { return None };
        let has_id = resolved.rows[range.clone()].iter().any(|row| entity.tables[row.table].id.is_some());
        Some((record, resolved.batch.records[record].key.as_ref().filter(|_| has_id)?))
    };
    resolved.records.iter().enumerate().filter_map(of_record)
}

/// Looks up the ids of rows that stand under the keys of these records' rows, where a row is told apart by something else
/// than its number: it keeps the one that it has.
async fn standing(
    entity: &EntityPlan,
    table: &TablePlan,
    id: usize,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    records: &[usize],
) -> Result<HashMap<usize, Value>, TargetError> {
    if is_in_key(table, id) || entity.on_conflict == OnConflict::Fail {
        return Ok(HashMap::new());
    }
    let mut keys: Vec<(usize, Vec<Value>)> = Vec::new();
    for &record in records {
        let Settled::Rows(range) = &resolved.records[record] else { continue };
        let row =
            resolved.rows[range.clone()].iter().find(|row| entity.tables[row.table].schema.name == table.schema.name);
        let Some(row) = row.filter(|row| !row.pending.iter().any(|(column, ..)| is_in_key(table, *column))) else {
            continue;
        };
        keys.push((record, key_values(table, &row.values).cloned().collect()));
    }
    let sought: Vec<Vec<Value>> = keys.iter().map(|(_, key)| key.clone()).collect();
    let found = tx.find(&table.schema, &table.key, &sought, &[table.columns[id]]).await?;
    let of_key = |(record, key): &(usize, Vec<Value>)| {
        let id = found.get(&value::encode(key))?.first().filter(|id| !id.is_null())?;
        Some((*record, id.clone()))
    };
    Ok(keys.iter().filter_map(of_key).collect())
}

fn column_of(table: &TablePlan, fed: usize) -> &crate::record::Column {
    &table.schema.columns[table.columns[fed]]
}

fn is_in_key(table: &TablePlan, fed: usize) -> bool {
    table.key.contains(&table.columns[fed])
}

fn key_values<'a>(table: &'a TablePlan, values: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    let positions = table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key));
    positions.map(|position| &values[position])
}

fn key_of(table: &TablePlan, values: &[Value]) -> Vec<u8> {
    let mut key = Vec::new();
    key_values(table, values).for_each(|value| value::encode_into(value, &mut key));
    key
}
