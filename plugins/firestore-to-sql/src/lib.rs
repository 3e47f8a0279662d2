//! The transformer `firestore-to-sql`: its configuration says which field of Firestore's documents feeds which column, and
//! how.
//!
//! The mapping itself is `document-mapping`'s; here are the keys that only Firestore's documents need, and what becomes of
//! values that only they have.

mod column;
mod config;
mod date;
mod derive;
mod json;
mod number;
mod prefix;
mod reference;
mod value;

use document_mapping::Config;
use document_mapping::Mapping;
use whimbrel_sdk::Description;
use whimbrel_sdk::Outcome;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Record;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Transformer;

pub use crate::config::Firestore;

/// Fields that the sources add to every document; nobody need say that they are left out.
const ADDED: [&str; 5] = ["__id__", "__path__", "__parent__", "__create_time__", "__update_time__"];

/// One entity's configuration, ready for documents.
pub struct FirestoreToSql(Mapping);

impl Transformer for FirestoreToSql {
    const SUMMARY: &'static str = "Maps the fields of Firestore's documents to columns as its configuration says.";
    const CONFIG_SCHEMA: &'static str = include_str!("config.schema.json");
    type Config = Config<Firestore>;

    fn describe(setup: &Setup, config: &Config<Firestore>) -> Result<Description, Vec<Problem>> {
        let description = Mapping::new(setup, config)?.describe(config);
        let added: Vec<_> =
            ADDED.into_iter().filter(|name| !description.reads.iter().any(|read| read == name)).collect();
        Ok(description.ignores(added))
    }

    fn new(setup: &Setup, config: Config<Firestore>) -> Result<Self, Vec<Problem>> {
        Mapping::new(setup, &config).map(Self)
    }

    fn transform(&self, record: Record<'_>) -> Outcome {
        self.0.transform(record)
    }
}

whimbrel_sdk::export_transformer!(FirestoreToSql);
