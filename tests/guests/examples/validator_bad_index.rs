//! A validator whose only violation names a row far beyond those it got.
#![cfg(target_family = "wasm")]

guests::validator!("Names a row that is not there.", |_| {
    let message = "found a row that is not there".to_owned();
    vec![Violation { row: u32::MAX, code: "bad-index".to_owned(), column: None, message }]
});
