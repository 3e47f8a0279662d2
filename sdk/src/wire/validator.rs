//! The validator world.

use std::cell::OnceCell;

pub use bindings::exports::whimbrel::plugin::validator::Guest;
pub use bindings::exports::whimbrel::plugin::validator::Setup;
pub use bindings::exports::whimbrel::plugin::validator::Violation;
use bindings::whimbrel::plugin::types::Documents;
pub use bindings::whimbrel::plugin::types::Identity;
use bindings::whimbrel::plugin::types::PayloadKind;
pub use bindings::whimbrel::plugin::types::Problem;
pub use bindings::whimbrel::plugin::types::Rows;

use crate::RowRef;
use crate::TargetColumn;
use crate::TargetTable;
use crate::Validator;
use crate::ValidatorSetup;
use crate::bson::Document;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/since-v0.1.0",
        world: "validator-plugin",
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

/// Says what the component is.
pub fn about<V: Validator>() -> Identity {
    Identity { summary: V::SUMMARY.to_owned(), payload: PayloadKind::Bson, config_schema: V::CONFIG_SCHEMA.to_owned() }
}

/// Prepares the instance.
pub fn configure<V: Validator>(setup: Setup, cell: &OnceCell<V>) -> Result<(), Vec<Problem>> {
    let config = crate::config::parse(&setup.config).map_err(|problem| problems(vec![problem]))?;
    let tables = setup.tables.into_iter().map(|table| TargetTable {
        name: table.name,
        columns: (table.columns.into_iter())
            .map(|column| TargetColumn { name: column.name, target_type: column.target_type })
            .collect(),
    });
    let setup = ValidatorSetup { entity: setup.entity, tables: tables.collect() };
    let configured = V::new(&setup, config).map_err(problems)?;
    assert!(cell.set(configured).is_ok(), "the host configures an instance once");
    Ok(())
}

/// Checks the rows of a batch.
pub fn validate<V: Validator>(cell: &OnceCell<V>, rows: Rows) -> Vec<Violation> {
    let validator = cell.get().expect("the host configures an instance before it validates");
    let mut violations = Vec::new();
    let Documents::Bson(bodies) = rows.bodies else { panic!("the host sends the payload that was asked for") };
    let mut rest = bodies.as_slice();
    for (index, table) in (0..).zip(rows.tables) {
        let (body, after) = Document::split(rest).expect("the host sends a document for each row");
        rest = after;
        let found = validator.validate(RowRef { table, body });
        violations.extend(found.into_iter().map(|violation| Violation {
            row: index,
            code: violation.code,
            column: violation.column,
            message: violation.message,
        }));
    }
    violations
}

fn problems(problems: Vec<crate::Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| Problem { pointer: problem.pointer, message: problem.message }).collect()
}
