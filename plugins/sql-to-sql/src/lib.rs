//! The transformer `sql-to-sql`: every column of a row is a column of the source's row, under its own name or another, made
//! another type where the configuration says so, a reference, or a constant.
//!
//! A value that is copied keeps the form it came in, so nothing is lost on the way. A source column that is not there is a
//! rejection, never NULL.

mod cast;
mod clock;
mod compile;
mod config;
mod id;
mod json;

use whimbrel_sdk::Description;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Transformer;

use crate::compile::Compiled;
use crate::config::Config;

/// One entity's configuration, ready for rows.
pub struct SqlToSql(Compiled);

impl Transformer for SqlToSql {
    const SUMMARY: &'static str = "Copies a table's columns to another table as its configuration says.";
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

whimbrel_sdk::export_transformer!(SqlToSql);
