//! Writes the time and a random number twice over, and rejects what does not move as it should.
#![cfg(target_family = "wasm")]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Instant;
use std::time::SystemTime;

guests::guest!("Reads clocks and random numbers.", |documents| {
    let (now, began) = (SystemTime::now(), Instant::now());
    let random = RandomState::new().hash_one(7);
    let same = now == SystemTime::now() && began < Instant::now();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
    guests::each(documents, |document| match same {
        true => Ok(guests::with_name(document, format!("{now} {random}").as_bytes())),
        false => Err(guests::rejection("restless", "the wall clock moved, or the other one did not")),
    })
});
