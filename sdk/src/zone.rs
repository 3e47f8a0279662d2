//! Local times and instants, by IANA time zones that the component brings along (feature `zones`). An instant is what a
//! clock in UTC shows: jiff's own instants end a day before its calendar does, and the last day is what people write for
//! "never".

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;

use crate::Rejection;

/// The beginning of BSON dates, on a clock in UTC.
pub const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A time zone.
///
/// ```
/// use whimbrel_sdk::zone::Zone;
/// let prague = Zone::named("Europe/Prague").unwrap();
/// let noon = "2024-07-01T12:00:00".parse().unwrap();
/// assert_eq!(prague.instant(noon, "noon").unwrap().to_string(), "2024-07-01T10:00:00");
/// ```
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// Returns the zone of this IANA name.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// Returns UTC.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Returns the zone's name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns the instant at which clocks in the zone show this. `shown` is the value as messages quote it.
    ///
    /// # Errors
    /// `ambiguous-time` where they do so twice or never, `date-range` outside the calendar.
    pub fn instant(&self, local: DateTime, shown: &str) -> Result<DateTime, Rejection> {
        let candidates = self.0.to_ambiguous_timestamp(local);
        if candidates.is_ambiguous() {
            let message = format!("expected a time that `{}` has exactly once, found {shown}", self.name());
            return Err(Rejection::new("ambiguous-time", message));
        }
        // Fails only at the two ends of the calendar.
        let instant = candidates.unambiguous().map_err(|_| {
            let message = format!("expected a date from year 1 to 9999 in `{}`, found {shown}", self.name());
            Rejection::new("date-range", message)
        })?;
        Ok(TimeZone::UTC.to_datetime(instant))
    }

    /// Returns what clocks in the zone show at an instant; `None` at the two ends of the calendar.
    pub fn local(&self, instant: DateTime) -> Option<DateTime> {
        if self.0 == TimeZone::UTC {
            return Some(instant);
        }
        let timestamp = TimeZone::UTC.to_timestamp(instant).ok()?;
        Some(self.0.to_datetime(timestamp))
    }
}

/// A date and time as text gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With `Z` or an offset.
    Instant(DateTime),
    /// Without.
    Local(DateTime),
}

impl Moment {
    /// Returns the instant of a BSON date; `None` outside the calendar.
    pub fn of_milliseconds(milliseconds: i64) -> Option<Self> {
        let utc = EPOCH.checked_add(SignedDuration::from_millis(milliseconds)).ok()?;
        (utc.year() >= 1).then_some(Self::Instant(utc))
    }

    /// Reads `2024-01-31T12:00:00.5`, with a blank for the `T`, with or without `Z` or an offset; years 1 to 9999, at most
    /// microseconds, and no leap second, which would be read as the second before.
    pub fn parse(text: &str) -> Option<Self> {
        let pieces = Pieces::parse(text).ok()?;
        let is_plain = pieces.time_zone_annotation().is_none() && text.get(17..19) != Some("60");
        let shown = pieces.date().to_datetime(pieces.time().filter(|_| is_plain)?);
        let moment = match pieces.to_numeric_offset() {
            Some(offset) => {
                let utc = shown.checked_sub(SignedDuration::from_secs(offset.seconds().into())).ok()?;
                Self::Instant(utc)
            }
            None => Self::Local(shown),
        };
        let (Self::Instant(clock) | Self::Local(clock)) = moment;
        (clock.year() >= 1 && clock.subsec_nanosecond() % 1_000 == 0).then_some(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let at = |text: &str| text.parse::<DateTime>().expect("a date and time");
        for (text, expected) in [
            ("2024-01-31T12:00:00Z", Some(Moment::Instant(at("2024-01-31T12:00:00")))),
            ("2024-01-31 12:00:00.5+02:00", Some(Moment::Instant(at("2024-01-31T10:00:00.5")))),
            ("9999-12-31T23:59:59.999999Z", Some(Moment::Instant(at("9999-12-31T23:59:59.999999")))),
            ("2024-01-31 12:00:00", Some(Moment::Local(at("2024-01-31T12:00:00")))),
            ("2024-01-31", None),
            ("2016-12-31T23:59:60Z", None),
            ("2024-01-31T12:00:00.0000001Z", None),
            ("2024-01-31T12:00:00+01:00[Europe/Prague]", None),
            ("soon", None),
        ] {
            assert_eq!(Moment::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_local_time_is_one_instant_or_none() {
        let prague = Zone::named("Europe/Prague").expect("a zone");
        let instant = |text: &str| prague.instant(text.parse().expect("a local time"), "it").map(|utc| utc.to_string());
        assert_eq!(instant("2024-01-31T12:00:00").as_deref(), Ok("2024-01-31T11:00:00"));
        for text in ["2024-03-31T02:30:00", "2024-10-27T02:30:00"] {
            assert_eq!(instant(text).expect_err("none or two").code, "ambiguous-time");
        }
        let back = prague.local("2024-01-31T11:00:00".parse().expect("a local time"));
        assert_eq!(back.map(|local| local.to_string()).as_deref(), Some("2024-01-31T12:00:00"));
        assert!(Zone::named("Mars/Olympus").is_none());
    }
}
