//! The BSON specification's own cases: what is valid survives a walk and a row, what is not never panics.

use std::path::Path;

use serde_json::Value as Json;
use whimbrel_sdk::Decimal;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Malformed;
use whimbrel_sdk::bson::Value;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/bson-corpus");

#[test]
fn valid_documents_survive() {
    let mut count = 0;
    for_each_case("valid", |name, case| {
        let bytes = hex(case["canonical_bson"].as_str().unwrap_or_default());
        let document = Document::new(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        walk(document).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut row = Row::new(0);
        for field in document.fields() {
            let field = field.expect("walked before");
            row.raw(field.name().expect("walked before"), field.value);
        }
        assert_eq!(row.into_body(), bytes, "{name}");
        count += 1;
    });
    assert!(count == 0 || count > 300, "{count}");
}

#[test]
fn broken_documents_are_refused_or_survive_without_a_panic() {
    for_each_case("decodeErrors", |_, case| {
        let bytes = hex(case["bson"].as_str().unwrap_or_default());
        let _ = Document::new(&bytes).map(walk);
    });
    for_each_case("valid", |_, case| {
        let bytes = hex(case["canonical_bson"].as_str().unwrap_or_default());
        // Every byte changed in turn, with the outer length intact.
        for index in 4..bytes.len().min(200) {
            for value in [0, 1, 3, 5, 0x7f, 0xff] {
                let mut broken = bytes.clone();
                broken[index] = value;
                let _ = Document::new(&broken).map(walk);
            }
        }
        for end in 0..bytes.len().min(200) {
            assert!(Document::new(&bytes[..end]).is_err());
            assert!(Document::split(&bytes[..end]).is_err());
        }
    });
}

fn walk(document: Document<'_>) -> Result<(), Malformed> {
    for field in document.fields() {
        let field = field?;
        field.name()?;
        match field.value.value()? {
            Value::Document(inner) | Value::Array(inner) => walk(inner)?,
            Value::Decimal128(bytes) => drop(Decimal::from_decimal128(bytes).map(|number| number.to_string())),
            _ => {}
        }
    }
    Ok(())
}

fn for_each_case(group: &str, mut check: impl FnMut(&str, &Json)) {
    if !Path::new(CORPUS).exists() {
        skipped();
        return;
    }
    let mut folders = vec![Path::new(CORPUS).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the corpus can be read") {
            let path = entry.expect("the corpus can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let Ok(json) = serde_json::from_str::<Json>(&text) else { continue };
            for case in json.get(group).and_then(Json::as_array).into_iter().flatten() {
                check(&format!("{}: {}", path.display(), case["description"]), case);
            }
        }
    }
}

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    eprintln!("SKIPPED: `{CORPUS}` is not there");
}

fn hex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).expect("a digit");
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
