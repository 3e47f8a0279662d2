//! The golden cases, and that the declared schema takes their configurations.

use timestamps_utc::TimestampsUtc;
use whimbrel_sdk::Validator as _;
use whimbrel_sdk::testing;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases");

#[test]
fn cases() {
    testing::run_validator_cases::<TimestampsUtc>(CASES);
}

#[test]
fn the_schema_takes_what_the_cases_use() {
    let schema = serde_json::from_str(TimestampsUtc::CONFIG_SCHEMA).expect("the schema is JSON");
    let schema = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    for (name, config) in testing::configs(CASES) {
        assert!(schema.is_valid(&config), "case `{name}`");
    }
}
