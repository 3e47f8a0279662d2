//! The imported log, which every world has.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit/since-v0.1.0",
        inline: "package whimbrel:sdk; world logging { import whimbrel:plugin/log@0.1.0; }",
        world: "whimbrel:sdk/logging",
        generate_all,
    });
}

pub use bindings::whimbrel::plugin::log::Level;
pub use bindings::whimbrel::plugin::log::log;
