//! Dates and times: from BSON dates, and from text by a declared format and zone.

use jiff::SignedDuration;
use jiff::civil;
use jiff::fmt::strtime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::tz::TimeZone;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::zone::EPOCH;
use whimbrel_sdk::zone::Moment;
use whimbrel_sdk::zone::Zone;

use crate::config::Kind;
use crate::config::Misfit;
use crate::text;

const DAY_ISO: &str = "%Y-%m-%d";
const TIME_ISO: &str = "%H:%M:%S%.f";
const LOCAL_ISO: &str = "%Y-%m-%d %H:%M:%S%.f";
const LOCAL_ISO_T: &str = "%Y-%m-%dT%H:%M:%S%.f";

/// How a column reads dates and times.
#[derive(Debug)]
pub struct Clock {
    kind: Kind,
    format: Option<String>,
    zone: Option<Zone>,
}

impl Clock {
    /// Checks a format and a zone: both must be known, and the format must give all that the column needs.
    ///
    /// # Errors
    /// The keys at fault.
    pub fn new(kind: Kind, format: Option<&str>, zone: Option<&str>) -> Result<Self, Vec<Misfit>> {
        let mut misfits = Vec::new();
        let known = zone.map(|name| {
            Zone::named(name)
                .ok_or_else(|| ("zone", format!("expected an IANA time zone, found {}", text::quoted(name))))
        });
        let zone = known.transpose().map_err(|misfit| misfits.push(misfit)).unwrap_or_default();
        let clock = Self { kind, format: format.map(str::to_owned), zone };
        if let Some(format) = format
            && let Err(message) = clock.check_format(format, misfits.is_empty())
        {
            misfits.push(("format", message));
        }
        if misfits.is_empty() { Ok(clock) } else { Err(misfits) }
    }

    /// Returns whether the text that it reads has a time of day.
    pub fn has_time(&self) -> bool {
        let hour = |format| sample(format).is_ok_and(|parsed| parsed.hour().is_some());
        self.format.as_deref().is_none_or(hour)
    }

    /// What the format lacks is missing in a sample.
    fn check_format(&self, format: &str, is_zone_known: bool) -> Result<(), String> {
        let parsed = sample(format)?;
        let is_enough = match self.kind {
            Kind::Timestamp if parsed.offset().is_some() => parsed.to_timestamp().is_ok(),
            Kind::Timestamp if self.zone.is_none() && is_zone_known => {
                return Err("expected a `zone`, or an offset (`%z`) in the format, found neither".to_owned());
            }
            Kind::Timestamp | Kind::LocalTimestamp => parsed.to_datetime().is_ok(),
            Kind::Time => parsed.to_time().is_ok() && parsed.hour().is_some(),
            _ => parsed.to_date().is_ok(),
        };
        if is_enough {
            return Ok(());
        }
        let needed = match self.kind {
            Kind::Time => "the hour",
            Kind::Date => "year, month and day",
            _ => "year, month, day and time",
        };
        Err(format!("expected a format that gives {needed}, found {}", text::quoted(format)))
    }

    /// Writes a value to a column.
    ///
    /// # Errors
    /// Anything that is no such date or time.
    pub fn write(&self, row: &mut Row, column: &str, raw: Raw<'_>) -> Result<(), Rejection> {
        match (self.kind, raw.value()?) {
            (Kind::Timestamp, Value::Date(_)) => {
                row.raw(column, raw);
            }
            (Kind::Timestamp, Value::Timestamp(seconds, _)) => {
                row.instant(column, i64::from(seconds) * 1000);
            }
            (Kind::Timestamp, Value::Text(value)) => write_instant(row, column, self.timestamp(value)?, raw)?,
            (Kind::LocalTimestamp, Value::Date(milliseconds)) => {
                write_local(row, column, self.wall_clock(milliseconds, raw)?, raw)?;
            }
            (Kind::LocalTimestamp, Value::Text(value)) => write_local(row, column, self.local(value)?, raw)?,
            (Kind::Date, Value::Date(milliseconds)) => {
                row.day(column, &self.midnight(milliseconds, raw)?.to_string());
            }
            (Kind::Date, Value::Text(value)) => {
                row.day(column, &within_years(self.day(value)?, raw)?.to_string());
            }
            (Kind::Time, Value::Text(value)) => {
                let format = self.format.as_deref().unwrap_or(TIME_ISO);
                let time = parse(format, value)?.to_time().map_err(|error| no_date(format, value, &error))?;
                microseconds(time.subsec_nanosecond(), raw)?;
                row.time(column, &time.to_string());
            }
            (Kind::Time, _) => return Err(Rejection::type_mismatch("a time of day in text", raw.kind().words())),
            _ => return Err(Rejection::type_mismatch("a date, or one in text", raw.kind().words())),
        }
        Ok(())
    }

    /// Reads a day.
    ///
    /// # Errors
    /// Text that is none of the format.
    pub fn day(&self, value: &str) -> Result<civil::Date, Rejection> {
        let format = self.format.as_deref().unwrap_or(DAY_ISO);
        parse(format, value)?.to_date().map_err(|error| no_date(format, value, &error))
    }

    /// Reads an instant, as a clock in UTC shows it: jiff's own instants end a day before its calendar does.
    ///
    /// # Errors
    /// Text that is none of the format, or that the zone does not have exactly once.
    pub fn timestamp(&self, value: &str) -> Result<civil::DateTime, Rejection> {
        let (local, offset) = match &self.format {
            Some(format) => {
                let parsed = parse(format, value)?;
                (parsed.to_datetime().map_err(|error| no_date(format, value, &error))?, parsed.offset())
            }
            None => match rfc3339(value) {
                Some((local, offset)) => (local, Some(offset)),
                None if self.zone.is_some() => (iso_local(value)?, None),
                None => return Err(unfit("a date in RFC 3339 with its offset", value)),
            },
        };
        match (offset, &self.zone) {
            (Some(offset), _) => {
                let utc = local.checked_sub(SignedDuration::from_secs(offset.seconds().into()));
                utc.map_err(|_| {
                    Rejection::new(
                        "date-range",
                        format!("expected a date from year 1 to 9999, found {}", text::quoted(value)),
                    )
                })
            }
            (None, Some(zone)) => zone.instant(local, &text::quoted(value)),
            (None, None) => Err(unfit("a date with its offset", value)),
        }
    }

    fn local(&self, value: &str) -> Result<civil::DateTime, Rejection> {
        match &self.format {
            Some(format) => parse(format, value)?.to_datetime().map_err(|error| no_date(format, value, &error)),
            None => iso_local(value),
        }
    }

    /// Reads a BSON date, an instant, off a clock in the declared zone.
    fn wall_clock(&self, milliseconds: i64, raw: Raw<'_>) -> Result<civil::DateTime, Rejection> {
        let Some(zone) = &self.zone else {
            let expected = "a local timestamp in text (with `zone`, a date is read off a clock there)";
            return Err(Rejection::type_mismatch(expected, raw.kind().words()));
        };
        clock(zone, milliseconds).ok_or_else(|| out_of_range(raw))
    }

    /// Reads a BSON date that means a day: midnight in the declared zone, or in UTC.
    fn midnight(&self, milliseconds: i64, raw: Raw<'_>) -> Result<civil::Date, Rejection> {
        let zone = self.zone.clone().unwrap_or_else(Zone::utc);
        let local = clock(&zone, milliseconds).ok_or_else(|| out_of_range(raw))?;
        if local.time() != civil::Time::midnight() {
            return Err(unfit(&format!("midnight in `{}`", zone.name()), &text::instant(milliseconds)?));
        }
        within_years(local.date(), raw)
    }
}

/// Writes a moment with a format and reads it back.
fn sample(format: &str) -> Result<BrokenDownTime, String> {
    let sample = civil::date(2021, 11, 24).at(15, 36, 47, 0).to_zoned(TimeZone::UTC);
    let sample = sample.expect("a moment that UTC has");
    let written = strtime::format(format, &sample).map_err(|error| format!("expected a date format, {error}"))?;
    strtime::parse(format, &written).map_err(|error| format!("expected a format that can be read back, {error}"))
}

/// Writes an instant to a column, as a clock in UTC shows it.
///
/// # Errors
/// What is finer than a microsecond, or outside the years 1 to 9999.
pub fn write_instant(row: &mut Row, column: &str, utc: civil::DateTime, raw: Raw<'_>) -> Result<(), Rejection> {
    within_years(utc.date(), raw)?;
    microseconds(utc.subsec_nanosecond(), raw)?;
    if utc.subsec_nanosecond() % 1_000_000 == 0 {
        let milliseconds = utc.duration_since(EPOCH).as_millis();
        row.instant(column, i64::try_from(milliseconds).map_err(|_| out_of_range(raw))?);
    } else {
        row.instant_text(column, &format!("{utc}Z"));
    }
    Ok(())
}

fn write_local(row: &mut Row, column: &str, local: civil::DateTime, raw: Raw<'_>) -> Result<(), Rejection> {
    within_years(local.date(), raw)?;
    microseconds(local.subsec_nanosecond(), raw)?;
    row.local_timestamp(column, &local.to_string());
    Ok(())
}

/// No column takes other years.
fn within_years(day: civil::Date, raw: Raw<'_>) -> Result<civil::Date, Rejection> {
    if day.year() >= 1 { Ok(day) } else { Err(out_of_range(raw)) }
}

/// No column takes anything finer.
fn microseconds(nanoseconds: i32, raw: Raw<'_>) -> Result<(), Rejection> {
    if nanoseconds % 1000 == 0 {
        return Ok(());
    }
    Err(Rejection::new("date-format", format!("expected at most microseconds, found {}", text::shown(raw))))
}

/// A date and time with `Z` or a numeric offset. A leap second would be read as the second before, so it is none.
fn rfc3339(value: &str) -> Option<(civil::DateTime, Offset)> {
    let pieces = Pieces::parse(value).ok()?;
    let offset = pieces.to_numeric_offset()?;
    let is_leap_second = value.get(17..19) == Some("60");
    (!is_leap_second && pieces.time_zone_annotation().is_none())
        .then_some((pieces.date().to_datetime(pieces.time()?), offset))
}

/// `2024-01-31 12:00:00`, or with a `T`, and with or without a fraction.
fn iso_local(value: &str) -> Result<civil::DateTime, Rejection> {
    let format = if value.as_bytes().get(10) == Some(&b'T') { LOCAL_ISO_T } else { LOCAL_ISO };
    parse(format, value)?.to_datetime().map_err(|error| no_date(format, value, &error))
}

/// What a clock in a zone shows at a BSON date.
fn clock(zone: &Zone, milliseconds: i64) -> Option<civil::DateTime> {
    match Moment::of_milliseconds(milliseconds)? {
        Moment::Instant(utc) => zone.local(utc),
        Moment::Local(_) => None,
    }
}

fn parse(format: &str, value: &str) -> Result<BrokenDownTime, Rejection> {
    let parsed = strtime::parse(format, value)
        .ok()
        .filter(|parsed| parsed.second() != Some(59) || !has_leap_second(format, value))
        .ok_or_else(|| unfit_format(format, value))?;
    match parsed.year().or(parsed.iso_week_year()).filter(|year| !is_written_in_full(*year, value)) {
        Some(_) => Err(unfit(&format!("a date like `{format}` with a year of four digits"), value)),
        None => Ok(parsed),
    }
}

/// Returns whether a text has the year in four digits: the parser takes fewer for a year of long ago.
fn is_written_in_full(year: i16, value: &str) -> bool {
    !(0..1000).contains(&year) || value.contains(&format!("{year:04}"))
}

/// Returns whether a text that gives the second 59 says 60: the parser takes one for the other. It refuses 61, which
/// nothing else in a date or a time does.
fn has_leap_second(format: &str, value: &str) -> bool {
    value.match_indices("60").any(|(at, found)| {
        let later = [&value[..at], "61", &value[at + found.len()..]].concat();
        strtime::parse(format, later).is_err()
    })
}

fn no_date(format: &str, value: &str, _: &jiff::Error) -> Rejection {
    unfit_format(format, value)
}

fn unfit_format(format: &str, value: &str) -> Rejection {
    unfit(&format!("a date like `{format}`"), value)
}

fn unfit(expected: &str, value: &str) -> Rejection {
    Rejection::new("date-format", format!("expected {expected}, found {}", text::quoted(value)))
}

/// Refuses a date outside the years 1 to 9999.
pub fn out_of_range(raw: Raw<'_>) -> Rejection {
    let found = match raw.value() {
        Ok(Value::Date(milliseconds)) => format!("{milliseconds} milliseconds since 1970"),
        _ => text::shown(raw),
    };
    Rejection::new("date-range", format!("expected a date from year 1 to 9999, found {found}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_year_has_four_digits() {
        for (format, value) in
            [("%Y-%m-%d", "21-03-04"), ("%d.%m.%Y", "4.3.921"), ("%F", "21-03-04"), ("%G-W%V-%u", "21-W09-4")]
        {
            assert!(parse(format, value).is_err(), "{value}");
        }
        for (format, value) in
            [("%Y-%m-%d", "0021-03-04"), ("%d.%m.%Y", "4.3.2021"), ("%d.%m.%y", "4.3.21"), ("%H:%M", "21:03")]
        {
            assert!(parse(format, value).is_ok(), "{value}");
        }
    }

    #[test]
    fn a_leap_second_is_refused_and_no_other_sixty() {
        for (format, value) in [
            ("%H:%M:%S%.f", "01:00:60"),
            ("%Y-%m-%d %H:%M:%S%.f", "2016-12-31 23:59:60.25"),
            ("%d/%m/%y %T", "31/12/60 23:59:60"),
        ] {
            assert!(parse(format, value).is_err(), "{value}");
        }
        for (format, value) in [
            ("%H:%M:%S%.f", "01:00:59.60"),
            ("%d/%m/%y %T", "31/12/60 23:59:59"),
            ("%Y-%m-%d %H:%M:%S", "1960-12-31 23:59:59"),
        ] {
            assert!(parse(format, value).is_ok(), "{value}");
        }
    }
}
