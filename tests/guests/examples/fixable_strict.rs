//! Rejects what the others take.
#![cfg(target_family = "wasm")]

type Fixable = guests::fixable::Fixable<{ guests::fixable::STRICT }>;

whimbrel_sdk::export_transformer!(Fixable);
