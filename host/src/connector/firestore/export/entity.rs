//! From an EntityProto, the form in which Datastore keeps what Firestore has, to the BSON of a record.

use std::collections::HashMap;

use super::super::path;
use super::super::path::Id;
use super::super::path::Step;
use super::super::writer::Writer;
use super::wire::Message;
use super::wire::WireError;
use super::wire::wire_error;
use crate::record::check::NESTING_MAX;

/// Fields of an EntityProto.
mod field {
    pub(super) const KEY: u32 = 13;
    pub(super) const PROPERTY: u32 = 14;
    pub(super) const RAW_PROPERTY: u32 = 15;
}

/// What a property's value means, where its type alone does not say; others are not known.
mod meaning {
    pub(super) const NONE: u64 = 0;
    pub(super) const TIMESTAMP: u64 = 7;
    pub(super) const GEOPOINT: u64 = 9;
    pub(super) const RATING: u64 = 13;
    pub(super) const BLOB: u64 = 14;
    pub(super) const BYTES: u64 = 16;
    /// Categories, links, addresses and the like of old Datastore, long text, blob keys: all are texts.
    pub(super) const TEXTS: &[u64] = &[NONE, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 15, 17];
    pub(super) const ENTITY: u64 = 19;
    pub(super) const EMPTY_LIST: u64 = 24;
    pub(super) const VECTOR: u64 = 31;
}

/// Why a record cannot be taken as a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EntityError {
    /// The dotted path of the field at fault, as far as it is known.
    pub(super) field: Option<String>,
    /// Whether it is only nested too deeply.
    pub(super) is_nesting: bool,
    /// Expected, then found.
    pub(super) message: String,
}

impl From<WireError> for EntityError {
    fn from(error: WireError) -> Self {
        Self { field: None, is_nesting: false, message: format!("byte {} of the record: {}", error.at, error.message) }
    }
}

/// Where an entity lies.
#[derive(Debug)]
pub(super) struct EntityKey<'a> {
    pub(super) namespace: &'a str,
    /// Empty only for an entity within another one.
    pub(super) steps: Vec<Step<'a>>,
    /// Project and database.
    database: String,
}

/// Reads only the key, which lies before everything else.
pub(super) fn key(record: &[u8]) -> Result<EntityKey<'_>, WireError> {
    for field in Message::of(record).fields() {
        let field = field?;
        if field.number == field::KEY {
            let key = reference(field.message()?, &KEY)?;
            if key.steps.is_empty() {
                return Err(wire_error(field.at, "expected a key with a path, found one without"));
            }
            return Ok(key);
        }
    }
    Err(wire_error(0, "expected an entity with a key, found none"))
}

/// Writes a whole record's fields, then where it lies.
pub(super) fn write(record: &[u8], key: &EntityKey<'_>, writer: &mut Writer) -> Result<(), EntityError> {
    writer.open_root();
    properties(Message::of(record), writer)?;
    path::append(&key.steps, writer);
    writer.close();
    Ok(())
}

/// The numbers that keys and references have for the same fields; in keys, a path is a message of its own.
struct Numbers {
    path: Option<u32>,
    element: u32,
    kind: u32,
    id: u32,
    name: u32,
}

const KEY: Numbers = Numbers { path: Some(14), element: 1, kind: 2, id: 3, name: 4 };
const REFERENCE: Numbers = Numbers { path: None, element: 14, kind: 15, id: 16, name: 17 };

fn reference<'a>(message: Message<'a>, numbers: &Numbers) -> Result<EntityKey<'a>, WireError> {
    let (mut app, mut database) = ("", "");
    let mut key = EntityKey { namespace: "", steps: Vec::with_capacity(4), database: String::new() };
    for field in message.fields() {
        let field = field?;
        match field.number {
            13 => app = field.text()?,
            20 => key.namespace = field.text()?,
            23 => database = field.text()?,
            number if Some(number) == numbers.path => {
                for element in field.message()?.fields() {
                    let element = element?;
                    if element.number == numbers.element {
                        key.steps.push(step(element.group()?, numbers)?);
                    }
                }
            }
            number if numbers.path.is_none() && number == numbers.element => {
                key.steps.push(step(field.group()?, numbers)?);
            }
            _ => {}
        }
    }
    // `s~`, `b~`, `dev~` and the like say where the project is kept.
    let project = app.split_once('~').map_or(app, |(_, project)| project);
    key.database = path::database(project, database);
    Ok(key)
}

fn step<'a>(group: Message<'a>, numbers: &Numbers) -> Result<Step<'a>, WireError> {
    let (mut collection, mut id) = (None, None);
    for field in group.fields() {
        let field = field?;
        if field.number == numbers.kind {
            collection = Some(field.text()?);
        } else if field.number == numbers.id {
            id = Some(Id::Number(field.varint()?.cast_signed()));
        } else if field.number == numbers.name {
            id = Some(Id::Name(field.text()?.into()));
        }
    }
    match (collection, id) {
        (Some(collection), Some(id)) => Ok(Step { collection: collection.into(), id }),
        _ => Err(wire_error(group.at, "expected a collection and an id in every part of a key, found one alone")),
    }
}

/// One value of a property; an array has several.
#[derive(Clone, Copy)]
struct Property<'a> {
    name: &'a str,
    meaning: u64,
    is_element: bool,
    value: Message<'a>,
}

/// Writes the fields of an entity in the order in which they lie.
fn properties(entity: Message<'_>, writer: &mut Writer) -> Result<(), EntityError> {
    if writer.depth() > NESTING_MAX {
        let message = format!("expected at most {NESTING_MAX} levels of nesting, found more");
        return Err(EntityError { field: None, is_nesting: true, message });
    }
    let mut properties = Vec::new();
    for field in entity.fields() {
        let field = field?;
        if matches!(field.number, field::PROPERTY | field::RAW_PROPERTY) {
            properties.push(property(field.message()?)?);
        }
    }
    gather(&mut properties);
    for run in properties.chunk_by(|one, next| one.is_element && next.is_element && one.name == next.name) {
        write_run(run, writer).map_err(|error| within(error, run[0].name))?;
    }
    Ok(())
}

/// Brings the elements of an array together where those with an index and those without lie apart.
fn gather(properties: &mut [Property<'_>]) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut is_apart = false;
    for (place, property) in properties.iter().enumerate().filter(|(_, property)| property.is_element) {
        let is_next = place > 0 && properties[place - 1].is_element && properties[place - 1].name == property.name;
        is_apart |= !is_next && first.insert(property.name, place).is_some();
    }
    if !is_apart {
        return;
    }
    first.clear();
    let places: Vec<usize> = properties
        .iter()
        .enumerate()
        .map(|(place, property)| if property.is_element { *first.entry(property.name).or_insert(place) } else { place })
        .collect();
    let mut order: Vec<usize> = (0..properties.len()).collect();
    order.sort_by_key(|&place| places[place]);
    let sorted: Vec<Property<'_>> = order.iter().map(|&place| properties[place]).collect();
    properties.copy_from_slice(&sorted);
}

fn property(message: Message<'_>) -> Result<Property<'_>, EntityError> {
    let mut property = Property { name: "", meaning: meaning::NONE, is_element: false, value: message };
    let (mut has_name, mut has_value) = (false, false);
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => property.meaning = field.varint()?,
            3 => {
                property.name = field.text()?;
                has_name = true;
                if property.name.contains('\0') {
                    return Err(wire_error(field.at, "expected a field's name without NUL, found one with it").into());
                }
            }
            4 => property.is_element = field.varint()? != 0,
            5 => {
                property.value = field.message()?;
                has_value = true;
            }
            _ => {}
        }
    }
    if !has_name || !has_value {
        return Err(wire_error(message.at, "expected a property with a name and a value, found one without").into());
    }
    Ok(property)
}

/// Writes one field: a value, or all elements of an array.
fn write_run(run: &[Property<'_>], writer: &mut Writer) -> Result<(), EntityError> {
    let [first, ..] = run else { return Ok(()) };
    if !first.is_element {
        return value(first, writer);
    }
    let is_vector = first.meaning == meaning::VECTOR;
    if is_vector {
        // As the interfaces of Firestore show it.
        writer.open_document(first.name);
        writer.string("__type__", "__vector__");
    }
    writer.open_array(if is_vector { "value" } else { first.name });
    for (index, element) in run.iter().enumerate() {
        let number = Property { meaning: meaning::NONE, ..*element };
        let element = if is_vector && element.meaning == meaning::VECTOR { &number } else { element };
        value(element, writer).map_err(|error| within(error, &index.to_string()))?;
    }
    writer.close();
    if is_vector {
        writer.close();
    }
    Ok(())
}

fn value(property: &Property<'_>, writer: &mut Writer) -> Result<(), EntityError> {
    let Property { name, meaning, .. } = *property;
    let mut fields = property.value.fields();
    let Some(field) = fields.next().transpose()? else {
        if meaning == meaning::EMPTY_LIST {
            writer.open_array(name);
            writer.close();
        } else {
            writer.null(name);
        }
        return Ok(());
    };
    if let Some(second) = fields.next().transpose()? {
        return Err(wire_error(second.at, "expected one value, found a second").into());
    }
    match (field.number, meaning) {
        (1, meaning::NONE | meaning::RATING) => writer.int64(name, field.varint()?.cast_signed()),
        (1, meaning::TIMESTAMP) => {
            let us = field.varint()?.cast_signed();
            if !writer.instant(name, i128::from(us) * 1_000) {
                let message =
                    format!("expected an instant of the years 0001 to 9999, found {us} microseconds since 1970");
                return Err(wire_error(field.at, message).into());
            }
        }
        (2, meaning::NONE) => writer.bool(name, field.varint()? != 0),
        (3, meaning::BLOB | meaning::BYTES) => writer.binary(name, field.message()?.bytes),
        (3, meaning::ENTITY) => {
            writer.open_document(name);
            properties(field.message()?, writer)?;
            writer.close();
        }
        (3, meaning) if meaning::TEXTS.contains(&meaning) => writer.string(name, field.text()?),
        (4, meaning::NONE) => writer.double(name, field.double()?),
        (5, meaning::NONE | meaning::GEOPOINT) => point(name, field.group()?, writer)?,
        (12, meaning::NONE) => {
            let key = reference(field.group()?, &REFERENCE)?;
            if key.steps.is_empty() || !key.namespace.is_empty() {
                return Err(wire_error(field.at, "expected a reference with a path, in the default namespace").into());
            }
            path::append_reference(name, &key.steps, Some(&key.database), writer);
        }
        (kind @ (1..=5 | 12), meaning) => {
            let kinds = ["", "an integer", "a boolean", "a text", "a double", "a point"];
            let kind = kinds.get(kind as usize).unwrap_or(&"a reference");
            return Err(
                wire_error(field.at, format!("expected {kind} of a known meaning, found meaning {meaning}")).into()
            );
        }
        (8, _) => return Err(wire_error(field.at, "expected a value of Firestore, found a user of App Engine").into()),
        (other, _) => return Err(wire_error(field.at, format!("expected a value, found field {other}")).into()),
    }
    Ok(())
}

fn point(name: &str, group: Message<'_>, writer: &mut Writer) -> Result<(), WireError> {
    let (mut latitude, mut longitude) = (None, None);
    for field in group.fields() {
        let field = field?;
        match field.number {
            6 => latitude = Some(field.double()?),
            7 => longitude = Some(field.double()?),
            _ => {}
        }
    }
    match (latitude, longitude) {
        (Some(latitude), Some(longitude)) => writer.geopoint(name, latitude, longitude),
        _ => return Err(wire_error(group.at, "expected a point of two numbers, found fewer")),
    }
    Ok(())
}

/// Puts the name of what it is in before an error's field.
fn within(error: EntityError, name: &str) -> EntityError {
    let field = match error.field {
        Some(field) => format!("{name}.{field}"),
        None => name.to_owned(),
    };
    EntityError { field: Some(field), ..error }
}
