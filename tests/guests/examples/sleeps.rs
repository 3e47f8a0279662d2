//! Sleeps for an hour for every batch, then echoes it.
#![cfg(target_family = "wasm")]

guests::guest!("Sleeps.", |documents| {
    std::thread::sleep(std::time::Duration::from_secs(3600));
    guests::echo(documents)
});
