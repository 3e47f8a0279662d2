//! A transformer in several versions: the first is wrong in two ways, the second mends both, others are of no use.
//!
//! Its records have `_id`, `name`, and perhaps `parent`. Version 1 traps on `poison: true` and writes another name where
//! there is `wrong: true`; every version rejects `unfit: true`.

use serde::Deserialize;
use whimbrel_sdk::Description;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;
use whimbrel_sdk::Transformer;

/// Rejects records with `wrong`.
pub const STRICT: u8 = 5;
/// Another table than the others describe.
pub const DESCRIBES_MORE: u8 = 3;
/// Takes no configuration at all.
pub const REFUSES_CONFIG: u8 = 4;

/// The transformer in one version.
pub struct Fixable<const VERSION: u8> {
    entity: String,
    config: Config,
}

/// What one entity asks of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The entity that the column `parent` points to.
    parent: Option<String>,
    /// Says in the column `made_by` which version made the row.
    #[serde(default)]
    stamp: bool,
}

impl<const VERSION: u8> Transformer for Fixable<VERSION> {
    const SUMMARY: &'static str = "Copies names, rightly or wrongly.";
    type Config = Config;

    fn describe(setup: &Setup, config: &Config) -> Result<Description, Vec<Problem>> {
        if VERSION == REFUSES_CONFIG {
            return Err(vec![Problem { pointer: "/parent".to_owned(), message: "I want another one".to_owned() }]);
        }
        let mut table = Table::new(&setup.into[0]).id("_id").column("name");
        if let Some(parent) = &config.parent {
            table = table.reference("parent", parent);
        }
        if config.stamp || VERSION == DESCRIBES_MORE {
            table = table.column("made_by");
        }
        Ok(Description::new().table(table).reads(["_id", "name", "parent", "poison", "wrong"]))
    }

    fn new(setup: &Setup, config: Config) -> Result<Self, Vec<Problem>> {
        Ok(Self { entity: setup.entity.clone(), config })
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        let is = |field: &str| record.get(field).ok().flatten().is_some();
        assert!(VERSION != 1 || !is("poison"), "this version does not know poison");
        if is("unfit") || VERSION == STRICT && is("wrong") {
            return Err(Rejection::new("unfit", "no version takes this record"));
        }
        let mut row = Row::new(0);
        row.reference("_id", &self.entity, record.required("_id")?);
        let name = record.text("name")?;
        if VERSION == 1 && is("wrong") {
            row.text("name", &name.to_uppercase());
        } else {
            row.text("name", name);
        }
        if let Some(parent) = &self.config.parent {
            row.optional_reference("parent", parent, record.get("parent")?);
        }
        if self.config.stamp {
            row.text("made_by", &format!("v{VERSION}"));
        }
        Ok(row.into())
    }
}
