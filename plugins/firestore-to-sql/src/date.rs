//! Dates of every form that Firestore's documents have them in: timestamps, text of declared forms, numbers of a declared
//! unit. Which form a value has is never guessed.

use document_mapping::ColumnConfig;
use document_mapping::Kind;
use document_mapping::Misfit;
use document_mapping::text;
use document_mapping::time;
use document_mapping::time::Clock;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Time;
use whimbrel_sdk::Decimal;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::zone::EPOCH;
use whimbrel_sdk::zone::Zone;

use crate::config::Firestore;
use crate::config::FromNumber;
use crate::value;
use crate::value::Special;

/// The word for RFC 3339, and with a zone the same without an offset, among formats.
const ISO: &str = "iso";
/// Digits behind a second's point in text, where the configuration says nothing.
const DIGITS: u8 = 3;
/// What a day's `time` may be: the time that the value has does not matter.
const DROP: &str = "drop";

/// How a column reads dates, and what it makes of them.
#[derive(Debug)]
pub(crate) struct Dates {
    form: Form,
    /// In the order in which they are tried.
    readers: Vec<Reader>,
    /// What messages say of their forms.
    formats: String,
    numbers: Option<FromNumber>,
    zone: Zone,
    /// Reads the timestamps that are finer than a millisecond.
    exact: Clock,
}

#[derive(Debug)]
enum Form {
    Instant,
    /// RFC 3339 in UTC with so many digits behind the second's point.
    Text(u8),
    Day {
        /// Whether a value may have a time of day.
        drops_time: bool,
    },
}

/// One form of a date in text.
#[derive(Debug)]
enum Reader {
    Instant(Clock),
    /// A day, at this time.
    Day(Clock, Time),
}

/// What a value says.
enum Moment {
    Instant(DateTime),
    Day(Date),
}

impl Dates {
    /// Reads the keys of a column whose kind is `timestamp` or `date`.
    pub(crate) fn new(config: &ColumnConfig<Firestore>) -> Result<Self, Vec<Misfit>> {
        let mut misfits = Vec::new();
        let keys = &config.keys;
        let zone = config.zone.as_deref().map(|name| {
            Zone::named(name)
                .ok_or_else(|| ("zone", format!("expected an IANA time zone, found {}", text::quoted(name))))
        });
        let zone = zone.transpose().map_err(|misfit| misfits.push(misfit)).unwrap_or_default();
        let is_day = config.kind == Some(Kind::Date);
        let time = match keys.time.as_deref() {
            Some(DROP) if is_day => None,
            Some(written) => match written.parse::<Time>() {
                Ok(time) if !is_day => Some(time),
                _ => {
                    let expected = if is_day { "`drop`" } else { "a time of day, such as `00:00`" };
                    misfits.push(("time", format!("expected {expected}, found {}", text::quoted(written))));
                    None
                }
            },
            None => None,
        };
        if time.is_some() && zone.is_none() {
            misfits.push(("zone", "expected a `zone` beside `time`, found none".to_owned()));
        }
        if keys.digits.is_some_and(|digits| digits > 9) {
            misfits.push(("digits", "expected at most 9 digits, as there are nanoseconds, found more".to_owned()));
        }
        let iso = [ISO.to_owned()];
        let written = if keys.formats.is_empty() { &iso[..] } else { &keys.formats[..] };
        let mut readers = Vec::new();
        // What is wrong with a zone or a time has been told already.
        let sound = if misfits.is_empty() { written } else { &[] };
        for format in sound {
            match Reader::all(is_day, format, config.zone.as_deref(), time) {
                Ok(found) => readers.extend(found),
                Err(found) => misfits.extend(found),
            }
        }
        let exact = Clock::new(Kind::Timestamp, None, None).map_err(|found| misfits.extend(found));
        let formats = written.iter().map(|format| match (format == ISO, is_day) {
            (true, true) => "`2024-01-31` or RFC 3339".to_owned(),
            (true, false) => "RFC 3339".to_owned(),
            (false, _) => format!("`{format}`"),
        });
        let form = match (is_day, keys.is_text) {
            (true, _) => Form::Day { drops_time: keys.time.is_some() },
            (false, true) => Form::Text(keys.digits.unwrap_or(DIGITS)),
            (false, false) => Form::Instant,
        };
        match exact {
            Ok(exact) if misfits.is_empty() => Ok(Self {
                form,
                readers,
                formats: formats.collect::<Vec<_>>().join(" or "),
                numbers: keys.from_number,
                zone: zone.unwrap_or_else(Zone::utc),
                exact,
            }),
            _ => Err(misfits),
        }
    }

    pub(crate) fn write(&self, row: &mut Row, column: &str, raw: Raw<'_>) -> Result<(), Rejection> {
        match (&self.form, self.read(raw)?) {
            (Form::Instant, Moment::Instant(utc)) if utc.subsec_nanosecond() % 1000 == 0 => {
                time::write_instant(row, column, utc, raw)
            }
            (Form::Instant, Moment::Instant(_)) => Err(too_fine("microseconds", value::shown(raw))),
            (Form::Text(digits), Moment::Instant(utc)) => {
                row.text(column, &written(utc, *digits, raw)?);
                Ok(())
            }
            (Form::Day { .. }, Moment::Day(day)) => write_day(row, column, day, raw),
            (Form::Day { drops_time }, Moment::Instant(utc)) => {
                let local = self.zone.local(utc).ok_or_else(|| time::out_of_range(raw))?;
                if !drops_time && local.time() != Time::midnight() {
                    let message = format!("expected midnight in `{}`, found `{utc}Z`", self.zone.name());
                    return Err(Rejection::new("date-format", message));
                }
                write_day(row, column, local.date(), raw)
            }
            (_, Moment::Day(_)) => Err(self.unfit(raw)),
        }
    }

    fn read(&self, raw: Raw<'_>) -> Result<Moment, Rejection> {
        if let Some(Special::Instant(instant)) = Special::of(raw)? {
            return self.exact.timestamp(instant).map(Moment::Instant);
        }
        match raw.value()? {
            Value::Date(milliseconds) => {
                since_epoch(SignedDuration::from_millis(milliseconds), raw).map(Moment::Instant)
            }
            Value::Text(written) => self.text(written, raw),
            Value::Int32(_) | Value::Int64(_) | Value::Double(_) => self.number(raw).map(Moment::Instant),
            _ => Err(self.unfit(raw)),
        }
    }

    /// Reads text by the first form that it has.
    fn text(&self, written: &str, raw: Raw<'_>) -> Result<Moment, Rejection> {
        for reader in &self.readers {
            let found = match reader {
                Reader::Instant(clock) => clock.timestamp(written).map(Moment::Instant),
                Reader::Day(clock, time) => match (clock.day(written), &self.form) {
                    (Ok(day), Form::Day { .. }) => Ok(Moment::Day(day)),
                    (Ok(day), _) => self.zone.instant(day.to_datetime(*time), &text::shown(raw)).map(Moment::Instant),
                    (Err(refused), _) => Err(refused),
                },
            };
            match found {
                Err(refused) if refused.code == "date-format" => {}
                found => return found,
            }
        }
        Err(self.unfit(raw))
    }

    fn number(&self, raw: Raw<'_>) -> Result<DateTime, Rejection> {
        let (whole, exact) = match raw.value()? {
            Value::Int32(value) => (Some(i64::from(value)), String::new()),
            Value::Int64(value) => (Some(value), String::new()),
            // The shortest digits that give the double back.
            Value::Double(value) => (Decimal::from_f64(value).and_then(|value| value.to_i64()), value.to_string()),
            _ => (None, String::new()),
        };
        let is_seconds = match self.numbers {
            None => return Err(self.unfit(raw)),
            Some(FromNumber::Seconds) => true,
            Some(FromNumber::Milliseconds) => false,
            Some(FromNumber::SecondsBelow(bound)) => match (whole, raw.value()?) {
                (Some(whole), _) => whole.unsigned_abs() < bound,
                #[expect(clippy::cast_precision_loss, reason = "a bound beyond a double's digits is no date's")]
                (None, Value::Double(value)) => value.abs() < bound as f64,
                _ => false,
            },
        };
        let since = match (whole, is_seconds) {
            (Some(seconds), true) => Some(SignedDuration::from_secs(seconds)),
            (Some(milliseconds), false) => Some(SignedDuration::from_millis(milliseconds)),
            // A fraction is exact to the nanosecond, or refused.
            (None, _) => Decimal::parse(&format!("{exact}e{}", if is_seconds { 9 } else { 6 }))
                .and_then(|nanoseconds| nanoseconds.to_i64())
                .map(SignedDuration::from_nanos),
        };
        let unit = if is_seconds { "seconds" } else { "milliseconds" };
        let since = since.ok_or_else(|| {
            Rejection::new("number", format!("expected {unit}, exactly to the nanosecond, found {}", text::shown(raw)))
        })?;
        since_epoch(since, raw)
    }

    fn unfit(&self, raw: Raw<'_>) -> Rejection {
        let (code, found) = match raw.value() {
            Ok(Value::Text(_)) => ("date-format", text::shown(raw)),
            Ok(Value::Int32(_) | Value::Int64(_) | Value::Double(_)) => {
                let unit = "expected a date (with `from-number`, a number is seconds or milliseconds)";
                return Rejection::new("type-mismatch", format!("{unit}, found {}", text::shown(raw)));
            }
            _ => ("type-mismatch", value::words(raw).to_owned()),
        };
        Rejection::new(code, format!("expected a date, in text like {}, found {found}", self.formats))
    }
}

impl Reader {
    /// Returns what reads a format, in the order in which it is tried.
    fn all(is_day: bool, format: &str, zone: Option<&str>, time: Option<Time>) -> Result<Vec<Self>, Vec<Misfit>> {
        let pattern = (format != ISO).then_some(format);
        let instant = || Clock::new(Kind::Timestamp, pattern, zone);
        let day = || Clock::new(Kind::Date, pattern, None);
        if is_day {
            let clock = day()?;
            // What has a time must be midnight, so it is read as an instant.
            return Ok(match pattern {
                None => vec![Self::Day(clock, Time::midnight()), Self::Instant(instant()?)],
                Some(_) if clock.has_time() => vec![Self::Instant(instant()?)],
                Some(_) => vec![Self::Day(clock, Time::midnight())],
            });
        }
        let clock = instant()?;
        match time {
            _ if clock.has_time() => Ok(vec![Self::Instant(clock)]),
            // What has no time of its own has the declared one.
            Some(time) => Ok(vec![Self::Day(day()?, time)]),
            None => {
                let message = format!("expected `time` beside a format without one, found {}", text::quoted(format));
                Err(vec![("format", message)])
            }
        }
    }
}

fn since_epoch(since: SignedDuration, raw: Raw<'_>) -> Result<DateTime, Rejection> {
    EPOCH.checked_add(since).ok().filter(|utc| utc.year() >= 1).ok_or_else(|| {
        let found = match raw.value() {
            Ok(Value::Date(_)) => return time::out_of_range(raw),
            _ => value::shown(raw),
        };
        Rejection::new("date-range", format!("expected a date from year 1 to 9999, found {found}"))
    })
}

fn write_day(row: &mut Row, column: &str, day: Date, raw: Raw<'_>) -> Result<(), Rejection> {
    if day.year() < 1 {
        return Err(time::out_of_range(raw));
    }
    row.day(column, &day.to_string());
    Ok(())
}

/// Refuses an instant that the column would cut.
pub(crate) fn too_fine(expected: &str, found: String) -> Rejection {
    Rejection::new("precision", format!("expected at most {expected}, found {found}"))
}

/// Writes an instant as RFC 3339 in UTC, always with so many digits: such texts sort as their instants do.
fn written(utc: DateTime, digits: u8, raw: Raw<'_>) -> Result<String, Rejection> {
    if utc.year() < 1 {
        return Err(time::out_of_range(raw));
    }
    let nanoseconds = utc.subsec_nanosecond();
    let unit = 10_i32.pow(9 - u32::from(digits.min(9)));
    if nanoseconds % unit != 0 {
        let expected = format!("{digits} digits behind the second's point (`digits` says how many)");
        return Err(too_fine(&expected, text::quoted(&format!("{utc}Z"))));
    }
    let whole = utc.strftime("%Y-%m-%dT%H:%M:%S");
    Ok(match digits {
        0 => format!("{whole}Z"),
        digits => format!("{whole}.{:0width$}Z", nanoseconds / unit, width = usize::from(digits)),
    })
}
