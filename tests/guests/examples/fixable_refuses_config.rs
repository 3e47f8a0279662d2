//! Refuses every configuration.
#![cfg(target_family = "wasm")]

type Fixable = guests::fixable::Fixable<{ guests::fixable::REFUSES_CONFIG }>;

whimbrel_sdk::export_transformer!(Fixable);
