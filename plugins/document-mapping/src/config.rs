//! The configuration as it is written.

use std::fmt;
use std::marker::PhantomData;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Deserializer;
use serde::de;

use crate::Dialect;

/// Why a column is no use: its key, and a message.
pub type Misfit = (&'static str, String);

/// The configuration of one entity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Config<D: Dialect> {
    pub(crate) table: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) columns: IndexMap<String, ColumnConfig<D>>,
    #[serde(default)]
    pub(crate) children: IndexMap<String, ChildConfig<D>>,
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
}

/// A table of rows made of an array's elements.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub(crate) struct ChildConfig<D: Dialect> {
    #[serde(deserialize_with = "each::<_, D>")]
    pub each: Each,
    #[serde(default)]
    pub key: Vec<String>,
    pub columns: IndexMap<String, ColumnConfig<D>>,
}

/// The path of an array; of arrays within arrays, the outermost first, each in an element of the one before.
pub struct Each(pub(crate) Vec<String>);

/// Where a column's value comes from.
pub enum Source {
    /// One path, or several for a composite reference.
    From(Vec<String>),
    /// Several paths, the first of which that has a value counts.
    FirstOf(Vec<String>),
}

/// One column: a path, or a path with more.
pub struct ColumnConfig<D: Dialect> {
    /// Where its value comes from.
    pub source: Source,
    /// What the value becomes.
    pub kind: Option<Kind>,
    /// The texts that are allowed.
    pub allowed: Option<Allowed>,
    /// The entities that it refers to.
    pub reference: Option<Entities>,
    /// The form of a date in text.
    pub format: Option<String>,
    /// The zone of a date in text.
    pub zone: Option<String>,
    /// What stands in for a missing value.
    pub default: Option<serde_json::Value>,
    /// Whether a missing value rejects the record.
    pub required: bool,
    /// Whether the value is an array, each element of which is converted so.
    pub array: bool,
    /// Whether empty text counts as missing.
    pub empty_as_null: bool,
    /// The keys of the dialect alone.
    pub keys: D::Keys,
    /// Whether it was written as a table rather than as a path alone.
    pub is_table: bool,
}

impl<D: Dialect> ColumnConfig<D> {
    /// Starts a column that was written as a table, with a source and nothing else.
    pub fn of(source: Source) -> Self {
        Self {
            source,
            kind: None,
            allowed: None,
            reference: None,
            format: None,
            zone: None,
            default: None,
            required: false,
            array: false,
            empty_as_null: false,
            keys: D::Keys::default(),
            is_table: true,
        }
    }

    /// Returns whether anything but the path was given.
    pub(crate) fn is_more_than_path(&self) -> bool {
        let is_bare =
            self.kind.is_none() && self.allowed.is_none() && self.reference.is_none() && self.format.is_none();
        let is_own = self.empty_as_null || self.keys != D::Keys::default();
        !is_bare || self.zone.is_some() || self.default.is_some() || self.array || is_own
    }
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the configuration's own words, which the plugins' READMEs explain")]
pub enum Kind {
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

impl Kind {
    /// Returns whether this is a date or a time.
    pub fn is_clock(self) -> bool {
        matches!(self, Self::Timestamp | Self::LocalTimestamp | Self::Date | Self::Time)
    }
}

/// A path, or a list of them.
pub struct PathList(pub Vec<String>);

/// The entities of which one has the record that is referred to.
#[derive(Debug, Clone)]
pub struct Entities(pub Vec<String>);

/// The texts a field may hold, and what each becomes.
#[derive(Debug, Clone)]
pub struct Allowed(pub IndexMap<String, String>);

/// Keeps `null` apart from an absent key.
///
/// # Errors
/// Those of the format that is read.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

fn each<'de, T: Deserializer<'de>, D: Dialect>(deserializer: T) -> Result<Each, T::Error> {
    D::Each::deserialize(deserializer).map(Into::into)
}

impl From<String> for Each {
    fn from(path: String) -> Self {
        Self(vec![path])
    }
}

// Visitors instead of untagged enums: those lose the path of an error.
impl<'de, D: Dialect> Deserialize<'de> for ColumnConfig<D> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        struct Visitor<D>(PhantomData<D>);

        impl<'de, D: Dialect> de::Visitor<'de> for Visitor<D> {
            type Value = ColumnConfig<D>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path, or a table with `from`")
            }

            fn visit_str<E>(self, path: &str) -> Result<ColumnConfig<D>, E> {
                let source = Source::From(vec![path.to_owned()]);
                Ok(ColumnConfig { is_table: false, ..ColumnConfig::of(source) })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ColumnConfig<D>, A::Error> {
                let table = D::Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                table.try_into().map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// Reads one text or a list of some, for what messages call them.
pub struct Texts {
    /// One of them, with its article.
    pub one: &'static str,
    /// Several of them.
    pub several: &'static str,
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

impl<'de> Deserialize<'de> for PathList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts { one: "a path", several: "a list of paths" }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Each {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PathList::deserialize(deserializer).map(|PathList(paths)| Self(paths))
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
