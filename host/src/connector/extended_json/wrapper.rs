//! The objects of Extended JSON that stand for a value of another type, such as `{"$oid": "…"}`.

use bson::Binary;
use bson::Decimal128;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::oid::ObjectId;

use super::parse::is_number;
use crate::record::instant;

/// The BSON type of a document that stands for itself.
pub(super) const DOCUMENT: u8 = 0x03;

/// Names that no ordinary document may have. (`$ref` and `$id` may stand in one, and `$regex`, `$options` and `$type`
/// are query operators too.)
const NAMES: &[&str] = &[
    "$oid",
    "$symbol",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$uuid",
    "$code",
    "$timestamp",
    "$regularExpression",
    "$dbPointer",
    "$date",
    "$minKey",
    "$maxKey",
    "$undefined",
];

type Unwrapped = Option<(u8, Vec<u8>)>;

/// Returns the type and bytes of the value that an object stands for, or `None` for an ordinary document. What is
/// inside has been unwrapped already.
pub(super) fn unwrap(object: &[u8]) -> Result<Unwrapped, String> {
    let document = RawDocument::from_bytes(object).map_err(|error| error.to_string())?;
    let fields: Vec<(&str, RawBsonRef<'_>)> = document
        .iter()
        .map(|field| field.map(|(name, value)| (name.as_str(), value)))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let Some(wrapper) = fields.iter().position(|(name, _)| NAMES.contains(name)) else {
        return Ok(legacy_regex(&fields));
    };
    let (name, value) = fields[wrapper];
    let partner = match fields.as_slice() {
        [_] => None,
        [_, _] => Some(fields[1 - wrapper]),
        _ => return Err(format!("expected `{name}` alone, found {} fields", fields.len())),
    };
    match (name, partner) {
        ("$binary", Some(("$type", subtype))) => legacy_binary(value, subtype).map(Some),
        ("$code", Some(("$scope", RawBsonRef::Document(scope)))) => scoped_code(value, scope).map(Some),
        (_, None) => alone(name, value).map(Some),
        (_, Some((other, _))) => Err(format!("expected `{name}` alone, found `{other}` beside it")),
    }
}

fn alone(name: &str, value: RawBsonRef<'_>) -> Result<(u8, Vec<u8>), String> {
    let wrong = |expected: &str| Err(format!("expected {expected} in `{name}`, found something else"));
    match (name, value) {
        ("$oid", RawBsonRef::String(text)) => match ObjectId::parse_str(text) {
            Ok(id) => Ok((0x07, id.bytes().to_vec())),
            Err(_) => Err(format!("expected 24 hexadecimal digits in `$oid`, found `{text}`")),
        },
        ("$symbol", RawBsonRef::String(text)) => Ok((0x0e, string(text))),
        ("$code", RawBsonRef::String(text)) => Ok((0x0d, string(text))),
        ("$numberInt", RawBsonRef::String(text)) => {
            integer::<i32>(name, text).map(|value| (0x10, value.to_le_bytes().to_vec()))
        }
        ("$numberLong", RawBsonRef::String(text)) => {
            integer::<i64>(name, text).map(|value| (0x12, value.to_le_bytes().to_vec()))
        }
        ("$numberDouble", RawBsonRef::String(text)) => {
            let value = match text {
                "NaN" => f64::NAN,
                "Infinity" => f64::INFINITY,
                "-Infinity" => f64::NEG_INFINITY,
                _ => double(text)?,
            };
            Ok((0x01, value.to_le_bytes().to_vec()))
        }
        ("$numberDecimal", RawBsonRef::String(text)) => decimal(text).map(|value| (0x13, value.bytes().to_vec())),
        ("$binary", RawBsonRef::Document(document)) => binary_document(document),
        ("$uuid", RawBsonRef::String(text)) => match uuid::Uuid::parse_str(text) {
            Ok(uuid) if text.len() == 36 => Ok((0x05, binary(4, uuid.as_bytes()))),
            _ => Err(format!("expected a UUID with hyphens in `$uuid`, found `{text}`")),
        },
        ("$timestamp", RawBsonRef::Document(document)) => {
            let [("t", seconds), ("i", increment)] = pair(document, "t")? else { return wrong("`t` and `i`") };
            Ok((0x11, [whole(increment)?.to_le_bytes(), whole(seconds)?.to_le_bytes()].concat()))
        }
        ("$regularExpression", RawBsonRef::Document(document)) => {
            let [("pattern", RawBsonRef::String(pattern)), ("options", RawBsonRef::String(options))] =
                pair(document, "pattern")?
            else {
                return wrong("`pattern` and `options`");
            };
            regex(pattern, options)
        }
        ("$dbPointer", RawBsonRef::Document(document)) => {
            let [("$ref", RawBsonRef::String(namespace)), ("$id", RawBsonRef::ObjectId(id))] = pair(document, "$ref")?
            else {
                return wrong("`$ref` and an ObjectId `$id`");
            };
            Ok((0x0c, [string(namespace).as_slice(), &id.bytes()].concat()))
        }
        ("$date", RawBsonRef::Int64(millis)) => Ok((0x09, millis.to_le_bytes().to_vec())),
        ("$date", RawBsonRef::Int32(millis)) => Ok((0x09, i64::from(millis).to_le_bytes().to_vec())),
        ("$date", RawBsonRef::String(text)) => date(text).map(|millis| (0x09, millis.to_le_bytes().to_vec())),
        ("$minKey", RawBsonRef::Int32(1)) => Ok((0xff, Vec::new())),
        ("$maxKey", RawBsonRef::Int32(1)) => Ok((0x7f, Vec::new())),
        ("$undefined", RawBsonRef::Boolean(true)) => Ok((0x06, Vec::new())),
        ("$minKey" | "$maxKey", _) => wrong("1"),
        ("$undefined", _) => wrong("true"),
        ("$date", _) => wrong("a date or its milliseconds"),
        ("$binary" | "$timestamp" | "$regularExpression" | "$dbPointer", _) => wrong("an object"),
        _ => wrong("a string"),
    }
}

/// Reads a finite double; one that is too large for its type is an error.
pub(super) fn double(text: &str) -> Result<f64, String> {
    let value: Option<f64> = if is_number(text) { text.parse().ok() } else { None };
    value.filter(|value| value.is_finite()).ok_or_else(|| format!("expected a double, found `{text}`"))
}

fn integer<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    let value = if text.starts_with('+') { None } else { text.parse().ok() };
    value.ok_or_else(|| format!("expected an integer in range in `{name}`, found `{text}`"))
}

fn decimal(text: &str) -> Result<Decimal128, String> {
    // The library takes a bare exponent too.
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let is_good = matches!(unsigned.to_ascii_lowercase().as_str(), "nan" | "inf" | "infinity")
        || (mantissa.bytes().any(|byte| byte.is_ascii_digit())
            && mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    let value: Option<Decimal128> = if is_good { text.parse().ok() } else { None };
    value.ok_or_else(|| format!("expected a decimal of at most 34 digits in `$numberDecimal`, found `{text}`"))
}

fn date(text: &str) -> Result<i64, String> {
    let wrong = || format!("expected an ISO 8601 instant to the millisecond in `$date`, found `{text}`");
    // A leap second would be taken for the second before.
    if text.contains(":60") {
        return Err(wrong());
    }
    let ns = instant::parse_iso_ns(text).filter(|ns| ns % 1_000_000 == 0).ok_or_else(wrong)?;
    i64::try_from(ns / 1_000_000).map_err(|_| wrong())
}

fn whole(value: RawBsonRef<'_>) -> Result<u32, String> {
    let value = match value {
        RawBsonRef::Int32(value) => u32::try_from(value).ok(),
        RawBsonRef::Int64(value) => u32::try_from(value).ok(),
        _ => None,
    };
    value.ok_or_else(|| "expected an integer from 0 to 4294967295 in `$timestamp`, found something else".to_owned())
}

/// Returns the two fields of an object, that of the name `first` at the front.
fn pair<'a>(document: &'a RawDocument, first: &str) -> Result<[(&'a str, RawBsonRef<'a>); 2], String> {
    let mut fields = Vec::with_capacity(2);
    for field in document {
        let (name, value) = field.map_err(|error| error.to_string())?;
        fields.push((name.as_str(), value));
    }
    match fields.as_slice() {
        [one, other] if one.0 == first => Ok([*one, *other]),
        [one, other] => Ok([*other, *one]),
        _ => Err(format!("expected two fields beside each other, found {}", fields.len())),
    }
}

fn binary_document(document: &RawDocument) -> Result<(u8, Vec<u8>), String> {
    let [("base64", RawBsonRef::String(base64)), ("subType", RawBsonRef::String(subtype))] = pair(document, "base64")?
    else {
        return Err("expected the texts `base64` and `subType` in `$binary`, found something else".to_owned());
    };
    Ok((0x05, binary(subtype_of(subtype)?, &bytes_of(base64)?)))
}

fn legacy_binary(value: RawBsonRef<'_>, subtype: RawBsonRef<'_>) -> Result<(u8, Vec<u8>), String> {
    let RawBsonRef::String(base64) = value else {
        return Err("expected base64 text in `$binary`, found something else".to_owned());
    };
    let subtype = match subtype {
        RawBsonRef::String(text) => subtype_of(text)?,
        RawBsonRef::Int32(value) => u8::try_from(value).map_err(|_| format!("expected a subtype, found {value}"))?,
        _ => return Err("expected a subtype in `$type`, found something else".to_owned()),
    };
    Ok((0x05, binary(subtype, &bytes_of(base64)?)))
}

fn subtype_of(text: &str) -> Result<u8, String> {
    let is_hex = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let subtype = if is_hex { u8::from_str_radix(text, 16).ok() } else { None };
    subtype.ok_or_else(|| format!("expected a subtype of one or two hexadecimal digits, found `{text}`"))
}

fn bytes_of(base64: &str) -> Result<Vec<u8>, String> {
    let binary = Binary::from_base64(base64, None);
    binary.map(|binary| binary.bytes).map_err(|_| "expected base64 in `$binary`, found something else".to_owned())
}

fn binary(subtype: u8, bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    let mut value = Vec::with_capacity(bytes.len() + 9);
    // The old binary type carries its length a second time.
    if subtype == 2 {
        value.extend_from_slice(&(length + 4).to_le_bytes());
        value.push(subtype);
    }
    value.extend_from_slice(&length.to_le_bytes());
    if subtype != 2 {
        value.push(subtype);
    }
    value.extend_from_slice(bytes);
    value
}

fn string(text: &str) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).unwrap_or(i32::MAX);
    [&length.to_le_bytes(), text.as_bytes(), &[0]].concat()
}

fn scoped_code(code: RawBsonRef<'_>, scope: &RawDocument) -> Result<(u8, Vec<u8>), String> {
    let RawBsonRef::String(code) = code else {
        return Err("expected a string in `$code`, found something else".to_owned());
    };
    let code = string(code);
    let length = i32::try_from(4 + code.len() + scope.as_bytes().len()).unwrap_or(i32::MAX);
    Ok((0x0f, [&length.to_le_bytes(), code.as_slice(), scope.as_bytes()].concat()))
}

fn regex(pattern: &str, options: &str) -> Result<(u8, Vec<u8>), String> {
    if pattern.contains('\0') || options.contains('\0') {
        return Err("expected a regular expression without NUL, found one with it".to_owned());
    }
    // BSON keeps the options in alphabetical order.
    let mut options: Vec<char> = options.chars().collect();
    options.sort_unstable();
    let options: String = options.into_iter().collect();
    Ok((0x0b, [pattern.as_bytes(), &[0], options.as_bytes(), &[0]].concat()))
}

fn legacy_regex(fields: &[(&str, RawBsonRef<'_>)]) -> Unwrapped {
    match fields {
        [("$regex", RawBsonRef::String(pattern)), ("$options", RawBsonRef::String(options))]
        | [("$options", RawBsonRef::String(options)), ("$regex", RawBsonRef::String(pattern))] => {
            regex(pattern, options).ok()
        }
        _ => None,
    }
}
