//! Traps on a document with `trap: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Traps on a marked document.", |documents| guests::each_bson(documents, |document| {
    assert!(!guests::is_marked(document, "trap"), "found the marker `trap`");
    (0, document)
}));
