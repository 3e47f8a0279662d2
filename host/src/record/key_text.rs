//! Keys as people write them: in the canonical form that messages have, as JSON, or as plain text.

use bson::RawBson;

use super::key;
use super::key::Key;

/// Returns the keys that a text may mean, of an entity whose key has so many fields; the likeliest first.
pub fn read(text: &str, fields: usize) -> Vec<Key> {
    let mut found = Vec::new();
    if is_canonical(text) && (fields == 1 || text.starts_with('c')) {
        found.push(Key::from_canonical(text.to_owned()));
    }
    found.extend(without_form(text, fields));
    let mut seen = std::collections::HashSet::new();
    found.retain(|key| seen.insert(key.clone()));
    found
}

/// Returns the keys that a text may mean which is not in canonical form.
pub fn without_form(text: &str, fields: usize) -> Vec<Key> {
    let plain = (fields == 1).then(|| Key::from_canonical(format!("s{text}")));
    let typed = digits(text).filter(|_| fields == 1).or_else(|| json(text, fields));
    // An ObjectId may look like a number.
    let is_id = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let both = if is_id { [plain, typed] } else { [typed, plain] };
    both.into_iter().flatten().collect()
}

/// A whole number of any length, which JSON's readers would round.
fn digits(text: &str) -> Option<Key> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(Key::from_canonical(if digits.is_empty() { "i0".to_owned() } else { format!("i{sign}{digits}") }))
}

/// A value in JSON, or in Extended JSON; an array is a composite key.
fn json(text: &str, fields: usize) -> Option<Key> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let value = RawBson::try_from(bson::Bson::try_from(value).ok()?).ok()?;
    key::of_reference(value.as_raw_bson_ref(), fields).ok()
}

/// Returns whether a text is the canonical form of some key.
fn is_canonical(form: &str) -> bool {
    let mut characters = form.chars();
    let Some(tag) = characters.next() else { return false };
    let rest = characters.as_str();
    let is_whole = |text: &str| digits(text).is_some_and(|key| key.as_str()[1..] == *text);
    let is_hex = |text: &str| {
        text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match tag {
        's' => true,
        'i' => is_whole(rest),
        'b' => matches!(rest, "0" | "1"),
        't' => is_whole(rest) && rest.parse::<i64>().is_ok(),
        'n' => rest.split_once('.').is_some_and(|(whole, fraction)| {
            (is_whole(whole) || whole == "-0") && !fraction.ends_with('0') && is_digits(fraction)
        }),
        'd' => rest.parse::<f64>().is_ok_and(|value| value.fract() != 0.0 && value.to_string() == rest),
        'u' => uuid::Uuid::parse_str(rest).is_ok_and(|id| id.hyphenated().to_string() == rest),
        'x' => rest.len() >= 2 && is_hex(rest),
        'm' => rest.split_once('.').is_some_and(|(time, increment)| {
            [time, increment].iter().all(|part| is_whole(part) && part.parse::<u32>().is_ok())
        }),
        'a' | 'c' => parts(rest).is_some_and(|parts| parts.iter().all(|part| is_canonical(part))),
        'o' => parts(rest).is_some_and(|parts| {
            parts.len().is_multiple_of(2) && parts.iter().skip(1).step_by(2).all(|part| is_canonical(part))
        }),
        _ => false,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits parts that each have their length in bytes before them.
pub(super) fn parts(mut text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let (length, behind) = text.split_once(':')?;
        let (part, rest) = behind.split_at_checked(length.parse().ok().filter(|_| is_digits(length))?)?;
        parts.push(part);
        text = rest;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::read;
    use crate::record::key;

    fn keys(text: &str, fields: usize) -> Vec<String> {
        read(text, fields).iter().map(|key| key.as_str().to_owned()).collect()
    }

    #[test]
    fn what_messages_print_is_read_back() {
        let id = bson::oid::ObjectId::parse_str("65a000000000000000000001").expect("an id");
        let uuid = bson::Uuid::parse_str("550e8400-e29b-41d4-a716-446655440000").expect("a UUID");
        let document = doc! {
            "text": "smith", "number": 42, "negative": -7_i64, "double": 1.5, "id": id, "flag": true, "uuid": uuid,
            "date": bson::DateTime::from_millis(-5), "inner": { "a": 1, "b": ["x", 2] }, "empty": "",
            "decimal": "-0.25".parse::<bson::Decimal128>().expect("a decimal"),
            "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 255] },
            "time": bson::Timestamp { time: 4, increment: 2 },
        };
        let raw = bson::RawDocumentBuf::try_from(&document).expect("a document");
        for name in document.keys() {
            let key = key::of_document(&raw, std::slice::from_ref(name)).expect("a key");
            assert_eq!(keys(key.as_str(), 1).first().map(String::as_str), Some(key.as_str()), "{name}");
        }
        let both = ["text".to_owned(), "inner".to_owned()];
        let key = key::of_document(&raw, &both).expect("a key");
        assert_eq!(keys(key.as_str(), 2), [key.as_str()]);
    }

    #[test]
    fn what_people_write_is_understood() {
        for (text, fields, expected) in [
            ("42", 1, &["i42", "s42"][..]),
            ("-07", 1, &["i-7", "s-07"]),
            ("12345678901234567890123", 1, &["i12345678901234567890123", "s12345678901234567890123"]),
            ("650000000000000000000001", 1, &["s650000000000000000000001", "i650000000000000000000001"]),
            ("65e000000000000000000001", 1, &["s65e000000000000000000001", "i650000000000000000000010"][..1]),
            (r#"{"$oid": "65a000000000000000000001"}"#, 1, &["s65a000000000000000000001"]),
            (r#""smith""#, 1, &["ssmith"]),
            ("smith", 1, &["smith", "ssmith"]),
            ("köln", 1, &["sköln"]),
            ("b1", 1, &["b1", "sb1"]),
            (r#"["a", 1]"#, 2, &["c2:sa2:i1"]),
            ("c2:sa2:i1", 2, &["c2:sa2:i1"]),
            ("42", 2, &[]),
        ] {
            let found = keys(text, fields);
            assert!(
                found.starts_with(&expected.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()),
                "{text}: {found:?}"
            );
            assert_eq!(expected.is_empty(), found.is_empty(), "{text}: {found:?}");
        }
    }
}
