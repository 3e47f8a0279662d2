//! What columns hold beyond the values of `value.rs`: infinity, NaN as a decimal, years outside 0001 to 9999, 24:00, arrays
//! of arrays.
//!
//! Such a value is the text that PostgreSQL writes for it, a `Value::Text` in a column of another type. Only its own
//! spelling counts, so that two of them are the same where their texts are.

use super::instant::DAY_US;
use super::instant::parse_day;
use super::instant::parse_time;
use super::schema::ColumnType;

/// A moment that no number of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before all others.
    Past,
    /// After all others.
    Future,
    /// Microseconds since 1970.
    At(i128),
}

/// Returns whether a column of this type gives this text back for a value that no other form says.
pub fn is_beyond(kind: &ColumnType, text: &str) -> bool {
    match kind {
        ColumnType::Decimal { .. } => matches!(text, "NaN" | "Infinity" | "-Infinity"),
        ColumnType::Timestamp | ColumnType::LocalTimestamp | ColumnType::Date => moment(kind, text).is_some(),
        ColumnType::Time => text == "24:00:00",
        ColumnType::Array { .. } => is_nested(text),
        _ => false,
    }
}

/// Reads a moment outside the years that values know, as a column of this type spells it.
pub fn moment(kind: &ColumnType, text: &str) -> Option<Moment> {
    match text {
        "infinity" => return Some(Moment::Future),
        "-infinity" => return Some(Moment::Past),
        _ => {}
    }
    let (text, is_before) = text.strip_suffix(" BC").map_or((text, false), |text| (text, true));
    let text = match kind {
        ColumnType::Timestamp => text.strip_suffix("+00")?,
        _ => text,
    };
    let (day, time) = match kind {
        ColumnType::Date => (text, 0),
        _ => {
            let (day, time) = text.split_once(' ')?;
            // Zeros behind a fraction are not written.
            let is_short = !time.contains('.') || !time.ends_with('0');
            (day, parse_time(time).filter(|_| is_short)?)
        }
    };
    let day = days(day, is_before)?;
    Some(Moment::At(i128::from(day) * i128::from(DAY_US) + i128::from(time)))
}

/// Days from 1970 to a day before the year 1, or after the year 9999.
fn days(text: &str, is_before: bool) -> Option<i64> {
    /// Days of the 400 years after which the calendar repeats.
    const ERA_DAYS: i64 = 146_097;
    let (year, rest) = text.split_once('-')?;
    let is_plain = year.bytes().all(|digit| digit.is_ascii_digit()) && (4..=7).contains(&year.len());
    let number: i64 = year.parse().ok().filter(|_| is_plain)?;
    let is_short = year.len() == 4 || !year.starts_with('0');
    let is_outside = if is_before { number > 0 } else { number > 9_999 };
    if !is_short || !is_outside {
        return None;
    }
    // The year before 1 is 0 to whoever counts them.
    let year = if is_before { 1 - number } else { number };
    let (eras, year) = ((year - 1).div_euclid(400), (year - 1).rem_euclid(400) + 1);
    Some(eras * ERA_DAYS + i64::from(parse_day(&format!("{year:04}-{rest}"))?))
}

/// Arrays of several dimensions, and those that are not counted from 1. The database judges the rest.
fn is_nested(text: &str) -> bool {
    let is_counted = text.strip_prefix('[').is_some_and(|rest| rest.contains("]={"));
    (text.starts_with("{{") || is_counted) && text.ends_with('}') && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_one_spelling() {
        let local = |text| moment(&ColumnType::LocalTimestamp, text);
        let day = i128::from(DAY_US);
        assert_eq!(local("infinity"), Some(Moment::Future));
        assert_eq!(local("10000-01-01 00:00:00"), Some(Moment::At(2_932_897 * day)));
        assert_eq!(local("0001-12-31 23:59:59.5 BC"), Some(Moment::At(-719_162 * day - 500_000)));
        assert_eq!(moment(&ColumnType::Date, "4714-11-24 BC"), Some(Moment::At(-2_440_588 * day)));
        assert!(moment(&ColumnType::Date, "5874897-12-31").is_some());
        let last = moment(&ColumnType::Timestamp, "294276-12-31 23:59:59.999999+00");
        assert_eq!(last, Some(Moment::At(9_224_318_015_999_999_999)));
        for text in [
            "9999-12-31 00:00:00",
            "010000-01-01 00:00:00",
            "10000-02-30 00:00:00",
            "10000-01-01T00:00:00",
            "10000-01-01 00:00:00.10",
            "10000-01-01",
            "0000-01-01 00:00:00 BC",
            "10000-01-01 00:00:00+00",
            "Infinity",
            "",
        ] {
            assert_eq!(local(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_a_form_of_its_own_is_not_beyond() {
        let array = ColumnType::Array { element: Box::new(ColumnType::Integer { bits: 32 }) };
        let decimal = ColumnType::Decimal { limits: None, inexact: false };
        for (kind, text, expected) in [
            (&decimal, "NaN", true),
            (&decimal, "nan", false),
            (&decimal, "1", false),
            (&ColumnType::Time, "24:00:00", true),
            (&ColumnType::Time, "23:00:00", false),
            (&array, "{{1,2},{3,4}}", true),
            (&array, "[0:1]={1,2}", true),
            (&array, "{1,2}", false),
            (&array, "[1,2]", false),
            (&ColumnType::Textual, "1 day", false),
        ] {
            assert_eq!(is_beyond(kind, text), expected, "{text}");
        }
    }
}
