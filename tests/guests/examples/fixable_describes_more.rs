//! Describes a column more than the others.
#![cfg(target_family = "wasm")]

type Fixable = guests::fixable::Fixable<{ guests::fixable::DESCRIBES_MORE }>;

whimbrel_sdk::export_transformer!(Fixable);
