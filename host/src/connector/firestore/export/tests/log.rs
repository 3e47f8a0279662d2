//! Records in blocks: split anywhere, broken anywhere, cut anywhere.

use std::fs;
use std::ops::Range;

use proptest::prelude::*;

use super::super::log::Log;
use super::super::log::LogError;
use super::super::log::mask;
use super::BLOCK;
use super::fragment;
use crate::connector::file::SourceFile;

/// What a reader that skips what is broken sees.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Record(u64, Vec<u8>),
    Lost(Range<u64>, String),
}

/// Reads from an offset on; what is broken is skipped or ends it. Returns why it ended, too.
fn read(content: &[u8], start: u64, skips: bool) -> (Vec<Seen>, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, content).unwrap();
    let mut file = SourceFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
    file.skip_to(start).unwrap();
    let (mut log, mut seen) = (Log::default(), Vec::new());
    loop {
        match log.next(&mut file) {
            Ok(Some(found)) => {
                seen.push(Seen::Record(file.offset() + found.ahead as u64, found.data(&file, &log).to_vec()));
                file.consume(found.end);
            }
            Ok(None) => return (seen, None),
            Err(LogError::Corrupt(broken)) if skips => {
                let start = broken.start(&file);
                let lost = Log::skip(&mut file, &broken).unwrap();
                let end = file.offset();
                let kept = usize::try_from(end - start).unwrap().min(Log::KEPT_BYTES);
                assert_eq!(lost, content[usize::try_from(start).unwrap()..][..kept], "what is lost is kept");
                seen.push(Seen::Lost(start..end, broken.message));
            }
            Err(LogError::Corrupt(broken)) => {
                return (seen, Some(format!("corrupt {}: {}", broken.block, broken.message)));
            }
            Err(LogError::Cut(broken)) => return (seen, Some(format!("cut {}: {}", broken.offset, broken.message))),
            Err(LogError::Refused(error)) => panic!("{error}"),
        }
    }
}

fn record(seen: &Seen) -> Option<(u64, &[u8])> {
    match seen {
        Seen::Record(offset, data) => Some((*offset, data)),
        Seen::Lost(..) => None,
    }
}

/// Records that begin and end at all places around a block's end, and fill several blocks.
fn odd_records() -> Vec<Vec<u8>> {
    let mut records = vec![Vec::new(), b"a".to_vec()];
    for left in 0..16 {
        // The last header of the block begins `left` bytes before its end.
        let used = super::log(&records).len() % BLOCK;
        records.push(vec![b'f'; (2 * BLOCK - used - 7 - left) % BLOCK]);
        records.push(vec![u8::try_from(left).unwrap(); 40]);
    }
    records.push(vec![b'l'; 3 * BLOCK]);
    records.push(Vec::new());
    records
}

#[test]
fn the_mask_is_that_of_leveldb() {
    // The header of a fragment `FULL` that holds `3`, as every export begins its metadata.
    let mut written = Vec::new();
    fragment(&mut written, 1, b"3");
    assert_eq!(written, [0xb8, 0x6d, 0x44, 0x4e, 1, 0, 1, b'3']);
    assert_eq!(mask(0), 0xa282_ead8);
}

#[test]
fn records_are_read_wherever_blocks_end() {
    let records = odd_records();
    let content = super::log(&records);
    let (seen, end) = read(&content, 0, false);
    assert_eq!(end, None);
    let found: Vec<&[u8]> = seen.iter().filter_map(record).map(|(_, data)| data).collect();
    assert_eq!(found, records);
    for (index, start) in seen.iter().filter_map(record).map(|(offset, _)| offset).enumerate() {
        assert_eq!(read(&content, start, false).0, seen[index..], "from {start} on");
    }
}

#[test]
fn a_cut_is_found_but_between_records() {
    let records = [vec![1; 10], vec![2; BLOCK], vec![3; 20]];
    let content = super::log(&records);
    let (seen, _) = read(&content, 0, false);
    let ends: Vec<usize> = (0..=3).map(|count| super::log(&records[..count]).len()).collect();
    for length in
        (0..content.len()).filter(|length| length % 997 == 0 || ends.iter().any(|end| end.abs_diff(*length) < 12))
    {
        let (found, end) = read(&content[..length], 0, true);
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;
        assert_eq!(found, seen[..whole], "{length}");
        match (ends.contains(&length), end) {
            (true, None) => {}
            (false, Some(end)) => assert!(end.starts_with("cut "), "{length}: {end}"),
            (_, end) => panic!("{length}: {end:?}"),
        }
    }
}

#[test]
fn every_broken_byte_is_found_and_the_rest_is_read() {
    let records: Vec<Vec<u8>> = (0..9_u8).map(|number| vec![number; 9_000 + usize::from(number) * 1_500]).collect();
    let content = super::log(&records);
    let (seen, _) = read(&content, 0, false);
    for at in (0..content.len()).step_by(2_111).chain(BLOCK - 9..BLOCK + 9) {
        let mut broken = content.clone();
        broken[at] ^= 0x10;
        let (before, end) = read(&broken, 0, false);
        assert_eq!(before, seen[..before.len()], "{at}: nothing else comes instead");
        let end = end.unwrap_or_else(|| panic!("{at}: not found"));
        assert!(
            end.starts_with(&format!("corrupt {}: expected", at / BLOCK + 1)) || end.starts_with("cut "),
            "{at}: {end}"
        );

        let (rest, end) = read(&broken, 0, true);
        assert_eq!(end, None, "{at}");
        let lost: Vec<_> = rest.iter().filter(|seen| record(seen).is_none()).collect();
        assert_eq!(lost.len(), 1, "{at}: {lost:?}");
        assert!(
            rest.iter().filter_map(record).all(|found| seen.iter().filter_map(record).any(|it| it == found)),
            "{at}"
        );
        let Seen::Lost(range, _) = lost[0] else { unreachable!() };
        assert!(range.contains(&(at as u64)), "{at} in {range:?}");
        // What is missing lies in the stretch that is told, wholly or in part.
        let starts: Vec<u64> = seen.iter().filter_map(record).map(|(offset, _)| offset).collect();
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(content.len() as u64);
            let is_there = rest.iter().filter_map(record).any(|(offset, _)| offset == *start);
            assert_eq!(is_there, end <= range.start || *start >= range.end, "{at}: {start}..{end} and {range:?}");
        }
    }
}

#[test]
fn fragments_without_their_like_are_told() {
    let mut content = Vec::new();
    fragment(&mut content, 4, b"tail");
    fragment(&mut content, 1, b"one");
    fragment(&mut content, 2, b"head");
    fragment(&mut content, 1, b"two");
    fragment(&mut content, 3, b"middle");
    fragment(&mut content, 4, b"tail");
    fragment(&mut content, 1, b"three");
    let (seen, end) = read(&content, 0, true);
    let expected = [
        Seen::Lost(0..11, "expected the beginning of a record, found a later part".to_owned()),
        Seen::Record(11, b"one".to_vec()),
        Seen::Lost(21..32, "expected the rest of a record, found the beginning of another".to_owned()),
        Seen::Record(32, b"two".to_vec()),
        Seen::Lost(42..66, "expected the beginning of a record, found a later part".to_owned()),
        Seen::Record(66, b"three".to_vec()),
    ];
    assert_eq!((seen.as_slice(), end), (&expected[..], None));

    let mut content = Vec::new();
    fragment(&mut content, 9, b"odd");
    let found = read(&content, 0, false).1.unwrap();
    assert_eq!(found, "corrupt 1: expected a fragment of type 1 to 4, found 9");
    let (seen, end) = read(&vec![0; 2 * BLOCK], 0, false);
    assert_eq!(seen, []);
    assert!(end.unwrap().starts_with("corrupt 1: expected bytes with the checksum 00000000"), "zeros are no records");
}

#[test]
fn a_long_ruin_is_one_stretch_and_takes_no_memory() {
    let records: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 20_000]).collect();
    let mut content = super::log(&records);
    content[BLOCK..20 * BLOCK].fill(0xaa);
    let (seen, end) = read(&content, 0, true);
    assert_eq!(end, None);
    let lost: Vec<_> = seen.iter().filter(|seen| record(seen).is_none()).collect();
    let [Seen::Lost(range, _)] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!(range.start, 20_007, "the record that the first broken block cuts");
    assert!(range.end >= 20 * BLOCK as u64 && range.end < 21 * BLOCK as u64, "{range:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn records_of_any_length_come_back(lengths in proptest::collection::vec(prop_oneof![0..64_usize, 32_700..32_800_usize, 0..100_000_usize], 0..12)) {
        let records: Vec<Vec<u8>> = lengths.iter().zip(0_u8..).map(|(length, number)| vec![number; *length]).collect();
        let (seen, end) = read(&super::log(&records), 0, false);
        prop_assert_eq!(end, None);
        let found: Vec<Vec<u8>> = seen.iter().filter_map(record).map(|(_, data)| data.to_vec()).collect();
        prop_assert_eq!(found, records);
    }

    #[test]
    fn no_bytes_make_it_panic(content in proptest::collection::vec(any::<u8>(), 0..200), skips: bool) {
        read(&content, 0, skips);
    }
}
