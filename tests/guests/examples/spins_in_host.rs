//! Never stops calling the host, for a document with `spin: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Spins in calls of the host.", |documents| guests::each_bson(documents, |document| {
    while guests::is_marked(document, "spin") {
        guests::bindings::whimbrel::plugin::log::log(guests::bindings::whimbrel::plugin::log::Level::Debug, "round");
        std::hint::black_box(std::time::Instant::now());
    }
    (0, document)
}));
