//! The validator `json-fields`: JSON in a row is JSON, and as the configuration wants it.
//!
//! Every `$json` value must parse, configured or not. Text in a configured column must hold JSON as well.

mod requirement;
mod scan;

use indexmap::IndexMap;
use serde::Deserialize;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::RowRef;
use whimbrel_sdk::Validator;
use whimbrel_sdk::ValidatorSetup;
use whimbrel_sdk::Violation;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

use crate::requirement::Requirement;

/// The configuration: table, column, requirement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    tables: IndexMap<String, IndexMap<String, Requirement>>,
}

/// The requirements of each table's columns.
pub struct JsonFields {
    tables: Vec<IndexMap<String, Requirement>>,
}

impl Validator for JsonFields {
    const SUMMARY: &'static str = "JSON values parse and have the type, keys, depth and size asked for.";
    const CONFIG_SCHEMA: &'static str = include_str!("config.schema.json");
    type Config = Config;

    fn new(setup: &ValidatorSetup, mut config: Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let root = Pointer::root().key("tables");
        for (name, requirements) in &config.tables {
            let pointer = root.key(name);
            let Some(table) = setup.tables.iter().find(|table| table.name == *name) else {
                problems.push(Problem::new(pointer, format!("expected a table of the entity, found `{name}`")));
                continue;
            };
            for (column, requirement) in requirements {
                let pointer = pointer.key(column);
                if table.columns.iter().all(|known| known.name != *column) {
                    let message = format!("expected a column of `{name}`, found `{column}`");
                    problems.push(Problem::new(&pointer, message));
                }
                problems.extend(requirement.problems(&pointer));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let tables = setup.tables.iter().map(|table| config.tables.swap_remove(&table.name).unwrap_or_default());
        Ok(Self { tables: tables.collect() })
    }

    fn validate(&self, row: RowRef<'_>) -> Vec<Violation> {
        let mut violations = Vec::new();
        for field in row.body.fields() {
            let Ok((name, value)) = field.and_then(|field| Ok((field.name()?, field.value))) else {
                violations.push(Violation::new("malformed-row", "expected BSON, found bytes that are not"));
                break;
            };
            let requirement = self.tables.get(row.table as usize).and_then(|columns| columns.get(name));
            violations.extend(violation(requirement, value).map(|violation| violation.at(name)));
        }
        violations
    }
}

fn violation(requirement: Option<&Requirement>, raw: Raw<'_>) -> Option<Violation> {
    let text = match (raw.value(), requirement) {
        (Ok(Value::Null), _) => return None,
        (Ok(Value::Document(form)), _) => match (form.get("$json"), requirement) {
            (Ok(Some(json)), _) => match json.value() {
                Ok(Value::Text(text)) => text,
                _ => return Some(not_json("JSON text", json)),
            },
            (_, Some(_)) => return Some(not_json("JSON", raw)),
            (_, None) => return None,
        },
        (Ok(Value::Text(text)), Some(_)) => text,
        (_, Some(_)) => return Some(not_json("JSON", raw)),
        (_, None) => return None,
    };
    match scan::scan(text) {
        Ok(facts) => requirement.and_then(|requirement| requirement.violation(text, &facts)),
        Err(error) => Some(Violation::new("invalid-json", format!("expected JSON, found text that is not: {error}"))),
    }
}

fn not_json(expected: &str, raw: Raw<'_>) -> Violation {
    Violation::new("not-json", format!("expected {expected}, found {}", raw.kind().words()))
}

whimbrel_sdk::export_validator!(JsonFields);
