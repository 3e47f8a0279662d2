//! Real dumps, broken dumps, and resuming at every place.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::connector::extended_json::from_extended_json;
use crate::connector::source::ReadLimit;
use crate::record::Position;

type Outcome = Result<(), Box<dyn Error>>;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/mongo-tools-testdata");

/// What a reader sees of one record.
type Seen = (u64, u64, Option<String>, Vec<u8>);

fn open_file(folder: &Path) -> Result<Box<dyn Source>, SourceError> {
    open(folder, "c", &["_id".to_owned()])
}

/// Reads on from a position to the end, with these limits in turn; returns each record and where each read ended.
fn read_from(
    source: &mut dyn Source,
    after: &Position,
    limits: &[ReadLimit],
) -> (Vec<Seen>, Vec<(usize, Position)>, Option<SourceError>) {
    let (mut seen, mut ends, mut after) = (Vec::new(), Vec::new(), after.clone());
    for limit in limits.iter().cycle() {
        match futures::executor::block_on(source.read(&after, *limit)) {
            Ok(Some(batch)) => {
                for record in &batch.records {
                    let key = record.key.as_ref().map(|key| key.as_str().to_owned());
                    let fault = record.fault.as_ref().map(|fault| format!("{}: {}", fault.code, fault.message));
                    let parts: Vec<String> = key.into_iter().chain(fault).collect();
                    let key = (!parts.is_empty()).then(|| parts.join("; "));
                    seen.push((record.document, record.offset, key, batch.body(record).to_vec()));
                }
                ends.push((seen.len(), batch.end.clone()));
                after = batch.end;
            }
            Ok(None) => return (seen, ends, None),
            Err(error) => return (seen, ends, Some(error)),
        }
    }
    unreachable!("there is a limit")
}

fn read_all(folder: &Path) -> Result<(Vec<Seen>, Option<SourceError>), SourceError> {
    let limit = ReadLimit { records: 1000, bytes: 1 << 20 };
    let (seen, _, error) = read_from(open_file(folder)?.as_mut(), &Position::default(), &[limit]);
    Ok((seen, error))
}

fn documents(texts: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let documents = texts.iter().map(|text| from_extended_json(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.concat())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn keys(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|record| record.2.as_deref().unwrap_or_default()).collect()
}

#[test]
fn real_dumps_are_read_whole() -> Outcome {
    let data = Path::new(DATA);
    if !data.exists() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("SKIPPED: {DATA} is absent");
        }
        return Ok(());
    }
    let limit = ReadLimit { records: 7, bytes: 1 << 20 };
    for (part, collection, count) in
        [("bsondump", "all_types", 20), ("bsondump", "sample", 4), ("mongodump", "importCollection", 1)]
    {
        let folder = data.join(part);
        let mut source = open(&folder, collection, &["_id".to_owned()])?;
        let (seen, _, error) = read_from(source.as_mut(), &Position::default(), &[limit]);
        assert!(error.is_none(), "{part}/{collection}: {error:?}");
        let length = fs::metadata(folder.join(format!("{collection}.bson")))?.len();
        assert_eq!(seen.iter().map(|record| record.3.len() as u64).sum::<u64>(), length);
        assert_eq!(seen.len(), count, "{part}/{collection}");
    }
    let dump = data.join("mongorestore/testdirs");
    assert!(list(&dump)?.contains(&"db1/c1".to_owned()));
    assert!(open(&dump, "c2", &[]).is_ok(), "only one database has it");
    Ok(())
}

/// What is read when it has been added meanwhile belongs to what was read, and nothing else does.
#[test]
fn the_state_at_the_end_is_that_of_what_was_read() -> Outcome {
    let one = documents(&[r#"{"_id":1}"#])?;
    let limit = ReadLimit { records: 1, bytes: 1 << 20 };
    for (file, bytes) in [("c.bson", one.clone()), ("c.bson.gz", gzip(&one)?)] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(file);
        let append = || fs::File::options().append(true).open(&path)?.write_all(&bytes);
        let now = || open_file(folder.path()).map(|source| source.state().to_owned());
        fs::write(&path, &bytes)?;
        let mut source = open_file(folder.path())?;
        let opened = source.state().to_owned();
        append()?;
        assert_eq!(source.state_at_end(), opened, "nothing has been read");
        let (seen, ..) = read_from(&mut *source, &Position::default(), &[limit]);
        assert_eq!(seen.len(), 2, "{file}");
        assert_ne!(source.state_at_end(), opened, "{file}");
        let read = now()?;
        assert_eq!(source.state_at_end(), read, "{file}");
        append()?;
        assert_eq!(source.state_at_end(), read, "{file}");
        assert_ne!(now()?, read, "{file}");
    }
    Ok(())
}

#[test]
fn collections_are_found_in_the_only_database_that_has_them() -> Outcome {
    let folder = tempfile::tempdir()?;
    let bytes = documents(&[r#"{"_id":1}"#])?;
    for (database, file) in [("a", "c.bson"), ("a", "a%2Fb.bson"), ("b", "d.bson.gz")] {
        fs::create_dir_all(folder.path().join(database))?;
        let bytes = if file == "d.bson.gz" { gzip(&bytes)? } else { bytes.clone() };
        fs::write(folder.path().join(database).join(file), bytes)?;
    }
    assert_eq!(list(folder.path())?, ["a/a/b", "a/c", "b/d"]);
    assert_eq!(keys(&read_all(folder.path())?.0), ["i1"]);
    assert!(open(folder.path(), "d", &[]).is_ok());
    fs::write(folder.path().join("b/c.bson.gz"), gzip(&bytes)?)?;
    assert!(matches!(open_file(folder.path()), Err(SourceError::Ambiguous { found, .. }) if found.len() == 2));
    assert!(open(folder.path(), "a/c", &[]).is_ok());
    assert!(matches!(open(&folder.path().join("no"), "c", &[]), Err(SourceError::NoFolder { .. })));
    Ok(())
}

#[test]
fn corrupt_contents_are_faults_and_reading_goes_on() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut bytes = documents(&[r#"{"_id":1,"t":"abc"}"#, r#"{"_id":2,"t":"abc"}"#, r#"{"_id":3}"#, r#"{"a":1}"#])?;
    let second = documents(&[r#"{"_id":1,"t":"abc"}"#])?.len();
    // Byte 18 of the second document is the first of the string's characters.
    bytes[second + 20] = 0xff;
    let twice = [&20_i32.to_le_bytes()[..], b"\x10a\0\x01\0\0\0\x10a\0\x02\0\0\0", b"\x00"].concat();
    let mut twice = twice;
    let length = i32::try_from(twice.len())?;
    twice[..4].copy_from_slice(&length.to_le_bytes());
    bytes.extend(twice);
    fs::write(folder.path().join("c.bson"), bytes)?;
    let (seen, error) = read_all(folder.path())?;
    assert!(error.is_none());
    assert_eq!(
        keys(&seen),
        [
            "i1",
            "i2; malformed-bson: byte 20 of the document: expected UTF-8, found something else",
            "i3",
            "missing-key: expected a key in `_id`, found no such field",
            "malformed-bson: byte 12 of the document: expected each field once, found `a` twice",
        ]
    );
    Ok(())
}

#[test]
fn a_break_is_named_with_its_place() -> Outcome {
    let folder = tempfile::tempdir()?;
    let whole = documents(&[r#"{"_id":1}"#, r#"{"_id":2}"#])?;
    let one = whole.len() / 2;
    for (bytes, message) in [
        (whole[..one + 9].to_vec(), "c.bson: byte 14, document 2: expected 14 bytes, found 9 and the end of the file"),
        (
            whole[..one + 3].to_vec(),
            "c.bson: byte 14, document 2: expected a document, found 3 bytes and the end of the file",
        ),
        (
            [&whole[..one], &[4, 0, 0, 0, 0]].concat(),
            "c.bson: byte 14, document 2: expected a document of 5 to 16793600 bytes, found length 4",
        ),
        (
            [&whole[..one], &[0xff; 5]].concat(),
            "c.bson: byte 14, document 2: expected a document of 5 to 16793600 bytes, found length -1",
        ),
        (
            [&whole[..one], &[5, 0, 0, 0, 1]].concat(),
            "c.bson: byte 14, document 2: expected the document's closing 0 after 5 bytes, found 1",
        ),
    ] {
        fs::write(folder.path().join("c.bson"), bytes)?;
        let (seen, error) = read_all(folder.path())?;
        assert_eq!(keys(&seen), ["i1"]);
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(message));
    }
    fs::remove_file(folder.path().join("c.bson"))?;
    let packed = [gzip(&whole[..one])?, gzip(&whole)?].concat();
    fs::write(folder.path().join("c.bson.gz"), &packed)?;
    assert_eq!(keys(&read_all(folder.path())?.0), ["i1", "i1", "i2"], "members follow one another");
    for cut in [packed.len() - 1, packed.len() - 9, gzip(&whole[..one])?.len() + 3, 5] {
        fs::write(folder.path().join("c.bson.gz"), &packed[..cut])?;
        let (seen, error) = read_all(folder.path())?;
        assert!(matches!(error, Some(SourceError::Malformed { .. })), "cut at {cut}: {error:?}, {} read", seen.len());
    }
    Ok(())
}

#[test]
fn only_places_of_this_file_are_resumed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let whole = documents(&[r#"{"_id":1}"#, r#"{"_id":2}"#])?;
    fs::write(folder.path().join("c.bson"), &whole)?;
    let limit = ReadLimit { records: 1, bytes: 100 };
    let (_, ends, _) = read_from(open_file(folder.path())?.as_mut(), &Position::default(), &[limit]);
    let end = ends[0].1.clone();
    let place = |token: String| Position { document: 1, token };
    for token in [
        end.token.replace(":14:", ":15:"),
        end.token.replace(":14:", ":1400:"),
        end.token.replace("c.bson", "d.bson"),
        "c.bson:14".to_owned(),
        String::new(),
    ] {
        let read = futures::executor::block_on(open_file(folder.path())?.read(&place(token.clone()), limit));
        assert!(matches!(read, Err(SourceError::Position { .. })), "{token}");
    }
    Ok(())
}

fn limits() -> impl Strategy<Value = Vec<ReadLimit>> {
    let limit = (1_usize..9, 1_usize..400).prop_map(|(records, bytes)| ReadLimit { records, bytes });
    proptest::collection::vec(limit, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_limits_and_any_resume_give_the_same(
        sizes in proptest::collection::vec(0_usize..300, 1..30),
        limits in limits(),
        cut in proptest::option::of(0.0..1.0_f64),
        is_gzip: bool,
        is_json: bool,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let text = format!("{{\"_id\":{index},\"t\":\"{}\"}}", "ž".repeat(*size));
            if is_json {
                bytes.extend(text.as_bytes());
                bytes.push(b'\n');
            } else {
                bytes.extend(from_extended_json(&text).expect("a document"));
            }
        }
        if let Some(cut) = cut {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any place will do")]
            bytes.truncate((bytes.len() as f64 * cut) as usize);
        }
        let ending = if is_gzip { ".gz" } else { "" };
        let bytes = if is_gzip { gzip(&bytes).expect("packed") } else { bytes };
        let name = if is_json { "c.json" } else { "c.bson" };
        fs::write(folder.path().join(format!("{name}{ending}")), bytes).expect("written");
        let url = if is_json { "mongoexport:." } else { "mongodump:." };
        let open = || {
            let opened = async {
                crate::connector::System::open(url, folder.path(), None).await?.source("c", &["_id".to_owned()], None).await
            };
            futures::executor::block_on(opened).expect("opened")
        };
        let all = [ReadLimit { records: 1000, bytes: 1 << 30 }];
        let (whole, _, broken) = read_from(open().as_mut(), &Position::default(), &all);
        let (pieces, ends, also) = read_from(open().as_mut(), &Position::default(), &limits);
        prop_assert_eq!(&pieces, &whole);
        let broken = broken.map(|error| error.to_string());
        prop_assert_eq!(also.map(|error| error.to_string()), broken.clone());
        for (seen, end) in ends {
            let (rest, _, again) = read_from(open().as_mut(), &end, &limits);
            prop_assert_eq!(&rest[..], &whole[seen..]);
            prop_assert_eq!(again.map(|error| error.to_string()), broken.clone());
        }
    }
}
