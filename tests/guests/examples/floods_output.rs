//! Hands back a gigabyte for a document with `flood: true`; echoes the others.
#![cfg(target_family = "wasm")]

guests::guest!("Floods its output.", |documents| {
    let guests::Documents::Bson(bytes) = &documents else { panic!("expected BSON, as was asked for") };
    let flood = guests::documents(bytes).any(|document| guests::is_marked(document, "flood"));
    let mut transformed = guests::echo(documents);
    if flood {
        transformed.rows.bodies = guests::Documents::Bson(gigabyte());
    }
    transformed
});

/// Fresh memory that nobody touches, so that whoever measures the process sees what the host makes of it.
#[allow(unsafe_code, reason = "an allocator would write to it")]
fn gigabyte() -> Vec<u8> {
    const PAGE: usize = 64 << 10;
    let at = core::arch::wasm32::memory_grow::<0>((1 << 30) / PAGE);
    assert_ne!(at, usize::MAX, "the memory is there");
    // SAFETY: the pages are fresh, zeroed and nobody else's.
    unsafe { Vec::from_raw_parts((at * PAGE) as *mut u8, 1 << 30, 1 << 30) }
}
