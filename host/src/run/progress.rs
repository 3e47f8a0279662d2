//! Bars on a terminal, log lines elsewhere: how far each entity is, how fast, and when it will be done.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use super::bookkeeping::Checkpoint;

/// Time between two log lines of one entity.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The progress of a whole run.
#[derive(Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
    overall: Option<ProgressBar>,
}

/// The progress of one entity.
pub struct EntityProgress {
    name: String,
    bar: Option<ProgressBar>,
    overall: Option<ProgressBar>,
    total: Option<u64>,
    begun: Instant,
    begun_at: u64,
    logged: Arc<Mutex<Instant>>,
}

impl Progress {
    /// Shows bars where `terminal` is true.
    pub fn new(terminal: bool, total: Option<u64>) -> Self {
        let bars = terminal.then(MultiProgress::new);
        let overall = bars.as_ref().map(|bars| {
            let bar = bars.add(bar(total));
            bar.set_prefix("all");
            bar
        });
        Self { bars, overall }
    }

    /// Begins an entity that stands at so many records of so many, where that is known.
    pub fn entity(&self, name: &str, at: u64, total: Option<u64>) -> EntityProgress {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.insert_from_back(1, bar(total));
            bar.set_prefix(name.to_owned());
            bar.set_position(at);
            bar.reset_eta();
            bar
        });
        EntityProgress {
            name: name.to_owned(),
            bar,
            overall: self.overall.clone(),
            total,
            begun: Instant::now(),
            begun_at: at,
            logged: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Takes the bars away, so that what follows is printed plainly.
    pub fn end(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{prefix:20!} {wide_bar} {human_pos}/{human_len} {per_sec:>14} eta {eta:>4} {msg}",
        ),
        None => (ProgressBar::no_length(), "{prefix:20!} {spinner} {human_pos} of unknown {per_sec:>14} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl EntityProgress {
    /// Shows a new checkpoint.
    pub fn advance(&self, checkpoint: &Checkpoint) {
        let at = checkpoint.position.document;
        if let Some(bar) = &self.bar {
            let before = bar.position();
            bar.set_position(at);
            if checkpoint.fates.dead > 0 {
                bar.set_message(format!("{} dead letters", checkpoint.fates.dead));
            }
            if let Some(overall) = &self.overall {
                overall.inc(at.saturating_sub(before));
            }
            return;
        }
        let Ok(mut logged) = self.logged.lock() else { return };
        if logged.elapsed() >= LOG_EVERY {
            *logged = Instant::now();
            let read = at.saturating_sub(self.begun_at);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let per_second = read as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
            let eta_s = self.total.map(|total| (total.saturating_sub(at) as f64 / per_second.max(0.001)).round());
            tracing::info!(
                entity = self.name,
                records = at,
                of = self.total,
                records_per_second = per_second.round(),
                eta_s,
                dead = checkpoint.fates.dead,
                "progress"
            );
        }
    }
}

impl Drop for EntityProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
