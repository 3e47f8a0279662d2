//! Takes memory until it is refused, on a document with `hoard: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Hoards memory on a marked document.", |documents| guests::each_bson(documents, |document| {
    let mut hoard = Vec::new();
    while guests::is_marked(document, "hoard") {
        hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
    (0, document)
}));
