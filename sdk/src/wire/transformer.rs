//! The transformer world.

use std::cell::OnceCell;

pub use bindings::exports::whimbrel::plugin::transformer::Description;
pub use bindings::exports::whimbrel::plugin::transformer::Guest;
pub use bindings::exports::whimbrel::plugin::transformer::Setup;
use bindings::whimbrel::plugin::types::Column;
pub use bindings::whimbrel::plugin::types::Documents;
pub use bindings::whimbrel::plugin::types::Identity;
use bindings::whimbrel::plugin::types::Outcome;
use bindings::whimbrel::plugin::types::PayloadKind;
pub use bindings::whimbrel::plugin::types::Problem;
use bindings::whimbrel::plugin::types::Rejection;
use bindings::whimbrel::plugin::types::Rows;
use bindings::whimbrel::plugin::types::Table;
pub use bindings::whimbrel::plugin::types::Transformed;

use crate::Accepted;
use crate::Record;
use crate::Transformer;
use crate::bson::Document;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/since-v0.1.0",
        world: "transformer-plugin",
        pub_export_macro: true,
        generate_unused_types: true,
    });
}

/// What a document is guessed to take, to begin with lists of a likely length.
const DOCUMENT_BYTES: usize = 512;

/// Says what the component is.
pub fn about<T: Transformer>() -> Identity {
    Identity { summary: T::SUMMARY.to_owned(), payload: PayloadKind::Bson, config_schema: T::CONFIG_SCHEMA.to_owned() }
}

/// Checks a configuration and says what it leads to.
pub fn describe<T: Transformer>(setup: Setup) -> Result<Description, Vec<Problem>> {
    let (setup, config) = read::<T>(setup)?;
    let description = T::describe(&setup, &config).map_err(problems)?;
    let tables = description.tables.into_iter().map(|table| Table {
        name: table.name,
        columns: table
            .columns
            .into_iter()
            .map(|column| Column { name: column.name, references: column.references, sources: column.sources })
            .collect(),
        key: table.key,
        id: table.id,
    });
    Ok(Description { tables: tables.collect(), reads: description.reads, ignores: description.ignores })
}

/// Prepares the instance.
pub fn configure<T: Transformer>(setup: Setup, cell: &OnceCell<T>) -> Result<(), Vec<Problem>> {
    let (setup, config) = read::<T>(setup)?;
    let configured = T::new(&setup, config).map_err(problems)?;
    assert!(cell.set(configured).is_ok(), "the host configures an instance once");
    Ok(())
}

/// Transforms a batch.
pub fn transform<T: Transformer>(cell: &OnceCell<T>, documents: Documents) -> Transformed {
    let transformer = cell.get().expect("the host configures an instance before it transforms");
    each(documents, |document| transformer.transform(Record::new(document)))
}

/// Puts together what each of these documents gives.
pub fn each(documents: Documents, mut outcome: impl FnMut(Document<'_>) -> crate::Outcome) -> Transformed {
    let Documents::Bson(bytes) = documents else { panic!("the host sends the payload that was asked for") };
    let mut outcomes = Vec::with_capacity(bytes.len() / DOCUMENT_BYTES);
    let mut tables = Vec::with_capacity(outcomes.capacity());
    let mut bodies = Vec::with_capacity(bytes.len() * 2);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (document, after) = Document::split(rest).expect("the host frames documents by their length");
        outcomes.push(match outcome(document) {
            Ok(Accepted::Rows(rows)) => {
                let count = u32::try_from(rows.len()).expect("rows fit into the memory");
                for row in rows {
                    tables.push(row.table());
                    row.append_to(&mut bodies);
                }
                Outcome::Rows(count)
            }
            Ok(Accepted::Skip(reason)) => Outcome::Skip(reason),
            Err(crate::Rejection { code, field, message }) => Outcome::Reject(Rejection { code, field, message }),
        });
        rest = after;
    }
    Transformed { outcomes, rows: Rows { tables, bodies: Documents::Bson(bodies) } }
}

fn read<T: Transformer>(setup: Setup) -> Result<(crate::Setup, T::Config), Vec<Problem>> {
    let config = crate::config::parse(&setup.config).map_err(|problem| problems(vec![problem]))?;
    Ok((crate::Setup { entity: setup.entity, key: setup.key, into: setup.into }, config))
}

/// Puts problems into the contract's words.
pub fn problems(problems: Vec<crate::Problem>) -> Vec<Problem> {
    problems.into_iter().map(|problem| Problem { pointer: problem.pointer, message: problem.message }).collect()
}
