//! What a column's JSON must be.

use serde::Deserialize;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Violation;

use crate::scan::Facts;
use crate::scan::JsonType;

/// The requirement of one column; an empty one asks for JSON of any kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Requirement {
    #[serde(rename = "type")]
    kind: Option<JsonType>,
    #[serde(default)]
    required: Vec<String>,
    depth_max: Option<u32>,
    bytes_max: Option<usize>,
}

impl Requirement {
    /// Keys that make no sense beside each other.
    pub(crate) fn problems(&self, pointer: &Pointer) -> Option<Problem> {
        let is_object = matches!(self.kind, None | Some(JsonType::Object));
        let message = "expected `type` to be `object` beside `required`, found another";
        (!is_object && !self.required.is_empty()).then(|| Problem::new(pointer.key("required"), message))
    }

    /// Returns the first requirement that this JSON breaks.
    pub(crate) fn violation(&self, text: &str, facts: &Facts) -> Option<Violation> {
        let expected = self.kind.or((!self.required.is_empty()).then_some(JsonType::Object));
        if let Some(expected) = expected
            && facts.kind != expected
        {
            let message = format!("expected {}, found {}", expected.words(), facts.kind.words());
            return Some(Violation::new("json-type", message));
        }
        let missing = self.required.iter().find(|key| !facts.keys.contains(*key));
        if let Some(missing) = missing {
            return Some(Violation::new("json-required", format!("expected the key `{missing}`, found none")));
        }
        let deeper = self.depth_max.filter(|depth_max| facts.depth > *depth_max);
        if let Some(depth_max) = deeper {
            let message = format!("expected at most {depth_max} levels, found {}", facts.depth);
            return Some(Violation::new("json-depth", message));
        }
        let bytes_max = self.bytes_max.filter(|bytes_max| text.len() > *bytes_max)?;
        Some(Violation::new("json-bytes", format!("expected at most {bytes_max} bytes, found {}", text.len())))
    }
}
