//! Gives one outcome more than it got documents.
#![cfg(target_family = "wasm")]

guests::guest!("Adds an outcome.", |documents| {
    let mut outcomes = guests::echo(documents);
    outcomes.push(guests::Outcome::Skip("nobody asked for this one".to_owned()));
    outcomes
});
