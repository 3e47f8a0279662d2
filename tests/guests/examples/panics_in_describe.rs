//! Panics where it should describe itself.
#![cfg(target_family = "wasm")]

guests::guest!("Panics where it should describe itself.", Bson, guests::echo, |_| panic!("nothing to describe"));
