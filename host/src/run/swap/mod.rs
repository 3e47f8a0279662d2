//! The next version of a component, from the file that somebody drops to its first batch, or to why it never has one.
//!
//! `watch` and `control` bring files, `probe` looks at them, `canary` compares them with what is active, `keeper` decides,
//! `vigil` watches what has taken over, `history` says all of it in the target.

pub mod canary;
pub mod control;
mod description;
pub mod history;
mod install;
pub mod keeper;
pub mod kept;
mod probe;
pub mod vigil;
mod watch;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use canary::Trial;
use control::Answer;
use control::Request;
use keeper::Keeper;
use probe::Probed;

/// Time for the keeper to store what it knows when a run ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the keeper is told.
pub enum Message {
    /// Somebody asks, and waits for the answer.
    Asked(Request, oneshot::Sender<Answer>),
    /// A whole file lies where a component is looked for.
    Dropped {
        /// The component's name.
        plugin: String,
        /// The file.
        file: PathBuf,
    },
    /// The probe of a file for this component has ended.
    Probed {
        /// The component's name.
        plugin: String,
        /// What its users would be mapped by, or why it is refused.
        outcome: Result<Vec<Probed>, String>,
    },
    /// A candidate has been compared on the batches that were committed, or could not be.
    Reread {
        /// The candidate.
        trial: Arc<Trial>,
        /// Why it could not be.
        outcome: Result<(), String>,
    },
    /// A candidate of this entity has been compared on as many batches as were asked for.
    Compared(usize),
    /// This entity waits.
    Held(usize),
    /// This entity has ended, one way or another.
    Ended(usize),
    /// The run has ended.
    Stop,
}

/// Returns an error with its causes, in one sentence.
pub fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// A run's keeper with its socket, at work until it is ended.
pub struct Swaps {
    /// How the keeper is told something.
    pub told: mpsc::UnboundedSender<Message>,
    task: JoinHandle<()>,
    _watch: watch::Watch,
    #[cfg(unix)]
    _listener: Option<control::Listener>,
}

impl Swaps {
    /// Starts a keeper. A run goes on without what it cannot have.
    pub async fn start(keeper: impl FnOnce(mpsc::UnboundedSender<Message>) -> Keeper) -> Self {
        let (told, messages) = mpsc::unbounded_channel();
        let keeper = keeper(told.clone());
        #[cfg(unix)]
        let listener = match control::Listener::start(&keeper.manifest, told.clone()).await {
            Ok(listener) => Some(listener),
            Err(failure) => {
                tracing::warn!("`whimbrel plugin swap` will not reach this run: {}", sentence(&failure));
                None
            }
        };
        let watch = watch::Watch::start(&keeper.manifest, &keeper.plugins(), told.clone());
        let task = tokio::spawn(keeper.keep(messages));
        Self {
            told,
            task,
            _watch: watch,
            #[cfg(unix)]
            _listener: listener,
        }
    }

    /// Lets the keeper tell what it knows, and ends it.
    pub async fn end(mut self) {
        // It may have ended by itself.
        let _ = self.told.send(Message::Stop);
        if tokio::time::timeout(LAST_WORDS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
