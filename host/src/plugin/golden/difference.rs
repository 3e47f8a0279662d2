//! Two JSON values compared field by field.

use serde::Serialize;
use serde_json::Value;

/// One place at which two values differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// JSON Pointer to the place.
    pub pointer: String,
    /// What was expected there; `None` where nothing was.
    pub expected: Option<Value>,
    /// What was found there; `None` where nothing was.
    pub found: Option<Value>,
}

/// Lists every place at which the values differ, as deep as both have the same form.
pub fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(String::new(), Some(expected), Some(found), &mut differences);
    differences
}

fn compare(pointer: String, expected: Option<&Value>, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Some(Value::Object(one)), Some(Value::Object(other))) if one.keys().any(|key| other.contains_key(key)) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                compare(below, one.get(key), other.get(key), differences);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                compare(format!("{pointer}/{index}"), one.get(index), other.get(index), differences);
            }
        }
        (expected, found) if expected != found => {
            differences.push(Difference { pointer, expected: expected.cloned(), found: found.cloned() });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(expected: Value, found: Value) -> Vec<String> {
        differences(&expected, &found).into_iter().map(|difference| difference.pointer).collect()
    }

    #[test]
    fn only_what_differs_is_named() {
        let expected = json!({"a": [1, {"b": "x", "c/d": null}], "gone": true});
        let found = json!({"a": [1, {"b": "y", "c/d": 0}, 2], "new": false});
        assert_eq!(pointers(expected, found), ["/a/1/b", "/a/1/c~1d", "/a/2", "/gone", "/new"]);
        assert_eq!(pointers(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})), [""; 0]);
    }

    #[test]
    fn another_kind_of_outcome_is_one_difference() {
        let found = json!([{"reject": {"code": "required"}}]);
        let expected = json!([{"rows": [{"table": "users"}]}]);
        let differences = differences(&expected, &found);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].pointer, "/0");
        assert_eq!(differences[0].found, Some(found[0].clone()));
    }
}
