//! Behaves: every document comes back as one row, as BSON.
#![cfg(target_family = "wasm")]

guests::guest!("Gives BSON documents back as rows.", guests::echo);
