//! Gives rows whose bodies are not BSON, for documents with `malformed: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Cuts the row of a marked document short.", |documents| guests::each_bson(documents, |document| {
    let end = if guests::is_marked(document, "malformed") { document.len() - 1 } else { document.len() };
    (0, &document[..end])
}));
