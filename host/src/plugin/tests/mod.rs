//! The plugin host against real components, good and bad.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod guest;
mod load;
mod payload;
mod run;

use std::ops::Range;
use std::time::Duration;

use bson::RawDocumentBuf;

use super::*;

const PINS: Pins = Pins { now_us: 1_700_000_000_000_000, seed: 7 };

/// An engine that never looks at the account's own cache.
fn engine() -> (Engine, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    (Engine::new(Some(cache.path().join("cache"))).unwrap(), cache)
}

fn setup(config_json: &str) -> Setup {
    Setup { entity: "e".into(), key: vec!["_id".into()], into: Vec::new(), config_json: config_json.into() }
}

fn short() -> Limits {
    Limits { memory_bytes: 16 << 20, deadline: Duration::from_millis(200), ..Limits::default() }
}

fn open(bytes: &[u8], limits: Limits) -> Transformer {
    let (engine, _cache) = engine();
    let component = Component::from_bytes(&engine, bytes, "guest").unwrap();
    Transformer::open(&component, setup("{}"), limits, PINS).unwrap().0
}

/// The bytes of these documents one after another, and where each lies.
fn documents(documents: &[RawDocumentBuf]) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut bytes = Vec::new();
    let ranges = documents
        .iter()
        .map(|document| {
            let start = bytes.len();
            bytes.extend_from_slice(document.as_bytes());
            start..bytes.len()
        })
        .collect();
    (bytes, ranges)
}
