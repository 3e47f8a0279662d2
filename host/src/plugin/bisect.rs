//! Finds the single records to blame when a whole call fails.

use std::ops::Range;
use std::time::Duration;
use std::time::Instant;

use super::error::PluginError;
use super::row::RecordFault;

/// So many deadlines may all the calls of one split batch take together.
const DEADLINES_MAX: u32 = 10;

/// The time that is left for the calls of one split batch.
pub(super) struct Until {
    begun: Instant,
    deadline: Duration,
}

impl Until {
    /// Begins with the first call, each of which has this deadline.
    pub(super) fn new(deadline: Duration) -> Self {
        Self { begun: Instant::now(), deadline: deadline.saturating_mul(DEADLINES_MAX) }
    }

    /// Returns the error for a batch that is still not split when the time is over.
    pub(super) fn check(&self, plugin: &str, call: &'static str) -> Result<(), PluginError> {
        if self.begun.elapsed() < self.deadline {
            return Ok(());
        }
        Err(PluginError::Deadline { plugin: plugin.to_owned(), call, deadline: self.deadline })
    }
}

/// Calls for `range`, and for its halves where records may be to blame, until each of them stands alone.
///
/// At most two calls a record; a missed deadline or a broken contract ends it at once.
pub(super) fn bisect<T>(
    range: Range<usize>,
    call: &mut dyn FnMut(Range<usize>) -> Result<Vec<Result<T, RecordFault>>, PluginError>,
) -> Result<Vec<Result<T, RecordFault>>, PluginError> {
    match call(range.clone()) {
        Err(error) if error.is_record_fault() => {
            if range.len() <= 1 {
                return Ok(vec![Err(match error {
                    PluginError::Rows { message, .. } => RecordFault::malformed_row(message),
                    PluginError::Limit { .. } => RecordFault { code: "plugin-limit", message: error.to_string() },
                    _ => RecordFault { code: "plugin-trap", message: error.to_string() },
                })]);
            }
            let middle = range.start + range.len() / 2;
            let mut results = bisect(range.start..middle, call)?;
            results.extend(bisect(middle..range.end, call)?);
            Ok(results)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap() -> PluginError {
        PluginError::Trap { plugin: "p".into(), call: "transform", reason: "unreachable".into() }
    }

    #[test]
    fn only_the_bad_records_are_blamed() {
        let bad = [0, 6, 7, 99];
        let mut calls = 0;
        let results = bisect(0..100, &mut |range| {
            calls += 1;
            if range.clone().any(|record| bad.contains(&record)) { Err(trap()) } else { Ok(range.map(Ok).collect()) }
        })
        .expect("traps are found");
        for (record, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), bad.contains(&record), "record {record}");
        }
        assert!(calls <= 50, "{calls} calls for four bad records of a hundred");
    }

    #[test]
    fn splitting_does_not_go_on_for_ever() {
        let until = Until::new(std::time::Duration::from_millis(2));
        let mut calls = 0;
        let result = bisect::<()>(0..1_000_000, &mut |_| {
            calls += 1;
            until.check("p", "transform")?;
            std::thread::sleep(std::time::Duration::from_millis(1));
            Err(trap())
        });
        assert!(matches!(result, Err(PluginError::Deadline { .. })), "{result:?}");
        assert!(calls < 40, "{calls}");
    }

    #[test]
    fn a_deadline_is_never_bisected() {
        let mut calls = 0;
        let result = bisect::<()>(0..100, &mut |_| {
            calls += 1;
            Err(PluginError::Deadline { plugin: "p".into(), call: "transform", deadline: std::time::Duration::ZERO })
        });
        assert!(matches!(result, Err(PluginError::Deadline { .. })));
        assert_eq!(calls, 1);
    }
}
