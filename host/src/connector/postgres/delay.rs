//! Sends every packet at once.
//!
//! The driver leaves Nagle's algorithm on and hands its socket to nobody: what follows a packet that is not full waits
//! for the server's delayed acknowledgement, 40 ms at the end of every COPY and twice while a session is opened. Linux
//! gives a process its own sockets once more, and an option set on such a duplicate holds for the socket.
//!
//! What whimbrel is compared with in benchmarks opens its sessions in the same way.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// A socket is there soon after a session begins to open, and waits for the first time soon after that.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Awaits what may open a session, and turns Nagle's algorithm off as soon as there is a socket.
pub async fn avoided_while<T>(opening: impl Future<Output = T>) -> T {
    let mut opening = pin!(opening);
    loop {
        tokio::select! {
            biased;
            opened = &mut opening => return opened,
            () = tokio::time::sleep(LOOK_EVERY) => avoid(),
        }
    }
}

/// Turns Nagle's algorithm off for this process's TCP sockets. Where the system does not allow it, transactions take longer.
#[cfg(target_os = "linux")]
pub fn avoid() {
    use rustix::net::sockopt::set_tcp_nodelay;
    use rustix::process::PidfdFlags;
    use rustix::process::PidfdGetfdFlags;
    use rustix::process::getpid;
    use rustix::process::pidfd_getfd;
    use rustix::process::pidfd_open;

    let Ok(own) = pidfd_open(getpid(), PidfdFlags::empty()) else { return };
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in open.flatten() {
        let is_socket =
            entry.path().read_link().is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()).filter(|_| is_socket)
            && let Ok(socket) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty())
        {
            // Sockets of other kinds have no such option.
            let _ = set_tcp_nodelay(&socket, true);
        }
    }
}

/// Elsewhere there is no way to the driver's sockets.
#[cfg(not(target_os = "linux"))]
pub fn avoid() {}
