//! Exports something that no version of the contract knows.
#![cfg(target_family = "wasm")]

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package other:thing@1.0.0;
            interface greeter { greet: func() -> string; }
            world greeting { export greeter; }
        ",
    });

    struct Component;

    impl exports::other::thing::greeter::Guest for Component {
        fn greet() -> String {
            "good day".to_owned()
        }
    }

    export!(Component);
}
