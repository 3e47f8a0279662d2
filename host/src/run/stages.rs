//! How long each stage of an entity's path has taken. Stages overlap, so together they may take longer than the run.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;

/// Counted while an entity runs, by all tasks that work for it.
#[derive(Debug, Default)]
pub struct Stages([AtomicU64; 5]);

/// One stage.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    /// Reading batches from the source.
    Read,
    /// In components: making rows, and validating them.
    Transform,
    /// Converting values, and making ids.
    Resolve,
    /// In the target, transactions included.
    Commit,
    /// What is left at the end: references that waited, and completion.
    Finish,
}

/// Milliseconds in each stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StageTimes {
    /// Reading batches from the source.
    pub read_ms: u64,
    /// In components.
    pub transform_ms: u64,
    /// Converting values, and making ids.
    pub resolve_ms: u64,
    /// In the target.
    pub commit_ms: u64,
    /// At the end.
    pub finish_ms: u64,
}

impl Stages {
    /// Adds the time since then to a stage.
    pub fn add(&self, stage: Stage, since: Instant) {
        let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0[stage as usize].fetch_add(took, Ordering::Relaxed);
    }

    /// Returns what has been counted.
    pub fn times(&self) -> StageTimes {
        let ms = |stage: Stage| self.0[stage as usize].load(Ordering::Relaxed) / 1_000;
        StageTimes {
            read_ms: ms(Stage::Read),
            transform_ms: ms(Stage::Transform),
            resolve_ms: ms(Stage::Resolve),
            commit_ms: ms(Stage::Commit),
            finish_ms: ms(Stage::Finish),
        }
    }
}
