//! Bars on a terminal, log lines elsewhere: how far each entity is, how fast, and when it will be done.
//!
//! How far is measured in the source's own terms (bytes of a dump), for few sources know their number of records;
//! where nobody knows, it is shown as unknown.

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
/// A full bar.
const WHOLE: f64 = 10_000.0;

/// The progress of a whole run.
#[derive(Clone)]
pub struct Progress {
    bars: Option<(MultiProgress, ProgressBar)>,
}

/// The progress of one entity.
pub struct EntityProgress {
    name: String,
    bars: Option<(ProgressBar, ProgressBar)>,
    begun: Instant,
    begun_at: u64,
    /// How far through the source the entity stood at first.
    begun_through: f64,
    logged: Arc<Mutex<Instant>>,
}

impl Progress {
    /// Shows bars where `terminal` is true, for so many entities, of which some are done already.
    pub fn new(terminal: bool, entities: usize, done: usize) -> Self {
        let bars = terminal.then(|| {
            let bars = MultiProgress::new();
            let overall = bars.add(bar(true));
            overall.set_length(units(1.0) * entities as u64);
            stands_at(&overall, units(1.0) * done as u64);
            overall.set_prefix("all");
            (bars, overall)
        });
        Self { bars }
    }

    /// Begins an entity that stands at so many records, and so far through its source where that is known.
    pub fn entity(&self, name: &str, at: u64, through: Option<f64>) -> EntityProgress {
        let begun_through = through.unwrap_or(0.0);
        let bars = self.bars.as_ref().map(|(bars, overall)| {
            let bar = bars.insert_from_back(1, bar(through.is_some()));
            bar.set_prefix(name.to_owned());
            stands_at(&bar, units(begun_through));
            bar.set_message("waiting");
            stands_at(overall, overall.position() + units(begun_through));
            (bar, overall.clone())
        });
        EntityProgress {
            name: name.to_owned(),
            bars,
            begun: Instant::now(),
            begun_at: at,
            begun_through,
            logged: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Takes the bars away, so that what follows is printed plainly.
    pub fn end(&self) {
        if let Some((bars, _)) = &self.bars {
            // A terminal that cannot be cleared keeps its bars.
            let _ = bars.clear();
        }
    }
}

fn bar(is_known: bool) -> ProgressBar {
    let (bar, template) = if is_known {
        (ProgressBar::new(units(1.0)), "{prefix:20!} {wide_bar} {percent:>3}% eta {eta:>4} {msg}")
    } else {
        (ProgressBar::no_length(), "{prefix:20!} {spinner} of unknown {msg}")
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Moves a bar to where an earlier run has come, which says nothing of how fast this one is.
fn stands_at(bar: &ProgressBar, position: u64) {
    bar.set_position(position);
    // The estimate forgets times only, not the step that it saw last.
    bar.tick();
    bar.reset_eta();
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a whole bar")]
fn units(through: f64) -> u64 {
    (through.clamp(0.0, 1.0) * WHOLE) as u64
}

impl EntityProgress {
    /// Begins to count time: an entity may have waited for its parents.
    pub fn begin(&mut self) {
        self.begun = Instant::now();
        if let Some((bar, _)) = &self.bars {
            bar.reset_eta();
            bar.set_message("");
        }
    }

    /// Shows that the entity waits for a component.
    pub fn held(&self) {
        if let Some((bar, _)) = &self.bars {
            bar.set_message("held");
        }
    }

    /// Shows a new checkpoint, and how far through the source it lies where that is known.
    pub fn advance(&self, checkpoint: &Checkpoint, through: Option<f64>) {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let read = checkpoint.position.document.saturating_sub(self.begun_at);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = (read as f64 / seconds).round();
        if let Some((bar, overall)) = &self.bars {
            if let Some(through) = through {
                let before = bar.position();
                bar.set_position(units(through));
                overall.inc(bar.position().saturating_sub(before));
            }
            let dead = match checkpoint.fates.dead {
                0 => String::new(),
                dead => format!(", {dead} dead letters"),
            };
            let parked = match checkpoint.fates.parked {
                0 => String::new(),
                parked => format!(", {parked} parked"),
            };
            bar.set_message(format!("{} records, {per_second}/s{dead}{parked}", checkpoint.position.document));
            return;
        }
        let Ok(mut logged) = self.logged.lock() else { return };
        if logged.elapsed() >= LOG_EVERY {
            *logged = Instant::now();
            let eta_s = through
                .filter(|through| *through > self.begun_through)
                .map(|through| (seconds * (1.0 - through) / (through - self.begun_through)).round());
            tracing::info!(
                entity = self.name,
                records = checkpoint.position.document,
                percent = through.map(|through| (through * 100.0).round()),
                records_per_second = per_second,
                eta_s,
                dead = checkpoint.fates.dead,
                parked = checkpoint.fates.parked,
                "progress"
            );
        }
    }
}

impl Drop for EntityProgress {
    fn drop(&mut self) {
        if let Some((bar, _)) = &self.bars {
            bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_a_resume_counts_and_is_no_speed() {
        let progress = Progress::new(true, 4, 1);
        let mut users = progress.entity("users", 500, Some(0.5));
        let Some((_, overall)) = &progress.bars else { panic!("no bars") };
        let Some((bar, _)) = &users.bars.clone() else { panic!("no bar") };
        assert_eq!((overall.position(), overall.length()), (15_000, Some(40_000)));
        assert_eq!(bar.position(), 5_000);
        let begun = Instant::now();
        users.begin();
        while begun.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        // Two of a hundred parts took some time: the parts left take many times as long.
        users.advance(&Checkpoint::default(), Some(0.52));
        assert_eq!(overall.position(), 15_200);
        let took = Duration::from_millis(20);
        assert!(bar.eta() > took * 12 && overall.eta() > took * 60, "{:?} {:?}", bar.eta(), overall.eta());
    }
}
