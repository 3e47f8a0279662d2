//! A column as a configuration for Firestore's documents has it.

use document_mapping::Allowed;
use document_mapping::ColumnConfig;
use document_mapping::Convert;
use document_mapping::Dialect;
use document_mapping::Each;
use document_mapping::Entities;
use document_mapping::Kind;
use document_mapping::Misfit;
use document_mapping::PathList;
use document_mapping::Source;
use document_mapping::Texts;
use document_mapping::present;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::Deserializer;

use crate::column;

/// The documents of Firestore.
pub struct Firestore;

impl Dialect for Firestore {
    type Table = ColumnTable;
    type Keys = Keys;
    type Each = Each;
    const HAS_MIXED_FIELDS: bool = true;

    fn convert(column: &ColumnConfig<Self>) -> (Convert, Vec<Misfit>) {
        column::convert(column)
    }
}

/// The keys of a column that only Firestore's documents need.
#[derive(Debug, Default, PartialEq)]
pub struct Keys {
    /// Whether the column takes the text of what `kind` says.
    pub(crate) is_text: bool,
    /// The forms of a date in text, in the order in which they are tried.
    pub(crate) formats: Vec<String>,
    /// The fields of which the first that a map has stands for the map.
    pub(crate) within: Vec<String>,
    pub(crate) by: Option<By>,
    /// The collection that a reference must be of.
    pub(crate) collection: Option<String>,
    pub(crate) prefixes: Option<IndexMap<String, String>>,
    pub(crate) prefix_required: bool,
    pub(crate) from_number: Option<FromNumber>,
    pub(crate) time: Option<String>,
    pub(crate) digits: Option<u8>,
    pub(crate) non_finite: Option<NonFinite>,
    pub(crate) derive: Option<String>,
}

/// What of a reference counts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// The last segment of its path.
    Id,
    /// All of it.
    Path,
}

/// What a number means where a date is expected.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromNumber {
    Seconds,
    Milliseconds,
    /// Seconds below this number, milliseconds from it on, whatever the sign.
    SecondsBelow(u64),
}

/// What becomes of NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NonFinite {
    Null,
    Text,
}

/// What a value becomes: the common words, and three of Firestore's own.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum As {
    Text,
    Integer,
    Double,
    Decimal,
    Bool,
    Uuid,
    Timestamp,
    TimestampText,
    LocalTimestamp,
    Date,
    Time,
    Json,
    JsonText,
    TextArray,
    Bytes,
    Base64,
}

impl As {
    /// The common kind, and whether its text is meant.
    fn parts(self) -> (Kind, bool) {
        match self {
            Self::Text => (Kind::Text, false),
            Self::Integer => (Kind::Integer, false),
            Self::Double => (Kind::Double, false),
            Self::Decimal => (Kind::Decimal, false),
            Self::Bool => (Kind::Bool, false),
            Self::Uuid => (Kind::Uuid, false),
            Self::Timestamp => (Kind::Timestamp, false),
            Self::TimestampText => (Kind::Timestamp, true),
            Self::LocalTimestamp => (Kind::LocalTimestamp, false),
            Self::Date => (Kind::Date, false),
            Self::Time => (Kind::Time, false),
            Self::Json => (Kind::Json, false),
            Self::JsonText => (Kind::Json, true),
            Self::TextArray => (Kind::TextArray, false),
            Self::Bytes => (Kind::Bytes, false),
            Self::Base64 => (Kind::Bytes, true),
        }
    }
}

/// A column that is written as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ColumnTable {
    from: Option<PathList>,
    first_of: Option<Vec<String>>,
    #[serde(rename = "as")]
    kind: Option<As>,
    #[serde(rename = "enum")]
    allowed: Option<Allowed>,
    reference: Option<Entities>,
    #[serde(default, deserialize_with = "formats")]
    format: Vec<String>,
    zone: Option<String>,
    #[serde(default, deserialize_with = "present")]
    default: Option<serde_json::Value>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    array: bool,
    #[serde(default)]
    empty_as_null: bool,
    #[serde(default)]
    within: Vec<String>,
    by: Option<By>,
    collection: Option<String>,
    prefixes: Option<IndexMap<String, String>>,
    #[serde(default)]
    prefix_required: bool,
    from_number: Option<FromNumber>,
    time: Option<String>,
    digits: Option<u8>,
    non_finite: Option<NonFinite>,
    derive: Option<String>,
}

fn formats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Texts { one: "a format", several: "a list of formats" })
}

impl TryFrom<ColumnTable> for ColumnConfig<Firestore> {
    type Error = String;

    fn try_from(table: ColumnTable) -> Result<Self, String> {
        let source = match (table.from, table.first_of) {
            (Some(PathList(paths)), None) => Source::From(paths),
            (None, Some(paths)) if paths.is_empty() => {
                return Err("expected paths in `first-of`, found none".to_owned());
            }
            (None, Some(paths)) => Source::FirstOf(paths),
            (Some(_), Some(_)) => return Err("expected `from` or `first-of`, found both".to_owned()),
            (None, None) => return Err("expected `from` or `first-of`, found neither".to_owned()),
        };
        let (kind, is_text) = table.kind.map(As::parts).unzip();
        let keys = Keys {
            is_text: is_text.unwrap_or_default(),
            within: table.within,
            by: table.by,
            collection: table.collection,
            prefixes: table.prefixes,
            prefix_required: table.prefix_required,
            from_number: table.from_number,
            time: table.time,
            digits: table.digits,
            non_finite: table.non_finite,
            derive: table.derive,
            formats: table.format.clone(),
        };
        Ok(Self {
            kind,
            allowed: table.allowed,
            reference: table.reference,
            format: table.format.into_iter().next(),
            zone: table.zone,
            default: table.default,
            required: table.required,
            array: table.array,
            empty_as_null: table.empty_as_null,
            keys,
            ..ColumnConfig::of(source)
        })
    }
}
