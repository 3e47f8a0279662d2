//! Rejects everything from the second batch that an instance sees; there never is one.
#![cfg(target_family = "wasm")]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

static BATCHES: AtomicU32 = AtomicU32::new(0);

guests::guest!("Counts batches.", |documents| {
    let batches = BATCHES.fetch_add(1, Ordering::Relaxed);
    guests::each(documents, |document| match batches {
        0 => Ok(document.to_vec()),
        _ => Err(guests::rejection("second-batch", "the instance has seen another batch")),
    })
});
