//! Calls itself without end on a document with `recurse: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Recurses on a marked document.", |documents| guests::each_bson(documents, |document| {
    if guests::is_marked(document, "recurse") {
        std::hint::black_box(deeper(1));
    }
    (0, document)
}));

/// Keeps nothing in linear memory, so that it is the stack itself that runs out.
#[allow(unconditional_recursion, reason = "that is what it is for")]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    depth ^ deeper(std::hint::black_box(depth) + 1).rotate_left(7)
}
