//! A validator that traps on every row whose body is longer than 80 bytes; `validator_mended` is right about them.
#![cfg(target_family = "wasm")]

guests::validator!("Is wrong about long rows.", |rows: Rows| {
    let Documents::Bson(bytes) = &rows.bodies else { panic!("expected BSON, as was asked for") };
    assert!(guests::documents(bytes).all(|document| document.len() <= 80), "found a long row");
    Vec::new()
});
