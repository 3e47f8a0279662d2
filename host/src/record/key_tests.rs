//! Reads the frozen vectors.

use bson::RawDocument;
use serde_json::Value;

use super::*;
use crate::connector::extended_json::from_extended_json;
use crate::record::Kept;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn vectors() -> Result<Value, Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/since-v0.1.0/vectors/keys.json");
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn cases<'a>(vectors: &'a Value, part: &str) -> &'a [Value] {
    let cases = vectors[part].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!cases.is_empty(), "no vectors in `{part}`");
    cases
}

/// A document whose field `v` holds the value.
fn holder(value: &Value) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    Ok(from_extended_json(&format!("{{\"v\":{value}}}"))?)
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn keys_have_their_frozen_form() -> Outcome {
    let vectors = vectors()?;
    for case in cases(&vectors, "keys") {
        let bson = holder(&case["value"])?;
        let document = RawDocument::from_bytes(&bson)?;
        let key = of_document(document, &strings(&["v"])).map_err(|fault| fault.message)?;
        assert_eq!(Some(key.as_str()), case["key"].as_str(), "{}", case["value"]);
        let value = document.get("v")?.ok_or("the field is there")?;
        assert_eq!(of_value(value).map_err(|fault| fault.message)?, key);
    }
    Ok(())
}

#[test]
fn what_is_no_key_is_a_fault() -> Outcome {
    let vectors = vectors()?;
    for case in cases(&vectors, "unusable") {
        let bson = holder(case)?;
        let fault = of_document(RawDocument::from_bytes(&bson)?, &strings(&["v"])).err().ok_or(case.to_string())?;
        assert_eq!((fault.code, fault.field.as_deref()), ("unusable-key", Some("v")), "{case}");
    }
    let bson = holder(&Value::Null)?;
    let fault = of_document(RawDocument::from_bytes(&bson)?, &strings(&["other.v"])).err().ok_or("no fault")?;
    assert_eq!((fault.code, fault.field.as_deref()), ("missing-key", Some("other.v")));
    Ok(())
}

#[test]
fn composite_keys_keep_their_parts_apart() -> Outcome {
    let vectors = vectors()?;
    for case in cases(&vectors, "composite") {
        let expected = case["key"].as_str().ok_or("a key")?;
        let bson = holder(&case["values"])?;
        let document = RawDocument::from_bytes(&bson)?;
        let parts = document.get("v")?.ok_or("the field is there")?;
        assert_eq!(of_reference(parts, 2).map_err(|fault| fault.message)?.as_str(), expected);
        let from_fields = of_document(document, &strings(&["v.0", "v.1"])).map_err(|fault| fault.message)?;
        assert_eq!(from_fields.as_str(), expected);
        assert!(of_reference(parts, 3).is_err());
        assert_ne!(of_reference(parts, 1).map_err(|fault| fault.message)?.as_str(), expected);
    }
    Ok(())
}

#[test]
fn ids_are_those_of_the_vectors() -> Outcome {
    let vectors = vectors()?;
    for case in cases(&vectors, "ids") {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let key = Key::from_canonical(text("key").to_owned());
        assert_eq!(id(text("namespace"), text("entity"), &key).to_string(), text("id"), "{case}");
        assert_eq!(EntityIds::new(text("namespace"), text("entity")).id(&key).to_string(), text("id"));
    }
    Ok(())
}

#[test]
fn a_kept_value_has_the_key_it_came_from() -> Outcome {
    let vectors = vectors()?;
    let mut kept_values = 0;
    for case in cases(&vectors, "keys") {
        let form = case["key"].as_str().ok_or("a key")?;
        let key = Key::from_canonical(form.to_owned());
        let Some(kept) = Kept::of_key(&key) else {
            assert!(form.starts_with(['o', 'a', 'm']), "{form}");
            continue;
        };
        // A subtype is not kept, and a value of more than 34 digits has no BSON form.
        let Some(value) = kept.to_bson().filter(|_| !form.starts_with('x')) else { continue };
        kept_values += 1;
        assert_eq!(of_value(value.as_raw_bson_ref()).map_err(|fault| fault.message)?.as_str(), form);
    }
    assert!(kept_values > 20);
    Ok(())
}
