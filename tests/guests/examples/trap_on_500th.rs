//! Traps on the record whose `_id` is 499, the 500th; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Traps on the 500th record.", |documents| guests::each_bson(documents, |document| {
    assert!(guests::number(document, "_id") != Some(499), "found the 500th record");
    (0, document)
}));
