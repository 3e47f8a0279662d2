//! What `mended_v1` should have been.
#![cfg(target_family = "wasm")]

guests::guest!("Is wrong about marked documents no more.", |documents| guests::mended::transform(documents, true));
