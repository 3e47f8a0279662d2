//! The configuration as it is written.

use std::collections::BTreeMap;
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
    pub(crate) columns: IndexMap<String, Column>,
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
}

/// One column of the target.
#[derive(Debug)]
pub(crate) enum Column {
    /// Made of columns of the source.
    From(From),
    /// The same in every row.
    Value(serde_json::Value),
    /// An object of source columns, as JSON.
    Json(IndexMap<String, String>),
}

/// Columns of the source, and what becomes of their value.
#[derive(Debug, Default)]
pub(crate) struct From {
    /// One, or several for a composite key: the record's own, or a reference's.
    pub from: Vec<String>,
    pub cast: Option<Cast>,
    /// The entities of which one has the record that is referred to.
    pub reference: Option<Vec<String>>,
    /// Source text to target text; anything else is rejected.
    pub allowed: Option<BTreeMap<String, String>>,
    /// The zone in which a clock shows a timestamp without one.
    pub zone: Option<String>,
    /// Whether the value is an array, each element of which becomes so.
    pub array: bool,
    /// What stands for NULL.
    pub default: Option<serde_json::Value>,
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cast {
    Text,
    Integer,
    Decimal,
    Double,
    Bool,
    Uuid,
    Timestamp,
    LocalTimestamp,
    Date,
    Time,
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnTable {
    from: Option<Names>,
    #[serde(rename = "as")]
    cast: Option<Cast>,
    reference: Option<Names>,
    #[serde(rename = "enum")]
    allowed: Option<BTreeMap<String, String>>,
    zone: Option<String>,
    #[serde(default)]
    array: bool,
    #[serde(default, deserialize_with = "present")]
    default: Option<serde_json::Value>,
    json: Option<IndexMap<String, String>>,
    #[serde(default, deserialize_with = "present")]
    value: Option<serde_json::Value>,
}

impl ColumnTable {
    fn is_bare(&self) -> bool {
        self.cast.is_none()
            && self.reference.is_none()
            && self.allowed.is_none()
            && self.zone.is_none()
            && self.default.is_none()
            && !self.array
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        }
    }
}

/// Keeps `null` apart from an absent key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

// A visitor instead of an untagged enum: that would lose the path of an error.
impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Column;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a source column, or a table with `from`, `value` or `json`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Column, E> {
                Ok(Column::From(From { from: vec![name.to_owned()], ..From::default() }))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
                let table = ColumnTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let is_bare = table.is_bare();
                let ColumnTable { from, cast, reference, allowed, zone, array, default, json, value } = table;
                match (from, value, json) {
                    (Some(from), None, None) => {
                        let (from, reference) = (from.into_list(), reference.map(Names::into_list));
                        Ok(Column::From(From { from, cast, reference, allowed, zone, array, default }))
                    }
                    (None, Some(value), None) if is_bare => Ok(Column::Value(value)),
                    (None, None, Some(fields)) if is_bare => Ok(Column::Json(fields)),
                    (None, Some(_), None) => Err(de::Error::custom("expected nothing beside `value`, found more")),
                    (None, None, Some(_)) => Err(de::Error::custom("expected nothing beside `json`, found more")),
                    _ => Err(de::Error::custom("expected one of `from`, `value` and `json`")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
