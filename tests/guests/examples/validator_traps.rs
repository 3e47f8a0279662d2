//! A validator that traps on every row whose body is longer than 40 bytes.
#![cfg(target_family = "wasm")]

guests::validator!("Traps on long rows.", |rows: Rows| {
    let Documents::Bson(bytes) = &rows.bodies else { panic!("expected BSON, as was asked for") };
    assert!(guests::documents(bytes).all(|document| document.len() <= 40), "found a long row");
    Vec::new()
});
