//! The rows of a batch go into the target; those that it refuses are found by bisection between savepoints.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::HashSet;

use super::Again;
use super::Attempt;
use super::CommitError;
use super::Committer;
use super::sift::Next;
use super::sift::Sifting;
use super::sift::rows_of;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::OnConflict;
use crate::record::Value;
use crate::record::value;
use crate::run::bookkeeping::Checkpoint;
use crate::run::claimed::RowKey;
use crate::run::claimed::claimed_by;
use crate::run::layout::Dead;
use crate::run::layout::Layout;
use crate::run::layout::display_key;
use crate::run::layout::repeated_key;
use crate::run::ledger::RowFate;
use crate::run::resolve::Resolved;
use crate::run::resolve::Settled;
use crate::run::rewritten;
use crate::run::transform::Refused;

/// How many savepoints the search for refused rows may set in one batch.
const SAVEPOINTS_MAX: usize = 20_000;

/// What became of the rows of some records, tried together.
enum Part {
    Written(Vec<(usize, RowFate)>),
    Refused(Refusing),
}

enum Refusing {
    /// These records, for what stands in the target.
    Records(Dead),
    /// This record.
    Record(usize, Box<Refused>),
    /// One of them, and the target does not say which.
    Somebody(Refusal),
}

impl Committer {
    /// Writes the rows of the living records and returns what became of each row. A refused record joins the dead.
    pub(super) async fn write(
        &mut self,
        tx: &mut dyn Transaction,
        from: &Checkpoint,
        resolved: &Resolved,
        layout: &Layout,
        dead: &mut Dead,
        checks_each: bool,
    ) -> Result<Vec<Option<RowFate>>, Attempt> {
        let (row_fates, dead_before) = (vec![None; resolved.rows.len()], dead.len());
        let row_fates =
            self.write_records(tx, from, resolved, layout, &layout.records, row_fates, dead, checks_each).await?;
        // Not those that repeat a key within the batch: nobody has to look for them.
        self.refuses_many = Sifting::is_worth_it(dead.len() - dead_before);
        Ok(row_fates)
    }

    /// Returns what the target has against the records that repeat a key, beyond that: what it would say if the first
    /// one of the key stood in an earlier batch. Nothing of it stays.
    pub(super) async fn ask_about_repeated(
        &mut self,
        tx: &mut dyn Transaction,
        from: &Checkpoint,
        resolved: &Resolved,
        layout: &Layout,
        row_fates: &[Option<RowFate>],
        checks_each: bool,
    ) -> Result<Dead, Attempt> {
        let mut dead = Dead::new();
        let records = layout.repeating();
        if !records.is_empty() {
            tx.savepoint("repeated").await?;
            let row_fates = row_fates.to_vec();
            self.write_records(tx, from, resolved, layout, &records, row_fates, &mut dead, checks_each).await?;
            tx.rollback_to("repeated").await?;
            tx.release("repeated").await?;
        }
        Ok(dead)
    }

    #[expect(clippy::too_many_arguments, reason = "one search, each argument another thing")]
    async fn write_records(
        &mut self,
        tx: &mut dyn Transaction,
        from: &Checkpoint,
        resolved: &Resolved,
        layout: &Layout,
        records: &[usize],
        mut row_fates: Vec<Option<RowFate>>,
        dead: &mut Dead,
        checks_each: bool,
    ) -> Result<Vec<Option<RowFate>>, Attempt> {
        // Parts, each with whether it is to be bisected whatever else is done.
        let mut waiting = vec![(records, false)];
        let mut savepoints = 0;
        let dead_before = dead.len();
        let mut sifting = Sifting::new(!checks_each && matches!(self.again, Again::No), self.refuses_many);
        while let Some((records, is_bisected)) = waiting.pop() {
            if records.is_empty() {
                continue;
            }
            if sifting.is_on() && !is_bisected {
                match sifting.next(tx, self, resolved, layout, records).await? {
                    Next::Standing(part) => waiting.extend([(&records[part.len()..], false), (part, true)]),
                    Next::New(part) => {
                        match self.sift(tx, resolved, layout, part, &mut row_fates, dead).await? {
                            None => sifting.close(),
                            Some(settled) => {
                                part.get(settled).into_iter().for_each(|record| sifting.stands(*record));
                                waiting.push((&records[settled..], false));
                            }
                        }
                        if !sifting.is_on() {
                            waiting.push((records, false));
                        }
                    }
                }
            } else {
                savepoints += 1;
                if savepoints > SAVEPOINTS_MAX {
                    return Err(Failure::failed(format!(
                        "the target refused rows of `{}` beyond {SAVEPOINTS_MAX} savepoints",
                        self.entity().name
                    ))
                    .into());
                }
                tx.savepoint("part").await?;
                let refused = match self.write_part(tx, resolved, layout, records, &row_fates, checks_each).await? {
                    Part::Written(fates) => {
                        tx.release("part").await?;
                        for (row, fate) in fates {
                            row_fates[row] = Some(fate);
                        }
                        continue;
                    }
                    Part::Refused(refused) => refused,
                };
                tx.rollback_to("part").await?;
                tx.release("part").await?;
                let left = self.left_over(resolved, records, refused, dead);
                waiting.extend(left.into_iter().rev().map(|part| (part, is_bisected)));
                sifting.refused(dead.len() - dead_before);
            }
            if layout.depends_on(dead, |row| resolved.rows[row].record) {
                // Others were judged by it: they must be judged again before the target does.
                return Ok(row_fates);
            }
            let of_source = resolved.records.iter().filter(|settled| matches!(settled, Settled::Dead(_))).count();
            let dead_now = of_source + dead.len() + layout.set_aside.keys().filter(|at| !dead.contains_key(at)).count();
            if self.is_over_budget(from, dead_now as u64, resolved.records.len() as u64) {
                dead.extend(layout.set_aside.iter().map(|(record, refused)| (*record, refused.clone())));
                return Err(Attempt::Commit(CommitError::OverBudget(self.letters(resolved, dead))));
            }
        }
        Ok(row_fates)
    }

    /// Notes the records of a part that are known to be refused; returns what is to be tried again of it, in order.
    fn left_over<'r>(
        &self,
        resolved: &Resolved,
        records: &'r [usize],
        refused: Refusing,
        dead: &mut Dead,
    ) -> Vec<&'r [usize]> {
        match (refused, records) {
            // Several at once, by their keys: the others get another try together.
            (Refusing::Records(refused), _) => {
                dead.extend(refused);
                records.split(|record| dead.contains_key(record)).collect()
            }
            // Rows go in table by table, and updates come last: what was in its way may be the row of a record that falls
            // itself with a later table, or that has yet to be updated. Then only the first one is judged.
            (Refusing::Record(record, refused), _) => {
                let place = records.iter().position(|&other| other == record).unwrap_or_default();
                let entity = self.entity();
                let is_exact = entity.tables.len() == 1 && entity.on_conflict != OnConflict::Update;
                let is_judged = place == 0 || is_exact;
                if is_judged {
                    dead.insert(record, refused);
                }
                vec![&records[..place], &records[place + usize::from(is_judged)..]]
            }
            (Refusing::Somebody(refusal), [record]) => {
                let table = self.table_of(resolved, *record, &refusal);
                dead.insert(*record, refused_row(resolved, &Refusal { table, ..refusal }));
                Vec::new()
            }
            (Refusing::Somebody(_), _) => {
                let (left, right) = records.split_at(records.len() / 2);
                vec![left, right]
            }
        }
    }

    /// Returns the table that a refusal of this record is about: the only one that it has rows for, where the target does
    /// not say it.
    fn table_of(&self, resolved: &Resolved, record: usize, refusal: &Refusal) -> String {
        let mut tables: Vec<usize> = match &resolved.records[record] {
            Settled::Rows(range) => resolved.rows[range.clone()].iter().map(|row| row.table).collect(),
            _ => Vec::new(),
        };
        tables.dedup();
        match (refusal.table.as_str(), &tables[..]) {
            ("", &[only]) => self.entity().tables[only].schema.name.clone(),
            (said, _) => said.to_owned(),
        }
    }

    async fn write_part(
        &mut self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        layout: &Layout,
        records: &[usize],
        earlier: &[Option<RowFate>],
        checks_each: bool,
    ) -> Result<Part, Attempt> {
        let plan = self.plan.clone();
        let entity = &plan.entities[self.entity];
        let mut fates: Vec<(usize, RowFate)> = Vec::new();
        for (table_index, table) in entity.tables.iter().enumerate() {
            let (kept, rows): (Vec<usize>, Vec<usize>) = rows_of(resolved, records, table_index)
                .map(|(_, row)| row)
                .partition(|&row| self.kept_digest(&resolved.rows[row]).is_some());
            fates.extend(kept.into_iter().map(|row| (row, RowFate::Unchanged)));
            if entity.leaves(table) {
                fates.extend(rows.into_iter().map(|row| (row, RowFate::Deferred)));
                continue;
            }
            if rows.is_empty() {
                continue;
            }
            let values: Vec<&[Value]> = rows.iter().map(|&row| layout.values(resolved, row)).collect();
            let call = Rows { table: &table.schema, columns: &table.columns, key: &table.key, rows: &values };
            let inserted = match tx.insert(call).await {
                Ok(inserted) => inserted,
                Err(TargetError::Refused(refusal)) => return Ok(part_refused(resolved, &rows, refusal)),
                Err(error) => return Err(error.into()),
            };
            let conflicts: Vec<(usize, Vec<Value>)> = rows
                .iter()
                .zip(inserted)
                .filter_map(|(&row, inserted)| match inserted {
                    Inserted::New => {
                        fates.push((row, RowFate::Inserted));
                        None
                    }
                    Inserted::Conflict(standing) => Some((row, standing)),
                })
                .collect();
            if conflicts.is_empty() {
                continue;
            }
            let now = fates.iter().filter(|(_, fate)| *fate != RowFate::Skipped).map(|(row, _)| *row);
            let before =
                earlier.iter().enumerate().filter(|(_, fate)| fate.as_ref().is_some_and(|f| *f != RowFate::Skipped));
            let written: Vec<usize> = now.chain(before.map(|(row, _)| row)).collect();
            let refused = self.duplicates(tx, resolved, &conflicts, written.into_iter()).await?;
            if !refused.is_empty() {
                return Ok(Part::Refused(Refusing::Records(refused)));
            }
            let mut updates: Vec<usize> = Vec::new();
            for (row, standing) in conflicts {
                let is_equal = table
                    .columns
                    .iter()
                    .zip(standing.iter().zip(layout.wanted(resolved, row)))
                    .all(|(&column, (old, new))| value::same_in(&table.schema.columns[column].kind, old, new));
                let policy = match self.may_replace(&resolved.rows[row]) {
                    None => entity.on_conflict,
                    Some(true) => OnConflict::Update,
                    Some(false) => OnConflict::Skip,
                };
                let fate = match (is_equal, policy) {
                    (true, _) => RowFate::Unchanged,
                    (false, OnConflict::Update) => {
                        updates.push(row);
                        RowFate::Updated(standing)
                    }
                    (false, OnConflict::Skip | OnConflict::Fail) => RowFate::Skipped,
                };
                fates.push((row, fate));
            }
            if !updates.is_empty() {
                // A number of the target's stays with its row, and some columns take no other.
                let number =
                    table.id.filter(|&id| entity.id == IdStrategy::Sequence && !table.key.contains(&table.columns[id]));
                let fed: Vec<usize> = (0..table.columns.len()).filter(|&fed| Some(fed) != number).collect();
                let columns: Vec<usize> = fed.iter().map(|&fed| table.columns[fed]).collect();
                let values = updates.iter().map(|&row| layout.values(resolved, row));
                let values: Vec<Cow<'_, [Value]>> = match number {
                    None => values.map(Cow::Borrowed).collect(),
                    Some(_) => values.map(|values| fed.iter().map(|&fed| values[fed].clone()).collect()).collect(),
                };
                let values: Vec<&[Value]> = values.iter().map(AsRef::as_ref).collect();
                let call = Rows { columns: &columns, rows: &values, ..call };
                match rewritten::update(tx, table, call).await {
                    Ok(()) => {}
                    // A row behind it may have come before it: alone, it is judged.
                    Err(TargetError::Refused(refusal)) => return Ok(Part::Refused(Refusing::Somebody(refusal))),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let checked = match checks_each {
            true => tx.check_constraints().await,
            false => Ok(()),
        };
        let checked = match checked {
            Ok(()) => check_inserted(tx, entity, resolved, layout, &fates).await,
            refused => refused,
        };
        match checked {
            Ok(()) => Ok(Part::Written(fates)),
            Err(TargetError::Refused(refusal)) => Ok(Part::Refused(Refusing::Somebody(refusal))),
            Err(error) => Err(error.into()),
        }
    }

    /// Conflicts with rows that this migration wrote itself are no conflicts but duplicate keys in the source.
    ///
    /// What stands in the target is asked, not what was to be written: a collation may find two spellings equal.
    /// `written` are rows of this transaction.
    async fn duplicates(
        &mut self,
        tx: &mut dyn Transaction,
        resolved: &Resolved,
        conflicts: &[(usize, Vec<Value>)],
        written: impl Iterator<Item = usize>,
    ) -> Result<Dead, Failure> {
        if matches!(self.again, Again::Repair(_)) {
            return Ok(Dead::new());
        }
        let plan = self.plan.clone();
        let entity = &plan.entities[self.entity];
        let table_of = |row: usize| &entity.tables[resolved.rows[row].table];
        let standing_key = |(row, standing): &(usize, Vec<Value>)| -> RowKey {
            let table = table_of(*row);
            let positions = table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key));
            let key: Vec<Value> = positions.map(|position| standing[position].clone()).collect();
            (table.schema.name.clone(), value::encode(&key))
        };
        let keys: HashSet<RowKey> = conflicts.iter().map(standing_key).collect();
        let mut claimed = self.claimed.among(tx, &self.books, &entity.name, &keys).await?;
        for row in written {
            let key = (table_of(row).schema.name.clone(), resolved.rows[row].key.clone());
            if keys.contains(&key) {
                claimed.entry(key).or_insert(resolved.batch.records[resolved.rows[row].record].document);
            }
        }
        let mut claimed: HashMap<RowKey, String> =
            claimed.into_iter().map(|(key, document)| (key, format!("document {document}"))).collect();
        // Another entity may feed the same table.
        for other in plan.entities.iter().filter(|other| other.name != entity.name) {
            if other.tables.iter().any(|table| keys.iter().any(|(name, _)| *name == table.schema.name)) {
                for (key, document) in claimed_by(tx, &self.books, &other.name, &keys).await? {
                    claimed.entry(key).or_insert_with(|| format!("document {document} of `{}`", other.name));
                }
            }
        }
        let mut dead = Dead::new();
        for conflict in conflicts {
            let resolved_row = &resolved.rows[conflict.0];
            let table = table_of(conflict.0);
            let refused = if let Some(from) = claimed.get(&standing_key(conflict)) {
                repeated_key(table, resolved_row, from, &resolved.plugin)
            } else if entity.on_conflict == OnConflict::Fail || resolved_row.is_numbered {
                let key = display_key(table, resolved_row);
                let message =
                    format!("`{}`: the row with the key {key} stands in the target already", table.schema.name);
                write_refusal(resolved, "conflict", None, message)
            } else {
                continue;
            };
            dead.insert(resolved_row.record, refused);
        }
        Ok(dead)
    }
}

/// Looks at the rows again that were inserted, where triggers may have changed them.
async fn check_inserted(
    tx: &mut dyn Transaction,
    entity: &EntityPlan,
    resolved: &Resolved,
    layout: &Layout,
    fates: &[(usize, RowFate)],
) -> Result<(), TargetError> {
    let mut rows: Vec<Vec<&[Value]>> = vec![Vec::new(); entity.tables.len()];
    for (row, _) in fates.iter().filter(|(_, fate)| *fate == RowFate::Inserted) {
        rows[resolved.rows[*row].table].push(layout.values(resolved, *row));
    }
    let inserted = entity.tables.iter().zip(&rows).filter(|(_, rows)| !rows.is_empty());
    let inserted =
        inserted.map(|(table, rows)| Rows { table: &table.schema, columns: &table.columns, key: &table.key, rows });
    rewritten::check_inserted(tx, &inserted.collect::<Vec<_>>()).await
}

fn part_refused(resolved: &Resolved, rows: &[usize], refusal: Refusal) -> Part {
    match refusal.row.and_then(|row| rows.get(row)) {
        Some(&row) => Part::Refused(Refusing::Record(resolved.rows[row].record, refused_row(resolved, &refusal))),
        None => Part::Refused(Refusing::Somebody(refusal)),
    }
}

pub(super) fn refused_row(resolved: &Resolved, refusal: &Refusal) -> Box<Refused> {
    let message = match refusal.table.as_str() {
        "" => refusal.words(),
        table => format!("`{table}`: {}", refusal.words()),
    };
    write_refusal(resolved, refusal.code, refusal.column.clone().or_else(|| refusal.constraint.clone()), message)
}

fn write_refusal(resolved: &Resolved, code: &str, field: Option<String>, message: String) -> Box<Refused> {
    Box::new(Refused { stage: "write", code: code.to_owned(), field, message, plugin: Some(resolved.plugin.clone()) })
}
