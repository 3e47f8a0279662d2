//! The golden cases, and that the declared schema takes their configurations.

use firestore_to_sql::FirestoreToSql;
use whimbrel_sdk::Transformer as _;
use whimbrel_sdk::testing;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases");

#[test]
fn cases() {
    testing::run_cases::<FirestoreToSql>(CASES);
}

#[test]
fn the_schema_takes_what_the_cases_use() {
    let schema = serde_json::from_str(FirestoreToSql::CONFIG_SCHEMA).expect("the schema is JSON");
    let schema = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    for (name, config) in testing::configs(CASES) {
        let found: Vec<_> = schema.iter_errors(&config).map(|error| error.to_string()).collect();
        let is_refused = name.starts_with("fail-schema-");
        assert_eq!(found.is_empty(), !is_refused, "case `{name}`: {found:?}");
    }
}
