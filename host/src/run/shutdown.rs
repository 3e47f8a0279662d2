//! Ctrl-C and SIGTERM: the first asks the loops to stop behind their next commit, the second ends the process.

use std::sync::Arc;

use tokio::sync::watch;

/// Asked by every loop between two batches.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    /// Returns whether to stop.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Asks every loop to stop.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Waits until somebody asks to stop.
    pub async fn asked(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|is_asked| *is_asked).await;
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
