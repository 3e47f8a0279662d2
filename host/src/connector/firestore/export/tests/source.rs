//! Whole exports: several shards, several parts, broken ones, and going on at every record.

use std::fs;
use std::path::Path;

use super::super::Export;
use super::ALL;
use super::bytes;
use super::entity;
use super::export;
use super::export_of;
use super::integer;
use super::log;
use super::property;
use super::sized;
use crate::connector::firestore::path::Pattern;
use crate::connector::source::OnCorrupt;
use crate::connector::source::ReadLimit;
use crate::connector::source::Source;
use crate::connector::source::SourceError;
use crate::record::Position;

const ALL_AT_ONCE: ReadLimit = ReadLimit { records: 1_000, bytes: 1 << 24 };

/// A record as it is told: `output-0:12 3 key`, or what is wrong with it.
type Seen = String;

fn open(folder: &Path, collection: &str, on_corrupt: OnCorrupt) -> Result<Box<dyn Source>, SourceError> {
    let key = if collection.contains('*') { "__path__" } else { "__id__" };
    let pattern = Pattern::read(collection).unwrap_or_else(|message| panic!("{message}"));
    Export::open(folder.to_owned(), on_corrupt)?.source(collection, pattern, &[key.to_owned()])
}

fn read_from(source: &mut dyn Source, after: &Position, limit: ReadLimit) -> (Vec<(Seen, Position)>, Option<String>) {
    let (mut seen, mut after) = (Vec::new(), after.clone());
    loop {
        match futures::executor::block_on(source.read(&after, limit)) {
            Ok(Some(batch)) => {
                for record in &batch.records {
                    let origin = batch.origin_of(record).rsplit('/').next().unwrap_or_default().to_owned();
                    let key = record.key.as_ref().map(|key| key.as_str().to_owned());
                    let fault = record.fault.as_ref().map(|fault| format!("{}: {}", fault.code, fault.message));
                    let told = key.or(fault).unwrap_or_default();
                    seen.push((format!("{origin}:{} {} {told}", record.offset, record.document), batch.end.clone()));
                }
                assert!(batch.end.is_after(&after));
                after = batch.end;
            }
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error.to_string())),
        }
    }
}

fn read(folder: &Path, collection: &str, on_corrupt: OnCorrupt) -> (Vec<Seen>, Option<String>) {
    let mut source = open(folder, collection, on_corrupt).unwrap_or_else(|error| panic!("{error}"));
    let (seen, error) = read_from(source.as_mut(), &Position::default(), ALL_AT_ONCE);
    (seen.into_iter().map(|(seen, _)| seen).collect(), error)
}

fn refused(folder: &Path, collection: &str) -> SourceError {
    open(folder, collection, OnCorrupt::Stop).err().unwrap_or_else(|| panic!("`{collection}` was opened"))
}

/// Twelve shards, as many a tool that runs side by side writes; documents of three collections lie among one another.
fn shards() -> Vec<(String, Vec<u8>)> {
    let shard = |number: usize| {
        let id = |index: usize| format!("{number}-{index}");
        let mut records = Vec::new();
        for index in 0..4 {
            records.push(sized(&["users", &id(index)], 9_000 * index));
            records.push(sized(&["users", &id(index), "posts", "p"], 10));
            records.push(entity(&["teams", &id(index)], &[]));
        }
        // One has none, and one is empty.
        let count = match number {
            4 => 0,
            7 => 1,
            _ => records.len(),
        };
        (format!("output-{number}"), log(&records[..count]))
    };
    (0..12).map(shard).collect()
}

fn with_shards(folder: &Path) {
    let shards = shards();
    let files: Vec<(&str, Vec<u8>)> = shards.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    export_of(folder, &files);
}

#[test]
fn shards_are_read_in_their_order_and_from_every_record_on() {
    let folder = tempfile::tempdir().unwrap();
    with_shards(folder.path());
    for (collection, count) in [("users", 41), ("users/*/posts", 40), ("users/3-1/posts", 1), ("teams", 40)] {
        let (whole, error) = read(folder.path(), collection, OnCorrupt::Stop);
        assert_eq!((whole.len(), error), (count, None), "{collection}");
        let mut order: Vec<usize> =
            whole.iter().map(|seen| seen["output-".len()..].split(':').next().unwrap().parse().unwrap()).collect();
        assert!(order.is_sorted(), "{order:?}");
        order.dedup();
        assert!(
            order.len()
                == if count == 1 {
                    1
                } else if collection == "users" {
                    11
                } else {
                    10
                },
            "{order:?}"
        );

        for limit in [1, 3, 1_000] {
            let limit = ReadLimit { records: limit, bytes: 20_000 };
            let mut source = open(folder.path(), collection, OnCorrupt::Stop).unwrap_or_else(|error| panic!("{error}"));
            let (seen, _) = read_from(source.as_mut(), &Position::default(), limit);
            assert!(seen.iter().map(|(seen, _)| seen).eq(&whole), "{collection}, {limit:?}");
            let mut before = 0.0;
            let step = if collection == "users" && limit.records == 1 { 1 } else { 17 };
            for (index, (_, position)) in seen.iter().enumerate().step_by(step) {
                let mut other =
                    open(folder.path(), collection, OnCorrupt::Stop).unwrap_or_else(|error| panic!("{error}"));
                // All records of a batch have its end.
                let next = seen.iter().rposition(|(_, end)| end == position).unwrap() + 1;
                let (rest, error) = read_from(other.as_mut(), position, limit);
                assert!(
                    error.is_none() && rest.iter().map(|(seen, _)| seen).eq(&whole[next..]),
                    "{collection}, {index}"
                );
                let through = source.progress(position);
                if let Some(through) = through {
                    assert!((0.0..=1.0).contains(&through) && through >= before, "{through}");
                    before = through;
                }
            }
        }
    }
}

#[test]
fn a_part_for_each_kind_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let users = log(&[sized(&["users", "a"], 1), sized(&["friday", "x", "users", "b"], 1)]);
    let teams = log(&[sized(&["teams", "a"], 1)]);
    export(
        folder.path(),
        &[
            ("all_namespaces/kind_users", &[("output-0", users)]),
            ("all_namespaces/kind_teams", &[("output-0", teams.clone())]),
            ("all_namespaces/kind_no%20name", &[("output-0", log(&[sized(&["no name", "a"], 1)]))]),
        ],
    );
    assert_eq!(read(folder.path(), "users", OnCorrupt::Stop).0, ["output-0:0 1 sa"]);
    assert_eq!(read(folder.path(), "friday/*/users", OnCorrupt::Stop).0.len(), 1);
    assert_eq!(read(folder.path(), "no name", OnCorrupt::Stop).0.len(), 1, "found without its folder's help");
    // A fault in another kind's file is nobody else's matter.
    let mut broken = teams;
    broken[10] ^= 1;
    fs::write(folder.path().join("all_namespaces/kind_teams/output-0"), broken).unwrap();
    assert_eq!(read(folder.path(), "users", OnCorrupt::Stop).1, None);
    assert!(read(folder.path(), "teams", OnCorrupt::Stop).1.is_some());

    let part = folder.path().join("all_namespaces/kind_users");
    assert_eq!(read(&part, "users", OnCorrupt::Stop).0.len(), 1, "a part alone is one, too");
}

#[test]
fn what_is_listed_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    with_shards(folder.path());
    fs::remove_file(folder.path().join(ALL).join("output-10")).unwrap();
    let error = refused(folder.path(), "users").to_string();
    assert!(
        error.starts_with("`all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata` lists `"),
        "{error}"
    );
    assert!(error.ends_with("all_namespaces/all_kinds/output-10`, and there is no such file"), "{error}");

    fs::remove_file(folder.path().join("export.overall_export_metadata")).unwrap();
    let error = refused(folder.path(), "users").to_string();
    assert!(error.contains("expected a managed export") && error.contains("found none"), "{error}");
    assert!(matches!(refused(&folder.path().join("no"), "users"), SourceError::NoFolder { found: "nothing", .. }));

    for (listed, expected) in [
        (bytes(1, bytes(2, "../outside.export_metadata")), "expected a path below the export, found `../outside"),
        (bytes(1, bytes(2, "/etc/passwd")), "expected a path below the export"),
        (bytes(1, integer(3, 7)), "expected the path of a part's metadata, found none"),
        (b"\x0a\x7f".to_vec(), "expected 127 bytes, found 0"),
    ] {
        fs::write(folder.path().join("export.overall_export_metadata"), log(&[b"3".to_vec(), listed])).unwrap();
        let error = refused(folder.path(), "users").to_string();
        assert!(error.starts_with("export.overall_export_metadata: byte ") && error.contains(expected), "{error}");
    }
    let mut cut = log(&[b"3".to_vec()]);
    cut.pop();
    fs::write(folder.path().join("export.overall_export_metadata"), cut).unwrap();
    assert!(matches!(refused(folder.path(), "users"), SourceError::Log { is_cut: true, .. }));
    fs::write(folder.path().join("export.overall_export_metadata"), log(&[b"3".to_vec()])).unwrap();
    assert!(matches!(refused(folder.path(), "users"), SourceError::NoExport { .. }));
}

#[test]
fn an_unknown_collection_names_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let many = (0..20).map(|number| sized(&["engagements", &format!("E{number}"), "rfis", "R"], 1));
    let few = [["friday", "users", "list", "a"], ["friday", "teams", "list", "a"]].map(|path| sized(&path, 1));
    let records: Vec<Vec<u8>> = many.chain(few).collect();
    export_of(folder.path(), &[("output-0", log(&records))]);
    let SourceError::Missing { found, .. } = refused(folder.path(), "friday/usres/list") else {
        panic!("it is missing")
    };
    assert_eq!(found, ["engagements/*/rfis", "friday/teams/list", "friday/users/list"]);
}

#[test]
fn corrupt_bytes_stop_or_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut records: Vec<Vec<u8>> = (0..8).map(|number| sized(&["users", &format!("u{number}")], 9_990)).collect();
    records.push(entity(&["users", "odd"], &[property("f", 99, false, integer(1, 1))]));
    records.push(b"\x07".to_vec());
    records.push(entity(&["teams", "t"], &[]));
    records.push(entity(&["users", "last"], &[]));
    let mut content = log(&records);
    export_of(folder.path(), &[("output-0", content.clone())]);
    let (whole, _) = read(folder.path(), "users", OnCorrupt::Stop);
    let place = |record: usize| whole[record].split([':', ' ']).nth(1).unwrap().to_owned();
    content[33_000] ^= 1;
    export_of(folder.path(), &[("output-0", content.clone())]);

    let (seen, error) = read(folder.path(), "users", OnCorrupt::Stop);
    assert_eq!(seen.len(), 3);
    let error = error.unwrap();
    assert!(
        error.starts_with("all_namespaces/all_kinds/output-0: block 2, byte 32768: expected bytes with the checksum "),
        "{error}"
    );

    let (seen, error) = read(folder.path(), "users", OnCorrupt::Skip);
    assert_eq!(error, None);
    let told: Vec<&str> = seen.iter().map(|seen| seen.split_once(' ').unwrap().1).collect();
    assert_eq!(told[..3], ["1 su0", "2 su1", "3 su2"]);
    assert!(told[3].starts_with("4 corrupt-block: block 2, byte 32768: expected bytes with"), "{}", told[3]);
    assert!(told[3].ends_with(&format!("; read on at byte {}", place(7))), "{}", told[3]);
    assert_eq!(told[4], "5 su7");
    assert!(told[5].starts_with("6 malformed-entity: `users/odd`: byte "), "{}", told[5]);
    assert!(told[6].starts_with("7 corrupt-block: block 3, byte 80"), "{}", told[6]);
    assert_eq!(told[7..], ["8 slast"]);
    assert_eq!(seen[3].split([':', ' ']).nth(1), Some(place(3).as_str()), "the broken record begins before the block");

    // Others meet the same stretches: nobody knows whose they were.
    let (teams, _) = read(folder.path(), "teams", OnCorrupt::Skip);
    assert_eq!(teams.iter().filter(|seen| seen.contains("corrupt-block")).count(), 2, "{teams:?}");
    assert_eq!(teams.len(), 3);

    for limit in [1, 2, 5] {
        let mut source = open(folder.path(), "users", OnCorrupt::Skip).unwrap_or_else(|error| panic!("{error}"));
        let limit = ReadLimit { records: limit, bytes: 30_000 };
        let (parts, error) = read_from(source.as_mut(), &Position::default(), limit);
        assert!(error.is_none() && parts.iter().map(|(seen, _)| seen).eq(&seen), "{parts:?}");
        for (_, position) in &parts {
            let next = parts.iter().rposition(|(_, end)| end == position).unwrap() + 1;
            let (rest, _) = read_from(source.as_mut(), position, limit);
            assert!(rest.iter().map(|(seen, _)| seen).eq(&seen[next..]), "{position:?}");
        }
    }

    content.pop();
    export_of(folder.path(), &[("output-0", content)]);
    let (seen, error) = read(folder.path(), "users", OnCorrupt::Skip);
    assert_eq!(seen.len(), 7);
    assert!(error.unwrap().contains("and the end of the file"), "a cut end stops whatever the policy is");
}

#[test]
fn another_namespace_is_no_part_of_firestore() {
    let folder = tempfile::tempdir().unwrap();
    let key = [bytes(13, "s~p"), bytes(20, "tenant"), bytes(14, super::path(&["users", "a"]))].concat();
    export_of(folder.path(), &[("output-0", log(&[bytes(13, key)]))]);
    let (seen, _) = read(folder.path(), "users", OnCorrupt::Stop);
    assert_eq!(
        seen,
        [
            "output-0:0 1 malformed-entity: `users/a`: expected an entity of the default namespace, found one of `tenant`"
        ]
    );
}

#[test]
fn another_export_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    with_shards(folder.path());
    let mut source = open(folder.path(), "users", OnCorrupt::Stop).unwrap_or_else(|error| panic!("{error}"));
    let before = source.state().to_owned();
    let limit = ReadLimit { records: 15, bytes: 1 << 24 };
    let batch = futures::executor::block_on(source.read(&Position::default(), limit)).unwrap().unwrap();
    let (_, error) = read_from(source.as_mut(), &batch.end, limit);
    assert_eq!((error, source.state_at_end()), (None, before.clone()));

    let mut shards = shards();
    shards[3].1 = log(&[sized(&["users", "another"], 60_000)]);
    shards[11].1.extend_from_slice(&log(&[]));
    let files: Vec<(&str, Vec<u8>)> = shards.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    export_of(folder.path(), &files);
    let mut source = open(folder.path(), "users", OnCorrupt::Stop).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(source.state(), before);
    let (_, error) = read_from(source.as_mut(), &batch.end, limit);
    assert!(error.unwrap().contains("the bytes before it are not those that were read"));
}
