//! Never says what it does.
#![cfg(target_family = "wasm")]

guests::guest!("Spins where it should describe itself.", Bson, guests::echo, |_| loop {
    std::hint::black_box(0);
});
