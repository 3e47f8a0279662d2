//! Exports as a tool writes them, made by hand: what is read of them, whole, broken, and from every place on.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod entity;
mod log;
mod source;

use std::fs;
use std::path::Path;

use crc::CRC_32_ISCSI;
use crc::Crc;

/// Bytes of a block, once more: the reader's own figure is not to be trusted here.
const BLOCK: usize = 32_768;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn integer(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

fn double(number: u64, value: f64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes(number: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn group(number: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    [varint(number << 3 | 3), fields.concat(), varint(number << 3 | 4)].concat()
}

/// A property without an index, as Firestore writes nearly all.
fn property(name: &str, meaning: i64, is_element: bool, value: impl AsRef<[u8]>) -> Vec<u8> {
    let meaning = if meaning == 0 { Vec::new() } else { integer(1, meaning) };
    bytes(15, [meaning, bytes(3, name), integer(4, is_element.into()), bytes(5, value)].concat())
}

/// A key's path; an id that is digits alone is a number.
fn path(parts: &[&str]) -> Vec<u8> {
    let element = |pair: &[&str]| {
        let id = pair[1].parse().map_or_else(|_| bytes(4, pair[1]), |number| integer(3, number));
        group(1, &[bytes(2, pair[0]), id])
    };
    parts.chunks(2).flat_map(element).collect()
}

fn entity(parts: &[&str], properties: &[Vec<u8>]) -> Vec<u8> {
    let key = [bytes(13, "s~project"), bytes(14, path(parts))].concat();
    [bytes(13, key), properties.concat(), bytes(16, path(&parts[..2]))].concat()
}

/// An entity of nothing but a text of so many bytes.
fn sized(parts: &[&str], length: usize) -> Vec<u8> {
    entity(parts, &[property("text", 0, false, bytes(3, "x".repeat(length)))])
}

/// Writes a log as LevelDB does.
fn log(records: &[Vec<u8>]) -> Vec<u8> {
    let mut log = Vec::new();
    for record in records {
        let (mut rest, mut is_first) = (record.as_slice(), true);
        loop {
            let left = BLOCK - log.len() % BLOCK;
            if left < 7 {
                log.extend(std::iter::repeat_n(0, left));
                continue;
            }
            let (part, behind) = rest.split_at(rest.len().min(left - 7));
            let kind = match (is_first, behind.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            fragment(&mut log, kind, part);
            (rest, is_first) = (behind, false);
            if rest.is_empty() {
                break;
            }
        }
    }
    log
}

fn fragment(log: &mut Vec<u8>, kind: u8, data: &[u8]) {
    let typed = [&[kind], data].concat();
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&typed);
    let masked = sum.rotate_right(15).wrapping_add(0xa282_ead8);
    log.extend_from_slice(&masked.to_le_bytes());
    log.extend_from_slice(&u16::try_from(data.len()).unwrap().to_le_bytes());
    log.extend_from_slice(&typed);
}

/// A file's name and content.
type Shard<'a> = (&'a str, Vec<u8>);

/// Writes an export: its parts by folder, each with the files that its metadata lists.
fn export(folder: &Path, parts: &[(&str, &[Shard<'_>])]) {
    let mut overall = Vec::new();
    for (part, files) in parts {
        fs::create_dir_all(folder.join(part)).unwrap();
        let mut listed = bytes(1, "all");
        for (name, content) in *files {
            fs::write(folder.join(part).join(name), content).unwrap();
            listed.extend(bytes(2, name));
        }
        let metadata = format!("{part}/{}.export_metadata", part.replace('/', "_"));
        fs::write(folder.join(&metadata), [bytes(1, bytes(1, "export")), bytes(2, listed)].concat()).unwrap();
        let size = files.iter().map(|(_, content)| content.len()).sum::<usize>();
        let size = integer(4, i64::try_from(size).unwrap());
        overall.extend(bytes(1, [bytes(2, metadata), integer(3, 1), size].concat()));
    }
    fs::write(folder.join("export.overall_export_metadata"), log(&[b"3".to_vec(), overall])).unwrap();
}

const ALL: &str = "all_namespaces/all_kinds";

fn export_of(folder: &Path, files: &[Shard<'_>]) {
    export(folder, &[(ALL, files)]);
}
