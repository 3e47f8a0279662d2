//! Timestamps with a zone and without: one becomes the other only where the configuration names the zone.

use jiff::civil::DateTime;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;
use whimbrel_sdk::zone::Moment;
use whimbrel_sdk::zone::Zone;

use crate::cast;
use crate::config::Cast;

/// What a column of timestamps is made of.
pub(crate) struct Clock {
    /// Whether instants come out, or what a clock shows.
    is_instant: bool,
    zone: Option<Zone>,
}

impl Clock {
    /// Checks the zone's name.
    pub(crate) fn new(cast: Cast, zone: Option<&str>) -> Result<Self, String> {
        let known = |name| Zone::named(name).ok_or_else(|| format!("expected an IANA time zone, found `{name}`"));
        Ok(Self { is_instant: cast == Cast::Timestamp, zone: zone.map(known).transpose()? })
    }

    /// Writes a timestamp, or the text of one.
    pub(crate) fn write(&self, row: &mut Row, column: &str, value: Raw<'_>) -> Result<(), Rejection> {
        let Some(found) = moment(value)? else {
            // Infinity has no zone.
            if let Some(("$literal", text @ ("infinity" | "-infinity"))) = cast::form(value)? {
                row.literal(column, text);
                return Ok(());
            }
            let found = cast::text(value.value()?)?;
            let found = found.map_or_else(|| value.kind().words().to_owned(), |text| format!("`{text}`"));
            return Err(Rejection::type_mismatch("a timestamp", found));
        };
        let shown = format!("`{}`", cast::text(value.value()?)?.unwrap_or_default());
        match (found, self.is_instant, &self.zone) {
            (Moment::Instant(utc), true, _) => drop(row.zoned(column, &format!("{utc}Z"))),
            (Moment::Local(local), false, _) => drop(row.local_timestamp(column, &local.to_string())),
            (Moment::Local(local), true, Some(zone)) => {
                let utc = within_years(zone.instant(local, &shown)?, &shown)?;
                row.zoned(column, &format!("{utc}Z"));
            }
            (Moment::Instant(utc), false, Some(zone)) => {
                let local = zone.local(utc).ok_or_else(|| out_of_range(&shown))?;
                row.local_timestamp(column, &within_years(local, &shown)?.to_string());
            }
            (Moment::Local(_), true, None) => {
                let expected = "a timestamp with a zone (`zone` says in which one a clock shows it)";
                return Err(Rejection::type_mismatch(expected, format!("one without, {shown}")));
            }
            (Moment::Instant(_), false, None) => {
                let expected = "a timestamp without a zone (`zone` says in which one a clock is read)";
                return Err(Rejection::type_mismatch(expected, format!("an instant, {shown}")));
            }
        }
        Ok(())
    }
}

/// Returns the moment that a value is, in whichever form.
pub(crate) fn moment(value: Raw<'_>) -> Result<Option<Moment>, Rejection> {
    Ok(match (value.value()?, cast::form(value)?) {
        (Value::Date(milliseconds), _) => Moment::of_milliseconds(milliseconds),
        (Value::Text(text), _) | (_, Some(("$instant" | "$zoned" | "$localTimestamp", text))) => Moment::parse(text),
        _ => None,
    })
}

fn within_years(clock: DateTime, shown: &str) -> Result<DateTime, Rejection> {
    if clock.year() >= 1 { Ok(clock) } else { Err(out_of_range(shown)) }
}

fn out_of_range(shown: &str) -> Rejection {
    Rejection::new("date-range", format!("expected a date from year 1 to 9999, found {shown}"))
}
