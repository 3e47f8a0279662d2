//! Reads managed exports and the other forms of Firestore's documents, knowing neither whimbrel nor the generator: every
//! document comes out as typed values of Firestore's REST API.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

/// Documents by their path, each a map of typed values.
pub type Documents = BTreeMap<String, Json>;

/// Reads a managed export: the output files that its metadata names, and no others.
pub fn export(folder: &Path) -> Documents {
    let overall = records(&folder.join("firestore_export.overall_export_metadata"));
    assert_eq!(overall.len(), 2, "a version and the list");
    let mut documents = Documents::new();
    for (_, pointer) in fields(&overall[1]) {
        let pointer = fields(pointer.bytes());
        let path = text(&pointer, 2);
        let metadata = fs::read(folder.join(&path)).unwrap();
        let before = documents.len() as u64;
        let mut bytes = 0;
        let mut named = 0;
        for (_, output) in fields(&metadata).into_iter().filter(|(number, _)| *number == 2) {
            let file = folder.join(&path).with_file_name(text(&fields(output.bytes()), 2));
            bytes += fs::metadata(&file).unwrap().len();
            named += 1;
            for record in records(&file) {
                let (path, document) = entity(&record);
                assert!(documents.insert(path.clone(), document).is_none(), "{path} is there twice");
            }
        }
        let outputs = fs::read_dir(folder.join(&path).parent().unwrap()).unwrap().count() - 1;
        assert_eq!(outputs, named, "{path} names every output file");
        assert_eq!(number(&pointer, 3), documents.len() as u64 - before, "documents of {path}");
        assert_eq!(number(&pointer, 4), bytes, "bytes of {path}");
    }
    documents
}

/// Reads pages of the REST API.
pub fn pages(folder: &Path) -> Documents {
    let mut pages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let mut documents = Documents::new();
    for (place, page) in pages.iter().enumerate() {
        let text = fs::read_to_string(page).unwrap();
        let page: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(page.get("nextPageToken").is_some(), place + 1 < pages.len());
        documents.extend(page["documents"].as_array().unwrap().iter().map(of_rest));
    }
    documents
}

/// Reads one document as the REST API gives it.
pub fn of_rest(document: &Json) -> (String, Json) {
    let name = document["name"].as_str().unwrap();
    let path = name.split_once("/documents/").unwrap().1.to_owned();
    (path, document.get("fields").cloned().unwrap_or_else(|| json!({})))
}

/// Reads a file of node-firestore-import-export.
pub fn nested(file: &Path) -> Documents {
    let whole: Json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut documents = Documents::new();
    below(&whole, "", &mut documents);
    documents
}

fn below(document: &Json, path: &str, documents: &mut Documents) {
    for (collection, of_collection) in document["__collections__"].as_object().unwrap() {
        for (id, document) in of_collection.as_object().unwrap() {
            let path = format!("{path}{collection}/{id}");
            below(document, &format!("{path}/"), documents);
            let own = document.as_object().unwrap().iter().filter(|(name, _)| *name != "__collections__");
            let fields: Map<String, Json> = own.map(|(name, value)| (name.clone(), of_plain(value))).collect();
            // What only holds collections is no document.
            if !fields.is_empty() {
                documents.insert(path, Json::Object(fields));
            }
        }
    }
}

fn of_plain(value: &Json) -> Json {
    match value {
        Json::Null => json!({ "nullValue": null }),
        Json::Bool(is) => json!({ "booleanValue": is }),
        Json::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Json::Number(number) => json!({ "integerValue": number.to_string() }),
        Json::String(text) => json!({ "stringValue": text }),
        Json::Array(values) => array(values.iter().map(of_plain).collect()),
        Json::Object(fields) => match fields.get("__datatype__").and_then(Json::as_str) {
            Some("timestamp") => {
                let (seconds, nanoseconds) = (&fields["value"]["_seconds"], &fields["value"]["_nanoseconds"]);
                timestamp(seconds.as_i64().unwrap() * 1_000_000 + nanoseconds.as_i64().unwrap() / 1_000)
            }
            Some("bytes") => json!({ "bytesValue": fields["value"] }),
            Some("documentReference") => json!({ "referenceValue": fields["value"] }),
            Some("geopoint") => point(&fields["value"]["_latitude"], &fields["value"]["_longitude"]),
            Some(other) => panic!("{other} is unknown"),
            None => map(fields.iter().map(|(name, value)| (name.clone(), of_plain(value))).collect()),
        },
    }
}

/// Makes values comparable: a double is its bits, an instant has no zeros at its end, a reference no project before it, and
/// what is empty is said in one way.
pub fn comparable(value: &Json) -> Json {
    let Json::Object(fields) = value else { return value.clone() };
    if let Some(double) = fields.get("doubleValue") {
        return json!({ "doubleValue": bits(double) });
    }
    if let Some(point) = fields.get("geoPointValue") {
        return json!({ "geoPointValue": [bits(&point["latitude"]), bits(&point["longitude"])] });
    }
    if let Some(instant) = fields.get("timestampValue").and_then(Json::as_str) {
        let instant = instant.trim_end_matches('Z');
        let shortest =
            if instant.contains('.') { instant.trim_end_matches('0').trim_end_matches('.') } else { instant };
        return json!({ "timestampValue": shortest });
    }
    if let Some(reference) = fields.get("referenceValue").and_then(Json::as_str) {
        return json!({ "referenceValue": reference.split_once("/documents/").map_or(reference, |(_, path)| path) });
    }
    if let Some(array) = fields.get("arrayValue") {
        let values = array.get("values").and_then(Json::as_array).into_iter().flatten();
        return json!({ "arrayValue": values.map(comparable).collect::<Vec<_>>() });
    }
    if let Some(map) = fields.get("mapValue") {
        return json!({ "mapValue": comparable_fields(map.get("fields").unwrap_or(&Json::Null)) });
    }
    value.clone()
}

/// The same for a document's fields.
pub fn comparable_fields(fields: &Json) -> Json {
    fields.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), comparable(value))).collect()
}

fn bits(double: &Json) -> String {
    let double = match double.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => double.as_f64().unwrap(),
    };
    format!("{:016x}", double.to_bits())
}

fn array(values: Vec<Json>) -> Json {
    json!({ "arrayValue": { "values": values } })
}

fn map(fields: Map<String, Json>) -> Json {
    json!({ "mapValue": { "fields": fields } })
}

fn point(latitude: &Json, longitude: &Json) -> Json {
    json!({ "geoPointValue": { "latitude": latitude, "longitude": longitude } })
}

fn timestamp(micros: i64) -> Json {
    // Days are counted one after another: slow, and plain to see.
    let (mut days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let mut year = 1970;
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        (days, month) = (days - length, month + 1);
    }
    let seconds = rest / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let (day, fraction) = (days + 1, rest % 1_000_000);
    json!({ "timestampValue": format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z") })
}

// LevelDB's log format.

/// Puts the records of a log together, and checks every piece.
fn records(file: &Path) -> Vec<Vec<u8>> {
    let log = fs::read(file).unwrap();
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut is_open = false;
    for block in log.chunks(32 * 1024) {
        let mut rest = block;
        while rest.len() >= 7 {
            let (header, after) = rest.split_at(7);
            let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
            let (piece, after) = after.split_at(length);
            let mut summed = vec![header[6]];
            summed.extend_from_slice(piece);
            let expected = crc32c(&summed).rotate_right(15).wrapping_add(0xa282_ead8);
            assert_eq!(header[..4], expected.to_le_bytes(), "CRC in {}", file.display());
            // The first piece may be empty, where a block has room for no more than its header.
            assert_eq!(matches!(header[6], 1 | 2), !is_open, "a record begins where one has ended");
            is_open = matches!(header[6], 2 | 3);
            record.extend_from_slice(piece);
            if !is_open {
                records.push(std::mem::take(&mut record));
            }
            rest = after;
        }
        assert!(rest.iter().all(|byte| *byte == 0), "a block ends with zeros");
    }
    assert!(!is_open, "the last record is whole");
    records
}

/// CRC-32C, a bit at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

// EntityProto.

/// A field of a message.
enum Field {
    Number(u64),
    Double(f64),
    Bytes(Vec<u8>),
    Group(Vec<(u64, Field)>),
}

impl Field {
    fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("no bytes") };
        bytes
    }

    fn group(&self) -> &[(u64, Self)] {
        let Self::Group(fields) = self else { panic!("no group") };
        fields
    }
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field)> {
    let fields = until(&mut message, None);
    assert!(message.is_empty());
    fields
}

/// Reads fields up to the end, or to the end of a group.
fn until(message: &mut &[u8], group: Option<u64>) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(message);
        let number = tag >> 3;
        let field = match tag & 7 {
            0 => Field::Number(varint(message)),
            1 => Field::Double(f64::from_le_bytes(take(message, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(message)).unwrap();
                Field::Bytes(take(message, length).to_vec())
            }
            3 => Field::Group(until(message, Some(number))),
            4 => {
                assert_eq!(Some(number), group);
                return fields;
            }
            other => panic!("wire type {other}"),
        };
        fields.push((number, field));
    }
    assert!(group.is_none(), "a group has no end");
    fields
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a varint of more than 64 bits")
}

fn take<'a>(message: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = message.split_at(count);
    *message = rest;
    taken
}

fn find(fields: &[(u64, Field)], number: u64) -> Option<&Field> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, field)| field)
}

fn text(fields: &[(u64, Field)], number: u64) -> String {
    String::from_utf8(find(fields, number).unwrap().bytes().to_vec()).unwrap()
}

fn number(fields: &[(u64, Field)], of: u64) -> u64 {
    let Some(Field::Number(number)) = find(fields, of) else { panic!("no number {of}") };
    *number
}

fn entity(record: &[u8]) -> (String, Json) {
    let entity = fields(record);
    let key = fields(find(&entity, 13).unwrap().bytes());
    let path = fields(find(&key, 14).unwrap().bytes());
    let segments = path.iter().flat_map(|(_, element)| [text(element.group(), 2), text(element.group(), 4)]);
    let segments: Vec<String> = segments.collect();
    let group = fields(find(&entity, 16).unwrap().bytes());
    assert_eq!([text(group[0].1.group(), 2), text(group[0].1.group(), 4)], segments[..2], "the entity group");
    (segments.join("/"), Json::Object(properties(&entity)))
}

fn properties(entity: &[(u64, Field)]) -> Map<String, Json> {
    let mut found = Map::new();
    for (_, property) in entity.iter().filter(|(number, _)| matches!(number, 14 | 15)) {
        let property = fields(property.bytes());
        let (name, meaning) = (text(&property, 3), find(&property, 1).map(|_| number(&property, 1)));
        let value = fields(find(&property, 5).unwrap().bytes());
        if meaning == Some(24) {
            assert!(found.insert(name, array(Vec::new())).is_none());
        } else if number(&property, 4) == 1 {
            let list = found.entry(name).or_insert_with(|| array(Vec::new()));
            list["arrayValue"]["values"].as_array_mut().unwrap().push(property_value(&value, meaning));
        } else {
            assert!(found.insert(name, property_value(&value, meaning)).is_none());
        }
    }
    found
}

fn property_value(value: &[(u64, Field)], meaning: Option<u64>) -> Json {
    let Some((kind, field)) = value.first() else { return json!({ "nullValue": null }) };
    match (kind, field, meaning) {
        (1, Field::Number(micros), Some(7)) => timestamp(micros.cast_signed()),
        (1, Field::Number(integer), None) => json!({ "integerValue": integer.cast_signed().to_string() }),
        (2, Field::Number(is), None) => json!({ "booleanValue": *is == 1 }),
        (3, Field::Bytes(nested), Some(19)) => map(properties(&fields(nested))),
        (3, Field::Bytes(bytes), Some(14)) => json!({ "bytesValue": base64(bytes) }),
        (3, Field::Bytes(text), None) => json!({ "stringValue": String::from_utf8(text.clone()).unwrap() }),
        (4, Field::Double(double), None) => json!({ "doubleValue": double }),
        (5, Field::Group(place), Some(9)) => {
            let edge = |of| match find(place, of) {
                Some(Field::Double(double)) => Json::from(*double),
                _ => panic!("no coordinate"),
            };
            point(&edge(6), &edge(7))
        }
        (12, Field::Group(reference), None) => {
            let elements = reference.iter().filter(|(number, _)| *number == 14);
            let segments = elements.flat_map(|(_, element)| [text(element.group(), 15), text(element.group(), 17)]);
            json!({ "referenceValue": segments.collect::<Vec<_>>().join("/") })
        }
        _ => panic!("a value {kind} with the meaning {meaning:?}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut letters = String::new();
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    for six in bits.chunks(6) {
        let value = six.iter().chain(&[0; 5]).take(6).fold(0, |value, bit| value << 1 | bit);
        letters.push(char::from(match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        }));
    }
    while !letters.len().is_multiple_of(4) {
        letters.push('=');
    }
    letters
}
