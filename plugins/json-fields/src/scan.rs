//! Reads JSON text once and keeps only what requirements ask about, never the values.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JsonType {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl JsonType {
    /// Returns the kind in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// What is known of a JSON text.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What the outermost value is.
    pub kind: JsonType,
    /// Levels of objects and arrays; 0 for a scalar.
    pub depth: u32,
    /// The keys of the outermost object.
    pub keys: HashSet<String>,
}

/// Reads the whole text. serde_json stops at 128 levels, which bounds the recursion.
pub(crate) fn scan(text: &str) -> Result<Facts, serde_json::Error> {
    serde_json::from_str(text)
}

impl Facts {
    fn scalar(kind: JsonType) -> Self {
        Self { kind, depth: 0, keys: HashSet::new() }
    }
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Facts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::Boolean))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::Number))
    }

    fn visit_str<E>(self, _: &str) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::String))
    }

    fn visit_unit<E>(self) -> Result<Facts, E> {
        Ok(Facts::scalar(JsonType::Null))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Facts, A::Error> {
        let mut depth = 0;
        while let Some(inner) = list.next_element::<Facts>()? {
            depth = depth.max(inner.depth);
        }
        Ok(Facts { kind: JsonType::Array, depth: depth + 1, keys: HashSet::new() })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
        let mut facts = Facts { kind: JsonType::Object, depth: 0, keys: HashSet::new() };
        while let Some((key, inner)) = map.next_entry::<String, Facts>()? {
            facts.depth = facts.depth.max(inner.depth);
            // Databases keep one of two equal keys, and not all the same one.
            if !facts.keys.insert(key) {
                return Err(de::Error::custom("a key stands twice in one object"));
            }
        }
        facts.depth += 1;
        Ok(facts)
    }
}
