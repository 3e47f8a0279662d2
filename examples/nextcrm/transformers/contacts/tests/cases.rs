//! The golden cases.

#[test]
fn cases() {
    whimbrel_sdk::testing::run_cases::<nextcrm_contacts::Contacts>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
}
