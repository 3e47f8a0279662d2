//! The socket of a run: one question and one answer a connection, each a line of JSON, for nobody but this account.

use std::collections::BTreeMap;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::error::Failure;
use crate::plan::Manifest;

#[cfg(unix)]
mod socket;

#[cfg(unix)]
pub use socket::Listener;
#[cfg(unix)]
pub use socket::ask;

/// What somebody asks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub enum Request {
    /// Where every entity stands.
    Status,
    /// Try a file in the place of a component.
    Swap {
        /// The component's name.
        plugin: String,
        /// The file, from the root.
        file: PathBuf,
    },
    /// Let a candidate take over.
    Promote {
        /// The component's name.
        plugin: String,
    },
    /// Turn a candidate down.
    Reject {
        /// The component's name.
        plugin: String,
        /// Why.
        reason: Option<String>,
    },
}

/// What a run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub is_done: bool,
    /// What was done, or why not.
    pub message: String,
    /// The entities that it concerns.
    pub entities: Vec<Standing>,
}

/// What maps one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The entity.
    pub entity: String,
    /// `running`, `held` or `ended`.
    pub state: String,
    /// Digests by component.
    pub active: BTreeMap<String, String>,
    /// What is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// Whether the version before would take over again.
    pub is_watched: bool,
}

/// A component that is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub plugin: String,
    /// Its digest.
    pub digest: String,
    /// `probe`, `canary`, or `waiting` for somebody to decide.
    pub state: String,
    /// Batches still to be compared.
    pub batches_left: u64,
    /// What the batches so far came to.
    pub comparison: serde_json::Value,
}

impl Answer {
    /// Says what was done.
    pub fn done(message: impl Into<String>, entities: Vec<Standing>) -> Self {
        Self { is_done: true, message: message.into(), entities }
    }

    /// Says why it was not done.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { is_done: false, message: message.into(), entities: Vec::new() }
    }
}

/// There are no such sockets here: components are swapped through the folder.
#[cfg(not(unix))]
pub async fn ask(manifest: &Manifest, _request: &Request) -> Result<Option<Answer>, Failure> {
    Err(Failure::usage(format!("a run of `{}` cannot be asked anything on this system", manifest.tables.name))
        .hint("copy the component into the plugins folder"))
}

/// Returns the name of a migration's socket: one manifest may be run into several targets at once.
#[cfg(unix)]
fn name(manifest: &Manifest) -> std::io::Result<String> {
    use sha2::Digest;
    let path = Path::new(&manifest.file).canonicalize()?;
    let mut digest = sha2::Sha256::new();
    for part in [path.as_os_str().as_encoded_bytes(), manifest.tables.name.as_bytes()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(&manifest.tables.target.url);
    let name: String = digest.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{name}.sock"))
}

/// Why the socket cannot be had.
#[cfg(unix)]
fn failure(error: std::io::Error) -> Failure {
    Failure::failed("the control socket cannot be used").cause(error)
}
