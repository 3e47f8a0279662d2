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
}

/// Columns of the source, and what becomes of their value.
#[derive(Debug, Default)]
pub(crate) struct From {
    /// One, or several for a composite reference.
    pub from: Vec<String>,
    pub cast: Option<Cast>,
    pub reference: Option<Vec<String>>,
    /// Source text to target text; anything else is rejected.
    pub allowed: Option<BTreeMap<String, String>>,
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cast {
    Text,
    Integer,
    Decimal,
    Bool,
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
    #[serde(default, deserialize_with = "present")]
    value: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn list(self) -> Vec<String> {
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
                formatter.write_str("a source column, or a table with `from` or `value`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Column, E> {
                Ok(Column::From(From { from: vec![name.to_owned()], ..From::default() }))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Column, A::Error> {
                let table = ColumnTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let ColumnTable { from, cast, reference, allowed, value } = table;
                match (from, value) {
                    (Some(from), None) => {
                        let (from, reference) = (from.list(), reference.map(Names::list));
                        Ok(Column::From(From { from, cast, reference, allowed }))
                    }
                    (None, Some(value)) if cast.is_none() && reference.is_none() && allowed.is_none() => {
                        Ok(Column::Value(value))
                    }
                    (None, Some(_)) => Err(de::Error::custom("expected nothing beside `value`, found more")),
                    _ => Err(de::Error::custom("expected either `from` or `value`")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
