//! What runs ahead of the commit: batches read, transformed, validated and resolved, in order and bounded.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Instant;

use futures::Stream;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::entity::Mapper;
use super::resolve::Resolved;
use super::stages::Stage;
use super::version::Version;
use crate::connector::Source;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::record::Position;

/// Batches that are transformed and resolved side by side at most, where there are the cores for it.
const MAPPERS_MAX: usize = 4;
/// Bytes of record bodies in one batch.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// A batch ready to be committed.
pub struct Ready {
    /// The batch.
    pub resolved: Resolved,
    /// What made its rows.
    pub version: Arc<Version>,
    /// How far through the source it leads, from 0 to 1, where that is known.
    pub through: Option<f64>,
}

/// Why there is no next batch; with the version that could not map it, where that is why.
pub type NotReady = (Failure, Option<Arc<Version>>);

/// Batches that are made ready by a task of their own: the loop's own task may be held up by a commit.
pub struct Ahead {
    batches: mpsc::Receiver<Result<Ready, NotReady>>,
    task: JoinHandle<()>,
    read: Arc<OnceLock<String>>,
}

impl Ahead {
    /// Begins to read behind a position.
    pub fn new(source: Box<dyn Source>, after: Position, mapper: Arc<Mapper>, limit: Option<u64>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let read = Arc::new(OnceLock::new());
        let told = read.clone();
        let task = tokio::spawn(async move {
            let mut batches = Box::pin(batches(source, after, mapper, limit, told));
            // Room first: a batch that nobody can take yet would only fill memory.
            while let Ok(room) = sender.reserve().await {
                let Some(batch) = batches.next().await else { break };
                let is_last = batch.is_err();
                room.send(batch);
                if is_last {
                    break;
                }
            }
        });
        Self { batches: receiver, task, read }
    }

    /// Returns the next batch, or `None` behind the last one.
    pub async fn next(&mut self) -> Result<Option<Ready>, NotReady> {
        match self.batches.recv().await {
            Some(batch) => batch.map(Some),
            // A task that panicked must not look like the source's end.
            None => match (&mut self.task).await {
                Ok(()) => Ok(None),
                Err(error) => Err((Failure::bug("reading ahead panicked").cause(error), None)),
            },
        }
    }

    /// Returns what the source was that has been read to its end; `None` where a limit came first.
    pub fn read(&self) -> Option<String> {
        self.read.get().cloned()
    }
}

/// One core is the commit's.
fn mappers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).clamp(1, MAPPERS_MAX))
}

/// The batches of a source behind a position, mapped, in order.
fn batches(
    source: Box<dyn Source>,
    after: Position,
    mapper: Arc<Mapper>,
    limit: Option<u64>,
    told: Arc<OnceLock<String>>,
) -> impl Stream<Item = Result<Ready, NotReady>> {
    let reader = mapper.clone();
    stream::try_unfold(
        (source, after, limit),
        move |(mut source, after, left): (Box<dyn Source>, Position, Option<u64>)| {
            let left_records = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let limit = ReadLimit { records: reader.read_records().min(left_records), bytes: BATCH_BYTES_MAX };
            let (reader, told) = (reader.clone(), told.clone());
            async move {
                if limit.records == 0 {
                    return Ok(None);
                }
                // A source may block its thread; a task of its own goes on while this loop commits.
                let begun = Instant::now();
                let reading = tokio::spawn(async move { (source.read(&after, limit).await, source) });
                let panicked = |error| (Failure::bug("reading panicked").cause(error), None);
                let (batch, mut source) = reading.await.map_err(panicked)?;
                reader.stages.add(Stage::Read, begun);
                let Some(batch) = batch.map_err(|error| (error.into(), None))? else {
                    let _ = told.set(source.state_at_end());
                    return Ok(None);
                };
                let through = source.progress(&batch.end);
                // Batches are read one after another, so a later one never has an earlier version.
                let turn = reader.versions.for_batch();
                let next =
                    (source, batch.end.clone(), left.map(|left| left.saturating_sub(batch.records.len() as u64)));
                Ok::<_, NotReady>(Some(((batch, turn, through), next)))
            }
        },
    )
    .map(move |batch| {
        let mapper = mapper.clone();
        async move {
            let (batch, turn, through) = batch?;
            let version = turn.version.clone();
            let mapped = tokio::task::spawn_blocking(move || mapper.map_in_turn(&turn, batch)).await;
            match mapped {
                Ok(Ok(resolved)) => Ok(Ready { resolved, version, through }),
                Ok(Err(failure)) => Err((failure, Some(version))),
                Err(error) => Err((Failure::bug("mapping a batch panicked").cause(error), None)),
            }
        }
    })
    .buffered(mappers())
}
