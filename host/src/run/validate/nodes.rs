//! Places in a JSON text, each with its own text: numbers keep the digits that they are written with.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::plan::checks::Step;

/// A place's JSON Pointer, and what stands there.
pub type Node<'a> = (String, &'a str);

/// Returns what the steps lead to, in the text's order; nothing where they lead nowhere. The text is valid JSON.
pub fn at<'a>(json: &'a str, steps: &[Step]) -> Vec<Node<'a>> {
    let mut nodes = vec![(String::new(), json.trim())];
    for step in steps {
        let below = nodes.into_iter().flat_map(|(pointer, json)| children(&pointer, json));
        nodes = match step {
            Step::Any => below.map(|(_, node)| node).collect(),
            Step::One(name) => below.filter(|(key, _)| key == name).map(|(_, node)| node).collect(),
        };
    }
    nodes
}

/// Returns every scalar below a place, in the text's order.
pub fn scalars<'a>(node: Node<'a>, out: &mut Vec<Node<'a>>) {
    if node.1.starts_with(['{', '[']) {
        children(&node.0, node.1).into_iter().for_each(|(_, child)| scalars(child, out));
    } else {
        out.push(node);
    }
}

/// Returns the text of a JSON string.
pub fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

/// Returns a name as a JSON Pointer writes it.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What lies right below: its own name, and the node.
fn children<'a>(pointer: &str, json: &'a str) -> Vec<(String, Node<'a>)> {
    let child = |name: String, value: &'a RawValue| {
        let node = (format!("{pointer}/{}", escaped(&name)), value.get());
        (name, node)
    };
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields: IndexMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
            fields.into_iter().map(|(name, value)| child(name, value)).collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            items.into_iter().enumerate().map(|(place, value)| child(place.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::checks::parts;

    #[test]
    fn steps_lead_to_places_and_numbers_keep_their_digits() {
        let json = r#" {"rects": [{"x1": 0.1000, "a/b": [-0.0]}, {"x1": 1e2}], "page": 3} "#;
        let found = |named: &str| -> Vec<(String, String)> {
            at(json, &parts(named).1).into_iter().map(|(pointer, json)| (pointer, json.to_owned())).collect()
        };
        let of = |pointer: &str, json: &str| (pointer.to_owned(), json.to_owned());
        assert_eq!(found("v#/rects/*/x1"), [of("/rects/0/x1", "0.1000"), of("/rects/1/x1", "1e2")]);
        assert_eq!(found("v#/rects/0/a~1b"), [of("/rects/0/a~1b", "[-0.0]")]);
        assert_eq!(found("v#/rects/7"), []);
        let mut all = Vec::new();
        scalars(at(json, &[]).remove(0), &mut all);
        assert_eq!(all.iter().map(|(_, json)| *json).collect::<Vec<_>>(), ["0.1000", "-0.0", "1e2", "3"]);
        assert_eq!(text(r#""a\u0062""#).as_deref(), Some("ab"));
    }
}
