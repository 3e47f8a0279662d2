//! Skips a document with `skip: true` and gives its reason; echoes the others.
#![cfg(target_family = "wasm")]

use guests::Documents;
use guests::Outcome;
use guests::Rows;
use guests::Transformed;

guests::guest!("Skips a marked document.", |documents| {
    let Documents::Bson(bytes) = documents else { panic!("expected BSON, as was asked for") };
    let (mut outcomes, mut tables, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (document, after) = whimbrel_sdk::bson::Document::split(rest).expect("the host frames documents");
        rest = after;
        if guests::is_marked(document.bytes(), "skip") {
            outcomes.push(Outcome::Skip("found the marker `skip`".to_owned()));
            continue;
        }
        outcomes.push(Outcome::Rows(1));
        tables.push(0);
        bodies.extend_from_slice(document.bytes());
    }
    Transformed { outcomes, rows: Rows { tables, bodies: Documents::Bson(bodies) } }
});
