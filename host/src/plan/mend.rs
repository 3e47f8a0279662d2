//! Puts aside what a manifest's schema refuses, so that the rest of the manifest can be judged in the same go.
//!
//! Nothing that is put in its place is ever used: the manifest stays refused, and what is found about a stand-in is dropped.

use jsonschema::error::ValidationErrorKind;
use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::hint;
use super::schema::known_properties;

/// Rounds of mending: what stands in for a table may lack keys of its own.
const ROUNDS_MAX: usize = 8;

/// One change that makes a manifest fit.
enum Change {
    /// This value goes, or the innermost key that holds it.
    Remove(String),
    /// This key of this table was meant to be the other one.
    Rename(String, String, String),
    /// This table lacks this key.
    Insert(String, String),
}

/// Changes a manifest until its schema takes it, and returns the pointers to all that is not as it was written.
pub(super) fn mend(schema: &Json, manifest: &mut Json) -> Vec<String> {
    let mut aside = Vec::new();
    let Ok(validator) = jsonschema::validator_for(schema) else { return aside };
    for _ in 0..ROUNDS_MAX {
        let mut changes = Vec::new();
        for error in validator.iter_errors(manifest) {
            let pointer = error.instance_path().to_string();
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    let known = known_properties(schema, &error.schema_path().to_string());
                    changes.extend(unexpected.iter().map(|key| match hint::nearest(key, &known) {
                        Some(near) => Change::Rename(pointer.clone(), key.clone(), near.clone()),
                        None => Change::Remove(format!("{pointer}/{}", escaped(key))),
                    }));
                }
                ValidationErrorKind::Required { property } => {
                    changes.push(Change::Insert(pointer, property.as_str().unwrap_or_default().to_owned()));
                }
                _ => changes.push(Change::Remove(pointer)),
            }
        }
        if changes.is_empty() {
            break;
        }
        // A key that was only misspelt is not missing.
        changes.sort_by_key(|change| !matches!(change, Change::Rename(..)));
        aside.extend(changes.into_iter().filter_map(|change| apply(change, manifest)));
    }
    aside
}

/// Makes one change and returns the pointer to what stands otherwise now.
fn apply(change: Change, manifest: &mut Json) -> Option<String> {
    match change {
        Change::Remove(pointer) => {
            // Entries of a list keep their numbers: the whole list goes.
            let mut rest = pointer.as_str();
            while let Some((above, key)) = rest.rsplit_once('/') {
                if let Some(Json::Object(table)) = manifest.pointer_mut(above) {
                    table.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
                    return Some(rest.to_owned());
                }
                rest = above;
            }
            None
        }
        Change::Rename(above, typed, near) => {
            let table = table(manifest, &above)?;
            let value = table.shift_remove(&typed)?;
            // Where the right key is there too, it counts.
            table.entry(near.clone()).or_insert(value);
            Some(format!("{above}/{}", escaped(&near)))
        }
        Change::Insert(above, key) => {
            let stand_in = stand_in(&key);
            table(manifest, &above)?.entry(key.clone()).or_insert(stand_in);
            Some(format!("{above}/{}", escaped(&key)))
        }
    }
}

fn table<'a>(manifest: &'a mut Json, pointer: &str) -> Option<&'a mut Map<String, Json>> {
    manifest.pointer_mut(pointer)?.as_object_mut()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A value that the schema takes for a required key.
fn stand_in(key: &str) -> Json {
    match key {
        "version" => json!(1),
        "source" | "target" => json!({}),
        "entity" => json!([{}]),
        "from" => json!("_._"),
        "as" => json!("/_"),
        "on-missing" => json!("fail"),
        _ => json!("_"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use serde_json::json;

    use super::mend;
    use crate::plan::schema::check_against;
    use crate::plan::tables::schema;

    fn mended(mut manifest: Json) -> (Json, Vec<String>) {
        let aside = mend(&schema(), &mut manifest);
        assert_eq!(check_against(&schema(), &manifest), Ok(Vec::new()), "{manifest}");
        (manifest, aside)
    }

    #[test]
    fn whatever_is_missing_or_wrong_gets_a_stand_in() {
        for manifest in [
            json!({}),
            json!({ "version": "2", "name": 1, "source": 3, "target": [], "entity": [7] }),
            json!({ "source": { "a": {} }, "target": { "url": 1 }, "entity": [{ "from": "x" }, {}] }),
            json!({ "plugin": { "p": { "grant": { "files": [{}] } } }, "entity": [{ "validate": [{}] }] }),
            json!({ "entity": [{ "references": { "a": {}, "b/c": { "on-missing": 1 } }, "key": [], "into": [] }] }),
        ] {
            mended(manifest);
        }
    }

    #[test]
    fn a_misspelt_key_is_taken_for_what_it_was_meant_to_be() {
        let (manifest, mut aside) = mended(json!({
            "version": 1, "name": "crm", "sources": { "a": { "url": "x" } }, "target": { "url": "y" },
            "entity": [{ "name": "a", "from": "a.b", "frm": "c.d" }]
        }));
        assert_eq!(manifest["source"], json!({ "a": { "url": "x" } }));
        assert_eq!(manifest["entity"][0]["from"], "a.b");
        aside.sort();
        aside.dedup();
        assert_eq!(aside, ["/entity/0/from", "/source"]);
    }

    #[test]
    fn what_is_sound_stays_as_it_was_written() {
        let sound = json!({
            "version": 1, "name": "crm", "source": {}, "target": { "url": "y" },
            "entity": [{ "name": "a", "from": "a.b" }]
        });
        assert_eq!(mended(sound.clone()), (sound, Vec::new()));
    }
}
