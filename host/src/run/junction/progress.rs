//! How far the step of a junction is: a bar on a terminal, log lines elsewhere.

use std::time::Duration;
use std::time::Instant;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

/// Time between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(10);
const TEMPLATE: &str = "{prefix:20!} {wide_bar} {percent:>3}% eta {eta:>4} {pos} rows";

/// The progress of all steps.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Shows bars where `terminal` is true.
    pub(super) fn new(terminal: bool) -> Self {
        Self { bars: terminal.then(MultiProgress::new) }
    }

    /// Begins a step that has so many rows to place.
    pub(super) fn step(&self, name: &str, rows: u64) -> StepProgress {
        let bar = self.bars.as_ref().map(|bars| {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            bars.add(ProgressBar::new(rows).with_style(style).with_prefix(name.to_owned()))
        });
        StepProgress { name: name.to_owned(), bar, rows, done: 0, logged: Instant::now() }
    }
}

/// The progress of one step.
pub(super) struct StepProgress {
    name: String,
    bar: Option<ProgressBar>,
    rows: u64,
    done: u64,
    logged: Instant,
}

impl StepProgress {
    /// Shows that so many more rows have their places.
    pub(super) fn advance(&mut self, rows: u64) {
        self.done += rows;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            tracing::info!(junction = self.name, rows = self.done, of = self.rows, "progress");
        }
    }
}

impl Drop for StepProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
