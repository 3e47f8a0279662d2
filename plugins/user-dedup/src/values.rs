//! Values of rows: which are empty, which comes first, and what arrays come to together.

use std::cmp::Ordering;

use serde_json::value::RawValue;
use whimbrel_sdk::Decimal;
use whimbrel_sdk::Elements;
use whimbrel_sdk::Rejection;
use whimbrel_sdk::Row;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// Returns whether a value says nothing: NULL, or a text without letters.
pub fn is_empty(value: Raw<'_>) -> bool {
    match value.value() {
        Ok(Value::Null) => true,
        Ok(Value::Text(text)) => text.trim().is_empty(),
        Ok(Value::Array(elements)) => elements.fields().next().is_none(),
        Ok(Value::Document(form)) => json_text(form).is_some_and(|json| matches!(json.trim(), "[]" | "{}" | "null")),
        _ => false,
    }
}

/// Compares two values of a column. Numbers and instants by what they are, everything else by its text; values of different
/// kinds are equal.
pub fn compare(one: Raw<'_>, other: Raw<'_>) -> Ordering {
    match (one.value(), other.value()) {
        (Ok(Value::Date(one)), Ok(Value::Date(other))) => one.cmp(&other),
        (Ok(Value::Text(one)), Ok(Value::Text(other))) => one.cmp(other),
        (Ok(Value::Document(one)), Ok(Value::Document(other))) => match (instant(one), instant(other)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => match (decimal(one), decimal(other)) {
                (Some(one), Some(other)) => one.cmp(&other),
                _ => form_text(one).cmp(&form_text(other)),
            },
        },
        (Ok(Value::Decimal128(one)), Ok(Value::Decimal128(other))) => {
            let digits = |bytes| Decimal::from_decimal128(bytes).map(|decimal| Digits::read(&decimal.to_string()));
            digits(one).cmp(&digits(other))
        }
        (Ok(Value::Int32(_) | Value::Int64(_)), Ok(Value::Int32(_) | Value::Int64(_))) => whole(one).cmp(&whole(other)),
        // A millisecond and a finer instant: the finer one in the same form.
        (Ok(Value::Date(one)), Ok(Value::Document(form))) => {
            instant(form).map_or(Ordering::Equal, |it| (one, 0).cmp(&it))
        }
        (Ok(Value::Document(form)), Ok(Value::Date(other))) => {
            instant(form).map_or(Ordering::Equal, |it| it.cmp(&(other, 0)))
        }
        _ => match (number(one), number(other)) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => Ordering::Equal,
        },
    }
}

fn whole(value: Raw<'_>) -> Option<i64> {
    match value.value() {
        Ok(Value::Int32(value)) => Some(i64::from(value)),
        Ok(Value::Int64(value)) => Some(value),
        _ => None,
    }
}

/// Reads `{"$decimal": "digits"}`.
fn decimal(form: Document<'_>) -> Option<Digits> {
    match form.get("$decimal").ok()??.value() {
        Ok(Value::Text(text)) => Some(Digits::read(text)),
        _ => None,
    }
}

/// A decimal by its sign and its digits, which can be compared.
#[derive(PartialEq, Eq)]
struct Digits {
    is_negative: bool,
    whole: String,
    fraction: String,
}

impl Digits {
    fn read(text: &str) -> Self {
        let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self { is_negative: is_negative && !is_zero, whole: whole.to_owned(), fraction: fraction.to_owned() }
    }

    fn size(&self, other: &Self) -> Ordering {
        let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(&other.whole));
        whole.then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.size(other),
            (true, true) => other.size(self),
            (one, other) => other.cmp(&one),
        }
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[expect(clippy::cast_precision_loss, reason = "only which of two is larger is asked for")]
fn number(value: Raw<'_>) -> Option<f64> {
    match value.value() {
        Ok(Value::Int32(value)) => Some(f64::from(value)),
        Ok(Value::Int64(value)) => Some(value as f64),
        Ok(Value::Double(value)) => Some(value),
        Ok(Value::Bool(value)) => Some(f64::from(u8::from(value))),
        _ => None,
    }
}

/// Reads `{"$instant": "2024-01-31T12:00:00.123456Z"}` as milliseconds since 1970 and the microseconds beyond.
fn instant(form: Document<'_>) -> Option<(i64, i64)> {
    let known = ["$instant", "$zoned"].into_iter().find_map(|name| form.get(name).ok()?);
    let Value::Text(text) = known?.value().ok()? else { return None };
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let fraction = text.get(19..)?.trim_start_matches('.').trim_end_matches('Z');
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    // Days since 1970 in the proleptic Gregorian calendar, counted from March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds * 1_000 + micros / 1_000, micros % 1_000))
}

fn form_text(form: Document<'_>) -> Option<&str> {
    let mut fields = form.fields();
    match (fields.next()?.ok()?.value.value(), fields.next()) {
        (Ok(Value::Text(text)), None) => Some(text),
        _ => None,
    }
}

fn json_text(form: Document<'_>) -> Option<&str> {
    match form.get("$json").ok()??.value() {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Writes all elements of these arrays into a column, each once: of arrays, of JSON, or of JSON in texts.
pub fn unite(row: &mut Row, column: &str, values: &[Raw<'_>]) -> Result<(), Rejection> {
    let refuse = |found: &str| {
        let message = format!("expected arrays to unite, found {found}");
        Rejection::new("not-an-array", message).at(column)
    };
    let mut elements: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut united = Elements::default();
    let mut json: Vec<String> = Vec::new();
    let (mut arrays, mut texts, mut forms) = (false, false, false);
    for value in values {
        match value.value()? {
            Value::Array(array) => {
                arrays = true;
                for element in array.fields() {
                    let element = element?.value;
                    let same = (element.kind() as u8, element.bytes().to_vec());
                    if !elements.contains(&same) {
                        united.next(|row, name| {
                            row.raw(name, element);
                        });
                        elements.push(same);
                    }
                }
            }
            Value::Text(text) => {
                texts = true;
                add(text, &mut json).map_err(|()| refuse("a text that is no JSON array"))?;
            }
            Value::Document(form) => {
                forms = true;
                let text = json_text(form).ok_or_else(|| refuse("a document"))?;
                add(text, &mut json).map_err(|()| refuse("JSON that is no array"))?;
            }
            _ => return Err(refuse(value.kind().words())),
        }
    }
    let all = format!("[{}]", json.join(","));
    match (arrays, texts, forms) {
        (true, false, false) => row.array(column, united),
        (false, true, false) => row.text(column, &all),
        (false, false, true) => row.json(column, &all),
        _ => return Err(refuse("values of different kinds")),
    };
    Ok(())
}

fn add(text: &str, all: &mut Vec<String>) -> Result<(), ()> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| ())?;
    for element in elements {
        if !all.iter().any(|known| known == element.get()) {
            all.push(element.get().to_owned());
        }
    }
    Ok(())
}
