//! Gives rows for a table that it never described, for documents with `undeclared: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Writes to a table that it did not describe.", |documents| guests::each_bson(documents, |document| {
    let table = if guests::is_marked(document, "undeclared") { 7 } else { 0 };
    (table, document)
}));
