//! Dates and times as the text that SQLite's own date functions understand.

use jiff::civil;

use crate::record::instant;

const US_PER_SECOND: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_SECOND;
/// 0001-01-01 and 9999-12-31, in days since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// A short text without an allocation.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: [u8; 32],
    length: usize,
}

impl Written {
    /// Returns the text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Appends a number's last digits.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of ten is one digit")]
    fn push_digits(&mut self, number: i64, digits: u32) {
        for power in (0..digits).rev() {
            self.push(b'0' + (number / 10_i64.pow(power)).rem_euclid(10) as u8);
        }
    }

    fn push_date(&mut self, days: i64) {
        let (year, month, day) = civil_from_days(days);
        self.push_digits(year, 4);
        self.push(b'-');
        self.push_digits(month, 2);
        self.push(b'-');
        self.push_digits(day, 2);
    }

    fn push_time(&mut self, us: i64) {
        let seconds = us / US_PER_SECOND;
        self.push_digits(seconds / 3600, 2);
        self.push(b':');
        self.push_digits(seconds / 60 % 60, 2);
        self.push(b':');
        self.push_digits(seconds % 60, 2);
        if us % US_PER_SECOND != 0 {
            self.push(b'.');
            self.push_digits(us % US_PER_SECOND, 6);
        }
    }
}

/// Writes a timestamp; `None` outside the years 0001 to 9999.
pub(super) fn timestamp(us: i64, is_instant: bool) -> Option<Written> {
    let days = us.div_euclid(US_PER_DAY);
    let mut written = Written::default();
    DAYS.contains(&days).then(|| written.push_date(days))?;
    written.push(b' ');
    written.push_time(us.rem_euclid(US_PER_DAY));
    if is_instant {
        b"+00:00".iter().for_each(|byte| written.push(*byte));
    }
    Some(written)
}

/// Writes a date; `None` outside the years 0001 to 9999.
pub(super) fn date(days: i32) -> Option<Written> {
    let mut written = Written::default();
    DAYS.contains(&i64::from(days)).then(|| written.push_date(days.into()))?;
    Some(written)
}

/// Writes a time of day; `None` outside one day.
pub(super) fn time(us: i64) -> Option<Written> {
    let mut written = Written::default();
    (0..US_PER_DAY).contains(&us).then(|| written.push_time(us))?;
    Some(written)
}

/// Reads an instant in microseconds.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let ns = instant::parse_iso_ns(text)?;
    if ns % 1000 == 0 { i64::try_from(ns / 1000).ok() } else { None }
}

/// Reads a timestamp without a zone in microseconds.
pub(super) fn parse_local(text: &str) -> Option<i64> {
    let shape = text.len() >= 16 && !text.contains(['Z', 'z', '+', '[']);
    let local: civil::DateTime = text.parse().ok().filter(|_| shape)?;
    let time = time_us(local.time())?;
    Some(days(local.date())? * US_PER_DAY + time)
}

/// Reads a date in days.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    let date: civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    i32::try_from(days(date)?).ok()
}

/// Reads a time of day in microseconds.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    time_us(text.parse().ok().filter(|_| text.contains(':'))?)
}

fn days(date: civil::Date) -> Option<i64> {
    let since = date.since((jiff::Unit::Day, civil::date(1970, 1, 1))).ok()?;
    Some(since.get_days().into())
}

fn time_us(time: civil::Time) -> Option<i64> {
    let ns = i64::from(time.subsec_nanosecond());
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    (ns % 1000 == 0).then_some(seconds * US_PER_SECOND + ns / 1000)
}

/// Returns year, month and day in the proleptic Gregorian calendar; an era is 400 years from 1 March of year 0.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(written: Option<Written>) -> Option<String> {
        written.map(|written| String::from_utf8_lossy(written.as_bytes()).into_owned())
    }

    #[test]
    fn the_ends_of_the_calendar() {
        assert_eq!(text(date(-719_162)).as_deref(), Some("0001-01-01"));
        assert_eq!(text(date(2_932_896)).as_deref(), Some("9999-12-31"));
        assert_eq!(text(date(2_932_897)), None);
        assert_eq!(text(date(i32::MIN)), None);
        assert_eq!(text(timestamp(i64::MIN, true)), None);
        assert_eq!(text(timestamp(i64::MAX, true)), None);
        assert_eq!(text(time(US_PER_DAY)), None);
        assert_eq!(text(timestamp(-1, true)).as_deref(), Some("1969-12-31 23:59:59.999999+00:00"));
        assert_eq!(parse_timestamp("9999-12-31 23:59:59+00:00"), Some(2_932_897 * US_PER_DAY - US_PER_SECOND));
        assert_eq!(text(timestamp(0, false)).as_deref(), Some("1970-01-01 00:00:00"));
    }

    #[test]
    fn what_is_no_timestamp_is_not_read() {
        for strange in
            ["", "2024-01-31", "2024-01-31 25:00:00", "2024-01-31 12:00:00.1234567", "now", "2024-01-31 12:00:00Z"]
        {
            assert_eq!(parse_local(strange), None, "{strange}");
        }
        assert_eq!(parse_timestamp("2024-01-31 12:00:00"), None);
        assert_eq!(parse_date("2024-01-31 12:00:00"), None);
    }

    proptest! {
        #[test]
        fn reads_back(us in -719_162 * US_PER_DAY..2_932_897 * US_PER_DAY) {
            let local = text(timestamp(us, false)).unwrap_or_default();
            prop_assert_eq!(parse_local(&local), Some(us));
            prop_assert_eq!(parse_timestamp(&text(timestamp(us, true)).unwrap_or_default()), Some(us));
            let day = i32::try_from(us.div_euclid(US_PER_DAY)).unwrap_or_default();
            prop_assert_eq!(parse_date(&text(date(day)).unwrap_or_default()), Some(day));
            let of_day = us.rem_euclid(US_PER_DAY);
            prop_assert_eq!(parse_time(&text(time(of_day)).unwrap_or_default()), Some(of_day));
        }
    }
}
