//! The configuration as it is written.

use std::fmt;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Deserializer;
use serde::de;

/// The configuration of one entity.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub(crate) table: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) columns: IndexMap<String, ColumnConfig>,
    #[serde(default)]
    pub(crate) children: IndexMap<String, ChildConfig>,
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
}

/// A table of rows made of an array's elements.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChildConfig {
    pub each: String,
    #[serde(default)]
    pub key: Vec<String>,
    pub columns: IndexMap<String, ColumnConfig>,
}

/// One column: a path, or a path with more.
#[derive(Debug, Default)]
pub(crate) struct ColumnConfig {
    /// One path, or several for a composite reference.
    pub from: Vec<String>,
    pub kind: Option<Kind>,
    pub allowed: Option<Allowed>,
    pub reference: Option<Entities>,
    pub format: Option<String>,
    pub zone: Option<String>,
    pub default: Option<serde_json::Value>,
    pub required: bool,
    /// Whether the value is an array, each element of which is converted so.
    pub array: bool,
    /// Whether it was written as a table rather than as a path alone.
    pub is_table: bool,
}

impl ColumnConfig {
    /// Returns whether anything but the path was given.
    pub(crate) fn is_more_than_path(&self) -> bool {
        let is_bare =
            self.kind.is_none() && self.allowed.is_none() && self.reference.is_none() && self.format.is_none();
        !is_bare || self.zone.is_some() || self.default.is_some() || self.array
    }
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Text,
    Integer,
    Double,
    Decimal,
    Bool,
    Uuid,
    Timestamp,
    LocalTimestamp,
    Date,
    Time,
    Json,
    TextArray,
    Bytes,
}

/// A path, or a list of them.
struct From(Vec<String>);

/// The entities of which one has the record that is referred to.
#[derive(Debug, Clone)]
pub(crate) struct Entities(pub Vec<String>);

/// The texts a field may hold, and what each becomes.
#[derive(Debug)]
pub(crate) struct Allowed(pub IndexMap<String, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnTable {
    from: From,
    #[serde(rename = "as")]
    kind: Option<Kind>,
    #[serde(rename = "enum")]
    allowed: Option<Allowed>,
    reference: Option<Entities>,
    format: Option<String>,
    zone: Option<String>,
    #[serde(default, deserialize_with = "present")]
    default: Option<serde_json::Value>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    array: bool,
}

/// Keeps `null` apart from an absent key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

// Visitors instead of untagged enums: those lose the path of an error.
impl<'de> Deserialize<'de> for ColumnConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ColumnConfig;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path, or a table with `from`")
            }

            fn visit_str<E>(self, path: &str) -> Result<ColumnConfig, E> {
                Ok(ColumnConfig { from: vec![path.to_owned()], ..ColumnConfig::default() })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ColumnConfig, A::Error> {
                let table = ColumnTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let ColumnTable { from: From(from), kind, allowed, reference, format, zone, default, required, array } =
                    table;
                Ok(ColumnConfig {
                    from,
                    kind,
                    allowed,
                    reference,
                    format,
                    zone,
                    default,
                    required,
                    array,
                    is_table: true,
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Reads one text or a list of some.
struct Texts {
    one: &'static str,
    several: &'static str,
}

impl<'de> de::Visitor<'de> for Texts {
    type Value = Vec<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, or {}", self.one, self.several)
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        if texts.is_empty() {
            return Err(de::Error::custom(format!("expected {}, found an empty list", self.one)));
        }
        Ok(texts)
    }
}

impl<'de> Deserialize<'de> for From {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts { one: "a path", several: "a list of paths" }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Entities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts { one: "an entity", several: "a list of entities" }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Allowed;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of texts, or a table from source text to target text")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Allowed, A::Error> {
                let mut allowed = IndexMap::new();
                while let Some(text) = list.next_element::<String>()? {
                    allowed.insert(text.clone(), text);
                }
                Ok(Allowed(allowed))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Allowed, A::Error> {
                IndexMap::deserialize(de::value::MapAccessDeserializer::new(map)).map(Allowed)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
