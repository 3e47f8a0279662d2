//! Puts the variable `GUEST_NAME` into the field of every record; traps without it.
#![cfg(target_family = "wasm")]

guests::guest!("Reads the environment.", |documents| {
    let name = std::env::var("GUEST_NAME").unwrap();
    guests::each(documents, |document| Ok(guests::with_name(document, name.as_bytes())))
});
