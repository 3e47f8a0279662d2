//! Whether a value stands in its column as it stood in the source, and in what form otherwise.

use bson::RawBsonRef;
use bson::RawDocument;

use super::field;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Value;
use crate::record::decimal::Decimal;
use crate::record::form::form;
use crate::record::json;

/// A value that takes another form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// From what to what.
    pub words: String,
    /// Whether it cannot be got back.
    pub is_lossy: bool,
    /// What it was.
    pub before: String,
}

/// Returns what will stand in the column, with all the digits that it shows; `None` for NULL.
pub(super) fn after(value: &Value, column: &Column) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let Value::Decimal(number) = value else {
        return Some(field::kind_and_text(form(value, &column.kind).as_raw_bson_ref()).1);
    };
    // Zeros behind the point are the column's: so many, those that came, or none.
    let text = number.to_string();
    let digits = match &column.kind {
        ColumnType::Decimal { limits: Some((_, digits)), inexact: false } => usize::try_from(*digits).unwrap_or(0),
        ColumnType::Decimal { limits: None, inexact: false } => return Some(number.to_written()),
        _ => 0,
    };
    let behind = text.split_once('.').map_or(0, |(_, behind)| behind.len());
    let point = if behind == 0 && digits > 0 { "." } else { "" };
    Some(format!("{text}{point}{}", "0".repeat(digits.saturating_sub(behind))))
}

/// Compares a column's value with the one source field that it is made of; `None` where that is its own form, or where it
/// is made of several.
pub(super) fn of(document: &RawDocument, sources: &[String], value: &Value, column: &Column) -> Option<Changed> {
    let [path] = sources else { return None };
    let found = field::at(document, path).filter(|found| !matches!(found, RawBsonRef::Null))?;
    // An element of an array stands for itself somewhere in it.
    if matches!(found, RawBsonRef::Array(_)) && !matches!(value, Value::Array(_) | Value::Json(_)) {
        return None;
    }
    let (was, before) = field::kind_and_text(found);
    let (now, text) = field::kind_and_text(form(value, &column.kind).as_raw_bson_ref());
    let changed = |words: String, is_lossy| Some(Changed { words, is_lossy, before: before.clone() });
    match (value, was) {
        (Value::Null, _) => changed("left NULL".to_owned(), true),
        (Value::Decimal(now), "decimal") => match Decimal::parse(&before) {
            Some(number) if number == *now => {
                let shown = after(value, column).and_then(|text| field::scale(&text));
                if field::scale(&before) > shown { changed("zeros behind the point".to_owned(), true) } else { None }
            }
            _ => changed("another number".to_owned(), true),
        },
        (Value::Json(_), "JSON") if json::canonical(&before) == json::canonical(&text) => None,
        // The same digits, or an id that is computed.
        (Value::Uuid(_), "text") => {
            let bare = |text: &str| text.replace('-', "").to_lowercase();
            changed(format!("{was} → {now}"), bare(&before) != bare(&text))
        }
        _ if was != now => changed(format!("{was} → {now}"), loses(was, now)),
        _ if text == before => None,
        _ if text.trim_end_matches(' ') == before => changed("padded with blanks".to_owned(), false),
        _ => changed(format!("another {now}"), true),
    }
}

/// Whether a value of one kind cannot be got back from the other: an id that is computed, an instant without its zone, the
/// types of what is within a document.
fn loses(before: &str, now: &str) -> bool {
    matches!(
        (before, now),
        ("ObjectId" | "integer", "UUID")
            | ("document" | "array", _)
            | ("instant", "local timestamp" | "day" | "time")
            | ("local timestamp", "day" | "time")
    )
}

#[cfg(test)]
mod tests {
    use bson::Bson;
    use bson::RawDocumentBuf;
    use bson::doc;
    use bson::oid::ObjectId;

    use super::*;

    fn change(before: impl Into<Bson>, value: Value, kind: ColumnType) -> Option<(String, bool)> {
        let document = RawDocumentBuf::try_from(&doc! { "a": { "b": before.into() } }).expect("a document");
        let column = Column {
            name: "c".to_owned(),
            kind,
            declared: "c".to_owned(),
            nullable: true,
            has_default: false,
            has_fresh_default: false,
            generated: false,
            sequence: None,
        };
        of(&document, &["a.b".to_owned()], &value, &column).map(|changed| (changed.words, changed.is_lossy))
    }

    #[test]
    fn what_takes_another_form_is_told_from_what_stays() {
        let text = || ColumnType::Text { chars_max: None, padded: false };
        let numeric = |limits| ColumnType::Decimal { limits, inexact: false };
        let decimal = |digits: &str| Value::Decimal(Decimal::parse(digits).expect("a decimal"));
        let number = |digits: &str| Bson::Decimal128(digits.parse().expect("a decimal"));
        for (before, value, kind, expected) in [
            (Bson::from("x"), Value::Text("x".into()), text(), None),
            (Bson::from("cz"), Value::Text("cs".into()), text(), Some(("another text", true))),
            (Bson::from(7), Value::Integer(7), ColumnType::Integer { bits: 64 }, None),
            (Bson::from(0.1), decimal("0.1"), numeric(None), Some(("double → decimal", false))),
            (number("1.50"), decimal("1.5"), numeric(Some((10, 2))), None),
            (number("1.500"), decimal("1.5"), numeric(Some((10, 2))), Some(("zeros behind the point", true))),
            (number("1.500"), decimal("1.500"), numeric(None), None),
            (
                number("1.500"),
                decimal("1.500"),
                ColumnType::Decimal { limits: Some((10, 2)), inexact: true },
                Some(("zeros behind the point", true)),
            ),
            (
                Bson::from(ObjectId::from_bytes([7; 12])),
                Value::Uuid(uuid::Uuid::from_u128(1)),
                ColumnType::Uuid,
                Some(("ObjectId → UUID", true)),
            ),
            (
                Bson::from(doc! { "$localTimestamp": "2024-01-31T12:00:00" }),
                Value::LocalTimestamp(1_706_702_400_000_000),
                ColumnType::LocalTimestamp,
                None,
            ),
            (
                Bson::from(doc! { "$localTimestamp": "2024-01-31T12:00:00" }),
                Value::Timestamp(1_706_698_800_000_000),
                ColumnType::Timestamp,
                Some(("local timestamp → instant", false)),
            ),
            (Bson::from(bson::DateTime::from_millis(0)), Value::Timestamp(0), ColumnType::Timestamp, None),
            (Bson::from(9), Value::Null, ColumnType::Integer { bits: 64 }, Some(("left NULL", true))),
            (Bson::Null, Value::Null, text(), None),
        ] {
            let expected = expected.map(|(words, is_lossy): (&str, bool)| (words.to_owned(), is_lossy));
            assert_eq!(change(before.clone(), value, kind), expected, "{before:?}");
        }
    }
}
