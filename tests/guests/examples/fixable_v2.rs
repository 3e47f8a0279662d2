//! Does what it should.
#![cfg(target_family = "wasm")]

type Fixable = guests::fixable::Fixable<2>;

whimbrel_sdk::export_transformer!(Fixable);
