//! The golden cases.

#[test]
fn cases() {
    whimbrel_sdk::testing::run_cases::<nextcrm_documents::Documents>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"));
}
