//! Traps while its instance is made.
#![cfg(target_family = "wasm")]

guests::guest!("Traps while its instance is made.", guests::echo);

#[used]
#[allow(unsafe_code, reason = "what runs before anything else is named by a section")]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    panic!("not today")
}
