//! Says a million lines for every batch; echoes it.
#![cfg(target_family = "wasm")]

guests::guest!("Floods the log.", |documents| {
    use guests::bindings::whimbrel::plugin::log;
    for line in 0..1_000_000 {
        log::log(log::Level::Warn, if line % 2 == 0 { "flood" } else { "and more of it" });
    }
    guests::echo(documents)
});
