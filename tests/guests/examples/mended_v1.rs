//! Wrong about marked documents: traps, rejects, writes a wrong value, leaves one out, adds a row.
#![cfg(target_family = "wasm")]

guests::guest!("Is wrong about marked documents.", |documents| guests::mended::transform(documents, false));
