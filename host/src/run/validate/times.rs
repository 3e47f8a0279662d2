//! One instant of a row beside the source's: its form, its range, and that it is not the time of the run. Pure.

use bson::RawBsonRef;
use bson::RawDocument;

use super::values::Looked;
use super::values::shown;
use super::values::texts;
use crate::plan::checks::Step;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::instant;

/// Deepest nesting of a record in which an instant is looked for.
const DEPTH_MAX: usize = 200;

/// What instants are held against.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The ends of the range, in microseconds since 1970: from the first, and before the second.
    pub range_us: (Option<i64>, Option<i64>),
    /// When the migration was running: from and through, in microseconds since 1970.
    pub runs_us: Vec<(i64, i64)>,
}

impl Clock {
    /// Returns whether the migration was running then.
    pub fn was_running(&self, us: i64) -> bool {
        self.runs_us.iter().any(|(from, through)| (*from..=*through).contains(&us))
    }
}

/// Compares instants; `record` is asked for one that is the run's own time: it may be the source's as well.
pub fn timestamps(
    expected: &Value,
    found: &Value,
    steps: &[Step],
    kind: &ColumnType,
    clock: &Clock,
    record: impl Fn(i64) -> bool,
) -> Looked {
    // What no instant says, such as infinity, has the form that its column gives it.
    let is_typed = matches!(kind, ColumnType::Timestamp | ColumnType::LocalTimestamp);
    let mut looked = Looked::default();
    if let Value::Integer(_) | Value::Decimal(_) | Value::Float(_) = found {
        // Seconds and milliseconds look alike: what they say is the source's to know.
        looked.values = 1;
        if expected != found {
            looked.fault("", "differs", &shown(expected), &shown(found));
        }
        return looked;
    }
    let typed = |value: &Value| match value {
        Value::Timestamp(us) | Value::LocalTimestamp(us) => Some(i128::from(*us) * 1_000),
        _ => None,
    };
    let (wanted_texts, there_texts) = (texts(expected, steps), texts(found, steps));
    let pointers: std::collections::BTreeSet<&String> = wanted_texts.keys().chain(there_texts.keys()).collect();
    for pointer in pointers {
        looked.values += 1;
        let (wanted, there) = (wanted_texts.get(pointer), there_texts.get(pointer));
        let Some(there) = there else {
            looked.fault(pointer, "differs", wanted.map_or("nothing", String::as_str), "nothing");
            continue;
        };
        let Some(ns) = typed(found).or_else(|| iso_utc(there)) else {
            if is_typed && expected == found {
                continue;
            }
            looked.fault(pointer, "form", "an instant like `2024-01-31T12:00:00Z`", there);
            continue;
        };
        let us = i64::try_from(ns.div_euclid(1_000)).unwrap_or(i64::MAX);
        let wanted_ns = typed(expected).or_else(|| wanted.and_then(|text| instant::parse_iso_ns(text)));
        let (min, max) = clock.range_us;
        if clock.was_running(us) && !record(us) {
            let expected = wanted.map_or("nothing", String::as_str);
            looked.fault(pointer, "run-time", &format!("{expected}, and not the time of a run"), there);
        } else if min.is_some_and(|min| us < min) || max.is_some_and(|max| us >= max) {
            let end = |us: Option<i64>| us.map_or("any time".to_owned(), |us| instant::display_any(us.into()));
            looked.fault(pointer, "range", &format!("from {} and before {}", end(min), end(max)), there);
        } else if wanted_ns != Some(ns) {
            looked.fault(pointer, "differs", wanted.map_or("nothing", String::as_str), there);
        }
    }
    looked
}

/// Reads `2024-01-31T12:00:00[.123456789]Z` as nanoseconds since 1970, and nothing else.
fn iso_utc(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let shape = seconds.bytes().zip(b"dddd-dd-ddTdd:dd:dd");
    let has_shape = shape.into_iter().all(|(byte, of)| if *of == b'd' { byte.is_ascii_digit() } else { byte == *of });
    let has_fraction = match fraction.strip_prefix('.') {
        Some(digits) => (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => fraction.is_empty(),
    };
    if has_shape && has_fraction { instant::parse_iso_ns(text) } else { None }
}

/// Returns whether a record has this instant somewhere: as a date, in ISO 8601, or as seconds, milliseconds or microseconds.
pub fn has_instant(record: &[u8], us: i64) -> bool {
    RawDocument::from_bytes(record).is_ok_and(|document| document_has(document, us, 0))
}

fn document_has(document: &RawDocument, us: i64, depth: usize) -> bool {
    depth < DEPTH_MAX && document.iter().flatten().any(|(_, value)| value_has(value, us, depth))
}

fn value_has(value: RawBsonRef<'_>, us: i64, depth: usize) -> bool {
    match value {
        RawBsonRef::DateTime(at) => at.timestamp_millis().checked_mul(1_000) == Some(us),
        RawBsonRef::Timestamp(at) => i64::from(at.time) * 1_000_000 == us,
        RawBsonRef::Int64(number) => is_instant(number, us),
        RawBsonRef::Int32(number) => is_instant(number.into(), us),
        RawBsonRef::String(text) => {
            let local = || instant::parse_local(text.trim_end_matches('Z')).map(|us| i128::from(us) * 1_000);
            instant::parse_iso_ns(text).or_else(local).is_some_and(|ns| ns.div_euclid(1_000) == us.into())
        }
        RawBsonRef::Document(document) => document_has(document, us, depth + 1),
        RawBsonRef::Array(items) => {
            depth < DEPTH_MAX && items.into_iter().flatten().any(|item| value_has(item, us, depth + 1))
        }
        _ => false,
    }
}

fn is_instant(number: i64, us: i64) -> bool {
    [1, 1_000, 1_000_000].iter().any(|unit| number.checked_mul(*unit) == Some(us))
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    const NOON: i64 = 1_706_702_400_000_000;

    #[test]
    fn instants_have_a_form_a_range_and_are_the_source_s() {
        let text = |text: &str| Value::Text(text.into());
        let clock = Clock { range_us: (Some(0), Some(NOON * 2)), runs_us: vec![(NOON - 5, NOON - 1)] };
        let same = text("2024-01-31T12:00:00Z");
        let free = ColumnType::Text { chars_max: None, padded: false };
        for (expected, found, codes) in [
            (same.clone(), same.clone(), vec![]),
            (same.clone(), text("2024-01-31T12:00:00.000Z"), vec![]),
            (same.clone(), text("2024-01-31T12:00:01Z"), vec!["differs"]),
            (same.clone(), text("2024-01-31T14:00:00+02:00"), vec!["form"]),
            (same.clone(), text("2024-01-31 12:00:00Z"), vec!["form"]),
            (same.clone(), text("31/01/24 12:00"), vec!["form"]),
            (same.clone(), text("2024-02-30T12:00:00Z"), vec!["form"]),
            (same.clone(), text("2024-01-31T11:59:59.999998Z"), vec!["run-time"]),
            (text("1969-12-31T00:00:00Z"), text("1969-12-31T00:00:00Z"), vec!["range"]),
            (same.clone(), Value::Null, vec!["differs"]),
            (Value::Null, same.clone(), vec!["differs"]),
            (Value::Null, Value::Null, vec![]),
            (Value::Timestamp(NOON), Value::Timestamp(NOON), vec![]),
            (Value::Timestamp(NOON), Value::Timestamp(NOON + 1), vec!["differs"]),
            (Value::Timestamp(NOON - 2), Value::Timestamp(NOON - 2), vec!["run-time"]),
            (Value::LocalTimestamp(NOON), text("12:00"), vec!["form"]),
            (Value::Integer(5), Value::Integer(6), vec!["differs"]),
        ] {
            let looked = timestamps(&expected, &found, &[], &free, &clock, |_| false);
            let found_codes: Vec<&str> = looked.faults.iter().map(|fault| fault.code).collect();
            assert_eq!(found_codes, codes, "{expected:?} {found:?}");
        }
        let at = Value::Timestamp(NOON - 2);
        assert_eq!(timestamps(&at, &at, &[], &free, &clock, |us| us == NOON - 2).faults, []);
        let (infinite, finite, typed) = (text("infinity"), Value::Timestamp(NOON), ColumnType::Timestamp);
        let faults = |expected| timestamps(expected, &infinite, &[], &typed, &clock, |_| false).faults.len();
        assert_eq!((faults(&infinite), faults(&finite)), (0, 1), "a column has its own words for what is no instant");
    }

    #[test]
    fn a_record_has_an_instant_in_many_forms() {
        let at = bson::DateTime::from_millis(NOON / 1_000);
        for record in [
            rawdoc! { "a": { "b": [1, at] } },
            rawdoc! { "a": NOON / 1_000 },
            rawdoc! { "a": 1_706_702_400_i32 },
            rawdoc! { "a": { "$instant": "2024-01-31T12:00:00.000000Z" } },
            rawdoc! { "a": "2024-01-31T14:00:00+02:00" },
        ] {
            assert!(has_instant(record.as_bytes(), NOON), "{record:?}");
        }
        assert!(!has_instant(rawdoc! { "a": "noon", "b": 12 }.as_bytes(), NOON));
    }
}
