//! Rejects every second record of a batch: what a record comes to hangs on those before it.
#![cfg(target_family = "wasm")]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

static RECORDS: AtomicU32 = AtomicU32::new(0);

guests::guest!("Counts records.", |documents| guests::each(documents, |document| {
    match RECORDS.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => Ok(document.to_vec()),
        _ => Err(guests::rejection("every-second", "the record came second")),
    }
}));
