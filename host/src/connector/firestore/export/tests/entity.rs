//! Every type of value, at the top, in maps and in arrays, and what is none.

use bson::Binary;
use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::doc;
use bson::spec::BinarySubtype;
use proptest::prelude::*;

use super::super::entity::EntityError;
use super::super::entity::key;
use super::super::entity::write;
use super::bytes;
use super::double;
use super::entity;
use super::group;
use super::integer;
use super::path;
use super::property;
use crate::connector::firestore::writer::Writer;
use crate::record::check::check;

fn read(record: &[u8]) -> Result<Document, EntityError> {
    let key = key(record)?;
    let mut writer = Writer::default();
    write(record, &key, &mut writer)?;
    check(writer.bytes()).unwrap();
    Ok(Document::from_reader(writer.bytes()).unwrap())
}

/// Reads an entity of these properties; the fields that say where it lies are left out.
fn fields(properties: &[Vec<u8>]) -> Result<Document, EntityError> {
    let mut document = read(&entity(&["c", "d"], properties))?;
    for name in ["__id__", "__path__", "__parent__"] {
        document.remove(name).unwrap();
    }
    Ok(document)
}

fn point(latitude: f64, longitude: f64) -> Vec<u8> {
    group(5, &[double(6, latitude), double(7, longitude)])
}

fn reference(app: &str, parts: &[&str], more: &[u8]) -> Vec<u8> {
    let elements = parts.chunks(2).map(|pair| {
        let id = pair[1].parse().map_or_else(|_| bytes(17, pair[1]), |number| integer(16, number));
        group(14, &[bytes(15, pair[0]), id])
    });
    group(12, &[bytes(13, app), elements.collect::<Vec<_>>().concat(), more.to_vec()])
}

fn map(properties: &[Vec<u8>]) -> Vec<u8> {
    let key = [bytes(13, ""), bytes(14, "")].concat();
    bytes(3, [bytes(13, key), properties.concat(), bytes(16, "")].concat())
}

fn binary(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

/// Each type: what is written, and what a record holds of it.
fn values() -> Vec<(&'static str, i64, Vec<u8>, Bson)> {
    let instant = |text: &str| Bson::Document(doc! { "$instant": text });
    let date = |ms: i64| Bson::DateTime(DateTime::from_millis(ms));
    vec![
        ("null", 0, Vec::new(), Bson::Null),
        ("true", 0, integer(2, 1), true.into()),
        ("false", 0, integer(2, 0), false.into()),
        ("zero", 0, integer(1, 0), 0_i64.into()),
        ("largest", 0, integer(1, i64::MAX), i64::MAX.into()),
        ("least", 0, integer(1, i64::MIN), i64::MIN.into()),
        ("double", 0, double(4, 1.0), 1.0.into()),
        ("minus zero", 0, double(4, -0.0), (-0.0).into()),
        ("least double", 0, double(4, 5e-324), 5e-324.into()),
        ("infinity", 0, double(4, f64::NEG_INFINITY), f64::NEG_INFINITY.into()),
        ("text", 0, bytes(3, "ž\0😀"), "ž\0😀".into()),
        ("empty text", 0, bytes(3, ""), "".into()),
        ("long text", 15, bytes(3, "long"), "long".into()),
        ("bytes", 14, bytes(3, b"\x00\xff"), binary(b"\x00\xff")),
        ("short bytes", 16, bytes(3, b""), binary(b"")),
        ("date", 7, integer(1, 1_706_702_400_123_000), date(1_706_702_400_123)),
        ("instant", 7, integer(1, 1_706_702_400_123_456), instant("2024-01-31T12:00:00.123456Z")),
        ("before 1970", 7, integer(1, -1), instant("1969-12-31T23:59:59.999999Z")),
        ("first", 7, integer(1, -62_135_596_800_000_000), date(-62_135_596_800_000)),
        ("last", 7, integer(1, 253_402_300_799_999_999), instant("9999-12-31T23:59:59.999999Z")),
        ("point", 9, point(-0.0, 180.0), doc! { "latitude": -0.0, "longitude": 180.0 }.into()),
        (
            "reference",
            0,
            reference("s~other", &["a", "b", "c", "7"], b""),
            doc! { "$ref": "a/b/c", "$id": 7_i64, "$db": "other" }.into(),
        ),
        (
            "reference to another database",
            0,
            reference("dev~p", &["a", "b"], &bytes(23, "second")),
            doc! { "$ref": "a", "$id": "b", "$db": "p/second" }.into(),
        ),
        ("empty map", 19, map(&[]), doc! {}.into()),
        (
            "map",
            19,
            map(&[
                property("z", 0, false, integer(1, 1)),
                property("a.b", 19, false, map(&[property("x", 0, false, b"")])),
            ]),
            doc! { "z": 1_i64, "a.b": { "x": null } }.into(),
        ),
    ]
}

#[test]
fn every_type_has_its_form() {
    for (name, meaning, value, expected) in values() {
        let alone = fields(&[property(name, meaning, false, &value)]).unwrap();
        assert_eq!(alone, doc! { name: expected.clone() });
        let bits = |value: &Bson| value.as_f64().map(f64::to_bits);
        assert_eq!(bits(&alone[name]), bits(&expected), "{name}");
        let element = property("items", meaning, true, &value);
        let twice = fields(&[element.clone(), element]).unwrap();
        assert_eq!(twice, doc! { "items": [expected.clone(), expected.clone()] }, "{name}");
        let within = fields(&[property("map", 19, false, map(&[property(name, meaning, false, &value)]))]).unwrap();
        assert_eq!(within, doc! { "map": { name: expected } });
    }
    let all: Vec<Vec<u8>> =
        values().iter().map(|(name, meaning, value, _)| property(name, *meaning, false, value)).collect();
    let names: Vec<&str> = values().iter().map(|(name, ..)| *name).collect();
    assert_eq!(fields(&all).unwrap().keys().collect::<Vec<_>>(), names, "in their order");
    let nan = fields(&[property("nan", 0, false, double(4, f64::from_bits(0x7ff8_0000_0000_0001)))]).unwrap();
    assert_eq!(nan.get_f64("nan").unwrap().to_bits(), 0x7ff8_0000_0000_0001);
}

#[test]
fn arrays_are_put_together() {
    let empty = |name: &str| bytes(14, [integer(1, 24), bytes(3, name), integer(4, 0), bytes(5, "")].concat());
    let indexed =
        |name: &str, value: i64| bytes(14, [bytes(3, name), integer(4, 1), bytes(5, integer(1, value))].concat());
    let number = |name: &str, value: i64| property(name, 0, true, integer(1, value));
    let nested = map(&[empty("none"), number("x", 1), number("x", 2)]);
    let found = fields(&[
        empty("none"),
        number("one", 1),
        property("text", 0, false, bytes(3, "between")),
        // An element with an index, and others without: the tool writes those with one first.
        indexed("apart", 1),
        number("two", 1),
        number("two", 2),
        number("apart", 2),
        property("maps", 19, true, &nested),
        property("maps", 19, true, map(&[])),
    ]);
    let expected = doc! {
        "none": [],
        "one": [1_i64],
        "text": "between",
        "apart": [1_i64, 2_i64],
        "two": [1_i64, 2_i64],
        "maps": [{ "none": [], "x": [1_i64, 2_i64] }, {}],
    };
    assert_eq!(found.unwrap(), expected);
    let vector = [1.5, -0.0].map(|number| property("vector", 31, true, double(4, number)));
    assert_eq!(fields(&vector).unwrap(), doc! { "vector": { "__type__": "__vector__", "value": [1.5, -0.0] } });
}

#[test]
fn where_it_lies_comes_last() {
    let found = read(&entity(&["a", "1", "b", "two"], &[property("x", 0, false, b"")])).unwrap();
    let parent = doc! { "id": 1_i64, "path": "a/__id1__", "parent": null };
    assert_eq!(found, doc! { "x": null, "__id__": "two", "__path__": "a/__id1__/b/two", "__parent__": parent });
    let root = read(&entity(&["a", "-5"], &[])).unwrap();
    assert_eq!(root, doc! { "__id__": -5_i64, "__path__": "a/__id-5__", "__parent__": null });
}

#[test]
fn what_is_no_value_of_firestore_is_refused() {
    let user = group(8, &[bytes(9, "a@b"), bytes(10, "b")]);
    for (property, field, expected) in [
        (property("f", 99, false, integer(1, 1)), "f", "expected an integer of a known meaning, found meaning 99"),
        (property("f", 19, false, double(4, 1.0)), "f", "expected a double of a known meaning, found meaning 19"),
        (property("f", 7, true, bytes(3, "x")), "f.0", "expected a text of a known meaning, found meaning 7"),
        (property("f", 7, false, integer(1, i64::MAX)), "f", "expected an instant of the years 0001 to 9999"),
        (property("f", 0, false, bytes(3, b"a\xff")), "f", "expected UTF-8"),
        (property("f", 0, false, [integer(1, 1), integer(2, 1)].concat()), "f", "expected one value, found a second"),
        (property("f", 0, false, user), "f", "found a user of App Engine"),
        (property("f", 0, false, bytes(6, "x")), "f", "expected a value, found field 6"),
        (property("f", 9, false, group(5, &[double(6, 1.0)])), "f", "expected a point of two numbers"),
        (property("f", 0, false, group(12, &[bytes(13, "s~p")])), "f", "expected a reference with a path"),
        (property("f", 0, false, bytes(1, "x")), "f", "expected an integer in field 1, found a message or bytes"),
        (property("f", 19, false, map(&[property("g", 0, false, bytes(3, b"\xff"))])), "f.g", "expected UTF-8"),
        (property("f", 19, false, bytes(3, b"\x0f")), "f", "expected a field's type, found 7"),
    ] {
        let found = fields(&[property]).unwrap_err();
        assert_eq!(found.field.as_deref(), Some(field), "{found:?}");
        assert!(found.message.starts_with("byte ") && found.message.contains(expected), "{found:?}");
    }
    let nameless = fields(&[bytes(15, bytes(5, ""))]).unwrap_err();
    assert!(nameless.message.contains("expected a property with a name and a value"), "{nameless:?}");
    let nul = fields(&[property("a\0b", 0, false, b"")]).unwrap_err();
    assert!(nul.message.contains("expected a field's name without NUL"), "{nul:?}");
}

#[test]
fn nesting_has_a_limit() {
    let nested = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| property("m", 19, false, map(&[inner])));
    assert!(fields(&[nested(199)]).is_ok());
    let found = fields(&[nested(5_000)]).unwrap_err();
    assert!(found.is_nesting && found.message == "expected at most 200 levels of nesting, found more", "{found:?}");
}

#[test]
fn a_record_without_a_key_is_nobodys() {
    let pathless = bytes(13, [bytes(13, "s~p"), bytes(14, "")].concat());
    let incomplete = bytes(13, [bytes(13, "s~p"), bytes(14, group(1, &[bytes(2, "c")]))].concat());
    for (record, expected) in [
        (Vec::new(), "expected an entity with a key, found none"),
        (bytes(16, path(&["a", "b"])), "expected an entity with a key, found none"),
        (pathless, "expected a key with a path, found one without"),
        (incomplete, "expected a collection and an id in every part of a key"),
        (b"plain text".to_vec(), "expected"),
    ] {
        let found = key(&record).unwrap_err();
        assert!(found.message.contains(expected), "{found:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(noise in proptest::collection::vec(any::<u8>(), 0..64), at in 0..64_usize) {
        let whole: Vec<Vec<u8>> = values().iter().map(|(name, meaning, value, _)| property(name, *meaning, false, value)).collect();
        let mut record = entity(&["c", "d"], &whole);
        let at = record.len() * at / 64;
        record.splice(at..(at + noise.len()).min(record.len()), noise);
        if let Ok(key) = key(&record) {
            let mut writer = Writer::default();
            let _ = write(&record, &key, &mut writer);
        }
    }
}
