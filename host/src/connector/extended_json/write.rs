//! From BSON to canonical Extended JSON v2.

use std::fmt::Write;

use bson::RawArray;
use bson::RawBsonRef;
use bson::RawDbPointerRef;
use bson::RawDocument;
use bson::RawDocumentBuf;
use bson::cstr;
use bson::error::Error;

/// Returns the document as canonical Extended JSON on one line.
///
/// Fails where the bytes are no good BSON; a document that a source has checked never fails. One thing has no
/// form of its own in Extended JSON: a document with a field such as `$oid` reads back as the value it looks like.
pub fn to_canonical(document: &RawDocument) -> Result<String, Error> {
    let mut text = String::with_capacity(document.as_bytes().len() * 2);
    write_document(document, &mut text)?;
    Ok(text)
}

fn write_document(document: &RawDocument, text: &mut String) -> Result<(), Error> {
    text.push('{');
    for (index, field) in document.iter().enumerate() {
        let (name, value) = field?;
        if index > 0 {
            text.push(',');
        }
        write_string(name.as_str(), text);
        text.push(':');
        write_value(value, text)?;
    }
    text.push('}');
    Ok(())
}

fn write_array(array: &RawArray, text: &mut String) -> Result<(), Error> {
    text.push('[');
    for (index, value) in array.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_value(value?, text)?;
    }
    text.push(']');
    Ok(())
}

fn write_value(value: RawBsonRef<'_>, text: &mut String) -> Result<(), Error> {
    match value {
        RawBsonRef::Document(value) => return write_document(value, text),
        RawBsonRef::Array(value) => return write_array(value, text),
        RawBsonRef::String(value) => write_string(value, text),
        RawBsonRef::Boolean(value) => text.push_str(if value { "true" } else { "false" }),
        RawBsonRef::Null => text.push_str("null"),
        RawBsonRef::Int32(value) => wrap("$numberInt", value, text),
        RawBsonRef::Int64(value) => wrap("$numberLong", value, text),
        RawBsonRef::Double(value) => write_double(value, text),
        RawBsonRef::Decimal128(value) => wrap("$numberDecimal", value, text),
        RawBsonRef::ObjectId(value) => wrap("$oid", value, text),
        RawBsonRef::DateTime(value) => {
            text.push_str("{\"$date\":");
            wrap("$numberLong", value.timestamp_millis(), text);
            text.push('}');
        }
        RawBsonRef::Symbol(value) => {
            text.push_str("{\"$symbol\":");
            write_string(value, text);
            text.push('}');
        }
        RawBsonRef::JavaScriptCode(code) => {
            text.push_str("{\"$code\":");
            write_string(code, text);
            text.push('}');
        }
        RawBsonRef::JavaScriptCodeWithScope(value) => {
            text.push_str("{\"$code\":");
            write_string(value.code, text);
            text.push_str(",\"$scope\":");
            write_document(value.scope, text)?;
            text.push('}');
        }
        RawBsonRef::Binary(value) => {
            text.push_str("{\"$binary\":{\"base64\":\"");
            write_base64(value.bytes, text);
            write(text, format_args!("\",\"subType\":\"{:02x}\"}}}}", u8::from(value.subtype)));
        }
        RawBsonRef::Timestamp(value) => {
            write(text, format_args!("{{\"$timestamp\":{{\"t\":{},\"i\":{}}}}}", value.time, value.increment));
        }
        RawBsonRef::RegularExpression(value) => {
            text.push_str("{\"$regularExpression\":{\"pattern\":");
            write_string(value.pattern.as_str(), text);
            text.push_str(",\"options\":");
            write_string(value.options.as_str(), text);
            text.push_str("}}");
        }
        RawBsonRef::DbPointer(value) => return write_pointer(value, text),
        RawBsonRef::Undefined => text.push_str("{\"$undefined\":true}"),
        RawBsonRef::MinKey => text.push_str("{\"$minKey\":1}"),
        RawBsonRef::MaxKey => text.push_str("{\"$maxKey\":1}"),
    }
    Ok(())
}

fn write_pointer(pointer: RawDbPointerRef<'_>, text: &mut String) -> Result<(), Error> {
    // The library shows the parts of a DBPointer only as bytes: a string and twelve bytes behind the field's head.
    let mut holder = RawDocumentBuf::new();
    holder.append(cstr!("p"), RawBsonRef::DbPointer(pointer));
    let bytes = holder.as_bytes();
    let (head, id) = bytes[..bytes.len() - 1].split_at(bytes.len() - 13);
    let namespace = std::str::from_utf8(&head[11..head.len() - 1]).expect("the library has checked it");
    text.push_str("{\"$dbPointer\":{\"$ref\":");
    write_string(namespace, text);
    text.push_str(",\"$id\":{\"$oid\":\"");
    for byte in id {
        write(text, format_args!("{byte:02x}"));
    }
    text.push_str("\"}}}");
    Ok(())
}

fn write_double(value: f64, text: &mut String) {
    match value {
        _ if value.is_nan() => text.push_str("{\"$numberDouble\":\"NaN\"}"),
        f64::INFINITY => text.push_str("{\"$numberDouble\":\"Infinity\"}"),
        f64::NEG_INFINITY => text.push_str("{\"$numberDouble\":\"-Infinity\"}"),
        // The shortest form that reads back the same, with a fraction or an exponent.
        _ => write(text, format_args!("{{\"$numberDouble\":\"{value:?}\"}}")),
    }
}

fn wrap(name: &str, value: impl std::fmt::Display, text: &mut String) {
    write(text, format_args!("{{\"{name}\":\"{value}\"}}"));
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = text.write_fmt(arguments);
}

fn write_string(value: &str, text: &mut String) {
    text.push('"');
    let mut done = 0;
    for (at, byte) in value.bytes().enumerate() {
        if !matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f) {
            continue;
        }
        text.push_str(&value[done..at]);
        done = at + 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            _ => write(text, format_args!("\\u{byte:04x}")),
        }
    }
    text.push_str(&value[done..]);
    text.push('"');
}

fn write_base64(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = if place <= group.len() { DIGITS[bits >> (18 - 6 * place) & 63] } else { b'=' };
            text.push(char::from(digit));
        }
    }
}
