//! Managed exports of Firestore, read without the code under test: plainly, whole files in memory, nothing checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bson::Binary;
use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::doc;
use bson::spec::BinarySubtype;

/// Bytes of a block of a log.
const BLOCK: usize = 32 * 1024;

/// Returns the documents of an export's only file by their paths, as records are said to have them.
pub fn documents(export: &Path) -> BTreeMap<String, Document> {
    let log = fs::read(export.join("all_namespaces/all_kinds/output-0")).unwrap();
    records(&log).iter().map(|record| document(record)).collect()
}

/// The records of a log.
fn records(log: &[u8]) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for block in log.chunks(BLOCK) {
        let mut rest = block;
        while rest.len() >= 7 {
            let length = usize::from(rest[4]) | usize::from(rest[5]) << 8;
            if rest[6] <= 2 {
                records.push(Vec::new());
            }
            records.last_mut().unwrap().extend_from_slice(&rest[7..7 + length]);
            rest = &rest[7 + length..];
        }
    }
    records
}

/// A field's value: its number, or its bytes. A double's bytes are a number's, a group's the fields in it.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
    Group(Vec<(u64, Field)>),
}

impl Field {
    fn fields(&self) -> Vec<(u64, Field)> {
        match self {
            Self::Bytes(bytes) => fields(&mut bytes.as_slice()),
            _ => panic!("a message"),
        }
    }

    fn group(&self) -> &[(u64, Field)] {
        match self {
            Self::Group(fields) => fields,
            _ => panic!("a group"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            _ => panic!("bytes"),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            _ => panic!("a number"),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 127) << shift;
        if *first < 128 {
            break;
        }
    }
    value
}

/// The fields up to the end of the bytes, or of the group.
fn fields(bytes: &mut &[u8]) -> Vec<(u64, Field)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(bytes);
        let mut take = |length: usize| {
            let (taken, rest) = bytes.split_at(length);
            *bytes = rest;
            taken.to_vec()
        };
        let field = match tag & 7 {
            1 => Field::Number(u64::from_le_bytes(take(8).try_into().unwrap())),
            0 => Field::Number(varint(bytes)),
            2 => {
                let length = usize::try_from(varint(bytes)).unwrap();
                let (taken, rest) = bytes.split_at(length);
                *bytes = rest;
                Field::Bytes(taken.to_vec())
            }
            3 => Field::Group(fields(bytes)),
            4 => return found,
            other => panic!("type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn get(fields: &[(u64, Field)], number: u64) -> Option<&Field> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, field)| field)
}

/// Returns the document of a record, behind its path.
fn document(record: &[u8]) -> (String, Document) {
    let entity = fields(&mut &*record);
    let key = get(&entity, 13).unwrap().fields();
    let elements = get(&key, 14).unwrap().fields();
    let names: Vec<[String; 2]> =
        elements.iter().map(|(_, element)| [2, 4].map(|number| get(element.group(), number).unwrap().text())).collect();
    let mut document = properties(&entity);
    let mut above = Bson::Null;
    let (mut path, mut parent) = (String::new(), Bson::Null);
    for [collection, id] in &names {
        path = if path.is_empty() { format!("{collection}/{id}") } else { format!("{path}/{collection}/{id}") };
        parent = std::mem::replace(&mut above, Bson::Null);
        above = Bson::Document(doc! { "id": id, "path": &path, "parent": parent.clone() });
    }
    document.insert("__id__", names.last().unwrap()[1].clone());
    document.insert("__path__", path.clone());
    document.insert("__parent__", parent);
    (path, document)
}

fn properties(entity: &[(u64, Field)]) -> Document {
    let mut document = Document::new();
    for (_, property) in entity.iter().filter(|(number, _)| matches!(number, 14 | 15)) {
        let property = property.fields();
        let name = get(&property, 3).unwrap().text();
        let meaning = get(&property, 1).map_or(0, Field::number);
        let value = value(&get(&property, 5).unwrap().fields(), meaning);
        if get(&property, 4).unwrap().number() == 0 {
            document.insert(name, value);
        } else if let Ok(items) = document.get_array_mut(&name) {
            items.push(value);
        } else {
            document.insert(name, vec![value]);
        }
    }
    document
}

fn value(value: &[(u64, Field)], meaning: u64) -> Bson {
    let Some((number, field)) = value.first() else {
        return if meaning == 24 { Bson::Array(Vec::new()) } else { Bson::Null };
    };
    match (number, meaning) {
        (1, 0) => Bson::Int64(field.number().cast_signed()),
        (1, 7) => {
            let us = field.number().cast_signed();
            assert!(us % 1_000 == 0 || us > 0, "no finer instant before 1970 is in these exports");
            match us % 1_000 {
                0 => Bson::DateTime(DateTime::from_millis(us / 1_000)),
                _ => {
                    let seconds = DateTime::from_millis(us / 1_000_000 * 1_000).try_to_rfc3339_string().unwrap();
                    let fraction = format!("{:06}", us % 1_000_000);
                    Bson::Document(
                        doc! { "$instant": seconds.replace('Z', &format!(".{}Z", fraction.trim_end_matches('0'))) },
                    )
                }
            }
        }
        (2, 0) => Bson::Boolean(field.number() == 1),
        (3, 0 | 15) => Bson::String(field.text()),
        (3, 14 | 16) => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: field.bytes() }),
        (3, 19) => Bson::Document(properties(&field.fields())),
        (4, 0) => Bson::Double(f64::from_bits(field.number())),
        other => panic!("{other:?}"),
    }
}
