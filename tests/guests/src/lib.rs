//! What the guests share: a transformer written against the contract itself, of which a guest changes one thing.
//!
//! Every guest feeds one table, named after its entity, with the columns that its configuration lists:
//! `{"columns": ["_id", "name"]}`; `_id` is the id column where it is among them. A guest is one file in `examples/`.

#![cfg(target_family = "wasm")]

pub mod fixable;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1.0",
        world: "transformer-plugin",
        pub_export_macro: true,
    });
}

pub mod mended;

pub use bindings::exports::whimbrel::plugin::transformer::Description;
pub use bindings::exports::whimbrel::plugin::transformer::Guest;
pub use bindings::exports::whimbrel::plugin::transformer::Outcome;
pub use bindings::exports::whimbrel::plugin::transformer::Rejection;
pub use bindings::exports::whimbrel::plugin::transformer::Setup;
pub use bindings::exports::whimbrel::plugin::transformer::Transformed;
pub use bindings::whimbrel::plugin::types::Column;
pub use bindings::whimbrel::plugin::types::Documents;
pub use bindings::whimbrel::plugin::types::Identity;
pub use bindings::whimbrel::plugin::types::PayloadKind;
pub use bindings::whimbrel::plugin::types::Problem;
pub use bindings::whimbrel::plugin::types::Rows;
pub use bindings::whimbrel::plugin::types::Table;

/// Says what a guest is.
pub fn identity(summary: &str, payload: PayloadKind) -> Identity {
    Identity { summary: summary.to_owned(), payload, config_schema: String::new() }
}

/// Describes the one table.
pub fn describe(setup: &Setup) -> Result<Description, Vec<Problem>> {
    let config: serde_json::Value = serde_json::from_str(&setup.config)
        .map_err(|error| vec![Problem { pointer: String::new(), message: error.to_string() }])?;
    let names = config.get("columns").and_then(serde_json::Value::as_array).into_iter().flatten();
    let names: Vec<_> = names.filter_map(serde_json::Value::as_str).collect();
    let id = names.iter().find(|name| **name == "_id").map(|name| (*name).to_owned());
    let columns = names
        .iter()
        .map(|&name| Column { name: name.to_owned(), references: Vec::new(), sources: vec![name.to_owned()] })
        .collect();
    let name = setup.into.first().unwrap_or(&setup.entity).clone();
    let table = Table { name, columns, key: Vec::new(), id };
    Ok(Description { tables: vec![table], reads: names.into_iter().map(str::to_owned).collect(), ignores: Vec::new() })
}

/// Gives each BSON document's fields back as one row of the table.
pub fn echo(documents: Documents) -> Transformed {
    each_bson(documents, |document| (0, document))
}

/// Makes a row of each BSON document of a batch: `row` gives its table and its body.
pub fn each_bson(documents: Documents, row: impl Fn(&[u8]) -> (u32, &[u8])) -> Transformed {
    let Documents::Bson(bytes) = documents else { panic!("expected BSON, as was asked for") };
    let (mut outcomes, mut tables, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (document, after) = whimbrel_sdk::bson::Document::split(rest).expect("the host frames documents");
        let (table, body) = row(document.bytes());
        outcomes.push(Outcome::Rows(1));
        tables.push(table);
        bodies.extend_from_slice(body);
        rest = after;
    }
    Transformed { outcomes, rows: Rows { tables, bodies: Documents::Bson(bodies) } }
}

/// Gives one outcome a document: a row of the table, or a rejection.
pub fn each(documents: Documents, row: impl Fn(&[u8]) -> Result<Vec<u8>, Rejection>) -> Transformed {
    let Documents::Bson(bytes) = documents else { panic!("expected BSON, as was asked for") };
    let (mut outcomes, mut bodies) = (Vec::new(), Vec::new());
    let mut count = 0;
    for document in crate::documents(&bytes) {
        outcomes.push(match row(document) {
            Ok(body) => {
                bodies.extend(body);
                count += 1;
                Outcome::Rows(1)
            }
            Err(rejection) => Outcome::Reject(rejection),
        });
    }
    Transformed { outcomes, rows: Rows { tables: vec![0; count], bodies: Documents::Bson(bodies) } }
}

/// Says why a record is refused.
pub fn rejection(code: &str, message: &str) -> Rejection {
    Rejection { code: code.to_owned(), field: None, message: message.to_owned() }
}

/// Splits BSON documents that stand one after another.
pub fn documents(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (document, after) = whimbrel_sdk::bson::Document::split(rest).ok()?;
        rest = after;
        Some(document.bytes())
    })
}

/// Returns an integer field.
pub fn number(document: &[u8], field: &str) -> Option<i32> {
    let document = whimbrel_sdk::bson::Document::new(document).expect("the host frames documents");
    match document.get(field).ok().flatten().and_then(|raw| raw.value().ok()) {
        Some(whimbrel_sdk::bson::Value::Int32(number)) => Some(number),
        _ => None,
    }
}

/// Makes a row of a document's `_id` and this name.
pub fn with_name(document: &[u8], name: &[u8]) -> Vec<u8> {
    let id = number(document, "_id").expect("the tests number their documents");
    let mut body = vec![0; 4];
    body.extend(b"\x10_id\0");
    body.extend(id.to_le_bytes());
    body.extend(b"\x02name\0");
    body.extend(u32::try_from(name.len() + 1).expect("a short name").to_le_bytes());
    body.extend(name);
    body.extend(b"\0\0");
    let length = u32::try_from(body.len()).expect("a short row");
    body[..4].copy_from_slice(&length.to_le_bytes());
    body
}

/// Returns whether a document holds `true` in this field.
pub fn is_marked(document: &[u8], field: &str) -> bool {
    let document = whimbrel_sdk::bson::Document::new(document).expect("the host frames documents");
    let marker = document.get(field).ok().flatten().and_then(|raw| raw.value().ok());
    marker == Some(whimbrel_sdk::bson::Value::Bool(true))
}

/// Exports a guest: its summary, and what it makes of a batch of BSON documents.
#[macro_export]
macro_rules! guest {
    ($summary:literal, $transform:expr) => {
        $crate::guest!($summary, Bson, $transform);
    };
    ($summary:literal, $payload:ident, $transform:expr) => {
        $crate::guest!($summary, $payload, $transform, |setup| $crate::describe(&setup));
    };
    ($summary:literal, $payload:ident, $transform:expr, $describe:expr) => {
        struct Component;

        impl $crate::Guest for Component {
            fn about() -> $crate::Identity {
                $crate::identity($summary, $crate::PayloadKind::$payload)
            }
            fn describe(setup: $crate::Setup) -> Result<$crate::Description, Vec<$crate::Problem>> {
                let describe: fn($crate::Setup) -> Result<$crate::Description, Vec<$crate::Problem>> = $describe;
                describe(setup)
            }
            fn configure(setup: $crate::Setup) -> Result<(), Vec<$crate::Problem>> {
                $crate::describe(&setup).map(|_| ())
            }
            fn transform(documents: $crate::Documents) -> $crate::Transformed {
                let transform: fn($crate::Documents) -> $crate::Transformed = $transform;
                transform(documents)
            }
        }

        #[allow(unsafe_code, reason = "the entry points of a component are unsafe by their nature")]
        mod exported {
            use super::Component;
            $crate::bindings::export!(Component with_types_in $crate::bindings);
        }
    };
}

/// Exports a validator: its summary, and its violations of a batch of rows.
///
/// Its bindings are its own: those of both worlds together would make one component of both.
#[macro_export]
macro_rules! validator {
    ($summary:literal, $validate:expr) => {
        #[allow(unsafe_code, missing_docs, unused_imports, clippy::all, reason = "generated")]
        mod bindings {
            wit_bindgen::generate!({ path: "../../wit/since-v0.1.0", world: "validator-plugin" });

            use exports::whimbrel::plugin::validator::{Guest, Identity, Problem, Rows, Setup, Violation};
            use whimbrel::plugin::types::{Documents, PayloadKind};

            struct Component;

            impl Guest for Component {
                fn about() -> Identity {
                    let summary = $summary.to_owned();
                    Identity { summary, payload: PayloadKind::Bson, config_schema: String::new() }
                }
                fn configure(_: Setup) -> Result<(), Vec<Problem>> {
                    Ok(())
                }
                fn validate(rows: Rows) -> Vec<Violation> {
                    let validate: fn(Rows) -> Vec<Violation> = $validate;
                    validate(rows)
                }
            }

            export!(Component);
        }
    };
}
