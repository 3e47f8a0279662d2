//! Ctrl-C and SIGTERM: the first asks the loops to stop behind their next commit, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

/// Asked by every loop between two batches.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<AtomicBool>);

impl Shutdown {
    /// Returns whether to stop.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks every loop to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Listens for signals until the runtime ends.
    pub fn listen(&self) {
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                wait_for_signal().await;
                if shutdown.is_asked() {
                    // The target rolls back what is not committed; exit code as a shell would give it.
                    std::process::exit(130);
                }
                tracing::warn!("stopping behind the next commit; once more ends at once");
                shutdown.ask();
            }
        });
    }
}

async fn wait_for_signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
