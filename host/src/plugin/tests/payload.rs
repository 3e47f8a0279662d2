//! Bodies as text: through a component that asks for it, and over the BSON corpus.

use std::path::Path;

use bson::RawDocument;
use bson::rawdoc;

use super::extended_json;
use super::*;

#[test]
fn a_component_may_ask_for_text() {
    let transformer = open(&guest::echo(1, 0), Limits::default());
    let sent = [
        rawdoc! { "_id": bson::oid::ObjectId::new(), "a": "é\"\u{1}" },
        rawdoc! { "_id": 5_i64, "a": { "$instant": "2024-01-31T12:00:00.123456Z" } },
        rawdoc! { "_id": 0.1, "a": ["x", "y"] },
        rawdoc! { "_id": null, "a": { "$ref": "users", "$id": 7 } },
    ];
    let (bytes, ranges) = documents(&sent);
    let outcomes = transformer.transform(Documents { bytes: &bytes, ranges: &ranges }).unwrap();
    for (outcome, sent) in outcomes.into_iter().zip(&sent) {
        let row = PluginRow { table: 0, body: sent.as_bytes().to_vec().into() };
        assert_eq!(outcome, Ok(Outcome::Rows(vec![row])));
    }
}

#[test]
fn bad_text_is_a_malformed_row() {
    for text in ["", "[]", "{", r#"{"a": 12345678901234567890}"#, r#"{"a": {"$oid": "x"}}"#, r#"{"a\u0000": 1}"#] {
        let fault = extended_json::read_row(text).unwrap_err();
        assert_eq!(fault.code, "malformed-row", "{text}");
    }
    let twice = extended_json::read_row(r#"{"a": 1, "a": 2}"#).unwrap();
    assert!(row::check(&twice, &["a".into()]).is_err(), "a repeated column is kept to be found");
}

#[test]
#[allow(clippy::print_stdout, reason = "a skipped test has to say so")]
fn the_corpus_survives_text() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let mut files = Vec::new();
    collect(data, &mut files);
    if files.is_empty() {
        println!("SKIPPED: there is no BSON corpus at {}", data.display());
        return;
    }
    let (mut survived, mut lost) = (0, Vec::new());
    for file in files {
        let suite: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for case in suite["valid"].as_array().into_iter().flatten() {
            // The corpus itself says which cases have no text of their own: NaNs with a payload.
            if case["lossy"] == true {
                continue;
            }
            let bytes = decode_hex(case["canonical_bson"].as_str().unwrap());
            let Ok(document) = RawDocument::from_bytes(&bytes) else { continue };
            let text = extended_json::write(document);
            match text.as_ref().map(|text| extended_json::read_row(text)) {
                Ok(Ok(back)) if back == bytes => survived += 1,
                _ => lost.push(format!("{}: {}: {text:?}", file.display(), case["description"])),
            }
        }
    }
    assert!(lost.is_empty() && survived > 300, "{survived} survived, lost:\n{}", lost.join("\n"));
}

/// Finds the corpus' files: JSON with a list `valid` of cases with `canonical_bson`.
fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.to_string_lossy().contains("corpus") || folder.ends_with("data") {
                collect(&path, files);
            }
        } else if path.to_string_lossy().contains("corpus")
            && path.extension().is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
}

fn decode_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
