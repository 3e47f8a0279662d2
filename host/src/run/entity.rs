//! THE LOOP: one entity from where it stands to its end, batch by batch.
//!
//! ```text
//! source ──read──▶ Batch ──transform──▶ Transformed ──validate──▶ Validated ──resolve──▶ Resolved ──commit──▶ Checkpoint
//! ```
//! Everything left of `commit` is a task of its own that runs ahead, in order and bounded, while a batch is committed.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use futures::Stream;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::bookkeeping::Checkpoint;
use super::commit::CommitError;
use super::commit::Committer;
use super::finish;
use super::progress::EntityProgress;
use super::resolve::Resolved;
use super::resolve::Resolver;
use super::shutdown::Shutdown;
use super::transform;
use crate::connector::Source;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::plugin::Transformer;
use crate::plugin::Validator;
use crate::record::Batch;
use crate::record::Position;

/// Batches that are transformed and resolved side by side at most, where there are the cores for it.
const MAPPERS_MAX: usize = 4;
/// Bytes of record bodies in one batch.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Plugin calls that one commit may hold.
const CALLS_MAX: usize = 16;

/// One entity, ready to run.
pub struct EntityRun {
    /// Where its records come from.
    pub source: Box<dyn Source>,
    /// What makes rows of them.
    pub mapper: Arc<Mapper>,
    /// What writes these.
    pub committer: Committer,
    /// Where it stands.
    pub checkpoint: Checkpoint,
    /// Records to read at most in this run.
    pub limit: Option<u64>,
    /// Asked between two batches.
    pub shutdown: Shutdown,
    /// Told after every commit.
    pub progress: EntityProgress,
}

/// How an entity's loop ended, with where it stands.
#[derive(Debug)]
pub struct Ended {
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// Why it did not reach what was asked for.
    pub error: Option<CommitError>,
}

impl EntityRun {
    /// Runs until the source ends, the limit is reached, somebody asks to stop, or an error.
    pub async fn run(mut self) -> Ended {
        self.progress.begin();
        let start = self.checkpoint.position.clone();
        let mut batches = Ahead::new(batches(self.source, start, self.mapper, self.limit));
        let mut left = self.limit;
        loop {
            if self.shutdown.is_asked() {
                return Ended { checkpoint: self.checkpoint, error: None };
            }
            // A commit may hold this task up: the entities beside it get their turn first.
            tokio::task::yield_now().await;
            let (resolved, through) = match batches.next().await {
                Ok(Some(mapped)) => mapped,
                Ok(None) => break,
                Err(error) => return Ended { checkpoint: self.checkpoint, error: Some(CommitError::Failure(error)) },
            };
            match self.committer.commit(&self.checkpoint, &resolved).await {
                Ok(checkpoint) => self.checkpoint = checkpoint,
                Err(error) => return Ended { checkpoint: self.checkpoint, error: Some(error) },
            }
            left = left.map(|left| left.saturating_sub(resolved.batch.records.len() as u64));
            self.progress.advance(&self.checkpoint, through);
        }
        if left == Some(0) {
            return Ended { checkpoint: self.checkpoint, error: None };
        }
        match finish::finish(&self.committer, &self.checkpoint).await {
            Ok(checkpoint) => Ended { checkpoint, error: None },
            Err(error) => Ended { checkpoint: self.checkpoint, error: Some(error) },
        }
    }
}

/// A batch ready to be committed, and how far through the source it leads, from 0 to 1, where that is known.
type Mapped = (Resolved, Option<f64>);

/// Batches that are made ready by a task of their own: the loop's own task may be held up by a commit.
struct Ahead {
    batches: mpsc::Receiver<Result<Mapped, Failure>>,
    task: JoinHandle<()>,
}

impl Ahead {
    fn new(batches: impl Stream<Item = Result<Mapped, Failure>> + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let mut batches = Box::pin(batches);
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
        Self { batches: receiver, task }
    }

    /// Returns the next batch, or `None` behind the last one.
    async fn next(&mut self) -> Result<Option<Mapped>, Failure> {
        match self.batches.recv().await {
            Some(batch) => batch.map(Some),
            // A task that panicked must not look like the source's end.
            None => match (&mut self.task).await {
                Ok(()) => Ok(None),
                Err(error) => Err(Failure::bug("reading ahead panicked").cause(error)),
            },
        }
    }
}

/// What makes rows of the records of one entity; pure, so batches go through side by side.
pub struct Mapper {
    /// The transformer.
    pub transformer: Transformer,
    /// The validators, in order.
    pub validators: Vec<Validator>,
    /// Types and references.
    pub resolver: Resolver,
    /// Records in one plugin call.
    pub call_records: usize,
    /// Rows in one commit, about.
    pub transaction_rows: usize,
    /// Plugin calls that make up one commit, by what the last batch gave.
    pub calls: AtomicUsize,
}

impl Mapper {
    /// Takes a batch through all the stages that need no target.
    pub fn map(&self, batch: Batch) -> Result<Resolved, Failure> {
        let records = batch.records.len().max(1);
        let transformed = transform::transform(batch, &self.transformer, self.call_records)?;
        let validated = transform::validate(transformed, &self.transformer, &self.validators)?;
        let resolved = self.resolver.resolve(validated);
        let rows_a_call = (resolved.rows.len() * self.call_records / records).max(1);
        self.calls.store((self.transaction_rows / rows_a_call).clamp(1, CALLS_MAX), Ordering::Relaxed);
        Ok(resolved)
    }

    fn read_records(&self) -> usize {
        self.calls.load(Ordering::Relaxed) * self.call_records
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
) -> impl Stream<Item = Result<Mapped, Failure>> {
    let reader = mapper.clone();
    stream::try_unfold(
        (source, after, limit),
        move |(mut source, after, left): (Box<dyn Source>, Position, Option<u64>)| {
            let left_records = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let limit = ReadLimit { records: reader.read_records().min(left_records), bytes: BATCH_BYTES_MAX };
            async move {
                if limit.records == 0 {
                    return Ok(None);
                }
                // A source may block its thread; a task of its own goes on while this loop commits.
                let reading = tokio::spawn(async move { (source.read(&after, limit).await, source) });
                let (batch, source) = reading.await.map_err(|error| Failure::bug("reading panicked").cause(error))?;
                let Some(batch) = batch? else { return Ok(None) };
                let through = source.progress(&batch.end);
                let next =
                    (source, batch.end.clone(), left.map(|left| left.saturating_sub(batch.records.len() as u64)));
                Ok::<_, Failure>(Some(((batch, through), next)))
            }
        },
    )
    .map(move |batch| {
        let mapper = mapper.clone();
        async move {
            let (batch, through) = batch?;
            match tokio::task::spawn_blocking(move || mapper.map(batch)).await {
                Ok(resolved) => Ok((resolved?, through)),
                Err(error) => Err(Failure::bug("mapping a batch panicked").cause(error)),
            }
        }
    })
    .buffered(mappers())
}
