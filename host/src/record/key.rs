//! The key of a record in its frozen canonical form (`wit/since-v0.1.0/README.md`, "Keys"), and the ids that hang on it.

use std::fmt::Write;

use bson::Decimal128;
use bson::RawArray;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::spec::BinarySubtype;
use uuid::Uuid;

use super::batch::Fault;

/// The root of every computed id.
pub const ROOT: Uuid = Uuid::from_u128(0x6f2f_5c1e_6b0a_5d43_9a53_0b1c_7f3a_4e21);

/// A record's key in canonical form. Every computed id hangs on these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Returns the canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a canonical form that was stored earlier.
    pub fn from_canonical(form: String) -> Self {
        Self(form)
    }
}

/// Computes the ids of one entity's records; the entity's own namespace is hashed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityIds {
    namespace: Uuid,
}

impl EntityIds {
    /// Prepares the ids of an entity within a migration's namespace.
    pub fn new(namespace: &str, entity: &str) -> Self {
        let namespace = Uuid::new_v5(&ROOT, namespace.as_bytes());
        Self { namespace: Uuid::new_v5(&namespace, entity.as_bytes()) }
    }

    /// Returns the id of the record with this key.
    pub fn id(&self, key: &Key) -> Uuid {
        Uuid::new_v5(&self.namespace, key.0.as_bytes())
    }
}

/// Returns the id of one record under the strategy `uuid-v5`; [`EntityIds`] is the way for many.
pub fn id(namespace: &str, entity: &str, key: &Key) -> Uuid {
    EntityIds::new(namespace, entity).id(key)
}

/// Returns the key that these fields of a document make: one field's value as it is, several as a composite.
pub fn of_document(document: &RawDocument, fields: &[String]) -> Result<Key, Fault> {
    if let [field] = fields {
        return write_field(document, field, String::with_capacity(32)).map(Key);
    }
    let mut form = String::from("c");
    for field in fields {
        let part = write_field(document, field, String::new())?;
        write_sized(&part, &mut form);
    }
    Ok(Key(form))
}

/// Returns the key of one value.
pub fn of_value(value: RawBsonRef<'_>) -> Result<Key, Fault> {
    let mut form = String::with_capacity(32);
    write_value(value, &mut form).map_err(|found| unusable(None, &found))?;
    Ok(Key(form))
}

/// Returns the key that a reference's `$id` carries to an entity whose key has so many fields: for a composite
/// key it is an array of as many values.
pub fn of_reference(value: RawBsonRef<'_>, fields: usize) -> Result<Key, Fault> {
    if fields == 1 {
        return of_value(value);
    }
    let RawBsonRef::Array(parts) = value else {
        return Err(unusable(None, &format!("{} where an array of {fields} values should be", kind(value))));
    };
    let mut keys = Vec::with_capacity(fields);
    for part in parts {
        let part = part.map_err(|error| unusable(None, &error.to_string()))?;
        keys.push(of_value(part)?);
    }
    if keys.len() != fields {
        return Err(unusable(None, &format!("{} values where {fields} should be", keys.len())));
    }
    Ok(composite(&keys))
}

/// Returns the composite key of these parts.
pub fn composite(parts: &[Key]) -> Key {
    let mut form = String::from("c");
    for part in parts {
        write_sized(&part.0, &mut form);
    }
    Key(form)
}

fn write_field(document: &RawDocument, path: &str, mut form: String) -> Result<String, Fault> {
    let value = find(document, path).ok_or_else(|| Fault {
        code: "missing-key",
        field: Some(path.to_owned()),
        message: format!("expected a key in `{path}`, found no such field"),
        is_bson: true,
    })?;
    write_value(value, &mut form).map_err(|found| unusable(Some(path), &found))?;
    Ok(form)
}

/// Finds a dotted path; array elements go by number.
fn find<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    let mut names = path.split('.');
    let mut value = document.get(names.next()?).ok()??;
    for name in names {
        value = match value {
            RawBsonRef::Document(inner) => inner.get(name).ok()??,
            RawBsonRef::Array(inner) => inner.get(name.parse().ok()?).ok()??,
            _ => return None,
        };
    }
    Some(value)
}

fn unusable(field: Option<&str>, found: &str) -> Fault {
    let place = field.map_or_else(|| "a reference".to_owned(), |field| format!("`{field}`"));
    Fault {
        code: "unusable-key",
        field: field.map(str::to_owned),
        message: format!("expected a value that can be a key in {place}, found {found}"),
        is_bson: true,
    }
}

/// Appends the canonical form, or says what was found instead.
fn write_value(value: RawBsonRef<'_>, form: &mut String) -> Result<(), String> {
    match value {
        RawBsonRef::Int32(value) => write_display("i", value, form),
        RawBsonRef::Int64(value) => write_display("i", value, form),
        RawBsonRef::Double(value) => return write_double(value, form),
        RawBsonRef::Decimal128(value) => return write_decimal(value, form),
        RawBsonRef::String(value) => {
            form.push('s');
            form.push_str(value);
        }
        RawBsonRef::ObjectId(value) => {
            form.push('s');
            write_hex(&value.bytes(), form);
        }
        RawBsonRef::Boolean(value) => form.push_str(if value { "b1" } else { "b0" }),
        RawBsonRef::DateTime(value) => write_display("t", value.timestamp_millis(), form),
        RawBsonRef::Binary(value) => match (value.subtype, <[u8; 16]>::try_from(value.bytes)) {
            (BinarySubtype::Uuid, Ok(bytes)) => write_display("u", Uuid::from_bytes(bytes).hyphenated(), form),
            (subtype, _) => {
                form.push('x');
                write_hex(&[subtype.into()], form);
                write_hex(value.bytes, form);
            }
        },
        RawBsonRef::Timestamp(value) => write_display("m", format_args!("{}.{}", value.time, value.increment), form),
        RawBsonRef::Document(value) => return write_document(value, form),
        RawBsonRef::Array(value) => return write_array(value, form),
        other => return Err(kind(other).to_owned()),
    }
    Ok(())
}

fn write_display(tag: &str, value: impl std::fmt::Display, form: &mut String) {
    // Writing into a String cannot fail.
    let _ = write!(form, "{tag}{value}");
}

fn write_double(value: f64, form: &mut String) -> Result<(), String> {
    if !value.is_finite() {
        return Err(if value.is_nan() { "NaN" } else { "infinity" }.to_owned());
    }
    if value.fract() == 0.0 {
        // A precision asks for the exact digits; adding zero makes -0 the one zero there is.
        write_display("i", format_args!("{:.0}", value + 0.0), form);
    } else {
        write_display("d", value, form);
    }
    Ok(())
}

fn write_decimal(value: Decimal128, form: &mut String) -> Result<(), String> {
    let bits = u128::from_le_bytes(value.bytes());
    let negative = bits >> 127 == 1;
    match bits >> 122 & 0b1_1111 {
        0b1_1111 => return Err("Decimal128 NaN".to_owned()),
        0b1_1110 => return Err("Decimal128 infinity".to_owned()),
        _ => {}
    }
    // A coefficient that starts with the bits 11, or has over 34 digits, is not canonical and stands for zero.
    let coefficient = if bits >> 125 & 0b11 == 0b11 { 0 } else { bits & ((1 << 113) - 1) };
    if coefficient == 0 || coefficient >= 10_u128.pow(34) {
        form.push_str("i0");
        return Ok(());
    }
    let mut exponent = i32::try_from(bits >> 113 & 0x3fff).expect("14 bits fit") - 6176;
    let mut digits = coefficient.to_string();
    while exponent < 0 && digits.ends_with('0') {
        digits.pop();
        exponent += 1;
    }
    form.push(if exponent < 0 { 'n' } else { 'i' });
    if negative {
        form.push('-');
    }
    if exponent >= 0 {
        form.push_str(&digits);
        form.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize));
        return Ok(());
    }
    let scale = exponent.unsigned_abs() as usize;
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let _ = write!(form, "{whole}.{fraction}");
    } else {
        let _ = write!(form, "0.{}{digits}", "0".repeat(scale - digits.len()));
    }
    Ok(())
}

fn write_document(document: &RawDocument, form: &mut String) -> Result<(), String> {
    form.push('o');
    for element in document {
        let (name, value) = element.map_err(|error| error.to_string())?;
        let mut part = String::new();
        write_value(value, &mut part)?;
        write_sized(name.as_str(), form);
        write_sized(&part, form);
    }
    Ok(())
}

fn write_array(array: &RawArray, form: &mut String) -> Result<(), String> {
    form.push('a');
    for value in array {
        let mut part = String::new();
        write_value(value.map_err(|error| error.to_string())?, &mut part)?;
        write_sized(&part, form);
    }
    Ok(())
}

fn write_sized(part: &str, form: &mut String) {
    let _ = write!(form, "{}:{part}", part.len());
}

fn write_hex(bytes: &[u8], form: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        form.push(char::from(DIGITS[usize::from(byte >> 4)]));
        form.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn kind(value: RawBsonRef<'_>) -> &'static str {
    match value {
        RawBsonRef::Null => "null",
        RawBsonRef::Undefined => "undefined",
        RawBsonRef::MinKey => "a MinKey",
        RawBsonRef::MaxKey => "a MaxKey",
        RawBsonRef::RegularExpression(_) => "a regular expression",
        RawBsonRef::JavaScriptCode(_) | RawBsonRef::JavaScriptCodeWithScope(_) => "JavaScript code",
        RawBsonRef::Symbol(_) => "a symbol",
        RawBsonRef::DbPointer(_) => "a DBPointer",
        _ => "a single value",
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
