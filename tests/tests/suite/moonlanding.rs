//! The source of `examples/moonlanding` and its oracle: what is written is whole in every form, the same for the same options,
//! as large as the scale says, and the oracle says of it what the documents themselves say.

mod decoder;
mod emulator;
mod got_wrong;
mod oracle;
mod run;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value as Json;
use whimbrel_tests::root;
use whimbrel_tests::skipped;
use xtask::generate::moonlanding::Dirt;
use xtask::generate::moonlanding::Format;
use xtask::generate::moonlanding::Options;
use xtask::generate::moonlanding::Summary;
use xtask::generate::moonlanding::moonlanding;

use decoder::Documents;
use decoder::comparable_fields;
use emulator::Emulator;

const PROJECTS: [(&str, &str); 2] = [("friday", "friday-staging"), ("mwr", "myworkreview-staging")];

/// A source with its oracle.
struct Generated {
    folder: tempfile::TempDir,
    summary: Summary,
}

impl Generated {
    fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let summary = moonlanding(folder.path(), options).unwrap();
        Self { folder, summary }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn documents(&self, project: &str) -> Documents {
        decoder::export(&self.path(project))
    }

    /// An empty target with what is expected in it.
    fn loaded(&self) -> Connection {
        let mut target = Connection::open_in_memory().unwrap();
        let schema = fs::read_to_string(root().join("examples/moonlanding/schema.sql")).unwrap();
        target.execute_batch(&schema).unwrap();
        oracle::load(&self.path("expected"), &mut target);
        target
    }
}

fn small() -> Options {
    Options { scale: 0.01, seed: 7, ..Options::default() }
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().display().to_string(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let options = Options { dirt: 3.0, ..small() };
    let (one, two) = (Generated::new(options), Generated::new(options));
    let (of_one, of_two) = (bytes(one.folder.path()), bytes(two.folder.path()));
    assert!(of_one.keys().eq(of_two.keys()));
    for (file, bytes) in &of_one {
        assert!(of_two[file] == *bytes, "{file} differs");
    }
    let other = bytes(Generated::new(Options { seed: 8, ..options }).folder.path());
    assert_ne!(of_one["expected/users.jsonl"], other["expected/users.jsonl"]);
    assert!(of_one["expected/reviews.jsonl"] != other["expected/reviews.jsonl"]);
}

#[test]
fn there_are_as_many_documents_as_the_scale_says() {
    let generated = Generated::new(small());
    let [friday, mwr] = PROJECTS.map(|(project, _)| generated.documents(project));
    assert_eq!(generated.summary.total(), (friday.len() + mwr.len()) as u64);
    // What is looked up is the same at every scale: 64 documents in Friday, 40 in MyWorkReview. The smallest collections have
    // two documents where less than one would be due.
    assert_eq!((friday.len(), mwr.len()), (64 + 1_802, 40 + 503));
    let of = |collection: &str| generated.summary.documents[collection];
    assert_eq!(of("friday.friday/engagements/list/*/rfis"), 360);
    assert_eq!(of("friday.friday/engagements/list/*/rfis/*/activity"), 400);
    assert_eq!(of("mwr.myworkreview/reviews/list"), 110);
    assert_eq!(of("mwr.myworkreview/removedHighlights/list/*/highlights"), 60);
    // Few parents have many children.
    let mut rfis: BTreeMap<&str, u32> = BTreeMap::new();
    for path in friday.keys().filter(|path| path.contains("/rfis/") && path.split('/').count() == 6) {
        *rfis.entry(path.split('/').nth(3).unwrap()).or_default() += 1;
    }
    let mut counts: Vec<u32> = rfis.into_values().collect();
    counts.sort_unstable();
    counts.reverse();
    assert_eq!(counts.iter().sum::<u32>(), 360);
    assert!(counts[..9].iter().sum::<u32>() * 5 > 360 * 2, "the first tenth has more than four tenths: {counts:?}");
}

#[test]
fn every_form_of_the_source_holds_the_same_documents() {
    let options = Options { dirt: 4.0, ..small() };
    let export = Generated::new(options);
    let json = Generated::new(Options { format: Format::Json, ..options });
    let rest = Generated::new(Options { format: Format::Rest, ..options });
    assert_eq!((&export.summary, &export.summary), (&json.summary, &rest.summary));
    for (project, _) in PROJECTS {
        let forms = [
            export.documents(project),
            decoder::nested(&json.path(&format!("{project}.json"))),
            decoder::pages(&rest.path(project)),
        ];
        assert!(forms[0].len() > 400);
        for form in &forms[1..] {
            same(&forms[0], form);
        }
    }
}

#[track_caller]
fn same(left: &Documents, right: &Documents) {
    let missing: Vec<&String> = left.keys().filter(|path| !right.contains_key(*path)).collect();
    assert!(missing.is_empty() && left.len() == right.len(), "{} and {}: {missing:?}", left.len(), right.len());
    for (path, document) in left {
        assert_eq!(comparable_fields(document), comparable_fields(&right[path]), "{path}");
    }
}

#[test]
fn googles_emulator_imports_what_is_written() {
    let emulator = match Emulator::start() {
        Ok(emulator) => emulator,
        Err(why) => return skipped(&why),
    };
    let generated = Generated::new(Options { dirt: 4.0, ..small() });
    for (folder, project) in PROJECTS {
        let written = generated.documents(folder);
        same(&written, &emulator.import(project, &generated.path(folder)));
    }
}

/// The forms of values that the coordinates must come through.
#[test]
fn coordinates_are_of_every_kind() {
    let generated = Generated::new(Options { scale: 0.03, ..small() });
    let mut found = BTreeSet::new();
    for row in oracle::lines(&generated.path("expected/highlights.jsonl")) {
        let rects = row["rects"]["json"].as_array().unwrap().iter().chain([&row["bounding_rect"]["json"]]);
        let edges = rects.flat_map(|rect| ["x1", "y1", "x2", "y2", "width", "height"].map(|edge| rect[edge].clone()));
        // What a client has stored as an integer is one in the JSON.
        for bits in edges.filter_map(|edge| edge["double"].as_str().map(|bits| u64::from_str_radix(bits, 16).unwrap()))
        {
            let value = f64::from_bits(bits);
            assert!(value.is_finite());
            found.insert(match value {
                _ if bits == 0 => "0",
                _ if bits == 1 << 63 => "-0",
                1.0 => "1",
                _ if bits == (0.1f64 + 0.2).to_bits() => "0.1 + 0.2",
                _ if value.is_subnormal() => "subnormal",
                _ if value > 1.0 && value.fract() == 0.0 => "whole pixels",
                _ if value > 1.0 => "pixels",
                _ => "scaled",
            });
        }
    }
    let all = ["-0", "0", "0.1 + 0.2", "1", "pixels", "scaled", "subnormal", "whole pixels"];
    assert_eq!(found, BTreeSet::from(all));
}

#[test]
fn what_is_expected_fits_the_schema() {
    for (overlap, dirt) in [(0.12, 0.0), (0.82, 0.0), (0.82, 6.0)] {
        let generated = Generated::new(Options { overlap, dirt, ..small() });
        let target = generated.loaded();
        let (found, compared) = oracle::differences(&generated.path("expected"), &target, 5);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(compared, generated.summary.rows.values().sum::<u64>());
        assert!(generated.summary.rows.values().all(|rows| *rows > 0), "{:?}", generated.summary.rows);
        // A merge makes rows equal to one before.
        assert!(overlap < 0.5 || !generated.summary.collisions.is_empty());
    }
}

/// A comparison that finds nothing has to be one that would find something.
#[test]
fn every_kind_of_difference_is_found() {
    let generated = Generated::new(small());
    let expected = generated.path("expected");
    let spoilt = [
        (
            "a sign",
            "highlights",
            "UPDATE highlights SET rects = replace(rects, '-0.0', '0.0') \
             WHERE id = (SELECT id FROM highlights WHERE rects LIKE '%-0.0%')",
        ),
        (
            "a last bit",
            "highlights",
            "UPDATE highlights SET y2 = y2 + y2 * 2.220446049250313e-16 \
             WHERE id = (SELECT id FROM highlights WHERE y2 > 2)",
        ),
        (
            "a coordinate in JSON",
            "highlights",
            "UPDATE highlights SET rects = json_set(rects, '$[0].x2', 0.25) \
             WHERE id = (SELECT min(id) FROM highlights)",
        ),
        (
            "two hours",
            "removed_highlights",
            "UPDATE removed_highlights SET deleted_at = strftime('%Y-%m-%dT%H:%M:%SZ', deleted_at, '+2 hours') \
             WHERE id = (SELECT min(id) FROM removed_highlights)",
        ),
        (
            "somebody else",
            "rfi_responses",
            "UPDATE rfi_responses SET responder_id = (SELECT id FROM users WHERE id <> responder_id) \
             WHERE id = (SELECT id FROM rfi_responses WHERE responder_id IS NOT NULL)",
        ),
        (
            "nobody",
            "messages",
            "UPDATE messages SET author_id = NULL \
             WHERE id = (SELECT id FROM messages WHERE author_id IS NOT NULL)",
        ),
        (
            "a path",
            "files",
            "UPDATE files SET path = path || '~' \
             WHERE id = (SELECT min(id) FROM files)",
        ),
        ("a row less", "flags", "DELETE FROM flags WHERE id = (SELECT min(id) FROM flags)"),
        (
            "a row more",
            "clients",
            "INSERT INTO clients (id, legacy_path, name) VALUES ('x', 'friday/clients/list/x', 'x')",
        ),
        (
            "a parent",
            "highlight_responses",
            "UPDATE highlight_responses SET highlight_id = (SELECT id FROM highlights WHERE id <> highlight_id) \
             WHERE id = (SELECT min(id) FROM highlight_responses)",
        ),
    ];
    for (what, table, sql) in spoilt {
        let target = generated.loaded();
        assert_eq!(target.execute(sql, []).unwrap(), 1, "{what}");
        let (found, _) = oracle::differences(&expected, &target, 10);
        assert!(!found.is_empty() && found.iter().all(|line| line.starts_with(table)), "{what}: {found:?}");
    }
}

/// Who is whom follows from the documents alone: addresses up to case and blanks.
fn people(documents: &Documents) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, document) in documents.iter().filter(|(path, _)| path.contains("/users/list/")) {
        if let Some(email) = document["email"]["stringValue"].as_str() {
            groups.entry(email.trim().to_lowercase()).or_default().push(path.clone());
        }
    }
    groups
}

#[test]
fn the_share_of_people_in_both_systems_is_exact_and_survivors_follow_from_the_documents() {
    for (overlap, shared, dirt) in [(0.12, 2, 0.0), (0.82, 16, 0.0), (0.12, 2, 30.0)] {
        let generated = Generated::new(Options { scale: 0.02, overlap, dirt, ..small() });
        let [friday, mwr] = PROJECTS.map(|(project, _)| people(&generated.documents(project)));
        assert_eq!(friday.keys().filter(|email| mwr.contains_key(*email)).count(), shared, "of 20");
        let is_double = |people: &BTreeMap<String, Vec<String>>| people.values().any(|paths| paths.len() > 1);
        assert_eq!((is_double(&friday), is_double(&mwr)), (dirt > 0.0, dirt > 0.0));
        // Friday first, then the smaller id.
        let mut groups = friday;
        for (email, paths) in mwr {
            groups.entry(email).or_default().extend(paths);
        }
        groups.retain(|_, paths| paths.len() > 1);
        let merges = oracle::lines(&generated.path("expected/merges.jsonl")).map(|merge| {
            let mut paths = vec![merge["survivor"].as_str().unwrap().to_owned()];
            paths.extend(merge["merged"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()));
            (merge["email"].as_str().unwrap().to_owned(), paths)
        });
        assert_eq!(merges.collect::<BTreeMap<_, _>>(), groups);
        assert_eq!(generated.summary.merged, groups.values().map(|paths| paths.len() as u64 - 1).sum::<u64>());
    }
}

#[test]
fn every_kind_of_dirt_is_planted_and_listed_and_none_without_it() {
    let clean = Generated::new(small());
    assert!(clean.summary.planted.is_empty() && clean.summary.dead.is_empty() && clean.summary.nulled.is_empty());
    assert_eq!(fs::read_to_string(clean.path("planted.jsonl")).unwrap(), "");

    let generated = Generated::new(Options { scale: 0.03, dirt: 6.0, ..small() });
    let documents = PROJECTS.map(|(project, _)| (project, generated.documents(project)));
    let users: BTreeSet<&str> = documents
        .iter()
        .flat_map(|(_, documents)| documents.keys())
        .filter(|path| path.contains("/users/list/"))
        .map(|path| path.rsplit('/').next().unwrap())
        .collect();
    let mut kinds: BTreeMap<Dirt, u64> = BTreeMap::new();
    for planted in &generated.summary.planted {
        *kinds.entry(planted.0.dirt).or_default() += planted.1;
    }
    let all = [Dirt::BadDate, Dirt::Missing, Dirt::Orphan, Dirt::Dangling, Dirt::DuplicateEmail];
    assert_eq!(kinds.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(all));

    let mut listed: BTreeMap<String, u64> = BTreeMap::new();
    for line in oracle::lines(&generated.path("planted.jsonl")) {
        let text = |field: &str| line[field].as_str().unwrap();
        let (_, documents) =
            documents.iter().find(|(project, _)| text("collection").starts_with(&format!("{project}."))).unwrap();
        let value = documents[text("path")].get(text("field"));
        match text("dirt") {
            "missing" => assert_eq!(value, None),
            "bad-date" => assert!(is_no_date(value.unwrap()["stringValue"].as_str().unwrap())),
            "orphan" | "dangling" => assert!(!users.contains(value.unwrap()["stringValue"].as_str().unwrap())),
            "duplicate-email" => {
                let email = value.unwrap()["stringValue"].as_str().unwrap().trim().to_lowercase();
                let same = &people(documents)[&email];
                assert!(same.len() > 1 && same[0] != text("path"), "{same:?}");
            }
            other => panic!("{other} is not known"),
        }
        *listed.entry(text("dirt").to_owned()).or_default() += 1;
    }
    assert_eq!(listed, kinds.into_iter().map(|(dirt, count)| (dirt.name().to_owned(), count)).collect());
    // Nothing is expected of a dead letter.
    let counts: Json =
        serde_json::from_str(&fs::read_to_string(generated.path("expected/counts.json")).unwrap()).unwrap();
    let dead: u64 = counts["dead"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let of = |collection: &str| generated.summary.documents[collection];
    let leaves = of("friday.friday/engagements/list/*/rfis/*/questions")
        + of("friday.friday/engagements/list/*/rfis/*/activity")
        + of("friday.friday/engagements/list/*/activity")
        + of("friday.friday/engagements/list/*/chat")
        + of("friday.emails")
        + of("mwr.myworkreview/reviews/list/*/chat")
        + of("mwr.myworkreview/removedHighlights/list/*/highlights")
        + of("mwr.myworkreview/permissions/list")
        + of("mwr.myworkreview/logs/list")
        + of("mwr.emails");
    let rows = ["rfi_questions", "activity_logs", "messages", "emails", "removed_highlights", "permission_audit"];
    assert_eq!(leaves - dead, rows.iter().map(|table| generated.summary.rows[table]).sum::<u64>());
}

/// Neither `DD/MM/YY HH:mm` nor ISO 8601 of a day that there is.
fn is_no_date(text: &str) -> bool {
    let numbers: Vec<u32> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [day, month, _, hour, minute] => {
            let length = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].get(month as usize - 1);
            length.is_none_or(|length| day == 0 || day > *length) || hour > 23 || minute > 59
        }
        [_, month, day] => month == 0 || day == 0,
        _ => true,
    }
}
