//! The transformer `mongo-to-sql`: its configuration says which source field feeds which column, and how.
//!
//! A configuration is compiled once into a tree of field names, so each document is walked once, and only as deep as
//! the configuration looks. Everything that does not fit is a rejection; nothing is rounded, cut or defaulted unasked.

mod compile;
mod config;
mod convert;
mod json;
mod number;
mod paths;
mod table;
mod text;
mod time;

use whimbrel_sdk::Description;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Transformer;

use crate::compile::Compiled;
use crate::config::Config;

/// One entity's configuration, ready for documents.
pub struct MongoToSql(Compiled);

impl Transformer for MongoToSql {
    const SUMMARY: &'static str = "Maps document fields to columns as its configuration says.";
    const CONFIG_SCHEMA: &'static str = include_str!("config.schema.json");
    type Config = Config;

    fn describe(setup: &Setup, config: &Config) -> Result<Description, Vec<Problem>> {
        compile::compile(setup, config).map(|compiled| compiled.describe(config))
    }

    fn new(setup: &Setup, config: Config) -> Result<Self, Vec<Problem>> {
        compile::compile(setup, &config).map(Self)
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        self.0.transform(record)
    }
}

whimbrel_sdk::export_transformer!(MongoToSql);
