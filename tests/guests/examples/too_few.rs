//! Gives one outcome less than it got documents.
#![cfg(target_family = "wasm")]

guests::guest!("Loses an outcome.", |documents| {
    let mut transformed = guests::echo(documents);
    transformed.outcomes.pop();
    transformed
});
