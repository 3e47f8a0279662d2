//! Calls that go well and calls that do not.

use std::time::Instant;

use bson::rawdoc;

use super::*;

#[test]
fn documents_come_back_as_rows() {
    let transformer = open(&guest::echo(0, 0), Limits::default());
    let sent = [rawdoc! { "_id": 1, "a": "x" }, rawdoc! { "a": { "$json": "[]" } }, rawdoc! {}];
    let (bytes, ranges) = documents(&sent);
    let outcomes = transformer.transform(Documents { bytes: &bytes, ranges: &ranges }).unwrap();
    for (outcome, sent) in outcomes.into_iter().zip(&sent) {
        let row = PluginRow { table: 0, body: sent.as_bytes().to_vec().into() };
        assert_eq!(outcome, Ok(Outcome::Rows(vec![row])));
    }
    // Documents need not be neighbours, and none at all is a batch too.
    let some = [ranges[2].clone(), ranges[0].clone()];
    assert_eq!(transformer.transform(Documents { bytes: &bytes, ranges: &some }).unwrap().len(), 2);
    assert_eq!(transformer.transform(Documents { bytes: &bytes, ranges: &[] }).unwrap().len(), 0);
}

#[test]
fn malformed_rows_are_faults_of_their_record_alone() {
    let transformer = open(&guest::echo(0, 0), Limits::default());
    let mut broken = rawdoc! { "a": "text" }.into_bytes();
    broken[7] = 200;
    let twice =
        rawdoc! { "a": 1, "b": 2 }.into_bytes().iter().map(|&byte| if byte == b'b' { b'a' } else { byte }).collect();
    let sent = [
        rawdoc! { "_id": 1 },
        rawdoc! { "other": 1 },
        RawDocumentBuf::from_bytes(twice).unwrap(),
        RawDocumentBuf::from_bytes(broken).unwrap(),
        rawdoc! { "a": 1 },
    ];
    let (bytes, ranges) = documents(&sent);
    let outcomes = transformer.transform(Documents { bytes: &bytes, ranges: &ranges }).unwrap();
    let checked: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(Outcome::Rows(rows)) => rows.iter().try_for_each(|row| transformer.check(row)),
            other => panic!("expected rows, found {other:?}"),
        })
        .collect();
    let codes: Vec<_> = checked.iter().map(|checked| checked.as_ref().err().map(|fault| fault.code)).collect();
    let bad = Some("malformed-row");
    assert_eq!(codes, [None, bad, bad, bad, None]);
    let message = checked[1].as_ref().unwrap_err().message.clone();
    assert_eq!(message, "expected a column of the description, found `other`");
}

#[test]
fn rows_that_cannot_be_told_apart_are_found_by_splitting() {
    let transformer = open(&guest::echo_cut(), Limits::default());
    // Without its last byte, a body says that it is longer than it is.
    let (bytes, ranges) = documents(&[rawdoc! { "a": 1 }, rawdoc! { "a": "x" }]);
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    let error = transformer.transform(batch).unwrap_err();
    assert!(error.is_record_fault(), "{error}");
    let faults = transformer.transform_bisecting(batch).unwrap();
    assert_eq!(faults.len(), 2);
    for fault in faults {
        let fault = fault.unwrap_err();
        assert_eq!(fault.code, "malformed-row");
        assert_eq!(fault.message, "expected a row body that is as long as it says and ends there, found another");
    }
}

#[test]
fn a_batch_that_traps_is_split_to_the_record() {
    let transformer = open(&guest::echo(0, 0), Limits::default());
    let sent: Vec<_> = (0..100)
        .map(|number| {
            if number == 42 || number == 97 {
                rawdoc! { "a": true }
            } else {
                rawdoc! { "a": number }
            }
        })
        .collect();
    let (bytes, ranges) = documents(&sent);
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    let error = transformer.transform(batch).unwrap_err();
    assert!(error.is_record_fault());
    assert_eq!(
        error.to_string(),
        "plugin `guest`: trapped in `transform`: wasm trap: wasm `unreachable` instruction executed"
    );
    let outcomes = transformer.transform_bisecting(batch).unwrap();
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(fault) => {
                assert!(number == 42 || number == 97, "{number}");
                assert_eq!(fault.code, "plugin-trap");
            }
            Ok(outcome) => assert!(matches!(outcome, Outcome::Rows(_))),
        }
    }
    assert_eq!(outcomes.len(), 100);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 2);
}

#[test]
fn a_guest_that_spins_misses_its_deadline() {
    let transformer = open(&guest::echo(0, 0), short());
    let (bytes, ranges) = documents(&[rawdoc! { "a": 1 }, rawdoc! { "a": null }]);
    let start = Instant::now();
    let error = transformer.transform_bisecting(Documents { bytes: &bytes, ranges: &ranges }).unwrap_err();
    assert!(!error.is_record_fault());
    assert_eq!(error.to_string(), "plugin `guest`: `transform` missed its deadline of 200ms");
    let late = start.elapsed().saturating_sub(Duration::from_millis(200));
    assert!(late < Duration::from_secs(2), "{late:?}");
}

#[test]
fn a_guest_that_hoards_is_stopped_at_its_limit() {
    let transformer = open(&guest::echo(0, 0), short());
    let (bytes, ranges) = documents(&[rawdoc! { "a": 1.5 }, rawdoc! { "a": 1 }]);
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    let error = transformer.transform(batch).unwrap_err();
    assert_eq!(error.to_string(), "plugin `guest`: `transform` went over the limit `memory` of 16 MiB");
    let outcomes = transformer.transform_bisecting(batch).unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().code, "plugin-limit");
    assert!(outcomes[1].is_ok());
}

#[test]
fn output_is_limited_in_bytes_and_rows() {
    let sent = vec![rawdoc! { "a": "x".repeat(1000) }; 100];
    let (bytes, ranges) = documents(&sent);
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    let error =
        open(&guest::echo(0, 0), Limits { output_bytes: 64 << 10, ..Limits::default() }).transform(batch).unwrap_err();
    assert_eq!(error.to_string(), "plugin `guest`: `transform` went over the limit `output-bytes` of 64 KiB");
    // Texts are counted one by one before they are taken: many may be the same bytes of the guest.
    let error =
        open(&guest::echo(1, 0), Limits { output_bytes: 64 << 10, ..Limits::default() }).transform(batch).unwrap_err();
    assert_eq!(error.to_string(), "plugin `guest`: `transform` went over the limit `output-bytes` of 64 KiB");
    let error = open(&guest::echo(0, 0), Limits { output_rows: 99, ..Limits::default() }).transform(batch).unwrap_err();
    assert_eq!(error.to_string(), "plugin `guest`: `transform` went over the limit `output-rows` of 99");
}

#[test]
fn one_outcome_too_few_is_an_error() {
    let transformer = open(&guest::echo(0, 1), Limits::default());
    let (bytes, ranges) = documents(&[rawdoc! { "a": 1 }, rawdoc! { "a": 2 }]);
    let error = transformer.transform_bisecting(Documents { bytes: &bytes, ranges: &ranges }).unwrap_err();
    assert!(matches!(error, PluginError::OutcomeCount { expected: 2, found: 1, .. }), "{error}");
}

#[test]
fn clock_and_random_numbers_repeat() {
    let bytes = guest::pinned();
    let rows = |pins: Pins| {
        let (engine, _cache) = engine();
        let component = Component::from_bytes(&engine, &bytes, "guest").unwrap();
        let (transformer, _) = Transformer::open(&component, setup("{}"), Limits::default(), pins).unwrap();
        let (bytes, ranges) = documents(&[rawdoc! {}, rawdoc! {}]);
        let outcomes = transformer.transform(Documents { bytes: &bytes, ranges: &ranges }).unwrap();
        let row = |outcome: Result<Outcome, RecordFault>| match outcome {
            Ok(Outcome::Rows(rows)) => RawDocumentBuf::from_bytes(rows[0].body.to_vec()).unwrap(),
            other => panic!("expected a row, found {other:?}"),
        };
        outcomes.into_iter().map(row).collect::<Vec<_>>()
    };
    let first = rows(PINS);
    assert_eq!(first, rows(PINS));
    assert_eq!(first[0].get_i64("a").unwrap(), 1_700_000_000);
    assert_ne!(first[0], first[1], "random numbers differ within a call");
    assert_ne!(first[0], rows(Pins { seed: 8, ..PINS })[0]);
}

#[test]
fn a_validator_names_the_rows() {
    let (engine, _cache) = engine();
    let component = Component::from_bytes(&engine, &guest::strict(), "strict").unwrap();
    let setup = |config: &str| ValidatorSetup {
        entity: "e".into(),
        tables: vec![("T".into(), vec![("a".into(), "text".into())])],
        config_json: config.into(),
    };
    let validator = Validator::open(&component, setup("{}"), Limits::default(), PINS).unwrap();
    let row = |text: &str| PluginRow { table: 0, body: rawdoc! { "a": text }.into_bytes().into() };
    let rows = [row("short"), row(&"long".repeat(20)), row("short"), row(&"long".repeat(9))];
    let found: Vec<_> = validator.validate(&rows).unwrap().iter().map(|violation| violation.row).collect();
    assert_eq!(found, [1, 3]);
    let found: Vec<_> =
        validator.validate_bisecting(&rows).unwrap().into_iter().map(|violations| violations.unwrap().len()).collect();
    assert_eq!(found, [0, 1, 0, 1]);
    let refused = Validator::open(&component, setup("{ }"), Limits::default(), PINS);
    assert!(matches!(refused, Err(OpenError::Problems(_))));
}

#[test]
fn calls_run_side_by_side() {
    let transformer = open(&guest::echo(0, 0), Limits::default());
    let (bytes, ranges) = documents(&vec![rawdoc! { "a": 1 }; 50]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let outcomes = transformer.transform(Documents { bytes: &bytes, ranges: &ranges }).unwrap();
                    assert_eq!(outcomes.len(), 50);
                }
            });
        }
    });
}

#[test]
fn an_instance_that_cannot_be_made_blames_no_record() {
    let (engine, _cache) = engine();
    let component = Component::from_bytes(&engine, &guest::echo(0, 0), "guest").unwrap();
    let limits = Limits { memory_bytes: 64 << 10, ..Limits::default() };
    let Err(OpenError::Plugin(error)) = Transformer::open(&component, setup("{}"), limits, PINS) else {
        panic!("it opened")
    };
    assert_eq!(error.to_string(), "plugin `guest`: `instantiate` went over the limit `memory` of 64 KiB");
    assert!(!error.is_record_fault());
}

#[test]
fn differences_are_found_between_records_and_not_between_calls() {
    use deterministic::DifferenceKind;
    use deterministic::differences;
    let sent = vec![rawdoc! { "a": 1 }; 5];
    let (bytes, ranges) = documents(&sent);
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    assert_eq!(differences(&open(&guest::echo(0, 0), Limits::default()), batch).unwrap(), []);
    // Random numbers begin anew in every call: the second record of a batch has another one than it would have alone.
    let found = differences(&open(&guest::pinned(), Limits::default()), batch).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].document, found[0].kind), (1, DifferenceKind::Alone));
}

#[test]
fn a_component_of_too_many_parts_is_stopped_by_name() {
    let (engine, _cache) = engine();
    for (limits, expected) in [
        (Limits { instances: 0, ..Limits::default() }, "`instances` of 0"),
        (Limits { tables: 0, ..Limits::default() }, "`tables` of 0"),
        (Limits { table_elements: 0, ..Limits::default() }, "`table-elements` of 0"),
    ] {
        let error = Component::granted(&engine, &guest::tables(), "guest", &limits, Grants::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("plugin `guest`: `instantiate` went over the limit {expected}"));
    }
}

#[test]
fn making_an_instance_is_part_of_the_call() {
    let (engine, _cache) = engine();
    for (body, expected) in [
        ("(loop $spin (br $spin))", "plugin `guest`: `instantiate` missed its deadline of 200ms"),
        ("unreachable", "plugin `guest`: trapped in `instantiate`: wasm trap: wasm `unreachable` instruction executed"),
        (
            "(drop (memory.grow (i32.const 1000)))",
            "plugin `guest`: `instantiate` went over the limit `memory` of 16 MiB",
        ),
    ] {
        let error = Component::granted(&engine, &guest::starting(body), "guest", &short(), Grants::default());
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}
