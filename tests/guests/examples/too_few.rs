//! Gives one outcome less than it got documents.
#![cfg(target_family = "wasm")]

guests::guest!("Loses an outcome.", |documents| {
    let mut outcomes = guests::echo(documents);
    outcomes.pop();
    outcomes
});
