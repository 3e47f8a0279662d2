//! One batch that was read and mapped again, beside what stands in the target and what the ledger says.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use serde::Deserialize;
use serde::Serialize;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::NulledReference;
use super::committed::Known;
use super::committed::KnownRow;
use super::junction;
use super::layout::column_names;
use super::ledger;
use super::ledger::Fate;
use super::merge;
use super::numbering;
use super::parents::Parents;
use super::parents::look_up_ids;
use super::resolve::Resolved;
use super::resolve::Settled;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::IdStrategy;
use crate::plan::Later;
use crate::plan::Plan;
use crate::plan::ReferencePlan;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// References of one table to ids that may not have been known when the row was written.
const REFERENCES_MAX: usize = 8;

/// One difference between what is expected and what is found. A row has one at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The record, by its index in the batch.
    pub record: usize,
    /// The table, by its index in the plan, and the row's compact key; `None` where the whole record is meant.
    pub row: Option<(usize, Vec<u8>)>,
    /// What differs.
    pub what: What,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The ledger has the row, and it stands there no more.
    Missing,
    /// It comes out now and did not before; nothing stands there.
    New,
    /// It comes out now and did not before, and other values stand there that nobody of this migration wrote.
    Taken(Vec<Field>),
    /// Other values stand there. `is_ours` says that they are those that were written.
    Changed {
        /// Field by field.
        fields: Vec<Field>,
        /// Whether nobody has touched them since.
        is_ours: bool,
    },
    /// It was written and comes out no more; it stands there. `is_ours` as above.
    Gone {
        /// Whether nobody has touched it since.
        is_ours: bool,
        /// What the ledger has of it.
        digest: u64,
    },
    /// A row of a junction that came out of the record before and does no more; it stands there, and another record may
    /// give it.
    Shared,
    /// The source has other bytes for this record than those that were read.
    SourceChanged,
    /// The record is set aside now, for this reason.
    Rejected {
        /// Short and stable.
        code: String,
        /// One sentence.
        message: String,
    },
}

/// One field of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The column.
    pub field: String,
    /// What comes out of the record.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Compared {
    /// Rows.
    pub rows: u64,
    /// In the order of the records.
    pub differences: Vec<Difference>,
    /// The ledger's digests of rows, by table and key.
    pub digests: HashMap<(usize, Vec<u8>), u64>,
}

/// Whose batch is compared.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The entity's index in it.
    pub entity: usize,
    /// The statements on whimbrel's own tables.
    pub books: &'a Bookkeeping,
    /// Whether references may still wait for the entity's end.
    pub waits: bool,
}

/// A row that stands where one is expected, whether or not they differ.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The record, by its index in the batch.
    pub record: usize,
    /// The table, by its index in the plan.
    pub table: usize,
    /// The row's compact key.
    pub key: &'a [u8],
    /// What comes out of the record, one a fed column.
    pub expected: &'a [Value],
    /// What stands there.
    pub found: &'a [Value],
}

/// What is told of every pair.
pub type Each<'a> = dyn FnMut(Pair<'_>) + Send + 'a;

/// Rows of the target by table and compact key.
type Standing = HashMap<(usize, Vec<u8>), Vec<Value>>;

/// Compares; `known` is one a record, in order.
pub async fn compare(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    known: &[Option<&Known>],
) -> Result<Compared, Failure> {
    compare_each(place, tx, resolved, known, &mut |_| {}).await
}

/// As [`compare`], and tells of every row that stands where this migration wrote one.
pub async fn compare_each(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    known: &[Option<&Known>],
    each: &mut Each<'_>,
) -> Result<Compared, Failure> {
    let entity = &place.plan.entities[place.entity];
    let mut parents = Parents::default();
    let numbered = numbering::known(place.plan, place.entity, place.books, tx, resolved, &mut parents).await?;
    let resolved = &*numbered;
    let looked_up = look_up_ids(place.plan, place.entity, place.books, tx, resolved, &mut parents).await?;
    let standing = standing(place, tx, resolved, known).await?;
    let table_at = |name: &str| entity.tables.iter().position(|table| table.schema.name == name);
    let mut compared = Compared::default();
    for (record, settled) in resolved.records.iter().enumerate() {
        let Some(known) = known[record].filter(|known| !known.fate.is_kept_back()) else { continue };
        let mut differs = |row, what| compared.differences.push(Difference { record, row, what });
        let source = resolved.batch.body(&resolved.batch.records[record]);
        if ledger::source_digest(source) != known.source {
            differs(None, What::SourceChanged);
            continue;
        }
        let rows = match settled {
            Settled::Rows(range) => range.clone(),
            Settled::Skip(_) => 0..0,
            Settled::Dead(refused) => {
                differs(None, What::Rejected { code: refused.code.clone(), message: refused.message.clone() });
                continue;
            }
        };
        let mut ledger_rows: HashMap<(usize, &[u8]), &KnownRow> = HashMap::new();
        for row in &known.rows {
            if let Some(table) = table_at(&row.table) {
                ledger_rows.insert((table, &row.key), row);
            }
        }
        let mut came: HashSet<(usize, &[u8])> = HashSet::new();
        for index in rows {
            let row = &resolved.rows[index];
            let table = &entity.tables[row.table];
            // What becomes of it is not for its record to say.
            if row.is_deferred {
                continue;
            }
            // A record that was left out keeps no number: another one of its key may have it by now.
            if known.fate == Fate::Skipped && !known.rows.is_empty() && entity.id == IdStrategy::Sequence {
                continue;
            }
            // Two of the plan's tables may be one of the target's.
            let name = table_at(&table.schema.name).unwrap_or(row.table);
            came.insert((name, &row.key));
            let known_row = ledger_rows.get(&(name, row.key.as_slice())).copied();
            // A row that stood there before is somebody else's.
            if known_row.is_some_and(|row| !row.is_ours) {
                continue;
            }
            compared.rows += 1;
            let at = Some((name, row.key.clone()));
            let Some(values) = standing.get(&(row.table, row.key.clone())) else {
                let what = if known_row.is_some() { What::Missing } else { What::New };
                compared.differences.push(Difference { record, row: at, what });
                continue;
            };
            let expected = looked_up.get(&index).unwrap_or(&row.values);
            each(Pair { record, table: row.table, key: &row.key, expected, found: values });
            let mut fields = Vec::new();
            let mut nulled: Option<Vec<NulledReference>> = None;
            for (position, (expected, found)) in expected.iter().zip(values).enumerate() {
                let column = &table.schema.columns[table.columns[position]];
                if value::same_in(&column.kind, expected, found) {
                    continue;
                }
                let unresolved = parents.unresolved.contains(&(index, position));
                if found.is_null() {
                    let recorded = match &mut nulled {
                        Some(recorded) => recorded,
                        none => none.insert(
                            place.books.nulled_of(tx, &entity.name, &table.schema.name, &row.key, false).await?,
                        ),
                    };
                    if unresolved || is_nulled(place, table, position, recorded) {
                        continue;
                    }
                }
                let shown = |value: &Value| packed::display(std::slice::from_ref(value));
                fields.push(Field { field: column.name.clone(), expected: shown(expected), found: shown(found) });
            }
            if fields.is_empty() {
                continue;
            }
            let what = match known_row {
                Some(known) => {
                    let is_ours = was_written(place, tx, table, &row.key, values, known.digest).await?;
                    What::Changed { fields, is_ours }
                }
                None => What::Taken(fields),
            };
            compared.differences.push(Difference { record, row: at, what });
        }
        for (&(table, key), row) in ledger_rows.iter().filter(|(_, row)| row.is_ours) {
            compared.digests.insert((table, key.to_vec()), row.digest);
            if came.contains(&(table, key)) {
                continue;
            }
            compared.rows += 1;
            if let Some(values) = standing.get(&(table, key.to_vec())) {
                let is_ours = was_written(place, tx, &entity.tables[table], key, values, row.digest).await?;
                let what = What::Gone { is_ours, digest: row.digest };
                compared.differences.push(Difference { record, row: Some((table, key.to_vec())), what });
            }
        }
    }
    junction::compare(place, tx, resolved, known, &mut compared, each).await?;
    merge::compare(place, tx, resolved, known, &mut compared).await?;
    Ok(compared)
}

/// Looks up every row that comes out or that the ledger has.
async fn standing(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    known: &[Option<&Known>],
) -> Result<Standing, Failure> {
    let entity = &place.plan.entities[place.entity];
    let mut wanted: BTreeMap<usize, HashSet<&[u8]>> = BTreeMap::new();
    for row in resolved.rows.iter().filter(|row| !row.is_deferred) {
        wanted.entry(row.table).or_default().insert(&row.key);
    }
    for row in known.iter().flatten().flat_map(|known| &known.rows) {
        let is_meant = |table: &TablePlan| table.schema.name == row.table && !entity.leaves(table);
        if let Some(table) = entity.tables.iter().position(is_meant) {
            wanted.entry(table).or_default().insert(&row.key);
        }
    }
    let mut standing = Standing::new();
    for (index, keys) in wanted {
        let table = &entity.tables[index];
        let keys: Vec<Vec<Value>> = keys.into_iter().filter_map(packed::decode).filter(|key| !key.is_empty()).collect();
        for (key, values) in tx.find(&table.schema, &table.key, &keys, &table.columns).await? {
            standing.insert((index, key), values);
        }
    }
    Ok(standing)
}

/// Returns whether a column is NULL because its parent was missing, as recorded, or may be until the entity's end.
fn is_nulled(place: Place<'_>, table: &TablePlan, position: usize, recorded: &[NulledReference]) -> bool {
    table.references.iter().filter(|reference| reference.columns.contains(&position)).any(|reference| {
        let column = column_names(table, reference);
        place.waits && reference.later == Later::FilledIn || recorded.iter().any(|nulled| nulled.column == column)
    })
}

/// Returns whether these are the values that were written, references filled in or not.
///
/// The ledger has the digest of what the row holds when every reference has its parent; what is NULL until then is
/// recorded with its value. Only an id that was not known when the row was written is not in the digest.
async fn was_written(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    table: &TablePlan,
    key: &[u8],
    values: &[Value],
    digest: u64,
) -> Result<bool, Failure> {
    if ledger::digest(values) == digest {
        return Ok(true);
    }
    let entity = &place.plan.entities[place.entity];
    let is_late = |reference: &ReferencePlan| {
        reference.choice.is_some() || reference.entity.is_some_and(|parent| place.plan.entities[parent].id.is_stored())
    };
    let mut whole = values.to_vec();
    for nulled in place.books.nulled_of(tx, &entity.name, &table.schema.name, key, place.waits).await? {
        let reference = table.references.iter().find(|reference| column_names(table, reference) == nulled.column);
        let Some(reference) = reference.filter(|reference| !is_late(reference)) else { continue };
        for (&column, value) in reference.columns.iter().zip(packed::decode(&nulled.value).unwrap_or_default()) {
            if whole[column].is_null() {
                whole[column] = value;
            }
        }
    }
    let mut loose: Vec<&ReferencePlan> = table.references.iter().filter(|reference| is_late(reference)).collect();
    loose.dedup_by(|one, other| one.columns == other.columns);
    loose.truncate(REFERENCES_MAX);
    Ok((0..1_u32 << loose.len()).any(|some| {
        let mut before = whole.clone();
        for (_, reference) in loose.iter().enumerate().filter(|(index, _)| some >> index & 1 == 1) {
            let nulled = reference.columns.iter().filter(|&&column| table.may_be_null(column));
            nulled.for_each(|&column| before[column] = Value::Null);
        }
        ledger::digest(&before) == digest
    }))
}
