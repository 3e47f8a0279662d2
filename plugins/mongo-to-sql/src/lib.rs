//! The transformer `mongo-to-sql`: its configuration says which source field feeds which column, and how.
//!
//! The mapping itself is `document-mapping`'s; here are the keys that a configuration may have.

mod config;

use document_mapping::Config;
use document_mapping::Mapping;
use whimbrel_sdk::Description;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Transformer;

pub use crate::config::Mongo;

/// One entity's configuration, ready for documents.
pub struct MongoToSql(Mapping);

impl Transformer for MongoToSql {
    const SUMMARY: &'static str = "Maps document fields to columns as its configuration says.";
    const CONFIG_SCHEMA: &'static str = include_str!("config.schema.json");
    type Config = Config<Mongo>;

    fn describe(setup: &Setup, config: &Config<Mongo>) -> Result<Description, Vec<Problem>> {
        Mapping::new(setup, config).map(|mapping| mapping.describe(config))
    }

    fn new(setup: &Setup, config: Config<Mongo>) -> Result<Self, Vec<Problem>> {
        Mapping::new(setup, &config).map(Self)
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        self.0.transform(record)
    }
}

whimbrel_sdk::export_transformer!(MongoToSql);
