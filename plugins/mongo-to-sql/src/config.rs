//! A column as a configuration for MongoDB's documents has it: the common keys, and no others.

use document_mapping::Allowed;
use document_mapping::ColumnConfig;
use document_mapping::Convert;
use document_mapping::Dialect;
use document_mapping::Entities;
use document_mapping::Kind;
use document_mapping::Misfit;
use document_mapping::PathList;
use document_mapping::Source;
use document_mapping::present;
use serde::Deserialize;

/// The documents of MongoDB.
pub struct Mongo;

impl Dialect for Mongo {
    type Table = ColumnTable;
    type Keys = ();
    type Each = String;

    fn convert(column: &ColumnConfig<Self>) -> (Convert, Vec<Misfit>) {
        Convert::of(column)
    }
}

/// A column that is written as a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnTable {
    from: PathList,
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

impl TryFrom<ColumnTable> for ColumnConfig<Mongo> {
    type Error = String;

    fn try_from(table: ColumnTable) -> Result<Self, String> {
        let ColumnTable { from: PathList(from), kind, allowed, reference, format, zone, default, required, array } =
            table;
        let column = ColumnConfig::of(Source::From(from));
        Ok(Self { kind, allowed, reference, format, zone, default, required, array, ..column })
    }
}
