//! Traps on poison, and writes some names in capitals.
#![cfg(target_family = "wasm")]

type Fixable = guests::fixable::Fixable<1>;

whimbrel_sdk::export_transformer!(Fixable);
