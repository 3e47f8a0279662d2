//! Never returns from a document with `spin: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Spins on a marked document.", |documents| guests::each_bson(documents, |document| {
    while guests::is_marked(std::hint::black_box(document), "spin") {}
    (0, document)
}));
