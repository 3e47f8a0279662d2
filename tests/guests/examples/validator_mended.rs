//! What `validator_wrong` should have been: long rows pass, and those with a body of more than 200 bytes are violations.
#![cfg(target_family = "wasm")]

guests::validator!("Refuses the longest rows.", |rows: Rows| {
    let Documents::Bson(bytes) = &rows.bodies else { panic!("expected BSON, as was asked for") };
    let bodies = (0..).zip(guests::documents(bytes)).filter(|(_, body)| body.len() > 200);
    let message = "found a row that is too long".to_owned();
    bodies
        .map(|(row, _)| Violation { row, code: "too-long".to_owned(), column: None, message: message.clone() })
        .collect()
});
