//! The rows that a batch gives to junctions, beside what stands there: each is expected, but for what is recorded as left
//! out, and for what still waits.

use super::key::sort_key;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::plan::TablePlan;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;
use crate::run::bookkeeping::CONFLICTING;
use crate::run::bookkeeping::DeferredRow;
use crate::run::committed::Known;
use crate::run::committed::KnownRow;
use crate::run::compare::Compared;
use crate::run::compare::Difference;
use crate::run::compare::Each;
use crate::run::compare::Field;
use crate::run::compare::Pair;
use crate::run::compare::Place;
use crate::run::compare::What;
use crate::run::ledger;
use crate::run::ledger::Fate;
use crate::run::parents::Parents;
use crate::run::parents::fetch_ids;
use crate::run::resolve::Resolved;
use crate::run::resolve::ResolvedRow;
use crate::run::resolve::Settled;

/// Compares; `known` is one a record, in order. A row that several records give is compared for each of them.
pub async fn compare(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    known: &[Option<&Known>],
    compared: &mut Compared,
    each: &mut Each<'_>,
) -> Result<(), Failure> {
    let entity = &place.plan.entities[place.entity];
    let mut parents = Parents::default();
    for (index, table) in entity.tables.iter().enumerate().filter(|(_, table)| table.junction.is_some()) {
        let name = &table.schema.name;
        let mut rows: Vec<(&ResolvedRow, Vec<Value>, Vec<u8>)> = Vec::new();
        let mut gone: Vec<(usize, Vec<u8>)> = Vec::new();
        let given = resolved.rows.iter().filter(|row| row.table == index).flat_map(|row| &row.pending);
        let wanted = given.map(|(_, parent, key)| (*parent, key.as_str()));
        fetch_ids(place.plan, place.books, tx, wanted, &mut parents).await?;
        for (record, settled) in resolved.records.iter().enumerate() {
            let source = resolved.batch.body(&resolved.batch.records[record]);
            let is_same = |known: &&Known| known.fate != Fate::Dead && known.source == ledger::source_digest(source);
            let (Settled::Rows(range), Some(known)) = (settled, known[record].filter(is_same)) else { continue };
            let given = || resolved.rows[range.clone()].iter().filter(|row| row.table == index);
            let is_gone = |row: &&KnownRow| row.table == *name && !given().any(|given| given.key == row.key);
            gone.extend(known.rows.iter().filter(is_gone).map(|row| (record, row.key.clone())));
            for row in given() {
                let values = with_ids(place, row, &parents);
                let fed = table.key.iter().filter_map(|key| table.columns.iter().position(|column| column == key));
                let key: Vec<Value> = fed.map(|fed| values[fed].clone()).collect();
                rows.push((row, values, value::encode(&key)));
            }
        }
        // One that was given before its ids were known has no key that could stand there.
        let fits = |key: &[u8]| {
            let values = packed::decode(key).unwrap_or_default();
            let columns = table.key.iter().map(|&column| &table.schema.columns[column]);
            values.len() == table.key.len()
                && values.into_iter().zip(columns).all(|(value, of)| convert::fit(value, of).is_ok())
        };
        gone.retain(|(_, key)| fits(key));
        let keys = rows.iter().map(|(_, _, key)| key).chain(gone.iter().map(|(_, key)| key));
        let keys: Vec<Vec<Value>> = keys.filter_map(|key| packed::decode(key)).collect();
        let standing = tx.find(&table.schema, &table.key, &keys, &table.columns).await?;
        // What was left out, of the last record that was asked about.
        let mut left_out: (usize, Vec<(String, Vec<u8>, DeferredRow)>) = (usize::MAX, Vec::new());
        for (row, values, key) in rows {
            compared.rows += 1;
            let found = standing.get(&key);
            let fields: Vec<Field> = found.map_or_else(Vec::new, |found| {
                let pairs = values.iter().zip(found).enumerate();
                let differs = pairs.filter_map(|(fed, (expected, found))| {
                    let column = &table.schema.columns[table.columns[fed]];
                    let shown = |value: &Value| packed::display(std::slice::from_ref(value));
                    (!value::same_in(&column.kind, expected, found)).then(|| Field {
                        field: column.name.clone(),
                        expected: shown(expected),
                        found: shown(found),
                    })
                });
                differs.collect()
            });
            if let Some(found) = found
                && fields.is_empty()
            {
                each(Pair { record: row.record, table: index, key: &key, expected: &values, found });
                continue;
            }
            let document = resolved.batch.records[row.record].document;
            let sort_key = packed::decode(&key).map(|key| sort_key(&key)).unwrap_or_default();
            if place.books.has_deferred_row(tx, name, &sort_key, entity.index as u64, document).await? {
                continue;
            }
            if left_out.0 != row.record {
                left_out = (row.record, place.books.left_out_of(tx, &entity.name, name, document).await?);
            }
            // A conflict has been recorded of a key that stands. Another row may have the key of one that lacks a parent, or
            // was refused; that one has its own comparison.
            let is_meant = |(reason, of_key, row): &(String, Vec<u8>, DeferredRow)| {
                *of_key == key && (found.is_some() || reason != CONFLICTING) && gives(row, table, &values)
            };
            if left_out.1.iter().any(is_meant) {
                continue;
            }
            let was_given = known[row.record]
                .is_some_and(|known| known.rows.iter().any(|given| given.table == *name && given.key == row.key));
            if let Some(found) = found {
                each(Pair { record: row.record, table: index, key: &key, expected: &values, found });
            }
            let what = match found {
                Some(_) if was_given => What::Changed { fields, is_ours: false },
                Some(_) => What::Taken(fields),
                None if was_given => What::Missing,
                None => What::New,
            };
            compared.differences.push(Difference { record: row.record, row: Some((index, key)), what });
        }
        let shared = gone.into_iter().filter(|(_, key)| standing.contains_key(key));
        compared.differences.extend(shared.map(|(record, key)| {
            let row = Some((index, key));
            Difference { record, row, what: What::Shared }
        }));
    }
    Ok(())
}

/// Returns whether a row that was left out has these values, in the columns that it feeds as well.
fn gives(row: &DeferredRow, table: &TablePlan, values: &[Value]) -> bool {
    table.columns.iter().zip(values).all(|(&column, value)| {
        let column = &table.schema.columns[column];
        let fed = row.columns.iter().position(|name| *name == column.name).and_then(|fed| row.values.get(fed));
        fed.is_none_or(|fed| value::same_in(&column.kind, fed, value))
    })
}

/// The values of a row with the ids that are stored; NULL where one is not there.
fn with_ids(place: Place<'_>, row: &ResolvedRow, parents: &Parents) -> Vec<Value> {
    let table = &place.plan.entities[place.entity].tables[row.table];
    let mut values = row.values.clone();
    for (fed, parent, key) in &row.pending {
        let column = &table.schema.columns[table.columns[*fed]];
        let id = parents.stored_id(*parent, key.as_str());
        values[*fed] = id.and_then(|id| convert::fit(id, column).ok()).unwrap_or(Value::Null);
    }
    values
}
