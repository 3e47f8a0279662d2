//! Instants, dates and times of day in the one text form that row bodies use, and instants in the forms of others.
//!
//! jiff's own instants end at 9999-12-30T22:00:00Z, before its calendar does, and 9999-12-31 is what people write for
//! "never": instants are therefore read and written as a clock in UTC shows them.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;

/// 1970 on a clock in UTC.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Microseconds of one day.
pub const DAY_US: i64 = 86_400_000_000;
/// Midnight of 0001-01-01 in microseconds since 1970.
pub const INSTANT_MIN_US: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999 in microseconds since 1970.
pub const INSTANT_MAX_US: i64 = 253_402_300_799_999_999;

/// Reads `2024-01-31` as days since 1970-01-01; years 0001 to 9999.
pub fn parse_day(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i32::from(is_leap),
        _ => return None,
    };
    if year == 0 || day == 0 || day > length {
        return None;
    }
    // Years are counted from March, so that the leap day is a year's last.
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days - 719_468)
}

/// Reads `12:00:00.123456` as microseconds since midnight; the fraction has one to six digits or is left out.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&bytes[..2])?, number(&bytes[3..5])?, number(&bytes[6..8])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match &bytes[8..] {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => digits
            .iter()
            .chain(std::iter::repeat(&b'0'))
            .take(6)
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))?,
        _ => return None,
    };
    Some(i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction)
}

/// Reads `2024-01-31T12:00:00.123456` as microseconds since 1970 on an unnamed clock.
pub fn parse_local(text: &str) -> Option<i64> {
    let (day, time) = text.split_once('T')?;
    Some(i64::from(parse_day(day)?) * DAY_US + parse_time(time)?)
}

/// Reads `2024-01-31T12:00:00.123456Z` as microseconds since 1970.
pub fn parse_instant(text: &str) -> Option<i64> {
    parse_local(text.strip_suffix('Z')?)
}

/// Reads any ISO 8601 date and time with `Z` or an offset as nanoseconds since 1970.
pub fn parse_iso_ns(text: &str) -> Option<i128> {
    let pieces = Pieces::parse(text).ok()?;
    let offset = SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into());
    let utc = pieces.date().to_datetime(pieces.time()?).checked_sub(offset).ok()?;
    Some(utc.duration_since(EPOCH).as_nanos())
}

/// Writes microseconds since 1970 as `2024-01-31T12:00:00.123456`; `None` outside the calendar.
pub fn display_local(us: i64) -> Option<String> {
    EPOCH.checked_add(SignedDuration::from_micros(us)).ok().map(|local| local.to_string())
}

/// Writes nanoseconds since 1970 as `2024-01-31T12:00:00.123456789Z`; `None` outside the years 0001 to 9999.
pub fn display_ns(ns: i128) -> Option<String> {
    let seconds = i64::try_from(ns.div_euclid(1_000_000_000)).ok()?;
    let rest = i32::try_from(ns.rem_euclid(1_000_000_000)).ok()?;
    let local = EPOCH.checked_add(SignedDuration::new(seconds, rest)).ok()?;
    (local.year() > 0).then(|| format!("{local}Z"))
}

/// Writes any number of microseconds from 1970 on a clock in UTC; for messages about years that no column takes.
pub fn display_any(us: i128) -> String {
    let (days, rest) = (us.div_euclid(DAY_US.into()), us.rem_euclid(DAY_US.into()));
    // The calendar repeats every 400 years; a year of it begins in March, so that a leap day is its last.
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + i128::from(month <= 2);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text.push('Z');
    text
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_the_calendar_library() {
        let mut date = jiff::civil::date(1, 1, 1);
        let mut expected = -719_162;
        let last = jiff::civil::date(9999, 12, 31);
        loop {
            assert_eq!(parse_day(&date.to_string()), Some(expected), "{date}");
            let Ok(next) = date.tomorrow() else { break };
            if date == last {
                break;
            }
            (date, expected) = (next, expected + 1);
        }
        assert_eq!(i64::from(expected) * DAY_US + DAY_US - 1, INSTANT_MAX_US);
        assert_eq!(parse_local("0001-01-01T00:00:00"), Some(INSTANT_MIN_US));
    }

    #[test]
    fn the_last_day_of_the_calendar_is_read_and_written() {
        let last = i128::from(INSTANT_MAX_US) / 1_000_000 * 1_000_000_000;
        for text in ["9999-12-31T23:59:59Z", "9999-12-31 23:59:59+00:00", "9999-12-31T22:59:59-01:00"] {
            assert_eq!(parse_iso_ns(text), Some(last), "{text}");
        }
        assert_eq!(parse_iso_ns("1969-12-31T23:59:59.999999999Z"), Some(-1));
        for text in ["9999-12-31T23:59:59", "9999-12-31T23:59:59-01:00", "9999-12-31", "soon"] {
            assert_eq!(parse_iso_ns(text), None, "{text}");
        }
        assert_eq!(display_local(INSTANT_MAX_US).as_deref(), Some("9999-12-31T23:59:59.999999"));
        assert_eq!(display_local(0).as_deref(), Some("1970-01-01T00:00:00"));
        assert_eq!(display_local(i64::MAX), None);
    }

    #[test]
    fn instants_beyond_the_calendar_are_written_too() {
        for us in [0, INSTANT_MIN_US, INSTANT_MAX_US, 951_782_400_000_000, 68_169_599_999_000, -1] {
            assert_eq!(Some(super::display_any(us.into())), display_local(us).map(|at| format!("{at}Z")), "{us}");
        }
        assert_eq!(super::display_any(253_402_300_800_000_000), "10000-01-01T00:00:00Z");
        assert_eq!(super::display_any(i128::from(i64::MAX) * 1000), "292278994-08-17T07:12:55.807Z");
        assert_eq!(super::display_any(i128::from(INSTANT_MIN_US) - 1), "0000-12-31T23:59:59.999999Z");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "0000-01-01",
            "2024-1-01",
            "24-01-01",
            "2024-01-32",
            "+024-01-01",
            "2024-01-0é",
        ] {
            assert_eq!(parse_day(text), None, "{text}");
        }
        for text in
            ["24:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.", "12:00:00.1234567", "12:00:00,5", "12:00:00.5x"]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(parse_time("23:59:59.5"), Some(DAY_US - 500_000));
        assert_eq!(parse_instant("1969-12-31T23:59:59.999999Z"), Some(-1));
        assert_eq!(parse_instant("2024-01-31T12:00:00"), None);
        assert_eq!(parse_instant("2024-01-31 12:00:00Z"), None);
    }
}
