//! One case: from its input to what the plugin makes of it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use super::extended_json::from_bson;
use super::extended_json::to_bson;
use crate::Accepted;
use crate::Description;
use crate::Outcome;
use crate::Problem;
use crate::Record;
use crate::RowRef;
use crate::Setup;
use crate::TargetColumn;
use crate::TargetTable;
use crate::Transformer;
use crate::Validator;
use crate::ValidatorSetup;
use crate::bson::Document;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    setup: SetupInput,
    #[serde(default)]
    documents: Vec<Value>,
    #[serde(default)]
    rows: Vec<RowInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupInput {
    entity: String,
    #[serde(default = "record_key")]
    key: Vec<String>,
    #[serde(default)]
    into: Vec<String>,
    #[serde(default)]
    tables: serde_json::Map<String, Value>,
    #[serde(default = "empty_object")]
    config: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowInput {
    table: String,
    row: Value,
}

fn record_key() -> Vec<String> {
    vec!["_id".to_owned()]
}

fn empty_object() -> Value {
    json!({})
}

fn read(input: &Value) -> Result<Input, String> {
    Input::deserialize(input).map_err(|error| error.to_string())
}

pub(super) fn config(input: &Value) -> Value {
    input.pointer("/setup/config").cloned().unwrap_or_else(empty_object)
}

pub(super) fn transformer<T: Transformer>(input: &Value) -> Result<Value, String> {
    let Input { setup: SetupInput { entity, key, into, config, .. }, documents, .. } = read(input)?;
    let setup = Setup { entity, key, into };
    let instance = || crate::config::parse(&config.to_string()).map_err(|problem| vec![problem]);
    let description = match instance().and_then(|config| T::describe(&setup, &config)) {
        Ok(description) => description,
        Err(found) => return Ok(json!({"problems": problems(found)})),
    };
    let fresh = || {
        let new = instance().and_then(|config| T::new(&setup, config));
        new.map_err(|found| format!("expected `new` to take what `describe` accepted, found {}", problems(found)))
    };
    let shared = fresh()?;
    let mut outcomes = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let bytes = to_bson(document)?;
        let record = Record::new(Document::new(&bytes).map_err(|error| error.to_string())?);
        let place = |message| format!("document {index}: {message}");
        let (found, again) = (
            guarded(|| shared.transform(record)).map_err(place)?,
            fresh().and_then(|fresh| guarded(|| fresh.transform(record))).map_err(place)?,
        );
        if found != again {
            return Err(place("expected the same outcome from a fresh instance".to_owned()));
        }
        outcomes.push(outcome(&description, found).map_err(|message| format!("document {index}: {message}"))?);
    }
    Ok(json!({"description": described(&description), "outcomes": outcomes}))
}

pub(super) fn validator<V: Validator>(input: &Value) -> Result<Value, String> {
    let Input { setup, rows, .. } = read(input)?;
    let (setup, config) = validator_setup(setup);
    let configured = crate::config::parse(&config.to_string()).map_err(|problem| vec![problem]);
    let validator = match configured.and_then(|config| V::new(&setup, config)) {
        Ok(validator) => validator,
        Err(found) => return Ok(json!({"problems": problems(found)})),
    };
    let mut violations = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let (table, bytes) = row_of(&setup, row).map_err(|message| format!("row {index}: {message}"))?;
        let body = Document::new(&bytes).map_err(|error| error.to_string())?;
        let found = guarded(|| validator.validate(RowRef { table, body }));
        for found in found.map_err(|message| format!("row {index}: {message}"))? {
            violations
                .push(json!({"row": index, "code": found.code, "column": found.column, "message": found.message}));
        }
    }
    Ok(json!({"violations": violations}))
}

/// Names what would be a trap in a component, so that the other cases are still run.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        format!("panicked: {text}")
    })
}

/// One call of a plugin, ready to be made over and over, and the number of its records.
type Call = (Box<dyn FnMut()>, usize);
/// Makes a call of at least so many records of a case.
pub(super) type MakeCall = fn(&Value, usize) -> Result<Call, String>;

pub(super) fn transformer_call<T: Transformer>(input: &Value, records_min: usize) -> Result<Call, String> {
    let Input { setup: SetupInput { entity, key, into, config, .. }, documents, .. } = read(input)?;
    let setup = Setup { entity, key, into };
    let documents = documents.iter().map(to_bson).collect::<Result<Vec<_>, _>>()?;
    let (documents, config) = (repeated(documents, records_min), config.to_string());
    let fresh = move || {
        let config = crate::config::parse(&config).map_err(|problem| vec![problem]);
        config.and_then(|config| T::new(&setup, config)).map_err(|found| problems(found).to_string())
    };
    fresh()?;
    let records = documents.len();
    let call = move || {
        let transformer = fresh().expect("a configuration that was taken before");
        for document in documents.iter().filter_map(|bytes| Document::new(bytes).ok()) {
            // What a component's rows go through on their way out.
            if let Ok(Accepted::Rows(rows)) = transformer.transform(Record::new(document)) {
                rows.into_iter().for_each(|row| drop(std::hint::black_box(row.into_body())));
            }
        }
    };
    Ok((Box::new(call), records))
}

pub(super) fn validator_call<V: Validator>(input: &Value, records_min: usize) -> Result<Call, String> {
    let Input { setup, rows, .. } = read(input)?;
    let (setup, config) = validator_setup(setup);
    let rows = rows.iter().map(|row| row_of(&setup, row)).collect::<Result<Vec<_>, _>>()?;
    let (rows, config) = (repeated(rows, records_min), config.to_string());
    let fresh = move || {
        let config = crate::config::parse(&config).map_err(|problem| vec![problem]);
        config.and_then(|config| V::new(&setup, config)).map_err(|found| problems(found).to_string())
    };
    fresh()?;
    let records = rows.len();
    let call = move || {
        let validator = fresh().expect("a configuration that was taken before");
        for (table, bytes) in &rows {
            if let Ok(body) = Document::new(bytes) {
                drop(std::hint::black_box(validator.validate(RowRef { table: *table, body })));
            }
        }
    };
    Ok((Box::new(call), records))
}

fn repeated<T: Clone>(records: Vec<T>, records_min: usize) -> Vec<T> {
    let times = records_min.div_ceil(records.len().max(1));
    records.iter().cycle().take(records.len() * times).cloned().collect()
}

fn validator_setup(setup: SetupInput) -> (ValidatorSetup, Value) {
    let tables = setup.tables.into_iter().map(|(name, columns)| {
        let columns = columns.as_object().into_iter().flatten().map(|(name, target_type)| TargetColumn {
            name: name.clone(),
            target_type: target_type.as_str().unwrap_or_default().to_owned(),
        });
        TargetTable { name, columns: columns.collect() }
    });
    (ValidatorSetup { entity: setup.entity, tables: tables.collect() }, setup.config)
}

/// Returns the index of a row's table, and the row in BSON.
fn row_of(setup: &ValidatorSetup, row: &RowInput) -> Result<(u32, Vec<u8>), String> {
    let table = setup.tables.iter().position(|table| table.name == row.table);
    let table = table.and_then(|table| u32::try_from(table).ok());
    let table = table.ok_or_else(|| format!("expected a table of the setup, found `{}`", row.table))?;
    Ok((table, to_bson(&row.row)?))
}

fn problems(problems: Vec<Problem>) -> Value {
    problems.into_iter().map(|problem| json!({"pointer": problem.pointer, "message": problem.message})).collect()
}

/// A table reads `{"name", "columns": ["plain", "reference -> entity"], "key"?, "id"?}`.
fn described(description: &Description) -> Value {
    let tables = description.tables.iter().map(|table| {
        let columns = table.columns.iter().map(|column| match column.references.join(" | ") {
            entities if entities.is_empty() => column.name.clone(),
            entities => format!("{} -> {entities}", column.name),
        });
        let mut shown = json!({"name": table.name, "columns": columns.collect::<Vec<_>>()});
        if !table.key.is_empty() {
            shown["key"] = json!(table.key);
        }
        if let Some(id) = &table.id {
            shown["id"] = json!(id);
        }
        shown
    });
    json!({"tables": tables.collect::<Vec<_>>(), "reads": description.reads, "ignores": description.ignores})
}

fn outcome(description: &Description, outcome: Outcome) -> Result<Value, String> {
    let rows = match outcome {
        Ok(Accepted::Rows(rows)) => rows,
        Ok(Accepted::Skip(reason)) => return Ok(json!({"skip": reason})),
        Err(found) => {
            return Ok(json!({"reject": {"code": found.code, "field": found.field, "message": found.message}}));
        }
    };
    if rows.is_empty() {
        return Err("expected at least one row, found none: skip the record, with a reason".to_owned());
    }
    let rows = rows.into_iter().map(|row| {
        let table = description.tables.get(row.table() as usize);
        let table = table.ok_or_else(|| format!("expected a described table, found index {}", row.table()))?;
        let body = from_bson(&row.into_body())?;
        let mut columns = body.as_object().into_iter().flatten().map(|(column, _)| column);
        if let Some(column) = columns.find(|column| table.columns.iter().all(|known| known.name != **column)) {
            return Err(format!("expected a described column of `{}`, found `{column}`", table.name));
        }
        Ok(json!({"table": table.name, "row": body}))
    });
    Ok(json!({"rows": rows.collect::<Result<Vec<_>, String>>()?}))
}
