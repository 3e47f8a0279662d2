//! What a component said, as an expected file has it.

use bson::Bson;
use bson::RawDocument;
use serde_json::Value;
use serde_json::json;

use crate::plugin::error::Problem;
use crate::plugin::row::RecordFault;
use crate::plugin::transformer::Description;
use crate::plugin::transformer::Outcome;
use crate::plugin::transformer::Transformer;
use crate::plugin::validator::Violation;

pub(super) fn problems(problems: &[Problem]) -> Value {
    problems.iter().map(|problem| json!({"pointer": problem.pointer, "message": problem.message})).collect()
}

/// A table reads `{"name", "columns": ["plain", "reference -> entity"], "key"?, "id"?}`.
pub(super) fn description(description: &Description) -> Value {
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

pub(super) fn outcome(
    transformer: &Transformer,
    description: &Description,
    outcome: &Result<Outcome, RecordFault>,
) -> Value {
    let rows = match outcome {
        Ok(Outcome::Rows(rows)) => rows,
        Ok(Outcome::Skip(reason)) => return json!({"skip": reason}),
        Ok(Outcome::Reject { code, field, message }) => {
            return json!({"reject": {"code": code, "field": field, "message": message}});
        }
        Err(found) => return fault(found),
    };
    let rows = rows.iter().map(|row| {
        transformer.check(row)?;
        let table = usize::try_from(row.table).ok().and_then(|table| description.tables.get(table));
        let body = body(&row.body).map_err(RecordFault::malformed_row)?;
        Ok(json!({"table": table.map(|table| &table.name), "row": body}))
    });
    match rows.collect::<Result<Vec<_>, RecordFault>>() {
        Ok(rows) => json!({"rows": rows}),
        Err(found) => fault(&found),
    }
}

pub(super) fn violations(row: usize, found: &Result<Vec<Violation>, RecordFault>) -> Vec<Value> {
    let shown = |violation: &Violation| {
        let Violation { code, column, message, .. } = violation;
        json!({"row": row, "code": code, "column": column, "message": message})
    };
    match found {
        Ok(violations) => violations.iter().map(shown).collect(),
        Err(found) => {
            let mut shown = fault(found);
            shown["row"] = json!(row);
            vec![shown]
        }
    }
}

fn fault(fault: &RecordFault) -> Value {
    json!({"fault": {"code": fault.code, "message": fault.message}})
}

/// Returns a row body in Extended JSON; plain doubles and integers of either size are JSON numbers.
fn body(bytes: &[u8]) -> Result<Value, String> {
    let document = RawDocument::from_bytes(bytes).and_then(bson::Document::try_from);
    document.map(|document| Bson::Document(document).into_relaxed_extjson()).map_err(|error| error.to_string())
}
