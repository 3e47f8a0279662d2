//! Instants in all the forms that years of an application's releases left: Firestore's own, numbers, and texts with and
//! without a zone. South Africa is two hours ahead of UTC, summer and winter.

use jiff::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;
use jiff::tz::offset;

use super::value::Value;
use crate::generate::random::Random;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
/// What a clock in Johannesburg is ahead of UTC.
const AHEAD_HOURS: i8 = 2;
/// 2019-01-01 UTC, and the end of 2024, in microseconds.
const FIRST: i64 = 1_546_300_800 * SECOND;
pub(super) const LAST: i64 = 1_735_689_600 * SECOND;

/// How an instant is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A timestamp of Firestore.
    Timestamp,
    /// Milliseconds since 1970.
    Millis,
    /// Seconds since 1970.
    Seconds,
    /// `31/01/24 14:00`, as a clock in Johannesburg showed it.
    Local,
    /// `2024-01-31T14:00:00+02:00`.
    Offset,
}

/// Returns an instant that the form can hold whole.
pub(super) fn some(random: &mut Random, form: Form) -> i64 {
    let any = FIRST + i64::try_from(random.number() % (LAST - FIRST).unsigned_abs()).unwrap_or(0);
    let unit = match form {
        // Most were set by a server's clock, some by a client's.
        Form::Timestamp if random.percent(20) => 1,
        Form::Timestamp | Form::Millis => 1_000,
        Form::Seconds | Form::Offset => SECOND,
        Form::Local => MINUTE,
    };
    any - any.rem_euclid(unit)
}

/// Returns an instant in a form.
pub(super) fn stored(micros: i64, form: Form) -> Value {
    match form {
        Form::Timestamp => Value::Timestamp(micros),
        Form::Millis => Value::Integer(micros / 1_000),
        Form::Seconds => Value::Integer(micros / SECOND),
        Form::Local => shown(micros, AHEAD_HOURS).strftime("%d/%m/%y %H:%M").to_string().into(),
        Form::Offset => shown(micros, AHEAD_HOURS).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string().into(),
    }
}

/// Returns an instant as ISO 8601 in UTC, with as many digits of its fraction as it has: none, three or six.
pub(super) fn iso(micros: i64) -> String {
    let fraction = match micros.rem_euclid(SECOND) {
        0 => String::new(),
        fraction if fraction % 1_000 == 0 => format!(".{:03}", fraction / 1_000),
        fraction => format!(".{fraction:06}"),
    };
    format!("{}{fraction}Z", shown(micros, 0).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Returns what a clock shows that is so many hours ahead of UTC.
fn shown(micros: i64, hours: i8) -> Zoned {
    let instant = Timestamp::from_microsecond(micros).expect("a year from 2019 to 2024");
    instant.to_zoned(TimeZone::fixed(offset(hours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-31T12:00:00.123456Z, as a clock and a calendar have it.
    const NOON: i64 = 1_706_702_400_123_456;

    #[test]
    fn an_instant_has_all_its_forms() {
        let whole = NOON - NOON % SECOND;
        assert_eq!(iso(NOON), "2024-01-31T12:00:00.123456Z");
        assert_eq!(iso(NOON - 456), "2024-01-31T12:00:00.123Z");
        assert_eq!(iso(whole), "2024-01-31T12:00:00Z");
        assert_eq!(stored(whole, Form::Local), "31/01/24 14:00".into());
        assert_eq!(stored(whole, Form::Offset), "2024-01-31T14:00:00+02:00".into());
        assert_eq!(stored(whole, Form::Seconds), Value::Integer(1_706_702_400));
        assert_eq!(stored(whole, Form::Millis), Value::Integer(1_706_702_400_000));
        assert_eq!(iso(951_782_400 * SECOND), "2000-02-29T00:00:00Z");
        assert_eq!(stored(1_704_060_000 * SECOND, Form::Local), "01/01/24 00:00".into());
    }
}
