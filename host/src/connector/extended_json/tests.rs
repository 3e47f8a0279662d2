//! The BSON specification's own cases, and real files.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use bson::RawDocument;
use serde_json::Value;

use super::*;
use crate::connector::source::ReadLimit;
use crate::record::Batch;
use crate::record::Position;
use crate::record::check::check;

type Outcome = Result<(), Box<dyn Error>>;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

fn data(part: &str) -> Option<PathBuf> {
    let path = Path::new(DATA).join(part);
    if path.exists() {
        return Some(path);
    }
    skipped(&path);
    None
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(path: &Path) {
    eprintln!("SKIPPED: {} is absent", path.display());
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn ends_in(path: &Path, ending: &str) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ending))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

/// Reads everything with one limit; ends with the error, if there is one.
fn read_all(source: &mut dyn Source, records: usize) -> (Vec<Batch>, Option<SourceError>) {
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let after = batches.last().map_or_else(Position::default, |batch| batch.end.clone());
        match futures::executor::block_on(source.read(&after, ReadLimit { records, bytes: 1 << 20 })) {
            Ok(Some(batch)) => batches.push(batch),
            Ok(None) => return (batches, None),
            Err(error) => return (batches, Some(error)),
        }
    }
}

fn key_fields() -> Vec<String> {
    vec!["_id".to_owned()]
}

#[test]
fn every_case_of_the_bson_corpus_holds() -> Outcome {
    let Some(folder) = data("bson-corpus") else { return Ok(()) };
    let (mut valid, mut broken) = (0, 0);
    for path in files(&folder)? {
        let suite: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let name = format!("{}", path.display());
        for case in suite["valid"].as_array().into_iter().flatten() {
            let what = format!("{name}: {}", case["description"]);
            let canonical_bson = hex(case["canonical_bson"].as_str().ok_or("canonical_bson")?);
            let given = case["degenerate_bson"].as_str().map(hex);
            check(&canonical_bson).map_err(|defect| format!("{what}: {defect}"))?;
            let canonical = case["canonical_extjson"].as_str().ok_or("canonical_extjson")?;
            let is_lossy = case["lossy"].as_bool().unwrap_or(false);
            let parsed = from_extended_json(canonical).map_err(|error| format!("{what}: {error}"))?;
            if !is_lossy {
                assert_eq!(parsed, canonical_bson, "{what}");
            }
            for text in ["degenerate_extjson", "relaxed_extjson"] {
                let Some(text) = case[text].as_str() else { continue };
                let parsed = from_extended_json(text).map_err(|error| format!("{what}: {text}: {error}"))?;
                let relaxed = to_canonical(RawDocument::from_bytes(&parsed)?)?;
                // Relaxed text does not tell an int64 that fits an int32 from one that does not.
                let widths = |text: &str| text.replace("$numberLong", "$numberInt");
                let expected = to_canonical(RawDocument::from_bytes(&canonical_bson)?)?;
                assert_eq!(widths(&relaxed), widths(&expected), "{what}: {text}");
            }
            let written = to_canonical(RawDocument::from_bytes(&canonical_bson)?)?;
            let again = from_extended_json(&written).map_err(|error| format!("{what}: {written}: {error}"))?;
            assert!(is_lossy || again == canonical_bson, "{what}: {written}");
            if let Some(given) = given {
                assert!(check(&given).is_ok(), "{what}");
            }
            valid += 1;
        }
        for case in suite["decodeErrors"].as_array().into_iter().flatten() {
            let bson = hex(case["bson"].as_str().ok_or("bson")?);
            assert!(check(&bson).is_err(), "{name}: {}", case["description"]);
            broken += 1;
        }
        for case in suite["parseErrors"].as_array().into_iter().flatten() {
            let text = case["string"].as_str().ok_or("string")?;
            // A decimal's text is given bare.
            let decimal = format!("{{\"d\":{{\"$numberDecimal\":{}}}}}", Value::from(text));
            let text = if suite["bson_type"] == "0x13" { &decimal } else { text };
            assert!(from_extended_json(text).is_err(), "{name}: {}", case["description"]);
            broken += 1;
        }
    }
    assert_eq!((valid, broken), (340, 99));
    Ok(())
}

#[test]
fn chinook_is_read_whole() -> Outcome {
    let Some(folder) = data("hasura-ndc-mongodb/chinook") else { return Ok(()) };
    let names = list(&folder)?;
    assert_eq!(names.len(), 11, "{names:?}");
    let mut documents = 0;
    for name in &names {
        let (batches, error) = read_all(open(&folder, name, &key_fields())?.as_mut(), 100);
        assert!(error.is_none(), "{name}: {error:?}");
        for batch in &batches {
            for record in &batch.records {
                assert!(record.fault.is_none() && record.key.is_some(), "{name}: {:?}", record.fault);
                documents += 1;
            }
        }
    }
    assert_eq!(documents, 15_607);
    Ok(())
}

#[test]
fn benchmark_documents_are_read_as_the_library_reads_them() -> Outcome {
    let Some(folder) = data("js-bson-bench") else { return Ok(()) };
    let mut documents = 0;
    for path in files(&folder)?.iter().filter(|path| ends_in(path, ".json")) {
        let text = fs::read_to_string(path)?;
        let bson = from_extended_json(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        check(&bson).map_err(|defect| format!("{}: {defect}", path.display()))?;
        // The library does not keep int32 for negative numbers.
        let widths = |text: String| text.replace("$numberLong", "$numberInt");
        let expected = bson::RawDocumentBuf::try_from(&serde_json::from_str::<bson::Document>(&text)?)?;
        let found = to_canonical(RawDocument::from_bytes(&bson)?)?;
        assert_eq!(widths(found), widths(to_canonical(&expected)?), "{}", path.display());
        let again = from_extended_json(&to_canonical(RawDocument::from_bytes(&bson)?)?)?;
        assert_eq!(again, bson, "{}", path.display());
        documents += 1;
    }
    assert!(documents > 50, "{documents}");
    Ok(())
}

#[test]
fn json_that_is_none_is_an_error() -> Outcome {
    let Some(folder) = data("json-test-suite/test_parsing") else { return Ok(()) };
    let (mut good, mut bad) = (0, 0);
    for path in files(&folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut text = b"{\"v\":".to_vec();
        text.extend(fs::read(&path)?);
        text.push(b'}');
        let parsed = parse::parse(&text);
        if name.starts_with("n_") {
            // Within a document these are something else, or nothing at all.
            let is_other = ["n_single_space.json"].contains(&name.as_str());
            assert!(parsed.is_err() || is_other, "{name}");
            bad += 1;
        } else if name.starts_with("y_") {
            let is_refused = match name.as_str() {
                // Two fields of one name, and a name with NUL, have no good form in BSON.
                "y_object_duplicated_key.json" | "y_object_duplicated_key_and_value.json" => true,
                "y_object_escaped_null_in_key.json" => true,
                _ => false,
            };
            assert_eq!(parsed.is_err(), is_refused, "{name}: {parsed:?}");
            good += 1;
        }
    }
    assert!(good > 80 && bad > 150, "{good} {bad}");
    Ok(())
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(name: &str, text: &[u8]) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join(name), text)?;
        Ok(Self(folder))
    }

    fn open(&self, collection: &str) -> Result<Box<dyn Source>, SourceError> {
        open(self.0.path(), collection, &key_fields())
    }
}

/// Each record as `key` or `code: message`, and the error at the end.
fn read_text(text: &[u8]) -> Result<(Vec<String>, Option<String>), Box<dyn Error>> {
    let folder = Folder::with("c.json", text)?;
    let mut seen: Option<(Vec<String>, Option<String>)> = None;
    for records in [1000, 1, 2] {
        let (batches, error) = read_all(folder.open("c")?.as_mut(), records);
        let mut found = Vec::new();
        for batch in &batches {
            for record in &batch.records {
                let fault = record.fault.as_ref().map(|fault| format!("{}: {}", fault.code, fault.message));
                found
                    .push(record.key.as_ref().map_or_else(|| fault.unwrap_or_default(), |key| key.as_str().to_owned()));
                if record.fault.as_ref().is_none_or(|fault| fault.is_bson) {
                    continue;
                }
                // What is kept is what stands in the file.
                let start = usize::try_from(record.offset)?;
                assert_eq!(batch.body(record), &text[start..start + record.body.len()]);
            }
        }
        let found = (found, error.map(|error| error.to_string()));
        assert_eq!(*seen.get_or_insert(found.clone()), found, "{records} records a read");
    }
    Ok(seen.unwrap_or_default())
}

#[test]
fn layouts_are_told_apart() -> Outcome {
    let three = (vec!["i1".to_owned(), "i2".to_owned(), "i3".to_owned()], None);
    for text in [
        "{\"_id\":1}\n{\"_id\":2}\n{\"_id\":3}\n",
        "{\"_id\":1}\r\n\r\n{\"_id\":2}\r\n  {\"_id\":3}",
        "{\"_id\":1}{\"_id\":2} {\"_id\":3}",
        "[{\"_id\":1},{\"_id\":2},{\"_id\":3}]",
        " [\n{\"_id\":1}\n,\n{\"_id\":2}, {\"_id\":3}\n]\n\n",
        "{\n  \"_id\": 1\n}\n{\n  \"_id\": 2\n}\n{\n\"_id\"\n:\n3}",
        "\u{feff}{\"_id\":1}\n{\"_id\":2}\n{\"_id\":3}\n",
        "\u{feff}[{\"_id\":1},{\"_id\":2},{\"_id\":3}]",
    ] {
        assert_eq!(read_text(text.as_bytes())?, three, "{text}");
    }
    for text in ["", " \n ", "[]", "\u{feff}", "[\n]"] {
        assert_eq!(read_text(text.as_bytes())?, (Vec::new(), None), "{text:?}");
    }
    Ok(())
}

#[test]
fn a_bad_line_spoils_only_itself() -> Outcome {
    let text = b"{\"_id\":1}\n{\"_id\":2,}\nwhat\n{\"_id\":4\n{\"_id\":5,\"t\":\"a\nb\"}\n{\"_id\":6} x\n{\"a\":1}\n\xff\n{\"_id\":9}";
    let (found, error) = read_text(text)?;
    assert_eq!(error, None);
    assert_eq!(
        found,
        [
            "i1",
            "malformed-json: line 2, column 10: expected a field's name, found `}`",
            "malformed-json: line 3, column 1: expected a document, found `w`",
            "malformed-json: line 4, column 9: expected `,` or `}`, found the end",
            "malformed-json: line 5, column 16: expected the string to end, found the end",
            "malformed-json: line 6, column 1: expected a document, found `b`",
            "malformed-json: line 7, column 11: expected the end of the document, found `x`",
            "missing-key: expected a key in `_id`, found no such field",
            "malformed-json: line 9, column 1: expected UTF-8, found something else",
            "i9",
        ]
    );
    Ok(())
}

#[test]
fn a_bad_first_line_is_still_a_line() -> Outcome {
    let (found, error) = read_text(b"{\"_id\":1\n{\"_id\":2}\n")?;
    assert_eq!(error, None);
    assert_eq!(found, ["malformed-json: line 1, column 9: expected `,` or `}`, found the end", "i2"]);
    Ok(())
}

#[test]
fn a_bad_element_is_a_fault_where_its_end_is_known() -> Outcome {
    let (found, error) = read_text(b"[{\"_id\":1},\n{\"_id\": tru},5,{\"_id\":4}]")?;
    assert_eq!(error, None);
    assert_eq!(
        found,
        [
            "i1",
            "malformed-json: line 2, column 9: expected a value, found `t`",
            "malformed-json: line 2, column 14: expected a document, found `5`",
            "i4",
        ]
    );
    let (found, error) = read_text(b"[{\"_id\":1},\n{\"_id\": 2]\n,{\"_id\":3}]")?;
    assert_eq!(found, ["i1"]);
    assert_eq!(
        error.as_deref(),
        Some("c.json: byte 10, document 2: line 2, column 10: expected `,` or `}`, found `]`")
    );
    for (text, message) in [
        ("[{\"_id\":1}", "line 1, column 11: expected `,` or `]`, found the end"),
        ("[{\"_id\":1},]", "line 1, column 12: expected a document, found `]`"),
        ("[{\"_id\":1} {\"_id\":2}]", "line 1, column 12: expected `,` or `]`, found `{`"),
        ("[{\"_id\":1}] 7", "line 1, column 13: expected the end of the file, found `7`"),
        ("[{\"_id\":1},{\"_id\":\"2", "line 1, column 21: expected the string to end, found the end"),
        ("{\n\"_id\":1}\n{\n\"_id\":", "line 4, column 7: expected a value, found the end"),
    ] {
        let (found, error) = read_text(text.as_bytes())?;
        assert_eq!(found, ["i1"], "{text}");
        assert!(error.as_deref().unwrap_or_default().ends_with(message), "{text}: {error:?}");
    }
    Ok(())
}

#[test]
fn faults_say_what_is_wrong() -> Outcome {
    let deep = format!("{{\"_id\":1,\"v\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let deeper = format!("{{\"v\":{}", "[".repeat(100_000));
    for (text, code) in [
        (deep.as_str(), "nesting: line 1, column 216: expected at most 200 levels of nesting, found more"),
        (deeper.as_str(), "nesting: line 1, column 208: expected at most 200 levels of nesting, found more"),
        ("{\"_id\":1,\"a\":1,\"a\":2}", "malformed-json: line 1, column 1: expected each field once, found `a` twice"),
        ("{\"_id\":null}", "unusable-key: expected a value that can be a key in `_id`, found null"),
        (
            "{\"_id\":99999999999999999999}",
            "malformed-json: line 1, column 8: expected an integer of 64 bits, found `99999999999999999999`",
        ),
        ("{\"_id\":1,\"v\":1e999}", "malformed-json: line 1, column 14: expected a double, found `1e999`"),
    ] {
        let (found, error) = read_text(format!("{{\"_id\":0}}\n{text}\n").as_bytes())?;
        assert_eq!(error, None);
        assert_eq!(found, ["i0", &code.replace("line 1", "line 2")]);
    }
    Ok(())
}

#[test]
fn older_forms_are_read() -> Outcome {
    let older = r#"{"_id":{"$oid":"65f0abc012345678901234ef"},"b":{"$binary":"AQI=","$type":"05"},"t":{"$type":5,"$binary":"AQI="},
        "d":{"$date":"2014-01-31T22:26:33.000-0500"},"e":{"$date":1391225193000},"r":{"$regex":"^a","$options":"mi"},
        "q":{"$regex":"^a"},"u":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"},"f":{"$ref":"c","$id":1},"n":-0,"l":1e2,
        "i":2147483648,"x":100000000000000000000}"#;
    let canonical = r#"{"_id":{"$oid":"65f0abc012345678901234ef"},"b":{"$binary":{"base64":"AQI=","subType":"05"}},"t":{"$binary":{"base64":"AQI=","subType":"05"}},
        "d":{"$date":{"$numberLong":"1391225193000"}},"e":{"$date":{"$numberLong":"1391225193000"}},"r":{"$regularExpression":{"pattern":"^a","options":"im"}},
        "q":{"$regex":"^a"},"u":{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}},"f":{"$ref":"c","$id":{"$numberInt":"1"}},"n":{"$numberDouble":"-0.0"},"l":{"$numberDouble":"100"},
        "i":{"$numberLong":"2147483648"},"x":{"$numberDouble":"1e20"}}"#;
    assert_eq!(from_extended_json(older)?, from_extended_json(canonical)?);
    for text in [
        r#"{"v":{"$oid":"65f0abc012345678901234ef","x":1}}"#,
        r#"{"v":{"x":1,"$oid":"65f0abc012345678901234ef"}}"#,
        r#"{"v":{"$numberInt":5}}"#,
        r#"{"v":{"$numberInt":"+5"}}"#,
        r#"{"v":{"$numberInt":"2147483648"}}"#,
        r#"{"v":{"$date":"2014-01-31T22:26:33.0001Z"}}"#,
        r#"{"v":{"$date":"2014-01-31T22:26:33"}}"#,
        r#"{"v":{"$timestamp":{"t":-1,"i":1}}}"#,
        r#"{"v":{"$numberDecimal":"1.00000000000000000000000000000000001"}}"#,
        r#"{"v":"\ud800"}"#,
        r#"{"$oid":"65f0abc012345678901234ef"}"#,
    ] {
        assert!(from_extended_json(text).is_err(), "{text}");
    }
    Ok(())
}

#[test]
fn a_place_in_another_file_is_refused() -> Outcome {
    let folder = Folder::with("c.json", b"{\"_id\":1}\n{\"_id\":2}\n")?;
    let (batches, _) = read_all(folder.open("c")?.as_mut(), 1);
    let limit = ReadLimit { records: 9, bytes: 1 << 20 };
    let first = batches.first().ok_or("a batch")?.end.clone();
    let next = futures::executor::block_on(folder.open("c")?.read(&first, limit))?.ok_or("a batch")?;
    assert_eq!((next.records.len(), next.records[0].document), (1, 2));
    for text in ["{\"_id\":7}\n{\"_id\":2}\n", "{}", ""] {
        fs::write(folder.0.path().join("c.json"), text)?;
        let read = futures::executor::block_on(folder.open("c")?.read(&first, limit));
        assert!(matches!(read, Err(SourceError::Position { offset: 9, .. })), "{text}");
    }
    Ok(())
}

#[test]
fn files_are_found_by_their_collection() -> Outcome {
    let folder = Folder::with("c.json", b"{\"_id\":1}")?;
    fs::write(folder.0.path().join("d.data.json"), "[]")?;
    fs::write(folder.0.path().join("d.schema.json"), "{}")?;
    fs::write(folder.0.path().join("c.metadata.json"), "{}")?;
    assert_eq!(list(folder.0.path())?, ["c", "d"]);
    assert!(matches!(folder.open("x"), Err(SourceError::Missing { found, .. }) if found == ["c", "d"]));
    fs::write(folder.0.path().join("c.ndjson"), "")?;
    assert!(matches!(folder.open("c"), Err(SourceError::Ambiguous { .. })));
    Ok(())
}
