//! Takes memory until it is refused, on a document with `hoard: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Hoards memory on a marked document.", |documents| guests::each_bson(documents, |document| {
    while guests::is_marked(document, "hoard") {
        // Fresh pages that nobody touches, so that whoever measures the process sees what the host makes of it.
        let before = core::arch::wasm32::memory_grow::<0>(16);
        assert_ne!(before, usize::MAX, "a guest is never told that there is no more: it is stopped");
    }
    (0, document)
}));
