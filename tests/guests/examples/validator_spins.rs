//! A validator that never returns from its rows.
#![cfg(target_family = "wasm")]

guests::validator!("Spins on rows.", |_| loop {
    std::hint::black_box(0);
});
