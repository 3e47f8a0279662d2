//! Two versions of one transformer: the first is wrong about marked documents, the second is right about all.
//!
//! A row has the document's fields but for the markers `trap`, `reject`, `wrong`, `lost` and `extra`.

use crate::Documents;
use crate::Outcome;
use crate::Rejection;
use crate::Rows;
use crate::Transformed;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Value;

const MARKERS: [&str; 5] = ["trap", "reject", "wrong", "lost", "extra"];
/// How far off the row is that nobody wants.
const OFF: i64 = 1_000_000;

/// Makes rows as the wrong version does, or as the right one.
pub fn transform(documents: Documents, is_right: bool) -> Transformed {
    let Documents::Bson(bytes) = documents else { panic!("expected BSON, as was asked for") };
    let (mut outcomes, mut tables, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (document, after) = Document::split(rest).expect("the host frames documents");
        rest = after;
        let has = |marker: &str| !is_right && crate::is_marked(document.bytes(), marker);
        assert!(!has("trap"), "found the marker `trap`");
        if has("reject") {
            outcomes.push(Outcome::Reject(Rejection {
                code: "unknown-kind".to_owned(),
                field: Some("reject".to_owned()),
                message: "expected a kind that this version knows".to_owned(),
            }));
            continue;
        }
        if has("lost") {
            outcomes.push(Outcome::Skip("found the marker `lost`".to_owned()));
            continue;
        }
        bodies.extend(row(&document, has("wrong"), 0));
        tables.push(0);
        if has("extra") {
            bodies.extend(row(&document, false, OFF));
            tables.push(0);
        }
        outcomes.push(Outcome::Rows(if has("extra") { 2 } else { 1 }));
    }
    Transformed { outcomes, rows: Rows { tables, bodies: Documents::Bson(bodies) } }
}

fn row(document: &Document<'_>, is_wrong: bool, off: i64) -> Vec<u8> {
    let mut row = Row::new(0);
    for field in document.fields() {
        let field = field.expect("the host checks documents");
        let name = field.name().expect("the host checks documents");
        match (name, field.value.value()) {
            (name, _) if MARKERS.contains(&name) => {}
            ("_id", Ok(Value::Int32(id))) => drop(row.integer(name, i64::from(id) + off)),
            ("name", _) if is_wrong => drop(row.text(name, "wrong")),
            _ => drop(row.raw(name, field.value)),
        }
    }
    row.into_body()
}
