//! Gives one outcome more than it got documents.
#![cfg(target_family = "wasm")]

guests::guest!("Adds an outcome.", |documents| {
    let mut transformed = guests::echo(documents);
    transformed.outcomes.push(guests::Outcome::Skip("nobody asked for this one".to_owned()));
    transformed
});
