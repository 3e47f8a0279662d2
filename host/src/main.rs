//! The `whimbrel` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    give_memory_back();
    whimbrel::cli::main()
}

/// Keeps the memory of a long run as small as that of a short one.
///
/// A batch is made on one thread and dropped on another. glibc has a heap for every thread, and lets each grow to the
/// most that it ever held unless it is told when to give memory back. Once told, it would take every buffer of more than
/// 128 KiB from the system anew and give it back at once, at a page fault for each 4 KiB: a batch's buffers stay below. Fewer
/// heaps would hold hardly less and cost a tenth of the speed: threads would wait for each other.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "a setting of the C library")]
fn give_memory_back() {
    const FREE_BYTES_MAX: libc::c_int = 4 << 20;
    const HEAP_BYTES_MAX: libc::c_int = 16 << 20;
    // SAFETY: changes numbers that the allocator reads, while there is only this thread. Where it is refused, nothing
    // but the size of the heaps is different.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_BYTES_MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, HEAP_BYTES_MAX);
    }
}

/// Elsewhere the allocator's own rules hold.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
