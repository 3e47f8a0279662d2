//! One value of a row beside what comes out of the source: coordinates, paths and JSON. Pure.

use std::collections::BTreeMap;

use super::columns::PathRule;
use super::nodes;
use crate::plan::checks::Step;
use crate::record::Value;
use crate::record::json;
use crate::record::packed;

/// Characters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 200;
const INVALID_JSON: &str = "invalid-json";
const DIFFERS: &str = "differs";

/// What is wrong at one place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the column's JSON; empty is the whole column.
    pub pointer: String,
    /// Short and stable.
    pub code: &'static str,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub actual: String,
}

/// What a look at one value has come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Values that were compared; a NULL beside a NULL is none.
    pub values: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl Looked {
    pub(super) fn fault(&mut self, pointer: &str, code: &'static str, expected: &str, actual: &str) {
        let pointer = pointer.to_owned();
        self.faults.push(Fault { pointer, code, expected: short(expected), actual: short(actual) });
    }
}

/// A number, bit for bit. One written without a fraction is also told by its digits: a double holds no more than 53 bits.
struct Number {
    shown: String,
    bits: u64,
    digits: Option<String>,
}

impl Number {
    fn written(text: &str) -> Option<Self> {
        let double: f64 = text.parse().ok()?;
        let digits = (!text.contains(['.', 'e', 'E'])).then(|| text.to_owned());
        Some(Self { shown: text.to_owned(), bits: double.to_bits(), digits })
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Float(double) => Some(Self { shown: double.to_string(), bits: double.to_bits(), digits: None }),
            value => {
                let shown = shown(value);
                let number = Self::written(&shown);
                Some(number.unwrap_or_else(|| Self { digits: Some(shown.clone()), bits: 0, shown }))
            }
        }
    }

    fn is(&self, other: &Self) -> bool {
        let digits = self.digits.as_ref().zip(other.digits.as_ref());
        self.bits == other.bits && digits.is_none_or(|(one, other)| one == other)
    }
}

/// Compares numbers: the column's own, or all that its JSON has behind the steps.
pub fn coordinates(expected: &Value, found: &Value, steps: &[Step]) -> Looked {
    let numbers = |value: &Value| -> Option<BTreeMap<String, Number>> {
        Some(match value {
            Value::Json(text) => numbers_in(text, steps)?,
            Value::Text(text) => numbers_in(text, steps)?,
            Value::Array(items) => {
                let numbers = items.iter().enumerate();
                numbers.filter_map(|(place, item)| Some((format!("/{place}"), Number::of(item)?))).collect()
            }
            value => Number::of(value).map(|number| (String::new(), number)).into_iter().collect(),
        })
    };
    let mut looked = Looked::default();
    match (numbers(expected), numbers(found)) {
        (Some(expected), Some(found)) => {
            let pointers: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
            for pointer in pointers {
                looked.values += 1;
                let (expected, found) = (expected.get(pointer), found.get(pointer));
                if !expected.zip(found).is_some_and(|(expected, found)| expected.is(found)) {
                    let shown = |number: Option<&Number>| number.map_or("nothing", |number| &number.shown).to_owned();
                    looked.fault(pointer, DIFFERS, &shown(expected), &shown(found));
                }
            }
        }
        (expected_numbers, None) if expected_numbers.is_some() || expected != found => {
            looked.values += 1;
            looked.fault("", INVALID_JSON, &shown(expected), &shown(found));
        }
        (None, Some(_)) => {
            looked.values += 1;
            looked.fault("", DIFFERS, &shown(expected), &shown(found));
        }
        // The same text, without a number in it.
        _ => {}
    }
    looked
}

fn numbers_in(text: &str, steps: &[Step]) -> Option<BTreeMap<String, Number>> {
    json::check(text, false).ok()?;
    let mut scalars = Vec::new();
    nodes::at(text, steps).into_iter().for_each(|node| nodes::scalars(node, &mut scalars));
    Some(scalars.into_iter().filter_map(|(pointer, text)| Some((pointer, Number::written(text)?))).collect())
}

/// Compares JSON by what it says; what the steps lead to must be there.
pub fn json_fields(expected: &Value, found: &Value, steps: &[Step]) -> Looked {
    let mut looked = Looked::default();
    if expected.is_null() && found.is_null() {
        return looked;
    }
    looked.values = 1;
    let (Some(expected_json), Some(found_json)) = (json_of(expected), json_of(found)) else {
        looked.fault("", DIFFERS, &shown(expected), &shown(found));
        return looked;
    };
    if let Err(fault) = json::check(found_json, false) {
        let wanted = format!("{} at byte {} of the JSON", fault.expected, fault.offset);
        looked.fault("", INVALID_JSON, &wanted, found_json);
        return looked;
    }
    if json::check(expected_json, false).is_err() {
        looked.fault("", DIFFERS, expected_json, found_json);
        return looked;
    }
    let (wanted, there) = (nodes::at(expected_json, steps), nodes::at(found_json, steps));
    if there.is_empty() && !steps.contains(&Step::Any) {
        looked.fault(&pointer(steps), "json-required", "a value", "nothing");
        return looked;
    }
    let wanted: BTreeMap<String, &str> = wanted.into_iter().collect();
    let there: BTreeMap<String, &str> = there.into_iter().collect();
    let pointers: std::collections::BTreeSet<&String> = wanted.keys().chain(there.keys()).collect();
    looked.values = pointers.len().max(1) as u64;
    for pointer in pointers {
        let (Some(wanted), Some(there)) = (wanted.get(pointer), there.get(pointer)) else {
            let text = |node: Option<&&str>| node.map_or("nothing", |node| node).to_owned();
            looked.fault(pointer, DIFFERS, &text(wanted.get(pointer)), &text(there.get(pointer)));
            continue;
        };
        if json::canonical(wanted) != json::canonical(there) {
            let (at, wanted, there) = first_difference(pointer, wanted, there);
            looked.fault(&at, DIFFERS, &wanted, &there);
        }
    }
    looked
}

fn pointer(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Any => "/*".to_owned(),
        Step::One(name) => format!("/{}", nodes::escaped(name)),
    };
    steps.iter().map(step).collect()
}

/// Finds the first scalar that differs; the whole where the shapes do.
fn first_difference(pointer: &str, one: &str, other: &str) -> (String, String, String) {
    let scalars = |json| {
        let mut out = Vec::new();
        nodes::scalars((pointer.to_owned(), json), &mut out);
        out.into_iter().collect::<BTreeMap<String, &str>>()
    };
    let (ones, others) = (scalars(one), scalars(other));
    let differs = |at: &&String| match (ones.get(*at), others.get(*at)) {
        (Some(one), Some(other)) => json::canonical(one) != json::canonical(other),
        _ => true,
    };
    match ones.keys().chain(others.keys()).find(differs) {
        Some(at) => {
            let text = |scalars: &BTreeMap<String, &str>| scalars.get(at).map_or("nothing", |text| text).to_owned();
            (at.clone(), text(&ones), text(&others))
        }
        None => (pointer.to_owned(), one.to_owned(), other.to_owned()),
    }
}

/// Compares paths, and holds each that is there against its rule.
pub fn file_paths(expected: &Value, found: &Value, steps: &[Step], rule: Option<&PathRule>) -> Looked {
    let (expected, found) = (texts(expected, steps), texts(found, steps));
    let pointers: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let mut looked = Looked { values: pointers.len() as u64, faults: Vec::new() };
    for pointer in pointers {
        let (wanted, there) = (expected.get(pointer), found.get(pointer));
        let broken = rule.zip(there).and_then(|(rule, there)| rule.broken_by(there));
        let nothing = "nothing".to_owned();
        if let Some((code, expected)) = broken {
            looked.fault(pointer, code, &expected, there.unwrap_or(&nothing));
        } else if wanted != there {
            looked.fault(pointer, DIFFERS, wanted.unwrap_or(&nothing), there.unwrap_or(&nothing));
        }
    }
    looked
}

impl PathRule {
    /// Says how a path breaks the rule: the code, and what is expected.
    fn broken_by(&self, path: &str) -> Option<(&'static str, String)> {
        if let Some(old) = self.not.iter().find(|old| path.starts_with(*old)) {
            return Some(("old-prefix", format!("no path below `{old}`")));
        }
        if !self.prefix.is_empty() && !self.prefix.iter().any(|prefix| path.starts_with(prefix)) {
            return Some(("prefix", format!("a path below `{}`", self.prefix.join("` or `"))));
        }
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_match(path))?;
        Some(("pattern", format!("a path like `{pattern}`")))
    }
}

/// Returns the texts of a value: its own, those of an array, or those that its JSON has where the steps lead to.
pub(super) fn texts(value: &Value, steps: &[Step]) -> BTreeMap<String, String> {
    match (value, json_of(value)) {
        (Value::Null, _) => BTreeMap::new(),
        (Value::Array(items), _) => {
            let texts = items.iter().enumerate().filter(|(_, item)| !item.is_null());
            texts.map(|(place, item)| (format!("/{place}"), shown(item))).collect()
        }
        (Value::Text(text), _) if steps.is_empty() => [(String::new(), text.to_string())].into(),
        (_, Some(json)) if json::check(json, false).is_ok() => {
            let mut scalars = Vec::new();
            nodes::at(json, steps).into_iter().for_each(|node| nodes::scalars(node, &mut scalars));
            let texts = scalars.into_iter().filter_map(|(pointer, json)| Some((pointer, nodes::text(json)?)));
            texts.collect()
        }
        (value, _) => [(String::new(), shown(value))].into(),
    }
}

fn json_of(value: &Value) -> Option<&str> {
    match value {
        Value::Json(text) => Some(text),
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns a value as people read it.
pub(super) fn shown(value: &Value) -> String {
    packed::display(std::slice::from_ref(value))
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::checks::parts;

    fn json(text: &str) -> Value {
        Value::Json(text.to_owned())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn told(looked: &Looked) -> (u64, Vec<(&str, &str)>) {
        (looked.values, looked.faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect())
    }

    #[test]
    fn coordinates_are_the_same_bits() {
        let next = f64::from_bits(0.1_f64.to_bits() + 1);
        for (expected, found, named, result) in [
            (Value::Float(0.1), Value::Float(0.1), "v", (1, vec![])),
            (Value::Float(0.1), Value::Float(next), "v", (1, vec![("", "differs")])),
            (Value::Float(0.0), Value::Float(-0.0), "v", (1, vec![("", "differs")])),
            (Value::Float(f64::NAN), Value::Float(f64::NAN), "v", (1, vec![])),
            (Value::Float(1.0), Value::Null, "v", (1, vec![("", "differs")])),
            (Value::Null, Value::Null, "v", (0, vec![])),
            (Value::Integer(7), Value::Float(7.0), "v", (1, vec![])),
            (json(r#"{"x":0.5,"y":1}"#), json(r#"{"y":1.0,"x":5e-1}"#), "v", (2, vec![])),
            (json(r#"{"x":0.0}"#), json(r#"{"x":-0.0}"#), "v", (1, vec![("/x", "differs")])),
            (json(r#"{"n":9007199254740993}"#), json(r#"{"n":9007199254740992}"#), "v", (1, vec![("/n", "differs")])),
            (text(r#"[{"x":1,"t":2}]"#), text(r#"[{"x":1,"t":3}]"#), "v#/*/x", (1, vec![])),
            (text(r#"[{"x":1}]"#), text(r#"[{"x":"1"}]"#), "v#/*/x", (1, vec![("/0/x", "differs")])),
            (text(r#"[1,2]"#), text("[1,"), "v", (1, vec![("", "invalid-json")])),
            (text("left"), text("left"), "v", (0, vec![])),
            (text("left"), text("right"), "v", (1, vec![("", "invalid-json")])),
        ] {
            let looked = coordinates(&expected, &found, &parts(named).1);
            assert_eq!(told(&looked), result, "{expected:?} {found:?}");
        }
    }

    #[test]
    fn json_is_valid_and_says_the_same() {
        for (expected, found, named, result) in [
            (json(r#"{"a":[1,2],"b":null}"#), json(r#"{ "b": null, "a": [1.0, 2] }"#), "v", (1, vec![])),
            (json(r#"{"a":[1,2]}"#), json(r#"{"a":[1,3]}"#), "v", (1, vec![("/a/1", "differs")])),
            (json(r#"{"a":{}}"#), json(r#"{"a":[]}"#), "v", (1, vec![("", "differs")])),
            (json(r#"{"a":1}"#), json(r#"{"a":1"#), "v", (1, vec![("", "invalid-json")])),
            (json(r#"{"a":1}"#), json(r#"{"a":1,"a":1}"#), "v", (1, vec![])),
            (json(r#"{"a":1}"#), Value::Null, "v", (1, vec![("", "differs")])),
            (json(r#"{"a":1,"c":2}"#), json(r#"{"a":1,"c":3}"#), "v#/a", (1, vec![])),
            (json(r#"{"b":1}"#), json(r#"{"b":1}"#), "v#/a", (1, vec![("/a", "json-required")])),
        ] {
            let looked = json_fields(&expected, &found, &parts(named).1);
            assert_eq!(told(&looked), result, "{expected:?} {found:?}");
        }
    }

    #[test]
    fn paths_are_the_source_s_and_follow_their_rule() {
        let rule = PathRule {
            prefix: vec!["new/".to_owned()],
            not: vec!["new/old/".to_owned()],
            pattern: Some(regex::Regex::new(r"\.pdf$").unwrap_or_else(|_| unreachable!("a pattern"))),
        };
        for (expected, found, named, result) in [
            (text("new/a.pdf"), text("new/a.pdf"), "v", (1, vec![])),
            (text("new/a.pdf"), text("new/b.pdf"), "v", (1, vec![("", "differs")])),
            (text("new/old/a.pdf"), text("new/old/a.pdf"), "v", (1, vec![("", "old-prefix")])),
            (text("new/a.pdf"), text("a.pdf"), "v", (1, vec![("", "prefix")])),
            (text("new/a.png"), text("new/a.png"), "v", (1, vec![("", "pattern")])),
            (text("new/a.pdf"), Value::Null, "v", (1, vec![("", "differs")])),
            (Value::Null, Value::Null, "v", (0, vec![])),
            (json(r#"[{"p":"new/a.pdf"}]"#), json(r#"[{"p":"a.pdf"}]"#), "v#/*/p", (1, vec![("/0/p", "prefix")])),
        ] {
            let looked = file_paths(&expected, &found, &parts(named).1, Some(&rule));
            assert_eq!(told(&looked), result, "{expected:?} {found:?}");
        }
    }
}
