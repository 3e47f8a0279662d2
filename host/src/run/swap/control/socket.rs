//! Both ends of the socket. Its folder belongs to this account alone, or it is not used.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Answer;
use super::Request;
use super::failure;
use super::name;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::swap::Message;

/// Bytes of one question or answer.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Time to send a question.
const QUESTION_WAIT: Duration = Duration::from_secs(5);
/// Questions that are answered side by side.
const QUESTIONS_MAX: usize = 16;

/// A socket that a run listens on; gone when this is dropped.
pub struct Listener {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens for a manifest's migration. A socket that nobody answers on is taken over.
    pub async fn start(manifest: &Manifest, told: mpsc::UnboundedSender<Message>) -> Result<Self, Failure> {
        let path = folder().and_then(|folder| Ok(folder.join(name(manifest)?))).map_err(failure)?;
        if UnixStream::connect(&path).await.is_ok() {
            return Err(Failure::failed(format!("another run listens on `{}`", path.display())));
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failure(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failure)?;
        // The folder keeps everybody else out until then.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failure)?;
        Ok(Self { path, task: tokio::spawn(listen(listener, told)) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
        // Whoever finds it later sees that nobody listens.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn listen(listener: UnixListener, told: mpsc::UnboundedSender<Message>) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(QUESTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let told = told.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &told).await {
                tracing::debug!("a question on the control socket came to nothing: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(mut stream: UnixStream, told: &mpsc::UnboundedSender<Message>) -> io::Result<()> {
    let line = tokio::time::timeout(QUESTION_WAIT, line(&mut stream)).await.map_err(io::Error::other)??;
    let said = match serde_json::from_str::<Request>(&line) {
        Err(error) => Answer::refused(format!("expected a question, found {error}")),
        Ok(request) => {
            let (sender, receiver) = oneshot::channel();
            let is_told = told.send(Message::Asked(request, sender)).is_ok();
            match receiver.await {
                Ok(said) if is_told => said,
                _ => Answer::refused("the run has just ended"),
            }
        }
    };
    stream.write_all(format!("{}\n", serde_json::to_string(&said)?).as_bytes()).await?;
    stream.shutdown().await
}

async fn line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    Ok(line)
}

/// Asks the run of a manifest's migration; `None` where there is none.
pub async fn ask(manifest: &Manifest, request: &Request) -> Result<Option<Answer>, Failure> {
    let path = folder().and_then(|folder| Ok(folder.join(name(manifest)?))).map_err(failure)?;
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failure(error)),
    };
    let question = serde_json::to_string(request).map_err(|error| failure(error.into()))?;
    stream.write_all(format!("{question}\n").as_bytes()).await.map_err(failure)?;
    let line = line(&mut stream).await.map_err(failure)?;
    serde_json::from_str(&line).map(Some).map_err(|error| failure(error.into()))
}

/// Returns the folder of the sockets, made where it is missing.
fn folder() -> io::Result<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let me = rustix::process::geteuid().as_raw();
    let folder = match runtime {
        Some(runtime) => runtime.join("whimbrel"),
        None => std::env::temp_dir().join(format!("whimbrel-{me}")),
    };
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != me || found.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!(
            "`{}` is not a folder of this account alone (mode 0700)",
            folder.display()
        )));
    }
    Ok(folder)
}
