//! A validator whose only violation names a row far beyond those it got.
#![cfg(target_family = "wasm")]

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit/since-v0.1.0", world: "validator-plugin" });

    use exports::whimbrel::plugin::validator::{Guest, Identity, Problem, Rows, Setup, Violation};
    use whimbrel::plugin::types::PayloadKind;

    struct Component;

    impl Guest for Component {
        fn about() -> Identity {
            let summary = "Names a row that is not there.".to_owned();
            Identity { summary, payload: PayloadKind::Bson, config_schema: String::new() }
        }
        fn configure(_: Setup) -> Result<(), Vec<Problem>> {
            Ok(())
        }
        fn validate(_: Rows) -> Vec<Violation> {
            let message = "found a row that is not there".to_owned();
            vec![Violation { row: u32::MAX, code: "bad-index".to_owned(), column: None, message }]
        }
    }

    export!(Component);
}
